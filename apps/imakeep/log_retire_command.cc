// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "archive/archive.h"
#include "archive/sqlite/sqlite_store.h"
#include "base/text.h"
#include "cli/terminal.h"
#include "commands.h"
#include "keeper/kernel/this_boot.h"
#include "monitor/time_text.h"

namespace imakeep::app {
namespace {

struct RetireOptions {
  std::string archive;
  std::optional<archive::ChainId> chain;
  std::optional<std::uint64_t> before;
  std::optional<std::int64_t> older_than_ms;
  std::optional<std::uint64_t> keep_bytes;
  bool unacknowledged = false;
  bool running = false;
  bool dry_run = false;
  bool json = false;
};

archive::Retention retention(const RetireOptions& options) {
  archive::Retention retention{.unacknowledged = options.unacknowledged, .dry_run = options.dry_run};
  if (options.before) retention.before = *options.before;
  if (options.keep_bytes) retention.keep_bytes = *options.keep_bytes;
  if (options.older_than_ms) {
    const std::int64_t now_unix_s = unix_seconds();
    // The archive counts seconds. Round the age up, so that no younger record is retired. An age that reaches back
    // before 1970 counts from 1970.
    const std::int64_t age_s = std::min((*options.older_than_ms + 999) / 1000, now_unix_s);
    retention.added_before_unix_s = now_unix_s - age_s;
  }
  return retention;
}

// Without a chain's first records, a view would show different bytes at each offset, and a list that does not match the
// PCRs. The view then shows nothing.
Result<void> check_not_shown(archive::Archive& archive, archive::ChainId chain) {
  IMAKEEP_TRY(const auto& shown, keeper::is_of_this_boot(archive, chain));
  if (!shown) return {};
  return fail(
      ErrorCode::kRefused,
      "chain " + std::to_string(chain.value()) +
          " is that of the running boot: without its first records the view cannot show it (EIO) until the next "
          "boot; name another chain with --chain, or allow it with --running");
}

struct ChainRetired {
  archive::ChainId chain = {};
  archive::Retired retired;
};

Result<ChainRetired> retire(const RetireOptions& options) {
  if (!options.before && !options.older_than_ms && !options.keep_bytes) {
    return fail(ErrorCode::kUsage, "log retire requires --before, --older-than or --keep-bytes");
  }
  IMAKEEP_TRY(auto store, archive::SqliteStore::open(
                              options.archive, options.dry_run ? archive::OpenMode::kRead : archive::OpenMode::kWrite));
  archive::Archive archive(*store);
  IMAKEEP_TRY(const auto& chain, archive.chain_or_last(options.chain));
  if (!chain) return fail(ErrorCode::kUsage, options.archive + " holds no chain yet");
  if (!options.running) IMAKEEP_CHECK(check_not_shown(archive, chain->chain));
  IMAKEEP_TRY(const auto& retired, archive.retire(chain->chain, retention(options)));
  return ChainRetired{.chain = chain->chain, .retired = retired};
}

void print_dry_run(const ChainRetired& would, bool json) {
  const archive::Retired& retired = would.retired;
  if (json) {
    print_json(nlohmann::ordered_json{{"dry_run", true},
                                      {"chain", would.chain.value()},
                                      {"first", retired.first},
                                      {"records", retired.records},
                                      {"violations_kept", retired.violations_kept},
                                      {"stored_bytes", retired.stored_bytes},
                                      {"oldest_unix_s", retired.oldest_unix_s},
                                      {"newest_unix_s", retired.newest_unix_s}});
  } else if (retired.records == 0) {
    std::printf("chain %llu: nothing would be retired\n", static_cast<unsigned long long>(would.chain.value()));
  } else {
    std::printf(
        "chain %llu: %llu records would be retired, %llu to %llu, %s on disk, archived from %s to %s; %llu "
        "violations among them would be kept\n",
        static_cast<unsigned long long>(would.chain.value()), static_cast<unsigned long long>(retired.records),
        static_cast<unsigned long long>(retired.first),
        static_cast<unsigned long long>(retired.first + retired.records - 1), human_bytes(retired.stored_bytes).c_str(),
        monitor::time_text(retired.oldest_unix_s).c_str(), monitor::time_text(retired.newest_unix_s).c_str(),
        static_cast<unsigned long long>(retired.violations_kept));
  }
}

int run_retire(const RetireOptions& options) {
  const auto done = retire(options);
  if (!done) return report(done.error());
  if (options.dry_run) {
    print_dry_run(*done, options.json);
    return kDone;
  }
  const archive::Retired* const retired = &done->retired;
  if (options.json) {
    print_json(nlohmann::ordered_json{{"records", retired->records}, {"violations_kept", retired->violations_kept}});
  } else {
    std::printf("%llu records retired, %llu violations among them kept\n",
                static_cast<unsigned long long>(retired->records),
                static_cast<unsigned long long>(retired->violations_kept));
  }
  return kDone;
}

}  // namespace

void add_log_retire(const Command& log) {
  auto options = std::make_shared<RetireOptions>();
  const Command command = log.add_command("retire", "delete the oldest records from the archive; violations stay");
  command.add_option("--archive", options->archive, "archive of the records").required().value_name("FILE");
  command.add_count("--chain", options->chain, "chain of records (default: the last)").value_name("C");
  command.add_count("--before", options->before, "number of the first record that stays (default: no limit)")
      .value_name("N");
  command.add_duration("--older-than", options->older_than_ms,
                       "age from which on records may be retired, such as 90d or 12h (default: any)");
  command.add_size("--keep-bytes", options->keep_bytes,
                   "size on disk of the newest records, which stay, such as 500MB (default: 0)");
  command.add_flag("--unacknowledged", options->unacknowledged, "records that no verifier has acknowledged, too");
  command.add_flag("--running", options->running,
                   "records of the running boot's chain, too; the view cannot show it then");
  command.add_flag("--dry-run", options->dry_run, "report of what would be retired; the archive stays as it is");
  command.add_flag("--json", options->json, "output as JSON");
  command.set_action([options] { return run_retire(*options); });
}

}  // namespace imakeep::app
