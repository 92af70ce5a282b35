// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>

#include "cli/terminal.h"
#include "commands.h"
#include "conformance/command_record_source.h"
#include "conformance/conformance.h"
#include "conformance/control/control_record_source.h"
#include "conformance/report.h"
#include "keeper/kernel/kernel_ima_source.h"

namespace imakeep::app {
namespace {

struct ConformanceOptions {
  std::string ima_dir;
  bool destructive = false;
  std::string control;
  std::string add_command;
  std::string tpm_dir;
  std::string suspend = "empty";
  bool json = false;
};

conformance::Suspension suspension(const std::string& when) {
  if (when == "off") return conformance::Suspension::kOff;
  return when == "staged" ? conformance::Suspension::kSomethingStaged : conformance::Suspension::kNothingStaged;
}

// Returns the source that the options name; null if they name none.
Result<std::unique_ptr<conformance::RecordSource>> record_source(const ConformanceOptions& options) {
  const auto now_us =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  if (!options.control.empty())
    return conformance::ControlRecordSource::connect(options.control, std::to_string(now_us));
  if (!options.add_command.empty()) {
    return conformance::CommandRecordSource::start({.command = options.add_command,
                                                    .first_serial = static_cast<std::uint64_t>(now_us),
                                                    .tpm_dir = options.tpm_dir});
  }
  return nullptr;
}

int run_conformance(const ConformanceOptions& options) {
  if (options.destructive && ::geteuid() != 0) {
    return report(
        {.code = ErrorCode::kEnvironment, .message = "--destructive opens the list's files for writing: run as root"});
  }
  if (options.destructive) {
    auto list = keeper::KernelImaSource::in(options.ima_dir);
    if (!list) return report(list.error());
    if (const auto live = (*list)->require_live(); !live) return report(live.error());
  }
  auto source = record_source(options);
  if (!source) return report(source.error());
  const auto checked = conformance::run({.ima_dir = options.ima_dir,
                                         .destructive = options.destructive,
                                         .suspension = suspension(options.suspend),
                                         .on_result =
                                             [&options](const conformance::CheckResult& result) {
                                               if (options.json) return;
                                               std::printf("%s\n", conformance::render_line(result).c_str());
                                               std::fflush(stdout);
                                             }},
                                        source->get());
  if (!checked) return report(checked.error());
  if (options.json) {
    std::printf("%s\n", conformance::render_json(*checked).c_str());
  } else {
    std::printf("%s%s", conformance::render_heading(*checked).c_str(), conformance::render_totals(*checked).c_str());
  }
  return checked->passed() ? kDone : kNotAsItShouldBe;
}

}  // namespace

void add_conformance(const Command& root) {
  auto options = std::make_shared<ConformanceOptions>();
  const Command command = root.add_command("conformance", "check a staging interface of IMA, errno by errno");
  command.add_option("--ima-dir", options->ima_dir, "directory of the list's files").required().value_name("DIR");
  command.add_flag("--destructive", options->destructive, "checks with requests too, which delete the list's records");
  const Option control =
      command.add_option("--control", options->control, "control socket of `list serve`, to make records")
          .value_name("SOCK");
  const Option add = command
                         .add_option("--add-command", options->add_command,
                                     "shell command that makes a record; IMAKEEP_SERIAL and IMAKEEP_KIND tell which")
                         .value_name("CMD")
                         .excludes(control);
  command.add_option("--tpm-dir", options->tpm_dir, "directory of the TPM's PCRs, such as /sys/class/tpm/tpm0")
      .value_name("DIR")
      .needs(add);
  command
      .add_option("--suspend", options->suspend,
                  "suspension as the last check, which cannot be undone: off, or with an empty or a staged list")
      .one_of({"off", "empty", "staged"})
      .show_default();
  command.add_flag("--json", options->json, "output as JSON");
  command.set_action([options] { return run_conformance(*options); });
}

}  // namespace imakeep::app
