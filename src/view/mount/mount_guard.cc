// SPDX-License-Identifier: Apache-2.0
#include "view/mount/mount_guard.h"

#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <random>

#include "view/mount/mount_child.h"
#include "view/mount/view_mounts.h"

namespace imakeep::view {
namespace {

using std::chrono::milliseconds;

// Time that the child has to begin, to answer, and to end. Before it mounts, it may have to wait for other keepers'
// views.
constexpr milliseconds kBeginLimit{5000};
constexpr milliseconds kAnswerLimit{2000};
constexpr milliseconds kPrepareLimit{12000};
constexpr milliseconds kEndLimit{2000};

milliseconds limit_of(MountCommand command) {
  const bool prepares = command == MountCommand::kPrepare || command == MountCommand::kUncover;
  return prepares ? kPrepareLimit : kAnswerLimit;
}

Bytes random_bytes() {
  Bytes bytes(8);
  std::random_device random;
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

// Starts this program again, as a mount child. Both descriptors stay open in it; -1 is none.
Result<pid_t> spawn_child(int socket, int mount_namespace) {
  std::vector<std::string> arguments = mount_child_arguments(socket, mount_namespace);
  std::vector<char*> argv(arguments.size() + 1);  // the last one is null
  std::ranges::transform(arguments, argv.begin(), [](std::string& argument) { return argument.data(); });
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  // To duplicate a descriptor onto itself clears FD_CLOEXEC.
  for (const int fd : {socket, mount_namespace}) {
    if (fd >= 0) ::posix_spawn_file_actions_adddup2(&actions, fd, fd);
  }
  pid_t child = -1;
  const int failed = ::posix_spawn(&child, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return fail_errno(failed, "cannot start the process that mounts");
  return child;
}

}  // namespace

Result<std::unique_ptr<MountGuard>> MountGuard::start(UniqueFd mount_namespace) {
  std::unique_ptr<MountGuard> guard(new MountGuard(std::move(mount_namespace)));
  IMAKEEP_CHECK(guard->begin_child());
  return guard;
}

Result<void> MountGuard::begin_child() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return fail_errno(errno, "cannot make a socket");
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  IMAKEEP_TRY(const auto& child, spawn_child(theirs.get(), mount_namespace_.get()));
  child_ = child;
  socket_ = std::move(ours);
  const auto begun = receive_answer(socket_.get(), static_cast<int>(kBeginLimit.count()));
  if (!begun) {
    kill_child();
    return fail(ErrorCode::kEnvironment, "the process that mounts the view did not start; the keeper retries");
  }
  if (*begun) return {};
  end_child();
  return unexpected(begun->error());
}

// Kills the child, so that it does not unmount what its replacement takes over.
void MountGuard::kill_child() {
  if (child_ >= 0) ::kill(child_, SIGKILL);
  end_child();
}

// When the connection ends, a healthy child unmounts its mounts.
void MountGuard::end_child() {
  socket_ = UniqueFd();
  if (child_ < 0) return;
  // Do not wait longer for a child that hangs in the kernel: SIGKILL ends it when the system call returns.
  if (ends_within(child_, kEndLimit) || (::kill(child_, SIGKILL) == 0 && ends_within(child_, kEndLimit))) {
    while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  child_ = -1;
}

MountGuard::~MountGuard() {
  end_child();
}

// Starts another child, which continues with the existing mounts.
Result<void> MountGuard::replace_child() {
  IMAKEEP_CHECK(begin_child());
  ++replaced_;
  if (directory_.empty()) return {};
  const auto goes_on = [&](MountCommand command, std::vector<std::string> arguments) {
    const auto answer = exchange({.command = command, .arguments = std::move(arguments)}, -1);
    return answer && *answer;
  };
  bool all = goes_on(MountCommand::kAdopt, {directory_, source_});
  for (const std::string& path : bound_) all = all && goes_on(MountCommand::kAdoptBind, {path});
  all = all && (!leave_ || goes_on(MountCommand::kLeave, {"1"}));
  if (all) return {};
  return fail(ErrorCode::kEnvironment, "the process that mounts the view did not take over; the keeper retries");
}

void MountGuard::forget_mounts() {
  directory_.clear();
  source_.clear();
  bound_.clear();
}

Result<std::string> MountGuard::ask(MountCommand command, std::vector<std::string> arguments, int descriptor) {
  const MountRequest request{.command = command, .arguments = std::move(arguments)};
  if (encode_request(request).size() > kMostMessageBytes) {
    return fail(ErrorCode::kUsage, "the paths of the view are too long");
  }
  auto answer = exchange(request, descriptor);
  if (!answer) {
    IMAKEEP_CHECK(replace_child());
    // Do not repeat mount(2): with the same descriptor it could only fail.
    if (command != MountCommand::kMount) answer = exchange(request, descriptor);
  }
  if (!answer) {
    return fail(ErrorCode::kEnvironment,
                "the process that mounts the view ended or did not answer; the keeper retries");
  }
  return std::move(*answer);
}

std::optional<Result<std::string>> MountGuard::exchange(const MountRequest& request, int descriptor) {
  std::optional<Result<std::string>> answer;
  if (send_request(socket_.get(), request, descriptor)) {
    answer = receive_answer(socket_.get(), static_cast<int>(limit_of(request.command).count()));
  }
  // A late answer would be taken for the answer to the next request.
  if (!answer) kill_child();
  return answer;
}

Result<void> MountGuard::check(const std::string& directory) {
  IMAKEEP_CHECK(ask(MountCommand::kPrepare, {directory}));
  return {};
}

Result<void> MountGuard::uncover(const std::string& directory) {
  IMAKEEP_CHECK(ask(MountCommand::kUncover, {directory}));
  return {};
}

Result<void> MountGuard::mount(const std::string& directory, int fuse, uid_t owner, gid_t group) {
  const std::string source = "imakeep:" + to_hex(random_bytes());
  const std::string options = "rootmode=40550,user_id=" + std::to_string(owner) + ",group_id=" + std::to_string(group) +
                              ",default_permissions,allow_other";
  IMAKEEP_CHECK(ask(MountCommand::kMount, {directory, source, options}, fuse));
  directory_ = directory;
  source_ = source;
  return {};
}

Result<void> MountGuard::adopt(const std::string& directory, const std::vector<Bind>& binds) {
  IMAKEEP_TRY(auto source, ask(MountCommand::kAdopt, {directory}));
  directory_ = directory;
  source_ = std::move(source);
  for (const auto& [from, covered] : binds) {
    IMAKEEP_CHECK(ask(MountCommand::kAdoptBind, {covered}));
    bound_.push_back(covered);
  }
  return {};
}

// Sends one request for each pair, so that a message has room for two paths of any length.
Result<void> MountGuard::bind(const std::vector<Bind>& binds) {
  for (const auto& [from, covered] : binds) {
    IMAKEEP_CHECK(ask(MountCommand::kBind, {from, covered}));
    if (std::ranges::find(bound_, covered) == bound_.end()) bound_.push_back(covered);
  }
  return {};
}

Result<bool> MountGuard::in_place() {
  IMAKEEP_TRY(const auto& missing, ask(MountCommand::kInPlace, {}));
  return missing.empty();
}

Result<void> MountGuard::leave_mounts(bool leave) {
  IMAKEEP_CHECK(ask(MountCommand::kLeave, {leave ? "1" : "0"}));
  leave_ = leave;
  return {};
}

Result<void> MountGuard::unmount() {
  IMAKEEP_CHECK(ask(MountCommand::kUnmount, {}));
  forget_mounts();
  return {};
}

}  // namespace imakeep::view
