// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include <nlohmann/json.hpp>

#include "archive/import.h"
#include "archive/sqlite/sqlite_store.h"
#include "attest/list_files.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/terminal.h"
#include "commands.h"
#include "imalog/list_kind.h"
#include "imalog/pcr_file.h"

namespace imakeep::app {
namespace {

struct ImportCommand {
  std::string archive;
  std::vector<std::string> files;
  std::string bank;
  std::string banks = "sha1,sha256,sha384,sha512";
  std::string pcrs;
  std::optional<archive::ChainId> chain;
  bool no_repeats = false;
  bool new_chain = false;
  bool json = false;
};

struct Lists {
  std::vector<Bytes> bytes;
  std::vector<archive::ImportPart> parts;  // point into `bytes`
  std::uint64_t total_bytes = 0;
};

Result<Lists> read_lists(const ImportCommand& command) {
  IMAKEEP_CHECK(attest::check_distinct(command.files));
  const ReadLimits limits{.most_bytes = kMostListBytes, .check_front = [&command](ByteView front) {
                            return imalog::check_front(front, command.bank);
                          }};
  Lists lists;
  for (const std::string& file : command.files) {
    IMAKEEP_TRY(auto list, file == attest::kStandardInput ? read_all(STDIN_FILENO, attest::shown_name(file), limits)
                                                          : read_file(file, limits));
    list.shrink_to_fit();
    lists.total_bytes += list.size();
    lists.bytes.push_back(std::move(list));
  }
  for (std::size_t i = 0; i < command.files.size(); ++i) {
    const Bytes& list = lists.bytes[i];
    const std::string name = attest::shown_name(command.files[i]);
    const auto format = imalog::format_of(list, command.bank);
    if (!format) return unexpected(named(format.error(), name));
    lists.parts.push_back({.name = name, .list = list, .bank = format->bank, .order = format->order});
  }
  return lists;
}

Result<archive::ImportOptions> import_options(const ImportCommand& command) {
  IMAKEEP_TRY(const auto& banks, digest::parse_banks(command.banks));
  archive::ImportOptions options{.banks = banks, .no_repeats = command.no_repeats, .new_chain = command.new_chain};
  options.now_unix_s = unix_seconds();
  options.chain = command.chain;
  if (command.pcrs.empty()) return options;
  IMAKEEP_TRY(auto values, imalog::read_pcr_file(command.pcrs));
  options.pcrs = std::move(values);
  return options;
}

const char* join_name(archive::Join join) {
  switch (join) {
    case archive::Join::kFirst:
      return "first";
    case archive::Join::kOverlap:
      return "overlap";
    case archive::Join::kAfter:
      return "after";
    case archive::Join::kAlreadyThere:
      return "already there";
  }
  return "";
}

std::string how_joined(const archive::PartReport& part, bool proven) {
  std::string added = std::to_string(part.added) + " of " + std::to_string(part.records) + " records added";
  switch (part.join) {
    case archive::Join::kFirst:
      return added;
    case archive::Join::kOverlap:
      return added + "; the others were archived already";
    case archive::Join::kAfter:
      return added + ", from record " + std::to_string(part.first) + " on" +
             (proven ? "" : "; without PCRs, nothing proves that no record is missing before them");
    case archive::Join::kAlreadyThere:
      return "all " + std::to_string(part.records) + " records were archived already";
  }
  return added;
}

int print_report(const archive::ImportReport& imported, const ImportCommand& command) {
  nlohmann::ordered_json parts = nlohmann::ordered_json::array();
  bool all_match = true;
  for (std::size_t i = 0; i < imported.parts.size(); ++i) {
    const archive::PartReport& part = imported.parts[i];
    all_match = all_match && part.mismatched.empty();
    parts.push_back({{"file", command.files[i]},
                     {"join", join_name(part.join)},
                     {"first", part.first},
                     {"records", part.records},
                     {"added", part.added},
                     {"mismatched", part.mismatched}});
    if (!command.json && i == 0) std::printf("chain %llu\n", static_cast<unsigned long long>(imported.chain.value()));
    if (!command.json)
      std::printf("%s: %s\n", printable(attest::shown_name(command.files[i])).c_str(),
                  how_joined(part, !command.pcrs.empty()).c_str());
    for (const std::uint64_t number : part.mismatched) {
      report(
          {.code = ErrorCode::kMismatch,
           .message =
               "record " + std::to_string(number - part.first) + " (number " + std::to_string(number) + " of chain " +
               std::to_string(imported.chain.value()) + ") has a digest that does not match its data: altered; " +
               (number < part.first + part.records - part.added ? "the archived record stays" : "archived as it is")},
          attest::shown_name(command.files[i]));
    }
  }
  if (command.json) {
    print_json(nlohmann::ordered_json{{"chain", imported.chain.value()}, {"parts", parts}});
  }
  return all_match ? kDone : kNotAsItShouldBe;
}

int run_import(const ImportCommand& command) {
  // Check everything that may be refused before creating the archive.
  auto options = import_options(command);
  if (!options) return report(options.error());
  const auto lists = read_lists(command);
  if (!lists) return report(lists.error());
  const bool made = !std::filesystem::exists(command.archive);
  auto store = archive::SqliteStore::open(command.archive, archive::OpenMode::kCreate);
  if (!store) return report(store.error());
  archive::Archive archive(**store);
  std::uint64_t records = 0;
  Progress progress("importing records", lists->total_bytes / 145);
  options->on_added = [&](std::uint64_t added) {
    records += added;
    progress.advance(added);
  };
  const auto imported = archive::import_lists(archive, lists->parts, *options);
  if (!imported) {
    const int code = report(imported.error());
    // A refused import must not leave a new, empty archive.
    const auto chains = archive.chains();
    if (made && chains && chains->empty()) {
      store->reset();
      for (const char* suffix : {"", "-wal", "-shm", ".lock"}) std::remove((command.archive + suffix).c_str());
    }
    if (records > 0) {
      std::fprintf(stderr, "imakeep: %llu records are in the archive; run the same command again to continue\n",
                   static_cast<unsigned long long>(records));
    }
    return code;
  }
  return print_report(*imported, command);
}

}  // namespace

void add_log_import(const Command& log) {
  auto command = std::make_shared<ImportCommand>();
  const Command app = log.add_command("import", "add saved binary lists to an archive, in the order they were saved");
  app.add_option("--archive", command->archive, "archive of the records; made if it does not exist")
      .required()
      .value_name("FILE");
  app.add_option("FILE", command->files, "binary measurement lists; - is standard input").required();
  app.add_option("--bank", command->bank, "bank of the files' digests (default: detected)").value_name("ALG");
  app.add_option("--banks", command->banks, "banks whose PCR states a new chain keeps").show_default();
  app.add_option("--pcrs", command->pcrs, "PCR values read after the last list was saved; they decide where lists join")
      .value_name("FILE");
  app.add_count("--chain", command->chain, "chain to continue (default: the last imported one)").value_name("C");
  app.add_flag("--no-repeats", command->no_repeats,
               "equal records count as one: the kernel kept its table of digests (no ima_flush_htable, no kexec)");
  app.add_flag("--new-chain", command->new_chain, "new chain: the lists are of another boot than the archived records");
  app.add_flag("--json", command->json, "output as JSON");
  app.set_action([command] { return run_import(*command); });
}

}  // namespace imakeep::app
