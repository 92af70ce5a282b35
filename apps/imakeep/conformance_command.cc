#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>

#include "commands.h"
#include "conformance/command_record_source.h"
#include "conformance/conformance.h"
#include "conformance/report.h"
#include "control_record_source.h"
#include "terminal.h"

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

// The source that the options name; null if they name none.
Result<std::unique_ptr<conformance::RecordSource>> record_source(const ConformanceOptions& options) {
  const auto now_us =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  if (!options.control.empty()) return ControlRecordSource::connect(options.control, std::to_string(now_us));
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
        {.code = ErrorCode::kEnvironment, .message = "destructive checks open files for writing: run as root"});
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

void add_conformance(CLI::App& root, int& exit_code) {
  auto options = std::make_shared<ConformanceOptions>();
  CLI::App* const command = root.add_subcommand("conformance", "check a staging interface of IMA, errno by errno");
  command->add_option("--ima-dir", options->ima_dir, "directory of the list's files")->required()->type_name("DIR");
  command->add_flag("--destructive", options->destructive, "try requests too: what is in the list is lost");
  auto* const control =
      command->add_option("--control", options->control, "make records through this control socket")->type_name("SOCK");
  auto* const add = command
                        ->add_option("--add-command", options->add_command,
                                     "make a record by this shell command; IMAKEEP_SERIAL and IMAKEEP_KIND tell which")
                        ->type_name("CMD")
                        ->excludes(control);
  command->add_option("--tpm-dir", options->tpm_dir, "the TPM's folder of PCRs, such as /sys/class/tpm/tpm0")
      ->type_name("DIR")
      ->needs(add);
  command
      ->add_option("--suspend", options->suspend,
                   "try suspension last, which cannot be undone: off, or with an empty or a staged list")
      ->check(CLI::IsMember({"off", "empty", "staged"}))
      ->capture_default_str();
  command->add_flag("--json", options->json, "print JSON");
  command->callback([options, &exit_code] { exit_code = run_conformance(*options); });
}

}  // namespace imakeep::app
