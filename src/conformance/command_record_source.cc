// SPDX-License-Identifier: Apache-2.0
#include "conformance/command_record_source.h"

#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>

namespace imakeep::conformance {

namespace {

constexpr int kCannotDoThisKind = 77;

// $1 is the command. The subshell isolates the loop from variables that the command sets, and from its exit.
constexpr const char* kShellLoop =
    "while read -r IMAKEEP_KIND IMAKEEP_SERIAL; do "
    "export IMAKEEP_KIND IMAKEEP_SERIAL; "
    "( eval \"$1\" ) </dev/null >/dev/null; "
    "echo $?; "
    "done";

Result<pid_t> start_shell(const std::string& command, int channel) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, channel, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, channel, STDOUT_FILENO);
  std::string arguments[] = {"sh", "-c", kShellLoop, "imakeep-add-command", command};
  char* const argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(),
                        arguments[3].data(), arguments[4].data(), nullptr};
  pid_t shell = -1;
  const int failed = ::posix_spawn(&shell, "/bin/sh", &actions, nullptr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return fail_errno(failed, "cannot start /bin/sh for the add command");
  return shell;
}

Result<int> read_status(int channel) {
  std::string line;
  for (char c = 0;;) {
    const ssize_t got = ::read(channel, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return fail(ErrorCode::kEnvironment, "the shell that runs the add command has ended");
    if (c == '\n') break;
    line += c;
  }
  int status = -1;
  std::from_chars(line.data(), line.data() + line.size(), status);
  return status;
}

}  // namespace

Result<std::unique_ptr<CommandRecordSource>> CommandRecordSource::start(CommandOptions options) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return fail_errno(errno, "socketpair");
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  IMAKEEP_TRY(const auto& shell, start_shell(options.command, theirs.get()));
  return std::unique_ptr<CommandRecordSource>(new CommandRecordSource(std::move(options), std::move(ours), shell));
}

CommandRecordSource::~CommandRecordSource() {
  // The loop ends at the end of its input. shutdown() causes that even if a forked child still holds the socket.
  ::shutdown(channel_.get(), SHUT_RDWR);
  ::waitpid(shell_, nullptr, 0);
}

Result<void> CommandRecordSource::run(std::string_view kind, std::uint64_t serial) {
  const std::string line = std::string(kind) + " " + std::to_string(serial) + "\n";
  // With MSG_NOSIGNAL, a shell that has ended causes an error here and not a SIGPIPE.
  if (::send(channel_.get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) {
    return fail_errno(errno, "cannot reach the shell that runs the add command");
  }
  IMAKEEP_TRY(const auto& status, read_status(channel_.get()));
  if (status == 0) return {};
  if (status == kCannotDoThisKind) {
    return fail(ErrorCode::kUnsupported, "the add command cannot make a " + std::string(kind));
  }
  return fail(ErrorCode::kEnvironment, "the add command ended with status " + std::to_string(status) +
                                           " for IMAKEEP_KIND=" + std::string(kind) +
                                           " IMAKEEP_SERIAL=" + std::to_string(serial));
}

Result<void> CommandRecordSource::add(std::uint64_t records) {
  for (std::uint64_t i = 0; i < records; ++i) {
    last_record_ = next_serial_++;
    IMAKEEP_CHECK(run("record", last_record_));
  }
  return {};
}

Result<void> CommandRecordSource::add_again() {
  if (last_record_ == 0) return fail(ErrorCode::kUsage, "nothing was added yet");
  return run("record", last_record_);
}

Result<void> CommandRecordSource::add_violation() {
  return run("violation", next_serial_++);
}

Result<std::vector<imalog::PcrValue>> CommandRecordSource::pcrs() {
  constexpr std::string_view kPrefix = "pcr-";
  std::vector<imalog::PcrValue> values;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(options_.tpm_dir, failed)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(kPrefix)) continue;
    auto bank = digest::parse_bank(name.substr(kPrefix.size()));
    if (!bank) continue;
    const std::string path = entry.path() / std::to_string(options_.pcr);
    IMAKEEP_TRY(const auto& text, read_file(path));
    std::string_view hex = as_text(text);
    while (hex.ends_with('\n')) hex.remove_suffix(1);
    IMAKEEP_TRY(const auto& bytes, from_hex(hex));
    values.push_back({.bank = *bank, .pcr = options_.pcr, .value = digest::Digest(bytes)});
  }
  if (values.empty()) return fail(ErrorCode::kUnsupported, "no PCR values are known");
  return values;
}

}  // namespace imakeep::conformance
