// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/terminal.h"
#include "commands.h"
#include "doctor/doctor.h"
#include "imalog/template_set.h"
#include "imalog/templates_option.h"

namespace imakeep::app {
namespace {

constexpr const char* kVerified = "verified";

void print_text(const std::vector<doctor::Checked>& all) {
  for (const doctor::Checked& checked : all) {
    std::printf("%-4s  %s: %s%s%s\n", std::string(word(checked.verdict)).c_str(), checked.name.c_str(),
                printable(checked.what).c_str(),
                checked.remedy.empty() ? "" : "; remedy: ", printable(checked.remedy).c_str());
  }
}

nlohmann::ordered_json json_of(const std::vector<doctor::Checked>& all) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const doctor::Checked& checked : all) {
    json.push_back({{"check", checked.name},
                    {"verdict", word(checked.verdict)},
                    {"what", checked.what},
                    {"remedy", checked.remedy}});
  }
  return json;
}

int run_doctor(doctor::DoctorOptions options, const std::string& trim_after, bool json) {
  options.after_verifiers = trim_after == kVerified;
  if (options.after_verifiers && options.archive.empty()) {
    return report(Error{.code = ErrorCode::kUsage, .message = "verified requires --archive FILE"}, "--trim-after");
  }
  if (const auto known = pcrs::check_pcr_spec(options.pcrs); !known) return report(known.error(), "--pcrs");
  if (const auto known = imalog::TemplateSet::parse(options.templates); !known) {
    return report(known.error(), "--templates");
  }
  const std::vector<doctor::Checked> all = doctor::examine(options);
  if (json) {
    print_json(json_of(all));
  } else {
    print_text(all);
  }
  const bool failed = std::ranges::find(all, doctor::Verdict::kFail, &doctor::Checked::verdict) != all.end();
  return failed ? kNotAsItShouldBe : kDone;
}

}  // namespace

void add_doctor(const Command& root) {
  auto options = std::make_shared<doctor::DoctorOptions>();
  auto trim_after = std::make_shared<std::string>("archived");
  auto json = std::make_shared<bool>(false);
  const Command command = root.add_command("doctor", "check what imakeep needs on this machine, and name the remedies");
  command.add_option("--ima-dir", options->ima_dir, "directory of the list's files").value_name("DIR").show_default();
  command.add_option("--archive", options->archive, "archive to check too (default: none)").value_name("FILE");
  command.add_option("--pcrs", options->pcrs, pcrs::kPcrSpecHelp).value_name("WHICH");
  command
      .add_option("--trim-after", *trim_after,
                  "when the keeper may trim records; verified checks the verifiers, too (default: archived)")
      .value_name("WHEN")
      .one_of({"archived", kVerified});
  command.add_option("--policy", options->policy, "loaded IMA policy (default: what the kernel shows)")
      .value_name("FILE");
  command.add_option("--templates", options->templates, imalog::kTemplatesHelp).value_name("DESCRIPTIONS");
  command.add_flag("--json", *json, "output as JSON");
  command.set_action([options, trim_after, json] { return run_doctor(*options, *trim_after, *json); });
}

}  // namespace imakeep::app
