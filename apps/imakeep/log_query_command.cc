// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "archive/sqlite/sqlite_store.h"
#include "archiveappraisal/refused_records.h"
#include "commands.h"
#include "imalog/templates_option.h"
#include "output/query_report.h"
#include "read_keys.h"
#include "standard_output.h"

namespace imakeep::app {
namespace {

struct QueryCommand : output::QueryRequest {
  std::string archive;
  std::optional<std::uint64_t> most;
  std::optional<std::string> policy;
  std::string mode = "strict";
  std::optional<std::string> keys;  // directory
  bool refused = false;
};

Result<int> run_query(const QueryCommand& command) {
  IMAKEEP_TRY(const auto& store, archive::SqliteStore::open(command.archive, archive::OpenMode::kRead));
  archive::Archive archive(*store);
  output::QueryRequest request = command;
  request.top = command.most.value_or(0);
  std::vector<logappraisal::LoadedPolicy> policies;
  IMAKEEP_TRY(const auto& keys, read_keys(command.keys.value_or("")));
  std::optional<archiveappraisal::RefusedRecords> refused;
  if (command.policy) {
    const policy::Mode mode = command.mode == "keylime" ? policy::Mode::kKeylime : policy::Mode::kStrict;
    IMAKEEP_TRY(policies, logappraisal::read_policies({*command.policy}, mode, ""));
    request.filter = &refused.emplace(policies.front(), mode, &keys.keyrings);
  }
  StandardOutput sink(command.archive);
  IMAKEEP_TRY(const bool whole, output::answer(archive, request, SystemClock().unix_s(), sink));
  return whole ? kDone : kNotAsItShouldBe;
}

}  // namespace

void add_log_query(const Command& log) {
  auto query = std::make_shared<QueryCommand>();
  const Command command = log.add_command("query", "find or count records of an archive");
  command.add_option("--archive", query->archive, "archive of the records").value_name("FILE").required();
  command.add_count("--chain", query->chain, "chain of records (default: all)").value_name("C");
  command.add_option("--path", query->paths, "pattern of the whole path; * and ? match slashes too")
      .value_name("GLOB")
      .one_value_each();
  command.add_option("--digest", query->digests, "digest of the file, all of it")
      .value_name("[ALG:]HEX")
      .one_value_each();
  command.add_option("--since", query->since, "records archived at this time or later").value_name("TIME");
  command.add_option("--until", query->until, "records archived at this time or earlier").value_name("TIME");
  command.add_option("--template", query->templates, "name of the template").value_name("NAME").one_value_each();
  command.add_option("--pcr", query->pcrs, "PCR of the record").value_name("N").one_value_each();
  command.add_flag("--first-seen", query->first_seen, "only digests that no earlier record of the archive has");
  command.add_flag("--violations", query->violations, "only violations");
  const Option refused = command.add_flag("--refused", query->refused, "only records that the policy refuses");
  const Option policy =
      command.add_option("--policy", query->policy, "policy for --refused").value_name("FILE").needs(refused);
  refused.needs(policy);
  command.add_option("--mode", query->mode, "mode in which the policy is read")
      .one_of({"strict", "keylime"})
      .show_default()
      .needs(policy);
  command
      .add_option("--keys", query->keys,
                  "directory of keys that may sign files: of keyring .ima, and of one keyring in each subdirectory")
      .value_name("DIR")
      .needs(policy);
  const Option by = command.add_option("--count-by", query->count_by, "counts instead of the records, most first")
                        .one_of(query::count_by_names());
  command.add_count("--top", query->most, "most counts to print (default: all)").value_name("N").needs(by);
  command.add_option("--templates", query->descriptions, imalog::kTemplatesHelp).value_name("DESCRIPTIONS");
  command.add_flag("--json", query->json, "output as JSON: an object a line, or one object with --count-by");
  command.set_action([query] {
    const auto code = run_query(*query);
    return code ? *code : report(code.error());
  });
}

}  // namespace imakeep::app
