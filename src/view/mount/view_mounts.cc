// SPDX-License-Identifier: Apache-2.0
#include "view/mount/view_mounts.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <vector>

#include "base/file.h"

namespace imakeep::view {

std::string canonical_path(const std::string& given) {
  std::string path = given;
  while (path.size() > 1 && (path.ends_with('/') || path.ends_with("/."))) path.pop_back();
  std::error_code failed;
  if (auto whole = std::filesystem::canonical(path, failed); !failed) return whole;
  const auto absolute = std::filesystem::absolute(path, failed);
  const auto parent = std::filesystem::canonical(absolute.parent_path(), failed);
  return failed ? absolute : parent / absolute.filename();
}

ViewsByPath views_on_top() {
  const auto table = read_file("/proc/self/mountinfo");
  return table ? views_on_top(as_text(*table)) : ViewsByPath();
}

std::string view_on_top(const std::string& path) {
  const auto views = views_on_top();
  const auto found = views.find(path);
  return found == views.end() ? std::string() : found->second;
}

ViewsByPath covers_in(const std::string& directory) {
  const std::filesystem::path parent = canonical_path(directory);
  auto covers = views_on_top();
  std::erase_if(covers, [&](const auto& view) { return std::filesystem::path(view.first).parent_path() != parent; });
  return covers;
}

Result<std::size_t> unmount_view(const std::string& path, const std::string& only_source) {
  const std::string canonical = canonical_path(path);
  std::size_t undone = 0;
  for (;;) {
    const std::string source = view_on_top(canonical);
    if (source.empty() || (!only_source.empty() && source != only_source)) return undone;
    if (::umount2(canonical.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0) {
      const int failed = errno;
      // Ignore the failure if another process unmounted it first.
      if (view_on_top(canonical) == source) return fail_errno(failed, "cannot unmount " + canonical);
    }
    ++undone;
  }
}

Result<std::size_t> unmount_views(const std::string& view, const std::string& covered) {
  std::vector<std::string> paths;
  if (!covered.empty()) {
    for (const auto& [path, source] : covers_in(covered)) paths.push_back(path);
  }
  if (!view.empty()) paths.push_back(view);
  std::size_t undone = 0;
  for (const std::string& path : paths) {
    auto here = unmount_view(path);
    if (!here) return here;
    undone += *here;
  }
  return undone;
}

bool ends_within(pid_t child, std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  for (;;) {
    siginfo_t ended{};
    if (::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == child) {
      return true;
    }
    if (std::chrono::steady_clock::now() >= until) return false;
    ::usleep(1000);
  }
}

bool answers(const std::string& path, std::chrono::milliseconds limit) {
  const pid_t probe = ::fork();
  if (probe < 0) return true;
  if (probe == 0) {
    struct stat found {};
    ::_exit(::stat(path.c_str(), &found) == 0 ? 0 : 1);
  }
  if (!ends_within(probe, limit)) ::kill(probe, SIGKILL);
  int status = 0;
  while (::waitpid(probe, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

Result<void> join_host_mounts() {
  IMAKEEP_TRY(const auto& host, open_file("/proc/1/ns/mnt", O_RDONLY));
  if (::setns(host.get(), CLONE_NEWNS) != 0) {
    return fail_errno(errno, "cannot enter the host's mount namespace (this needs root)");
  }
  return {};
}

}  // namespace imakeep::view
