// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>

#include "base/file.h"
#include "base/text.h"
#include "cli/terminal.h"
#include "commands.h"
#include "control/client.h"
#include "control/list_check.h"
#include "control/measure_file.h"
#include "control/message.h"
#include "imalog/list_kind.h"
#include "imalog/template_digest.h"

namespace imakeep::app {
namespace {

// The client sends records in pieces of this size, so that neither side holds more at once.
constexpr std::size_t kPieceBytes = 1u << 20;

// ---- list add

struct AddOptions {
  std::string control;
  std::string template_name;
  bool from_stdin = false;
  bool nul_separated = false;
  bool violation = false;
  bool json = false;
  std::vector<std::string> paths;
};

std::vector<std::string> paths_from_stdin(char separator) {
  std::vector<std::string> paths;
  for (std::string path; std::getline(std::cin, path, separator);) {
    if (!path.empty()) paths.push_back(path);
  }
  return paths;
}

struct AddReport {
  control::AppendReport appended;
  std::uint64_t failed = 0;
};

Result<void> send_piece(control::Client& client, Bytes& piece, AddReport& total) {
  if (piece.empty()) return {};
  IMAKEEP_TRY(const auto& report, client.append(std::exchange(piece, {}), control::kMadeBank, true));
  total.appended += report;
  return {};
}

Result<AddReport> add_all(control::Client& client, const std::vector<std::string>& paths,
                          const control::MeasureOptions& measure, bool violation) {
  AddReport total;
  Bytes piece;
  Progress progress("measuring", paths.size());
  for (const std::string& path : paths) {
    const auto made =
        violation ? control::record_violation(piece, path, measure) : control::measure_file(piece, path, measure);
    if (!made) {
      if (made.error().code == ErrorCode::kUsage) return unexpected(made.error());
      report(made.error());
      ++total.failed;
    }
    if (piece.size() >= kPieceBytes) IMAKEEP_CHECK(send_piece(client, piece, total));
    progress.advance();
  }
  IMAKEEP_CHECK(send_piece(client, piece, total));
  return total;
}

int print_added(const AddReport& total, bool json) {
  const control::AppendReport& appended = total.appended;
  if (json) {
    print_json(nlohmann::json{{"added", appended.added},
                              {"already_measured", appended.repeated},
                              {"failed", total.failed},
                              {"extends_failed", appended.extends_failed}});
  } else {
    std::printf("%llu added, %llu already measured, %llu failed\n", static_cast<unsigned long long>(appended.added),
                static_cast<unsigned long long>(appended.repeated), static_cast<unsigned long long>(total.failed));
  }
  if (appended.extends_failed > 0) {
    std::fprintf(stderr,
                 "imakeep: %llu records are in the list but not in the PCR, so no replay of the list matches it: %s\n",
                 static_cast<unsigned long long>(appended.extends_failed), printable(appended.extend_error).c_str());
  }
  return total.failed > 0 || appended.extends_failed > 0 ? kNotAsItShouldBe : kDone;
}

int run_add(AddOptions& options) {
  if (options.from_stdin) {
    const auto more = paths_from_stdin(options.nul_separated ? '\0' : '\n');
    options.paths.insert(options.paths.end(), more.begin(), more.end());
  } else if (options.paths.empty()) {
    return report({.code = ErrorCode::kUsage, .message = "list add requires PATH or --stdin"});
  }
  auto client = control::Client::connect(options.control, control::Client::kWorkLimit);
  if (!client) return report(client.error());
  auto measure = control::ask_how_to_measure(*client);
  if (!measure) return report(measure.error());
  if (!options.template_name.empty()) measure->template_name = options.template_name;
  const auto added = add_all(*client, options.paths, *measure, options.violation);
  if (!added) return report(added.error());
  return print_added(*added, options.json);
}

// ---- list load

struct LoadOptions {
  std::string control;
  std::string bank;
  std::string file;
  bool deduplicate = false;
  bool json = false;
};

// Cuts the list into pieces of whole records. REQUIRES: the list was checked.
std::vector<ByteView> pieces_of(ByteView list, const imalog::ListFormat& format) {
  std::vector<ByteView> pieces;
  imalog::ListReader reader(list, format.record_format());
  std::size_t start = 0;
  for (auto record = reader.next(); record && *record; record = reader.next()) {
    if (reader.offset() - start < kPieceBytes) continue;
    pieces.push_back(list.subspan(start, reader.offset() - start));
    start = reader.offset();
  }
  if (start < list.size()) pieces.push_back(list.subspan(start));
  return pieces;
}

Result<control::AppendReport> load(const LoadOptions& options) {
  const auto check_front = [&options](ByteView front) { return imalog::check_front(front, options.bank); };
  IMAKEEP_TRY(const auto& list, read_file(options.file, {.most_bytes = kMostListBytes, .check_front = check_front}));
  const auto format = imalog::format_of(list, options.bank);
  if (!format) return unexpected(named(format.error(), options.file));
  // Check the list before anything is sent, so that a damaged list adds no record.
  const auto contents = control::check_list(list, format->bank, format->order);
  if (!contents) return unexpected(named(contents.error(), options.file));

  IMAKEEP_TRY(auto client, control::Client::connect(options.control, control::Client::kWorkLimit));
  IMAKEEP_TRY(const auto& served, control::ask_how_to_measure(client));
  if (!contents->empty() && served.order != format->order) {
    return fail(ErrorCode::kUsage,
                options.file + ": its byte order differs from that of the served list; serve one with --byte-order " +
                    std::string(format->order == ByteOrder::kBig ? "big" : "little"));
  }
  control::AppendReport total;
  Progress progress("loading", list.size());
  for (const ByteView piece : pieces_of(list, *format)) {
    const auto report = client.append(Bytes(piece.begin(), piece.end()), format->bank, options.deduplicate);
    if (!report) {
      Error error = report.error();
      if (error.record) error.record = *error.record + total.added + total.repeated;
      return unexpected(named(std::move(error), options.file));
    }
    total += *report;
    progress.advance(piece.size());
  }
  return total;
}

int run_load(const LoadOptions& options) {
  const auto loaded = load(options);
  if (!loaded) return report(loaded.error());
  return print_added({.appended = *loaded}, options.json);
}

// ---- list pcrs, stats, suspend, save

struct AskOptions {
  std::string control;
  bool json = false;
};

Result<control::Message> ask(const std::string& control, const char* operation) {
  IMAKEEP_TRY(auto client, control::Client::connect(control, control::Client::kWorkLimit));
  return client.ask({.head = {{"op", operation}}});
}

int run_pcrs(const AskOptions& options) {
  const auto answer = ask(options.control, "pcrs");
  if (!answer) return report(answer.error());
  if (options.json) {
    print_json(answer->head["pcrs"]);
    return kDone;
  }
  for (const auto& pcr : answer->head["pcrs"]) {
    std::printf("%s %u %s\n", pcr.value("bank", "").c_str(), pcr.value("pcr", 0u), pcr.value("value", "").c_str());
  }
  return kDone;
}

int run_stats(const AskOptions& options) {
  auto answer = ask(options.control, "stats");
  if (!answer) return report(answer.error());
  nlohmann::json& stats = answer->head;
  stats.erase("ok");
  if (options.json) {
    print_json(stats);
    return kDone;
  }
  for (const char* list : {"current", "staged", "full"}) {
    std::printf("%-8s %10llu records %14llu bytes\n", list, stats[list].value("records", 0ull),
                stats[list].value("bytes", 0ull));
  }
  const nlohmann::json& table = stats["table"];
  std::printf("violations %llu\nmemory     records %s, digest table (%s, %llu entries) %s\nsuspended  %s\n",
              stats.value("violations", 0ull), human_bytes(stats.value("record_memory_bytes", 0ull)).c_str(),
              table.value("mode", "").c_str(), table.value("entries", 0ull),
              human_bytes(table.value("memory_bytes", 0ull)).c_str(), stats.value("suspended", false) ? "yes" : "no");
  return kDone;
}

int run_suspend(const AskOptions& options) {
  const auto answer = ask(options.control, "suspend");
  if (!answer) return report(answer.error());
  if (options.json) print_json(nlohmann::json{{"suspended", true}});
  return kDone;
}

struct SaveOptions {
  std::string control;
  std::string file;
  bool load = false;
  bool json = false;
};

// An image begins with its version in 16 bits and then 16 zero bits, in the list's byte order.
Result<void> check_image_name(const std::string& path) {
  constexpr std::array kLittle{std::byte{1}, std::byte{0}, std::byte{0}, std::byte{0}};
  constexpr std::array kBig{std::byte{0}, std::byte{1}, std::byte{0}, std::byte{0}};
  if (check_replaceable(path, kBig, "saved image")) return {};
  return check_replaceable(path, kLittle, "saved image");
}

int run_save(const SaveOptions& options) {
  if (options.load) {
    const auto answer = ask(options.control, "kexec-load");
    if (!answer) return report(answer.error());
    const auto segment_bytes = answer->head.value("segment_bytes", 0ull);
    if (options.json) {
      print_json(nlohmann::json{{"segment_bytes", segment_bytes}});
    } else {
      std::printf("segment of %llu bytes\n", segment_bytes);
    }
    return kDone;
  }
  if (options.file.empty()) return report({.code = ErrorCode::kUsage, .message = "list save requires FILE"});
  std::error_code missing;
  const auto target = std::filesystem::status(options.file, missing);
  if (std::filesystem::exists(target) && !std::filesystem::is_regular_file(target)) {
    return report({.code = ErrorCode::kUsage, .message = options.file + " is not a regular file; name another file"});
  }
  if (const auto replaceable = check_image_name(options.file); !replaceable) return report(replaceable.error());
  if (const auto hello = ask(options.control, "hello"); !hello) return report(hello.error());
  // The request suspends the list, so check before it that the file can be written.
  if (const auto writable = open_file(options.file, O_WRONLY | O_CREAT, 0600); !writable)
    return report(writable.error());
  const auto answer = ask(options.control, "save");
  if (!answer) return report(answer.error());
  if (const auto saved = replace_file(options.file, answer->payload, 0600); !saved) return report(saved.error());
  const auto records = answer->head.value("records", 0ull);
  const auto dropped = answer->head.value("dropped", 0ull);
  if (options.json) {
    print_json(nlohmann::json{{"records", records}, {"dropped", dropped}, {"bytes", answer->payload.size()}});
  } else {
    std::printf("%llu records saved, %zu bytes; %llu dropped\n", records, answer->payload.size(), dropped);
  }
  return dropped > 0 ? kNotAsItShouldBe : kDone;
}

void control_option(const Command& command, std::string& control) {
  command.add_option("--control", control, "control socket of `list serve`").required().value_name("SOCK");
}

void add_ask(const Command& list, const char* name, const char* description, int (*run)(const AskOptions&)) {
  auto options = std::make_shared<AskOptions>();
  const Command command = list.add_command(name, description);
  control_option(command, options->control);
  command.add_flag("--json", options->json, "output as JSON");
  command.set_action([options, run] { return run(*options); });
}

}  // namespace

void add_list_clients(const Command& list) {
  auto add = std::make_shared<AddOptions>();
  const Command add_command = list.add_command("add", "measure files and add their records");
  control_option(add_command, add->control);
  add_command.add_option("--template", add->template_name, "template of the records (default: the list's)");
  const Option from_stdin = add_command.add_flag("--stdin", add->from_stdin, "paths from standard input, one a line");
  add_command.add_flag("-0", add->nul_separated, "NUL after each path on standard input, not a newline")
      .needs(from_stdin);
  add_command.add_flag("--violation", add->violation, "violations of the paths instead of measurements");
  add_command.add_flag("--json", add->json, "output as JSON");
  add_command.add_option("PATH", add->paths, "files to measure");
  add_command.set_action([add] { return run_add(*add); });

  auto load_options = std::make_shared<LoadOptions>();
  const Command load_command = list.add_command("load", "add the records of a binary list unchanged");
  control_option(load_command, load_options->control);
  load_command.add_option("--bank", load_options->bank, "bank of the file's digests (default: detected)")
      .value_name("ALG");
  load_command.add_flag("--deduplicate", load_options->deduplicate, "only records that were not measured before");
  load_command.add_flag("--json", load_options->json, "output as JSON");
  load_command.add_option("FILE", load_options->file, "binary measurement list").required();
  load_command.set_action([load_options] { return run_load(*load_options); });

  add_ask(list, "pcrs", "print the PCRs that were extended", run_pcrs);
  add_ask(list, "stats", "print counters and memory use", run_stats);
  add_ask(list, "suspend", "suspend the list, as a reboot does: it refuses new records and requests", run_suspend);

  auto save = std::make_shared<SaveOptions>();
  const Command save_command =
      list.add_command("save", "suspend the list, and save the image that kexec passes to the next kernel");
  control_option(save_command, save->control);
  save_command.add_flag("--load", save->load, "only the size of the image is fixed, as by kexec_file_load");
  save_command.add_flag("--json", save->json, "output as JSON");
  save_command.add_option("FILE", save->file, "file for the image");
  save_command.set_action([save] { return run_save(*save); });
}

}  // namespace imakeep::app
