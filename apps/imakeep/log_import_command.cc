#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>

#include <nlohmann/json.hpp>

#include "archive/import.h"
#include "archive/sqlite/sqlite_store.h"
#include "base/file.h"
#include "commands.h"
#include "imalog/pcr_file.h"
#include "terminal.h"

namespace imakeep::app {
namespace {

struct ImportCommand {
  std::string archive;
  std::vector<std::string> files;
  std::string bank;
  std::string banks = "sha1,sha256,sha384,sha512";
  std::string pcrs;
  std::optional<std::uint64_t> chain;
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
  Lists lists;
  for (const std::string& file : command.files) {
    auto list = read_file(file);
    if (!list) return unexpected(list.error());
    list->shrink_to_fit();
    lists.total_bytes += list->size();
    lists.bytes.push_back(std::move(*list));
  }
  for (std::size_t i = 0; i < command.files.size(); ++i) {
    const Bytes& list = lists.bytes[i];
    const auto bank = command.bank.empty() ? imalog::detect_bank(list, kHostOrder) : digest::parse_bank(command.bank);
    if (!bank) return unexpected(named(bank.error(), command.files[i]));
    lists.parts.push_back({.name = command.files[i], .list = list, .bank = *bank});
  }
  return lists;
}

Result<archive::ImportOptions> import_options(const ImportCommand& command) {
  const auto banks = digest::parse_banks(command.banks);
  if (!banks) return unexpected(banks.error());
  archive::ImportOptions options{.banks = *banks, .no_repeats = command.no_repeats, .new_chain = command.new_chain};
  options.now_unix_s =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  options.chain = command.chain;
  if (command.pcrs.empty()) return options;
  auto values = imalog::read_pcr_file(command.pcrs);
  if (!values) return unexpected(values.error());
  options.pcrs = std::move(*values);
  return options;
}

const char* join_name(archive::Join join) {
  switch (join) {
    case archive::Join::kFirst:
      return "first";
    case archive::Join::kOverlap:
      return "overlap";
    case archive::Join::kBehind:
      return "behind";
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
      return added + "; the others were there";
    case archive::Join::kBehind:
      return added + ", from number " + std::to_string(part.first) + " on" +
             (proven ? "" : "; without PCRs nothing proves that none is missing before them");
    case archive::Join::kAlreadyThere:
      return "all " + std::to_string(part.records) + " records were there already";
  }
  return added;
}

int print_report(const archive::ImportReport& imported, const ImportCommand& command) {
  nlohmann::ordered_json parts = nlohmann::ordered_json::array();
  bool fits = true;
  for (std::size_t i = 0; i < imported.parts.size(); ++i) {
    const archive::PartReport& part = imported.parts[i];
    fits = fits && part.mismatched.empty();
    parts.push_back({{"file", command.files[i]},
                     {"join", join_name(part.join)},
                     {"first", part.first},
                     {"records", part.records},
                     {"added", part.added},
                     {"mismatched", part.mismatched}});
    if (!command.json && i == 0) std::printf("chain %llu\n", static_cast<unsigned long long>(imported.chain));
    if (!command.json)
      std::printf("%s: %s\n", command.files[i].c_str(), how_joined(part, !command.pcrs.empty()).c_str());
    for (const std::uint64_t number : part.mismatched) {
      report(
          {.code = ErrorCode::kMismatch,
           .message =
               "record " + std::to_string(number - part.first) + " (number " + std::to_string(number) + " of chain " +
               std::to_string(imported.chain) + ") has a digest that does not fit its data: altered; " +
               (number < part.first + part.records - part.added ? "what was there before stays" : "kept as it is")},
          command.files[i]);
    }
  }
  if (command.json) {
    print_json(nlohmann::ordered_json{{"chain", imported.chain}, {"parts", parts}});
  }
  return fits ? kDone : kNotAsItShouldBe;
}

int run_import(const ImportCommand& command) {
  // Everything that can be refused is, before the archive is made.
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
    // A list that was refused leaves nothing behind.
    const auto chains = archive.chains();
    if (made && chains && chains->empty()) {
      store->reset();
      for (const char* suffix : {"", "-wal", "-shm", ".lock"}) std::remove((command.archive + suffix).c_str());
    }
    if (records > 0) {
      std::fprintf(stderr, "imakeep: %llu records are in the archive; run the same command again to go on\n",
                   static_cast<unsigned long long>(records));
    }
    return code;
  }
  return print_report(*imported, command);
}

}  // namespace

void add_log_import(CLI::App& log, int& exit_code) {
  auto command = std::make_shared<ImportCommand>();
  CLI::App* const app =
      log.add_subcommand("import", "add saved binary lists to an archive, in the order they were saved");
  app->add_option("--archive", command->archive, "the archive; made if there is none")->required()->type_name("FILE");
  app->add_option("FILE", command->files, "binary measurement lists")->required();
  app->add_option("--bank", command->bank, "bank of the files' digests (default: found out)")->type_name("ALG");
  app->add_option("--banks", command->banks, "banks whose PCR states a new chain keeps")->capture_default_str();
  app->add_option("--pcrs", command->pcrs,
                  "PCR values read after the last list was saved: they decide where lists join")
      ->type_name("FILE");
  app->add_option("--chain", command->chain, "chain to go on with (default: the last)")->type_name("C");
  app->add_flag("--no-repeats", command->no_repeats,
                "equal records are the same record: the kernel kept its hash table (no ima_flush_htable, no kexec)");
  app->add_flag("--new-chain", command->new_chain, "these lists are of another boot than what is there");
  app->add_flag("--json", command->json, "print JSON");
  app->callback([command, &exit_code] { exit_code = run_import(*command); });
}

}  // namespace imakeep::app
