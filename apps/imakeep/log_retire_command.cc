#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "archive/archive.h"
#include "archive/sqlite/sqlite_store.h"
#include "commands.h"
#include "terminal.h"
#include "this_boot.h"

namespace imakeep::app {
namespace {

struct RetireOptions {
  std::string archive;
  std::optional<std::uint64_t> chain;
  std::optional<std::uint64_t> before;
  std::optional<std::uint64_t> older_than_s;
  std::optional<std::uint64_t> keep_bytes;
  bool unacknowledged = false;
  bool running = false;
  bool json = false;
};

archive::Retention retention(const RetireOptions& options) {
  archive::Retention retention{.unacknowledged = options.unacknowledged};
  if (options.before) retention.before = *options.before;
  if (options.keep_bytes) retention.keep_bytes = *options.keep_bytes;
  if (options.older_than_s) {
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    const std::int64_t now_unix_s = std::chrono::duration_cast<std::chrono::seconds>(since_epoch).count();
    // Longer ago than there was time: nothing is so old.
    const auto age_s = std::min(*options.older_than_s, static_cast<std::uint64_t>(now_unix_s));
    retention.added_before_unix_s = now_unix_s - static_cast<std::int64_t>(age_s);
  }
  return retention;
}

// A view that begins late would show other bytes at each offset, and no list that fits the PCRs: it shows nothing then.
Result<void> check_not_shown(archive::Archive& archive, std::uint64_t chain) {
  const auto shown = is_of_this_boot(archive, chain);
  if (!shown) return unexpected(shown.error());
  if (!*shown) return {};
  return fail(
      ErrorCode::kRefused,
      "chain " + std::to_string(chain) +
          " is that of the running boot, and without its beginning the view cannot show it any more (EIO) until "
          "the next boot: name another with --chain, or allow it with --running");
}

Result<archive::Retired> retire(const RetireOptions& options) {
  if (!options.before && !options.older_than_s && !options.keep_bytes) {
    return fail(ErrorCode::kUsage, "say what may go, with --before, --older-than or --keep-bytes");
  }
  auto store = archive::SqliteStore::open(options.archive, archive::OpenMode::kWrite);
  if (!store) return unexpected(store.error());
  archive::Archive archive(**store);
  const auto chain = archive.chain_or_last(options.chain);
  if (!chain) return unexpected(chain.error());
  if (!*chain) return fail(ErrorCode::kUsage, options.archive + " holds no chain yet");
  if (!options.running) IMAKEEP_CHECK(check_not_shown(archive, (*chain)->chain));
  return archive.retire((*chain)->chain, retention(options));
}

int run_retire(const RetireOptions& options) {
  const auto retired = retire(options);
  if (!retired) return report(retired.error());
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

void add_log_retire(CLI::App& log, int& exit_code) {
  auto options = std::make_shared<RetireOptions>();
  CLI::App* const command = log.add_subcommand("retire", "forget the oldest records; violations stay");
  command->add_option("--archive", options->archive, "the archive")->required()->type_name("FILE");
  command->add_option("--chain", options->chain, "chain of records (default: the last)")->type_name("C");
  command->add_option("--before", options->before, "records before this number")->type_name("N");
  command->add_option("--older-than", options->older_than_s, "records that came in so long ago: 90d, 12h")
      ->transform(CLI::AsNumberWithUnit(
          std::map<std::string, std::uint64_t>{{"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}, {"w", 7 * 86400}}))
      ->type_name("TIME");
  command->add_option("--keep-bytes", options->keep_bytes, "what goes beyond so much on disk: 500MB")
      ->transform(CLI::AsSizeValue(true))
      ->type_name("SIZE");
  command->add_flag("--unacknowledged", options->unacknowledged, "also what no verifier has acknowledged");
  command->add_flag("--running", options->running, "also of the running boot's chain, which the view cannot show then");
  command->add_flag("--json", options->json, "print JSON");
  command->callback([options, &exit_code] { exit_code = run_retire(*options); });
}

}  // namespace imakeep::app
