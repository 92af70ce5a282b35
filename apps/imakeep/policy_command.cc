// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <nlohmann/json.hpp>

#include "attest/list_files.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/terminal.h"
#include "commands.h"
#include "imalog/templates_option.h"
#include "output/archive_log.h"
#include "reference/difference.h"
#include "reference/explain.h"
#include "reference/file_hash.h"
#include "reference/initramfs.h"
#include "reference/lint.h"
#include "reference/log_intake.h"
#include "reference/merge.h"
#include "reference/output_file.h"
#include "reference/root_walk.h"
#include "reference/sign.h"

namespace imakeep::app {
namespace {

using Count = unsigned long long;

// The options of all commands; each command uses some of them.
struct PolicyOptions {
  std::vector<std::string> files;
  std::string output;  // empty: standard output
  std::optional<std::string> archive;
  std::optional<archive::ChainId> chain;
  std::string templates;
  reference::RootOptions root;
  std::vector<std::string> algorithms;
  std::vector<std::string> initramfs;
  std::string what;
  std::string mode = "strict";
  std::optional<std::string> key;
  std::string update;
  std::optional<std::uint64_t> from_record;
  std::optional<std::uint64_t> to_record;
  bool json = false;
};

Result<Bytes> read_policy_file(const std::string& path) {
  constexpr std::uint64_t kMostBytes = 256u << 20;  // parse_policy() refuses less, and says why
  return read_file(path, {.most_bytes = kMostBytes});
}

Result<reference::Document> read_policy(const std::string& path) {
  IMAKEEP_TRY(const auto& bytes, read_policy_file(path));
  auto document = reference::read_document(bytes);
  if (!document) return unexpected(named(document.error(), path));
  return document;
}

Result<std::vector<policy::PolicyKey>> read_keys(const std::optional<std::string>& path) {
  if (!path) return std::vector<policy::PolicyKey>();
  IMAKEEP_TRY(const auto& bytes, read_file(*path, {.most_bytes = policy::kMostKeyFileBytes}));
  auto keys = policy::PolicyKey::parse(bytes);
  if (!keys) return unexpected(named(keys.error(), *path));
  return keys;
}

Result<void> emit(const PolicyOptions& options, std::string_view text) {
  if (!options.output.empty()) return reference::write_output(options.output, options.files, text);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
    return fail_errno(errno, "cannot write to standard output");
  }
  return {};
}

// Prints the error, if there is one. Returns the exit code.
int conclude_policy(const Result<void>& done) {
  return done ? kDone : report(done.error());
}

void say(const std::string& line) {
  std::fprintf(stderr, "imakeep: %s\n", printable(line).c_str());
}

// ---- from-log -------------------------------------------------------------------------------------------------------

Result<std::unique_ptr<attest::LogSource>> open_source(const PolicyOptions& options) {
  if (options.files.empty() == !options.archive) {
    return fail(ErrorCode::kUsage, "policy from-log requires either lists or --archive FILE");
  }
  if (options.archive) {
    IMAKEEP_TRY(auto log, output::ArchiveLog::open(*options.archive, options.chain));
    return log;
  }
  IMAKEEP_CHECK(attest::check_distinct(options.files));
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the process has one thread
  const char* const told = std::getenv("TMPDIR");
  const std::string folder = told != nullptr && *told != '\0' ? told : "/var/tmp";
  return std::make_unique<attest::ListLog>(options.files, attest::open_files(folder));
}

Result<void> from_log(PolicyOptions& options) {
  IMAKEEP_TRY(const auto& templates, imalog::TemplateSet::parse(options.templates));
  IMAKEEP_TRY(const auto& log, open_source(options));
  if (options.archive) options.files = {*options.archive};
  reference::Document document;
  reference::LogIntake intake(document, templates);
  for (;;) {
    IMAKEEP_TRY(const auto& record, log->next());
    if (!record) break;
    intake.add(record->content, record->order);
  }
  intake.finish();
  for (const std::string& pattern : options.root.excludes) reference::add_exclude(document, pattern);
  IMAKEEP_CHECK(emit(options, reference::write_document(document)));
  for (const auto& [reason, records] : intake.reasons()) say(records_text(records) + " left out: " + reason);
  for (const std::string& path : intake.violation_paths()) say("violation of " + path + ": it has no digest");
  say(records_text(intake.counts().records) + ", " + std::to_string(reference::name_count(document)) + " names, " +
      std::to_string(reference::digest_count(document)) + " digests; nothing was proven: see verify");
  return {};
}

// ---- from-root ------------------------------------------------------------------------------------------------------

Result<void> from_root(PolicyOptions& options) {
  reference::Document document;
  IMAKEEP_TRY(options.root.algorithms, reference::parse_algorithms(options.algorithms));
  IMAKEEP_TRY(const auto& found, reference::add_root(options.root, document));
  for (const std::string& file : options.initramfs) {
    IMAKEEP_TRY(const auto& image, read_file(file));
    auto added = reference::add_initramfs(image, options.root.algorithms, document);
    if (!added) return unexpected(named(added.error(), file));
    say(file + ": " + std::to_string(added->files) + " files in " + std::to_string(added->archives) + " archives");
  }
  options.files = options.initramfs;
  IMAKEEP_CHECK(emit(options, reference::write_document(document)));
  for (const std::string& path : found.not_utf8) say(path + " left out: its name is not UTF-8");
  say(std::to_string(found.files) + " files, " + human_bytes(found.bytes) + ", " + std::to_string(found.excluded) +
      " excluded");
  return {};
}

// ---- merge, diff, check, explain, sign ------------------------------------------------------------------------------

Result<void> merge_policies(const PolicyOptions& options) {
  IMAKEEP_TRY(auto merged, read_policy(options.files.front()));
  if (!options.update.empty()) {
    if (options.files.size() != 2) return fail(ErrorCode::kUsage, "--update requires two policies: OLD and NEW");
    IMAKEEP_TRY(const auto& after, read_policy(options.files.back()));
    IMAKEEP_TRY(merged,
                reference::merge_update(
                    merged, after,
                    {.name = options.update, .from_record = options.from_record, .to_record = options.to_record}));
    return emit(options, reference::write_document(merged));
  }
  for (std::size_t i = 1; i < options.files.size(); ++i) {
    IMAKEEP_TRY(const auto& other, read_policy(options.files[i]));
    if (auto done = reference::merge(merged, other); !done) return unexpected(named(done.error(), options.files[i]));
  }
  return emit(options, reference::write_document(merged));
}

int run_diff(const PolicyOptions& options) {
  const auto before = read_policy(options.files[0]);
  if (!before) return report(before.error());
  const auto after = read_policy(options.what);
  if (!after) return report(after.error());
  const reference::Difference found = reference::difference(*before, *after);
  if (options.json) {
    print_json(reference::difference_json(found));
  } else {
    std::printf("%s", reference::difference_text(found, *before, *after).c_str());
  }
  return found.empty() ? kDone : kNotAsItShouldBe;
}

int run_check(const PolicyOptions& options) {
  const auto keys = read_keys(options.key);
  if (!keys) return report(keys.error());
  bool good = true;
  for (const std::string& file : options.files) {
    const auto bytes = read_policy_file(file);
    if (!bytes) return report(bytes.error());
    const reference::Lint lint = reference::lint_policy(*bytes, *keys);
    good = good && lint.good();
    if (options.json) {
      print_json(reference::lint_json(lint));
    } else {
      std::printf("%s", reference::lint_text(lint).c_str());
    }
  }
  return good ? kDone : kNotAsItShouldBe;
}

int run_explain(const PolicyOptions& options) {
  const auto bytes = read_policy_file(options.files[0]);
  if (!bytes) return report(bytes.error());
  const auto mode = options.mode == "keylime" ? policy::Mode::kKeylime : policy::Mode::kStrict;
  const auto source = policy::parse_policy(*bytes, mode);
  if (!source) return report(source.error(), options.files[0]);
  const auto compiled = policy::CompiledPolicy::compile(*source);
  if (!compiled) return report(compiled.error(), options.files[0]);
  const reference::Explanation explained = reference::explain(*compiled, *source, options.what);
  if (options.json) {
    print_json(reference::explanation_json(explained));
  } else {
    std::printf("%s", reference::explanation_text(explained).c_str());
  }
  return explained.accepted ? kDone : kNotAsItShouldBe;
}

Result<void> sign(PolicyOptions& options) {
  IMAKEEP_TRY(const auto& policy, read_policy_file(options.files[0]));
  IMAKEEP_TRY(const auto& key, read_file(*options.key, {.most_bytes = policy::kMostKeyFileBytes}));
  const auto text = reference::sign_policy(policy, key);
  if (!text) return unexpected(named(text.error(), options.files[0] + ", key " + *options.key));
  options.files.push_back(*options.key);
  return emit(options, *text);
}

// ---- options --------------------------------------------------------------------------------------------------------

using Options = std::shared_ptr<PolicyOptions>;

void add_output(const Command& command, const Options& options) {
  command.add_option("--output", options->output, "policy to write, replaced as a whole (default: standard output)")
      .value_name("FILE");
}

void add_exclude_option(const Command& command, const Options& options) {
  command
      .add_option("--exclude", options->root.excludes,
                  "pattern of names to accept whatever their digest (default: none)")
      .value_name("RE2");
}

void add_from_log(const Command& policy, const Options& options) {
  const Command command = policy.add_command("from-log", "policy that accepts what a measurement list holds");
  command.add_option("FILE", options->files, "binary measurement lists, in order; - is standard input");
  const Option archive =
      command.add_option("--archive", options->archive, "archive to read instead of lists").value_name("FILE");
  command.add_count("--chain", options->chain, "chain of the archive (default: the last)")
      .value_name("C")
      .needs(archive);
  command.add_option("--templates", options->templates, imalog::kTemplatesHelp).value_name("DESCRIPTIONS");
  add_exclude_option(command, options);
  add_output(command, options);
  command.set_action([options] { return conclude_policy(from_log(*options)); });
}

void add_from_root(const Command& policy, const Options& options) {
  const Command command = policy.add_command("from-root", "policy that accepts the files of a directory tree");
  command.add_option("DIR", options->root.directory, "root of the tree; names in the policy begin there").required();
  command.add_option("--initramfs", options->initramfs, "initramfs whose files are accepted too (default: none)")
      .value_name("FILE");
  command.add_option("--algorithm", options->algorithms, "hash algorithms of the digests (default: sha256)")
      .value_name("ALG");
  command
      .add_option("--skip", options->root.skipped,
                  "directories to leave out, from the root, beside /dev, /lost+found, /media, /mnt, /proc, /run, /sys, "
                  "/tmp and /var/tmp (default: none)")
      .value_name("PATH");
  command.add_flag("--other-file-systems", options->root.other_file_systems,
                   "files of other file systems that are mounted in the tree, too");
  add_exclude_option(command, options);
  add_output(command, options);
  command.set_action([options] {
    if (options->algorithms.empty()) options->algorithms = {"sha256"};
    return conclude_policy(from_root(*options));
  });
}

void add_merge(const Command& policy, const Options& options) {
  const Command command = policy.add_command("merge", "one policy of several");
  command.add_option("FILE", options->files, "policies; for --update: OLD and NEW").required();
  const Option update =
      command
          .add_option("--update", options->update, "name of an update from OLD to NEW, for a bracket (default: none)")
          .value_name("NAME");
  command.add_count("--from-record", options->from_record, "first record for which NEW is accepted (default: 0)")
      .value_name("N")
      .needs(update);
  command.add_count("--to-record", options->to_record, "first record for which OLD is refused (default: never)")
      .value_name("N")
      .needs(update);
  add_output(command, options);
  command.set_action([options] { return conclude_policy(merge_policies(*options)); });
}

// A command with one policy, and perhaps another argument.
Command add_on_policy(const Command& policy, const Options& options, const char* name, const char* help) {
  const Command command = policy.add_command(name, help);
  command.add_option("POLICY", options->files, "policy, plain or in an envelope").required();
  return command;
}

void add_questions(const Command& policy, const Options& options) {
  const Command diff = policy.add_command("diff", "names and digests that differ between two policies");
  diff.add_option(
          "OLD", [options](const std::string& file) { options->files = {file}; }, "policy")
      .required();
  diff.add_option("NEW", options->what, "policy").required();
  const Command check = add_on_policy(policy, options, "check", "faults and doubtful rules of policies");
  check.add_option("--key", options->key, "public keys or certificates, one of which signed (default: not checked)")
      .value_name("FILE");
  const Command explain = policy.add_command("explain", "what a policy says of a name or a digest");
  explain
      .add_option(
          "POLICY", [options](const std::string& file) { options->files = {file}; }, "policy")
      .required();
  explain.add_option("NAME", options->what, "path or other name, or a digest in hexadecimal").required();
  explain.add_option("--mode", options->mode, "mode in which the policy is read")
      .one_of({"strict", "keylime"})
      .show_default();
  for (const Command& command : {diff, check, explain}) command.add_flag("--json", options->json, "output as JSON");
  diff.set_action([options] { return run_diff(*options); });
  check.set_action([options] { return run_check(*options); });
  explain.set_action([options] { return run_explain(*options); });
}

}  // namespace

void add_policy(const Command& root) {
  const auto options = std::make_shared<PolicyOptions>();
  const Command policy = root.add_command("policy", "make and examine appraisal policies");
  policy.require_command();
  add_from_log(policy, options);
  add_from_root(policy, options);
  add_merge(policy, options);
  add_questions(policy, options);
  const Command command = add_on_policy(policy, options, "sign", "policy in an envelope with a signature");
  command.add_option("--key", options->key, "private EC key in PEM, without passphrase").required().value_name("FILE");
  add_output(command, options);
  command.set_action([options] { return conclude_policy(sign(*options)); });
}

}  // namespace imakeep::app
