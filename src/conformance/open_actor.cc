// SPDX-License-Identifier: Apache-2.0
#include "conformance/open_actor.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <tuple>

#include <climits>

namespace imakeep::conformance {

namespace {

constexpr char kOpen = 'o';
constexpr char kClose = 'c';
constexpr char kQuit = 'q';
constexpr std::size_t kMaxOpen = 8;

struct Order {
  char operation = kQuit;
  int flags = 0;
  std::array<char, PATH_MAX> path{};
};

// Runs in the other task until it is told to quit. A forked child runs it too, so it may call only functions that are
// safe after a fork in a program with threads: no allocation, no locks.
void serve(int channel) {
  std::array<int, kMaxOpen> open_files{};
  std::size_t open_count = 0;
  static_assert(std::is_trivially_copyable_v<Order>);
  Order order;
  while (::recv(channel, &order, sizeof order, MSG_WAITALL) == static_cast<ssize_t>(sizeof order)) {
    int answer = 0;
    if (order.operation == kQuit) break;
    if (order.operation == kOpen && open_count < kMaxOpen) {
      const int fd = ::open(order.path.data(), order.flags | O_CLOEXEC, 0600);
      answer = fd < 0 ? errno : 0;
      if (fd >= 0) open_files[open_count++] = fd;
    }
    if (order.operation == kClose && open_count > 0) ::close(open_files[--open_count]);
    if (::send(channel, &answer, sizeof answer, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof answer)) break;
  }
  while (open_count > 0) ::close(open_files[--open_count]);
}

bool drop_sys_admin() {
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return false;
  const std::uint32_t bit = 1u << CAP_SYS_ADMIN;
  sets[0].effective &= ~bit;
  sets[0].permitted &= ~bit;
  return ::syscall(SYS_capset, &header, sets.data()) == 0;
}

[[noreturn]] void live_as_child(int channel, bool without_capability) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (without_capability && !drop_sys_admin()) ::_exit(1);
  serve(channel);
  ::_exit(0);
}

}  // namespace

std::string_view who_name(Who who) {
  switch (who) {
    case Who::kSameTask:
      return "same-task";
    case Who::kOtherThread:
      return "other-thread";
    case Who::kOtherProcess:
      return "other-process";
    case Who::kWithoutCapability:
      return "without-capability";
  }
  return "";
}

Result<std::unique_ptr<OpenActor>> OpenActor::start(Who who) {
  std::unique_ptr<OpenActor> actor(new OpenActor(who));
  if (who != Who::kSameTask) IMAKEEP_CHECK(actor->start_task());
  return actor;
}

Result<void> OpenActor::start_task() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return fail_errno(errno, "socketpair");
  channel_ = UniqueFd(ends[0]);
  UniqueFd theirs(ends[1]);
  if (who_ == Who::kOtherThread) {
    thread_end_ = std::move(theirs);
    thread_ = std::thread(serve, thread_end_.get());
    return {};
  }
  child_ = ::fork();
  if (child_ < 0) return fail_errno(errno, "fork");
  if (child_ == 0) live_as_child(theirs.get(), who_ == Who::kWithoutCapability);
  return {};
}

OpenActor::~OpenActor() {
  while (!own_.empty()) close();
  if (channel_.valid()) {
    const auto order = std::make_unique<Order>();
    // Send an explicit quit order: closing our end may not suffice, because another child may have inherited it.
    std::ignore = ::send(channel_.get(), order.get(), sizeof *order, MSG_NOSIGNAL);
  }
  if (thread_.joinable()) thread_.join();
  if (child_ > 0) ::waitpid(child_, nullptr, 0);
}

int OpenActor::ask(char operation, const std::string& path, int flags) {
  const auto order = std::make_unique<Order>();
  if (path.size() >= order->path.size()) return ENAMETOOLONG;
  order->operation = operation;
  order->flags = flags;
  std::memcpy(order->path.data(), path.c_str(), path.size() + 1);
  if (::send(channel_.get(), order.get(), sizeof *order, MSG_NOSIGNAL) < 0) return errno;
  int answer = 0;
  if (::recv(channel_.get(), &answer, sizeof answer, MSG_WAITALL) != static_cast<ssize_t>(sizeof answer)) return EPIPE;
  return answer;
}

// Passes a mode, as a shell does: if O_CREAT is set without one, a hardened C library ends the program.
int OpenActor::open(const std::string& path, int flags) {
  if (who_ != Who::kSameTask) return ask(kOpen, path, flags);
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  own_.push_back(fd);
  return 0;
}

int OpenActor::try_open(const std::string& path, int flags) {
  const int failed = open(path, flags);
  if (failed == 0) close();
  return failed;
}

void OpenActor::close() {
  if (who_ != Who::kSameTask) {
    ask(kClose, {}, 0);
  } else if (!own_.empty()) {
    ::close(own_.back());
    own_.pop_back();
  }
}

}  // namespace imakeep::conformance
