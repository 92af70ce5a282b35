// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "archiveappraisal/what_if_report.h"
#include "authoring/examine_policy.h"
#include "authoring/make_policy.h"
#include "base/text.h"
#include "cli/terminal.h"
#include "commands.h"
#include "imalog/templates_option.h"
#include "read_keys.h"
#include "reference/output_file.h"

namespace imakeep::app {
namespace {

struct MergeOptions {
  std::vector<std::string> files;
  std::optional<std::string> update;
  std::optional<std::uint64_t> from_record;
  std::optional<std::uint64_t> to_record;
};

struct QuestionOptions {
  std::string policy;
  std::string what;
  std::string mode = "strict";
  std::optional<std::string> key;
  std::vector<std::string> archives;
  std::optional<std::string> before;
  std::optional<std::string> keyrings;  // directory
  bool json = false;
};

// The options of all commands of `policy`. They live as long as the actions.
struct PolicyOptions {
  std::string output;  // empty: standard output
  authoring::LogInputs log;
  authoring::RootInputs root;
  authoring::PackageInputs packages;
  MergeOptions merge;
  QuestionOptions question;
};
using Options = std::shared_ptr<PolicyOptions>;

// Writes the policy and prints the notes. Returns the exit code.
int emit(const PolicyOptions& options, const Result<authoring::Made>& made) {
  if (!made) return report(made.error());
  if (options.output.empty()) {
    std::fwrite(made->text.data(), 1, made->text.size(), stdout);  // end_of_output() tells whether it was lost
  } else if (const auto done = reference::write_output(options.output, made->inputs, made->text); !done) {
    return report(done.error());
  }
  for (const std::string& note : made->notes) std::fprintf(stderr, "imakeep: %s\n", printable(note).c_str());
  return made->complete ? kDone : kNotAsItShouldBe;
}

int answer(const Result<authoring::Answer>& answer) {
  if (!answer) return report(answer.error());
  std::fwrite(answer->text.data(), 1, answer->text.size(), stdout);
  return answer->good ? kDone : kNotAsItShouldBe;
}

int run_from_packages(const PolicyOptions& options) {
  SystemClock clock;
  std::unique_ptr<Progress> progress;
  const auto made = authoring::from_packages(options.packages, clock, [&](std::uint64_t done, std::uint64_t total) {
    if (!progress) progress = std::make_unique<Progress>("packages, bytes", total);
    progress->at(done);
  });
  progress.reset();
  if (!made) return report(made.error());
  const int code = emit(options, made->made);
  if (!made->comparison) return code;
  if (options.question.json) {
    print_json(debian::comparison_json(*made->comparison));
  } else {
    std::printf("%s", debian::comparison_text(*made->comparison).c_str());
  }
  return code == kDone && !made->comparison->unexplained.empty() ? kNotAsItShouldBe : code;
}

Option add_output(const Command& command, const Options& options) {
  return command
      .add_option("--output", options->output, "policy to write, replaced as a whole (default: standard output)")
      .value_name("FILE");
}

void add_exclude(const Command& command, std::vector<std::string>& excludes) {
  command.add_option("--exclude", excludes, "patterns of names to accept whatever their digest (default: none)")
      .value_name("RE2");
}

void add_algorithm(const Command& command, std::vector<std::string>& algorithms) {
  command.add_option("--algorithm", algorithms, "hash algorithms of the digests (default: sha256)").value_name("ALG");
}

void add_from_log(const Command& policy, const Options& options) {
  const Command command = policy.add_command("from-log", "policy that accepts what a measurement list holds");
  authoring::LogInputs& log = options->log;
  command.add_option("FILE", log.files, "binary measurement lists, in order; - is standard input");
  const Option archive =
      command.add_option("--archive", log.archive, "archive to read instead of lists").value_name("FILE");
  command.add_count("--chain", log.chain, "chain of the archive (default: the last)").value_name("C").needs(archive);
  command.add_option("--templates", log.templates, imalog::kTemplatesHelp).value_name("DESCRIPTIONS");
  add_exclude(command, log.excludes);
  add_output(command, options);
  command.set_action([options] {
    options->log.spool_folder = spool_folder();
    return emit(*options, authoring::from_log(options->log));
  });
}

void add_from_root(const Command& policy, const Options& options) {
  const Command command = policy.add_command("from-root", "policy that accepts the files of a directory tree");
  authoring::RootInputs& root = options->root;
  command.add_option("DIR", root.root.directory, "root of the tree; names in the policy begin there").required();
  command.add_option("--initramfs", root.initramfs, "initramfs whose files are accepted too (default: none)")
      .value_name("FILE");
  command.add_option("--under", root.root.under, "directories to take files from, paths from the root (default: all)")
      .value_name("PATH");
  command
      .add_option("--skip", root.root.skipped,
                  "directories to leave out, besides /dev, /lost+found, /media, /mnt, /proc, /run, /sys, /tmp and "
                  "/var/tmp (default: none)")
      .value_name("PATH");
  command.add_flag("--other-file-systems", root.root.other_file_systems,
                   "files of other file systems that are mounted in the tree, too");
  add_algorithm(command, root.algorithms);
  add_exclude(command, root.root.excludes);
  add_output(command, options);
  command.set_action([options] { return emit(*options, authoring::from_root(options->root)); });
}

void add_from_packages(const Command& policy, const Options& options) {
  const Command command = policy.add_command(
      "from-packages", "policy that accepts the files of Debian packages of a mirror, or of RPM packages");
  authoring::PackageInputs& packages = options->packages;
  const Option source =
      command.add_option("--source", packages.sources, "\"URL SUITE COMPONENT...\", as in sources.list without deb")
          .value_name("LINE");
  command.add_option("--keyring", packages.keyring, "public keys that sign the suites, or the RPM packages")
      .required()
      .value_name("FILE");
  command.add_option("--cache", packages.cache, "directory for downloads, by SHA-256").value_name("DIR").needs(source);
  command
      .add_option("--rpm", packages.rpms, "RPM packages, or directories of them, instead of a source (default: none)")
      .value_name("FILE")
      .excludes(source);
  command.add_option("--installed", packages.status, "dpkg's status file of the machine that the policy is for")
      .value_name("FILE")
      .show_default();
  command.add_option("--diversions", packages.diversions, "its diversions (default: the file next to --installed)")
      .value_name("FILE");
  command.add_flag("--split-usr", packages.split_usr, "machine whose /bin, /lib and /sbin are no links into /usr");
  command.add_flag("--dpkg-new", packages.dpkg_new, "names that files have while dpkg unpacks them, too");
  const Option compare =
      command
          .add_option("--compare", packages.compare, "root whose files to compare, of this machine / (default: none)")
          .value_name("DIR");
  command.add_option("--under", packages.under, "directories to compare, paths from the root (default: /boot, /usr)")
      .value_name("PATH")
      .needs(compare);
  command.add_flag("--json", options->question.json, "output of --compare as JSON").needs(compare);
  add_algorithm(command, packages.algorithms);
  // Both the comparison and the policy would go to standard output.
  compare.needs(add_output(command, options));
  command.set_action([options] { return run_from_packages(*options); });
}

void add_merge(const Command& policy, const Options& options) {
  const Command command = policy.add_command("merge", "one policy of several");
  MergeOptions& merge = options->merge;
  command.add_option("FILE", merge.files, "policies; with --update: OLD and NEW").required();
  const Option update =
      command.add_option("--update", merge.update, "name of the update from OLD to NEW (default: none)")
          .value_name("NAME");
  command.add_count("--from-record", merge.from_record, "first record for which NEW is accepted (default: 0)")
      .value_name("N")
      .needs(update);
  command.add_count("--to-record", merge.to_record, "first record for which OLD is refused (default: never)")
      .value_name("N")
      .needs(update);
  add_output(command, options);
  command.set_action([options, &merge] {
    std::optional<reference::UpdateSpan> span;
    if (merge.update) {
      span =
          reference::UpdateSpan{.name = *merge.update, .from_record = merge.from_record, .to_record = merge.to_record};
    }
    return emit(*options, authoring::merged(merge.files, span));
  });
}

// Judges stored records by the policy, and by the one before.
Result<int> run_what_if(const QuestionOptions& question) {
  const policy::Mode mode = question.mode == "keylime" ? policy::Mode::kKeylime : policy::Mode::kStrict;
  std::vector<std::string> files{question.policy};
  if (question.before) files.push_back(*question.before);
  IMAKEEP_TRY(const auto& policies, logappraisal::read_policies(files, mode, question.key.value_or("")));
  IMAKEEP_TRY(const auto& keys, read_keys(question.keyrings.value_or("")));
  const logappraisal::LoadedPolicy* const before = question.before ? &policies[1] : nullptr;
  IMAKEEP_TRY(const auto& result, archiveappraisal::judge_archives(question.archives, policies[0], before,
                                                                   {.mode = mode, .keys = &keys.keyrings}));
  if (question.json) {
    print_json(archiveappraisal::what_if_json(result, policies[0], before));
  } else {
    std::fputs(archiveappraisal::what_if_text(result, policies[0], before).c_str(), stdout);
  }
  int code = kDone;
  for (const Error& problem : archiveappraisal::what_if_problems(result, policies[0], before)) code = report(problem);
  return code;
}

int run_check(const QuestionOptions& question) {
  if (question.archives.empty()) return answer(authoring::check_policy(question.policy, question.key, question.json));
  const auto code = run_what_if(question);
  return code ? *code : report(code.error());
}

void add_questions(const Command& policy, const Options& options) {
  QuestionOptions& question = options->question;
  const Command diff = policy.add_command("diff", "names and digests that differ between two policies");
  diff.add_option("OLD", question.policy, "policy").required();
  diff.add_option("NEW", question.what, "policy").required();
  const Command check = policy.add_command("check", "faults and doubtful rules of a policy");
  check.add_option("POLICY", question.policy, "policy, plain or in an envelope").required();
  check.add_option("--key", question.key, "public keys or certificates, one of which signed (default: not checked)")
      .value_name("FILE");
  const Option against = check
                             .add_option("--against", question.archives,
                                         "archive whose records to judge by the policy instead (default: none)")
                             .value_name("FILE")
                             .one_value_each();
  check.add_option("--before", question.before, "policy before: only records that it judges otherwise (default: none)")
      .value_name("FILE")
      .needs(against);
  check
      .add_option("--keys", question.keyrings,
                  "directory of keys that may sign files: of keyring .ima, and of one keyring in each subdirectory")
      .value_name("DIR")
      .needs(against);
  check.add_option("--mode", question.mode, "mode in which the policies are read")
      .one_of({"strict", "keylime"})
      .show_default()
      .needs(against);
  const Command explain = policy.add_command("explain", "what a policy says of a name or a digest");
  explain.add_option("POLICY", question.policy, "policy, plain or in an envelope").required();
  explain.add_option("NAME", question.what, "path or other name, or a digest in hexadecimal").required();
  explain.add_option("--mode", question.mode, "mode in which the policy is read")
      .one_of({"strict", "keylime"})
      .show_default();
  for (const Command& command : {diff, check, explain}) {
    command.add_flag("--json", options->question.json, "output as JSON");
  }
  diff.set_action(
      [options, &question] { return answer(authoring::diff_policies(question.policy, question.what, question.json)); });
  check.set_action([options, &question] { return run_check(question); });
  explain.set_action([options, &question] {
    const auto mode = question.mode == "keylime" ? policy::Mode::kKeylime : policy::Mode::kStrict;
    return answer(authoring::explain_policy(question.policy, mode, question.what, question.json));
  });
}

void add_sign(const Command& policy, const Options& options) {
  const Command command = policy.add_command("sign", "policy in an envelope with a signature");
  command.add_option("POLICY", options->question.policy, "policy, or an envelope to add a signature to").required();
  command.add_option("--key", options->question.key, "private EC key in PEM, without passphrase")
      .required()
      .value_name("FILE");
  add_output(command, options);
  command.set_action(
      [options] { return emit(*options, authoring::signed_policy(options->question.policy, *options->question.key)); });
}

}  // namespace

void add_policy(const Command& root) {
  const auto options = std::make_shared<PolicyOptions>();
  const Command policy = root.add_command("policy", "make and examine appraisal policies");
  policy.require_command();
  add_from_log(policy, options);
  add_from_root(policy, options);
  add_from_packages(policy, options);
  add_merge(policy, options);
  add_questions(policy, options);
  add_sign(policy, options);
}

}  // namespace imakeep::app
