#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

#include <nlohmann/json.hpp>

#include "archive/sqlite/sqlite_store.h"
#include "commands.h"
#include "record_writer.h"
#include "terminal.h"

namespace imakeep::app {
namespace {

struct LogOptions {
  std::string archive;
  std::optional<std::uint64_t> chain;
  std::optional<std::uint64_t> from;
  std::optional<std::uint64_t> to;
  bool follow = false;
  bool violations = false;
  std::string format = "ascii";
  std::string bank = "sha1";
  bool check = false;
  bool stats = false;
  bool json = false;
};

using Count = unsigned long long;

// ---- --check

std::string describe_finding(const archive::Finding& finding) {
  if (finding.chain == 0) return finding.what;
  const std::string chain = "chain " + std::to_string(finding.chain);
  if (finding.records == 0) return chain + ": " + finding.what;
  return chain + ", records " + std::to_string(finding.first) + " to " +
         std::to_string(finding.first + finding.records - 1) + ": " + finding.what;
}

int run_check(archive::Archive& archive, const LogOptions& options) {
  const auto findings = archive.check();
  if (!findings) return report(findings.error());
  const auto chains = archive.chains();
  std::uint64_t records = 0;
  if (chains) {
    for (const archive::Chain& chain : *chains) records += chain.end - chain.first_kept;
  }
  if (options.json) {
    nlohmann::ordered_json found = nlohmann::ordered_json::array();
    for (const archive::Finding& finding : *findings) {
      found.push_back(
          {{"chain", finding.chain}, {"first", finding.first}, {"records", finding.records}, {"what", finding.what}});
    }
    print_json(nlohmann::ordered_json{{"records", records}, {"findings", found}});
  } else if (findings->empty()) {
    std::printf("%s: %llu records, no damage\n", options.archive.c_str(), static_cast<Count>(records));
  }
  if (findings->empty()) return kDone;
  for (const archive::Finding& finding : *findings) {
    std::fprintf(stderr, "imakeep: %s: %s\n", options.archive.c_str(), describe_finding(finding).c_str());
  }
  std::fprintf(stderr, "imakeep: everything else can still be read; restore the damaged records from a backup\n");
  return kNotAsItShouldBe;
}

// ---- --stats

struct ChainStats {
  archive::Chain chain;
  archive::Stats stats;
  std::vector<archive::Anchor> anchors;

  std::uint64_t kept() const { return chain.end - chain.first_kept; }
};

Result<std::vector<ChainStats>> read_stats(archive::Archive& archive) {
  auto chains = archive.chains();
  if (!chains) return unexpected(chains.error());
  std::vector<ChainStats> all;
  for (archive::Chain& chain : *chains) {
    const auto stats = archive.stats(chain.chain);
    if (!stats) return unexpected(stats.error());
    auto anchors = archive.anchors(chain);
    if (!anchors) return unexpected(anchors.error());
    all.push_back({.chain = std::move(chain), .stats = *stats, .anchors = std::move(*anchors)});
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
  return {{"chain", of.chain.chain},
          {"records", of.chain.end},
          {"first_kept", of.chain.first_kept},
          {"start", of.chain.start == archive::ChainStart::kBoot ? "boot" : "unknown"},
          {"banks", banks},
          {"violations", of.stats.violations},
          {"segments", of.stats.segments},
          {"payload_bytes", of.stats.payload_bytes},
          {"anchors", anchors}};
}

void print_chain(const ChainStats& of) {
  const std::string from = of.chain.first_kept == 0 ? "" : " from " + std::to_string(of.chain.first_kept) + " on";
  std::printf("chain %llu  %llu records%s, %llu violations, %llu segments, %s uncompressed\n",
              static_cast<Count>(of.chain.chain), static_cast<Count>(of.kept()), from.c_str(),
              static_cast<Count>(of.stats.violations), static_cast<Count>(of.stats.segments),
              human_bytes(of.stats.payload_bytes).c_str());
  for (const archive::Anchor& anchor : of.anchors) {
    std::printf("         PCRs known again from record %llu on, not proven from %llu on: %s\n",
                static_cast<Count>(anchor.number), static_cast<Count>(anchor.broken_at), anchor.why.c_str());
  }
}

int run_stats(archive::Archive& archive, const LogOptions& options) {
  const auto all = read_stats(archive);
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

constexpr std::size_t kOutputBytes = 1u << 20;

class Output {
 public:
  std::string& text() { return text_; }
  Result<void> flush_if_full() { return text_.size() < kOutputBytes ? Result<void>() : flush(); }
  Result<void> flush() {
    const bool written = std::fwrite(text_.data(), 1, text_.size(), stdout) == text_.size() && std::fflush(stdout) == 0;
    text_.clear();
    return written ? Result<void>() : fail_errno(errno, "cannot write to standard output");
  }

 private:
  std::string text_;
};

// Which records of a chain to go through, and which of them to print.
struct Range {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::uint64_t first_printed = 0;  // those before it only count
  bool violations_only = false;
};

// False if something was left out.
Result<bool> print_records(archive::Store& store, const archive::Chain& chain, const Range& range, RecordWriter& writer,
                           Output& output, const std::string& file) {
  bool whole = true;
  archive::ArchiveReader reader(store, chain, range.from, range.to);
  for (;;) {
    const auto step = reader.next();
    if (!step) return unexpected(step.error());
    if (step->done()) break;
    if (step->damage) {
      IMAKEEP_CHECK(output.flush());
      report({.code = ErrorCode::kMalformed,
              .message = "left out records " + std::to_string(step->damage->first) + " to " +
                         std::to_string(step->damage->first + step->damage->records - 1) + ": " + step->damage->what},
             file);
      whole = false;
      continue;
    }
    if (step->record->number < range.first_printed ||
        (range.violations_only && !step->record->record.content.violation)) {
      writer.pass(*step->record);
      continue;
    }
    if (const auto shown = writer.append(output.text(), *step->record); !shown) {
      Error error = shown.error();
      error.record = step->record->number;
      report(error, file);
      whole = false;
    }
    IMAKEEP_CHECK(output.flush_if_full());
  }
  IMAKEEP_CHECK(output.flush());
  return whole;
}

// An archive that holds no chain yet reads as one without records.
Result<archive::Chain> choose_chain(archive::Archive& archive, const LogOptions& options) {
  auto chain = archive.chain_or_last(options.chain);
  if (!chain) return unexpected(chain.error());
  if (*chain) return std::move(**chain);
  if (!options.follow) return archive::Chain{};
  return fail(ErrorCode::kEnvironment, options.archive + " holds no chain yet; follow it once it does");
}

// Waits until the chain goes on, or the archive goes on with another; `chain` is then that one as it is now. True if it
// is another.
Result<bool> wait_for_more(archive::Archive& archive, archive::Chain& chain, std::uint64_t end, bool others) {
  constexpr auto kPoll = std::chrono::milliseconds(200);
  for (;; std::this_thread::sleep_for(kPoll)) {
    auto now = archive.chain(chain.chain);
    if (!now) return unexpected(now.error());
    if (now->end > end) {
      chain = std::move(*now);
      return false;
    }
    if (!others) continue;
    auto next = archive.chain(chain.chain + 1);
    if (!next) {
      if (next.error().code != ErrorCode::kUsage) return unexpected(next.error());
      continue;
    }
    chain = std::move(*next);
    return true;
  }
}

// Those of records that were retired: they stay in the host's history.
Result<void> print_retired_violations(archive::Store& store, const archive::Chain& chain, RecordWriter& writer,
                                      Output& output) {
  const auto rows = store.violations(chain.chain);
  if (!rows) return unexpected(rows.error());
  for (const archive::ViolationRow& row : *rows) {
    archive::SegmentReader reader(row.record);
    const auto record = reader.next();
    if (!record) return unexpected(record.error());
    if (!*record) continue;
    IMAKEEP_CHECK(writer.append(output.text(), {.number = row.number, .record = **record}));
  }
  return output.flush();
}

Result<void> check_range(const LogOptions& options, const archive::Chain& chain, const RecordWriter& writer,
                         std::uint64_t from) {
  if (from < chain.first_kept) {
    return fail(ErrorCode::kUsage, "records before " + std::to_string(chain.first_kept) +
                                       " were retired; the archive holds those from there on");
  }
  if (options.follow && writer.has_end()) {
    return fail(ErrorCode::kUsage, "--follow has no end, and " + options.format + " needs one; use cel-tlv or json");
  }
  if (options.to && *options.to < from) return fail(ErrorCode::kUsage, "--to lies before --from");
  if (!options.follow && from > chain.end) {
    return fail(ErrorCode::kUsage, "the chain ends before record " + std::to_string(chain.end));
  }
  return {};
}

Result<bool> run_records(archive::Archive& archive, const LogOptions& options) {
  const auto bank = digest::parse_bank(options.bank);
  if (!bank) return unexpected(bank.error());
  auto chain = choose_chain(archive, options);
  if (!chain) return unexpected(chain.error());
  std::uint64_t from = options.from.value_or(chain->first_kept);
  const auto writer = make_record_writer(options.format, *bank, chain->banks, chain->order);
  IMAKEEP_CHECK(check_range(options, *chain, *writer, from));
  Output output;
  writer->begin(output.text());
  if (options.violations && !options.from) {
    IMAKEEP_CHECK(print_retired_violations(archive.store(), *chain, *writer, output));
  }
  bool whole = true;
  for (std::uint64_t next = writer->counts_from_first() ? chain->first_kept : from;;) {
    const std::uint64_t to = std::min(options.to.value_or(chain->end), chain->end);
    const Range range{.from = next, .to = to, .first_printed = from, .violations_only = options.violations};
    const auto printed = print_records(archive.store(), *chain, range, *writer, output, options.archive);
    if (!printed) return unexpected(printed.error());
    whole = whole && *printed;
    next = std::max(next, to);
    if (!options.follow || (options.to && next >= *options.to)) break;
    const auto another = wait_for_more(archive, *chain, next, !options.chain && !options.to);
    if (!another) return unexpected(another.error());
    if (*another) next = from = chain->first_kept;
  }
  writer->end(output.text());
  IMAKEEP_CHECK(output.flush());
  return whole;
}

int run_log(const LogOptions& options) {
  if (options.archive.empty()) return report({.code = ErrorCode::kUsage, .message = "name the archive with --archive"});
  auto store = archive::SqliteStore::open(options.archive, archive::OpenMode::kRead);
  if (!store) return report(store.error());
  archive::Archive archive(**store);
  if (options.check) return run_check(archive, options);
  if (options.stats) return run_stats(archive, options);
  const auto whole = run_records(archive, options);
  if (!whole) return report(whole.error());
  return *whole ? kDone : kNotAsItShouldBe;
}

}  // namespace

void add_log(CLI::App& root, int& exit_code) {
  auto options = std::make_shared<LogOptions>();
  CLI::App* const command = root.add_subcommand("log", "print, export, check or make an archive of measurement lists");
  command->add_option("--archive", options->archive, "the archive")->type_name("FILE");
  command->add_option("--chain", options->chain, "chain of records (default: the last)")->type_name("C");
  command->add_option("--from", options->from, "number of the first record (default: the first kept)")->type_name("I");
  command->add_option("--to", options->to, "number of the record to stop before (default: the end)")->type_name("J");
  auto* const follow = command->add_flag("--follow", options->follow, "go on with what is added");
  command->add_flag("--violations", options->violations, "only violations, those of retired records too");
  command->add_option("--format", options->format, "how records are printed")
      ->check(CLI::IsMember(record_formats()))
      ->capture_default_str();
  command->add_option("--bank", options->bank, "bank of the digests shown")->type_name("ALG")->capture_default_str();
  auto* const check =
      command->add_flag("--check", options->check, "replay everything; name what is damaged")->excludes(follow);
  command->add_flag("--stats", options->stats, "print what is kept and what it takes")
      ->excludes(follow)
      ->excludes(check);
  command->add_flag("--json", options->json, "print JSON (with --check and --stats; for records: --format json)");
  add_log_import(*command, exit_code);
  add_log_retire(*command, exit_code);
  command->callback([options, command, &exit_code] {
    if (command->get_subcommands().empty()) exit_code = run_log(*options);
  });
}

}  // namespace imakeep::app
