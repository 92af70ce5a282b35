// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "archive/sqlite/sqlite_store.h"
#include "base/text.h"
#include "cli/terminal.h"
#include "commands.h"
#include "imalog/templates_option.h"
#include "output/record_writer.h"
#include "standard_output.h"

namespace imakeep::app {
namespace {

struct LogOptions : output::FeedRequest {
  bool check = false;
  bool stats = false;
  bool json = false;
};

using Count = unsigned long long;

// ---- --check

std::string describe_finding(const archive::Finding& finding) {
  if (finding.chain == archive::kNoChain) return finding.what;
  const std::string chain = "chain " + std::to_string(finding.chain.value());
  if (finding.records == 0) return chain + ": " + finding.what;
  return chain + ", records " + std::to_string(finding.first) + " to " +
         std::to_string(finding.first + finding.records - 1) + ": " + finding.what;
}

struct ChainAnchors {
  archive::ChainId chain = {};
  std::vector<archive::Anchor> anchors;
};

Result<std::vector<ChainAnchors>> read_anchors(archive::Archive& archive, const std::vector<archive::Chain>& chains) {
  std::vector<ChainAnchors> all;
  for (const archive::Chain& chain : chains) {
    IMAKEEP_TRY(auto anchors, archive.anchors(chain));
    if (!anchors.empty()) all.push_back({.chain = chain.chain, .anchors = std::move(anchors)});
  }
  return all;
}

nlohmann::ordered_json json_of(const std::vector<ChainAnchors>& all) {
  nlohmann::ordered_json listed = nlohmann::ordered_json::array();
  for (const ChainAnchors& of : all) {
    for (const archive::Anchor& anchor : of.anchors) {
      listed.push_back({{"chain", of.chain.value()},
                        {"record", anchor.number},
                        {"broken_at", anchor.broken_at},
                        {"why", anchor.why}});
    }
  }
  return listed;
}

void print_anchors(const std::vector<ChainAnchors>& all) {
  for (const ChainAnchors& of : all) {
    for (const archive::Anchor& anchor : of.anchors) {
      std::printf("chain %llu: anchor at record %llu, records and PCRs stopped matching at record %llu: %s\n",
                  static_cast<Count>(of.chain.value()), static_cast<Count>(anchor.number),
                  static_cast<Count>(anchor.broken_at), printable(anchor.why).c_str());
    }
  }
}

void print_findings(const std::vector<archive::Finding>& findings, const std::string& file) {
  for (const archive::Finding& finding : findings) {
    std::fprintf(stderr, "imakeep: %s\n", printable(file + ": " + describe_finding(finding)).c_str());
  }
  std::fprintf(stderr, "imakeep: everything else can still be read; restore the damaged records from a backup\n");
}

int run_check(archive::Archive& archive, const LogOptions& options) {
  const auto findings = archive.check();
  if (!findings) return report(findings.error());
  // Chains and anchors that cannot be read are already among the findings.
  const auto chains = archive.chains();
  std::uint64_t records = 0;
  Result<std::vector<ChainAnchors>> anchors;
  if (chains) {
    for (const archive::Chain& chain : *chains) records += chain.end - chain.first_kept;
    anchors = read_anchors(archive, *chains);
  }
  if (!anchors) anchors = std::vector<ChainAnchors>();
  if (options.json) {
    nlohmann::ordered_json found = nlohmann::ordered_json::array();
    for (const archive::Finding& finding : *findings) {
      found.push_back({{"chain", finding.chain.value()},
                       {"first", finding.first},
                       {"records", finding.records},
                       {"what", finding.what}});
    }
    print_json(nlohmann::ordered_json{
        {"records", records}, {"findings", found}, {"anchors", json_of(*anchors)}, {"pcrs_compared", false}});
  } else {
    if (findings->empty()) {
      std::printf("%s: %llu records, no damage; no PCR was compared, so nothing is proven: see verify\n",
                  printable(options.archive).c_str(), static_cast<Count>(records));
    }
    print_anchors(*anchors);
  }
  if (findings->empty()) return kDone;
  print_findings(*findings, options.archive);
  return kNotAsItShouldBe;
}

// ---- --stats

struct ChainStats {
  archive::Chain chain;
  archive::Stats stats;
  std::vector<archive::Anchor> anchors;
  std::vector<archive::KeptQuote> quotes;

  std::uint64_t kept() const { return chain.end - chain.first_kept; }
};

// Returns the statistics of chain `only`, or of all chains.
Result<std::vector<ChainStats>> read_stats(archive::Archive& archive, std::optional<archive::ChainId> only) {
  IMAKEEP_TRY(auto chains, archive.chains());
  std::vector<ChainStats> all;
  for (archive::Chain& chain : chains) {
    if (only && chain.chain != *only) continue;
    IMAKEEP_TRY(const auto& stats, archive.stats(chain.chain));
    IMAKEEP_TRY(auto anchors, archive.anchors(chain));
    IMAKEEP_TRY(auto quotes, archive.quotes(chain.chain));
    all.push_back(
        {.chain = std::move(chain), .stats = stats, .anchors = std::move(anchors), .quotes = std::move(quotes)});
  }
  return all;
}

nlohmann::ordered_json json_of(const ChainStats& of) {
  nlohmann::ordered_json banks = nlohmann::ordered_json::array();
  for (const digest::Bank& bank : of.chain.banks) banks.push_back(bank.name());
  nlohmann::ordered_json anchors = nlohmann::ordered_json::array();
  for (const archive::Anchor& anchor : of.anchors) {
    anchors.push_back({{"record", anchor.number},
                       {"broken_at", anchor.broken_at},
                       {"why", anchor.why},
                       {"since_unix_s", anchor.since_unix_s}});
  }
  return {{"chain", of.chain.chain.value()},
          {"records", of.chain.end},
          {"first_kept", of.chain.first_kept},
          {"start", of.chain.start == archive::ChainStart::kBoot ? "boot" : "unknown"},
          {"banks", banks},
          {"violations", of.stats.violations},
          {"segments", of.stats.segments},
          {"payload_bytes", of.stats.payload_bytes},
          {"quotes", of.quotes.size()},
          {"anchors", anchors}};
}

void print_chain(const ChainStats& of) {
  const std::string from = of.chain.first_kept == 0 ? "" : " from " + std::to_string(of.chain.first_kept) + " on";
  std::printf("chain %llu  %llu records%s, %llu violations, %llu segments, %s uncompressed\n",
              static_cast<Count>(of.chain.chain.value()), static_cast<Count>(of.kept()), from.c_str(),
              static_cast<Count>(of.stats.violations), static_cast<Count>(of.stats.segments),
              human_bytes(of.stats.payload_bytes).c_str());
  if (!of.quotes.empty()) {
    std::printf("         %llu quotes, the last one of the first %llu records\n", static_cast<Count>(of.quotes.size()),
                static_cast<Count>(of.quotes.back().records));
  }
  for (const archive::Anchor& anchor : of.anchors) {
    std::printf("         anchor at record %llu, not proven from record %llu on: %s\n",
                static_cast<Count>(anchor.number), static_cast<Count>(anchor.broken_at), printable(anchor.why).c_str());
  }
}

int run_stats(archive::Archive& archive, const LogOptions& options) {
  const auto all = read_stats(archive, options.chain);
  if (!all) return report(all.error());
  const std::uint64_t file_bytes = archive.store().file_bytes();
  if (options.json) {
    nlohmann::ordered_json chains = nlohmann::ordered_json::array();
    for (const ChainStats& of : *all) chains.push_back(json_of(of));
    print_json(nlohmann::ordered_json{{"file_bytes", file_bytes}, {"chains", chains}});
    return kDone;
  }
  std::uint64_t records = 0;
  for (const ChainStats& of : *all) {
    records += of.kept();
    print_chain(of);
  }
  std::printf("file     %s, %.1f bytes a record\n", human_bytes(file_bytes).c_str(),
              records == 0 ? 0.0 : static_cast<double>(file_bytes) / static_cast<double>(records));
  return kDone;
}

// ---- records

int run_log(const LogOptions& options) {
  if (options.archive.empty()) return report({.code = ErrorCode::kUsage, .message = "log requires --archive FILE"});
  auto store = archive::SqliteStore::open(options.archive, archive::OpenMode::kRead);
  if (!store) return report(store.error());
  archive::Archive archive(**store);
  if (options.chain) {
    if (const auto named = archive.chain(*options.chain); !named) return report(named.error());
  }
  if (options.check) return run_check(archive, options);
  if (options.stats) return run_stats(archive, options);
  output::FeedRequest request = options;
  request.for_terminal = options.format == "ascii" && ::isatty(STDOUT_FILENO) == 1;
  StandardOutput sink(options.archive);
  SystemClock clock;
  const auto whole = output::feed_records(archive, request, sink, clock);
  if (!whole) return report(whole.error());
  return *whole ? kDone : kNotAsItShouldBe;
}

}  // namespace

void add_log(const Command& root) {
  auto options = std::make_shared<LogOptions>();
  const Command command =
      root.add_command("log", "print, export or check the records of an archive; import or retire records");
  command.add_option("--archive", options->archive, "archive of the records").value_name("FILE");
  command.add_count("--chain", options->chain, "chain of records (default: the last)").value_name("C");
  const Option from = command.add_count("--from", options->from, "number of the first record (default: the first kept)")
                          .value_name("I");
  command.add_count("--to", options->to, "number of the record to stop before (default: the end)").value_name("J");
  const Option follow = command.add_flag("--follow", options->follow, "new records too, as they are added");
  const Option cursor =
      command
          .add_option("--cursor", options->cursor,
                      "file with the place up to which the records were printed: begin there, and keep it up to date")
          .value_name("FILE")
          .excludes(from);
  command.add_flag("--violations", options->violations, "only violations, those of retired records too");
  command.add_option("--format", options->format, "format of the printed records")
      .one_of(output::record_formats())
      .show_default();
  command.add_option("--bank", options->bank, "bank of the printed digests").value_name("ALG").show_default();
  command.add_option("--templates", options->templates, imalog::kTemplatesHelp).value_name("DESCRIPTIONS");
  const Option check = command.add_flag("--check", options->check, "replay of all records, and a report of damage")
                           .excludes(follow)
                           .excludes(cursor);
  command.add_flag("--stats", options->stats, "counts of the archived records, and their size")
      .excludes(follow)
      .excludes(cursor)
      .excludes(check);
  command.add_flag("--json", options->json, "output of --check and --stats as JSON; for records: --format json");
  add_log_import(command);
  add_log_query(command);
  add_log_retire(command);
  command.set_action([options] { return run_log(*options); });
}

}  // namespace imakeep::app
