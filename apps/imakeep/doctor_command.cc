#include <algorithm>
#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "commands.h"
#include "doctor.h"
#include "terminal.h"

namespace imakeep::app {
namespace {

void print_text(const std::vector<Checked>& all) {
  for (const Checked& checked : all) {
    std::printf("%-4s  %s: %s%s%s\n", std::string(word(checked.verdict)).c_str(), checked.name.c_str(),
                checked.what.c_str(), checked.remedy.empty() ? "" : "; remedy: ", checked.remedy.c_str());
  }
}

nlohmann::ordered_json json_of(const std::vector<Checked>& all) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const Checked& checked : all) {
    json.push_back({{"check", checked.name},
                    {"verdict", word(checked.verdict)},
                    {"what", checked.what},
                    {"remedy", checked.remedy}});
  }
  return json;
}

int run_doctor(const DoctorOptions& options, bool json) {
  if (const auto known = check_pcr_spec(options.pcrs); !known) return report(known.error(), "--pcrs");
  const std::vector<Checked> all = examine(options);
  if (json) {
    print_json(json_of(all));
  } else {
    print_text(all);
  }
  const bool failed = std::ranges::find(all, Verdict::kFail, &Checked::verdict) != all.end();
  return failed ? kNotAsItShouldBe : kDone;
}

}  // namespace

void add_doctor(CLI::App& root, int& exit_code) {
  auto options = std::make_shared<DoctorOptions>();
  auto json = std::make_shared<bool>(false);
  CLI::App* const command = root.add_subcommand("doctor", "say what keeps imakeep from working here, and the remedy");
  command->add_option("--ima-dir", options->ima_dir, "directory of the list's files")
      ->type_name("DIR")
      ->capture_default_str();
  command->add_option("--archive", options->archive, "look at this archive too")->type_name("FILE");
  command->add_option("--pcrs", options->pcrs, kPcrSpecHelp)->type_name("WHICH");
  command->add_option("--policy", options->policy, "the policy that was loaded (default: what the kernel shows)")
      ->type_name("FILE");
  command->add_flag("--json", *json, "print JSON");
  command->callback([options, json, &exit_code] { exit_code = run_doctor(*options, *json); });
}

}  // namespace imakeep::app
