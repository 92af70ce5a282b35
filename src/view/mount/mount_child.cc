// SPDX-License-Identifier: Apache-2.0
#include "view/mount/mount_child.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <string_view>

#include "fuse/mount_point.h"
#include "view/mount/mount_protocol.h"
#include "view/mount/view_mounts.h"

namespace imakeep::view {
namespace {

constexpr const char* kName = "imakeep-mounts";  // at most 15 bytes, for comm
constexpr std::string_view kArgument = "--mount-child";
// Time that another keeper has to answer for its view.
constexpr std::chrono::milliseconds kPeerLimit{3000};

class Child {
 public:
  explicit Child(int socket) : socket_(socket) {}

  void run() {
    while (auto received = receive_request(socket_)) {
      const auto answer = received->request ? carry_out(*received->request, received->descriptor.get())
                                            : Result<std::string>(unexpected(received->request.error()));
      if (!send_answer(socket_, answer)) break;
    }
    if (!leave_) static_cast<void>(unmount());
  }

 private:
  // Returns the answer, which is empty for most requests.
  Result<std::string> carry_out(const MountRequest& request, int descriptor) {
    if (request.command == MountCommand::kAdopt) return adopt(request.arguments);
    if (request.command == MountCommand::kInPlace) return what_is_missing();
    IMAKEEP_CHECK(change(request.command, request.arguments, descriptor));
    return std::string();
  }

  Result<void> change(MountCommand command, const std::vector<std::string>& arguments, int descriptor) {
    switch (command) {
      case MountCommand::kPrepare:
        return prepare(arguments[0]);
      case MountCommand::kUncover:
        return uncover(arguments[0]);
      case MountCommand::kMount:
        return mount(arguments[0], arguments[1], arguments[2], descriptor);
      case MountCommand::kAdoptBind:
        bound_.push_back(canonical_path(arguments[0]));
        return {};
      case MountCommand::kBind:
        return bind(arguments[0], arguments[1]);
      case MountCommand::kLeave:
        leave_ = arguments[0] == "1";
        return {};
      case MountCommand::kUnmount:
        return unmount();
      case MountCommand::kAdopt:
      case MountCommand::kInPlace:
        break;
    }
    return {};
  }

  static Result<void> prepare(const std::string& directory) {
    const std::string path = canonical_path(directory);
    if (!view_on_top(path).empty()) {
      if (answers(path, kPeerLimit)) {
        return fail(ErrorCode::kEnvironment, directory +
                                                 " is a mount point already: a running keeper shows its view there; "
                                                 "end it or choose another directory");
      }
      IMAKEEP_CHECK(unmount_view(path));
    }
    ::umask(022);
    if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) {
      return fail_errno(errno, "cannot make the mount point " + directory);
    }
    return fuse::check_mount_point(directory);
  }

  static Result<void> uncover(const std::string& directory) {
    std::map<std::string, bool> alive;  // by source: one file tells for the whole view
    // Another view may lie below a view, so repeat until nothing is unmounted.
    for (bool undone = true; undone;) {
      undone = false;
      for (const auto& [path, source] : covers_in(directory)) {
        if (!alive.contains(source)) alive[source] = answers(path, kPeerLimit);
        if (alive[source]) continue;
        IMAKEEP_CHECK(unmount_view(path, source));
        undone = true;
      }
    }
    return {};
  }

  Result<void> mount(const std::string& directory, const std::string& source, const std::string& options, int fuse) {
    const std::string data = "fd=" + std::to_string(fuse) + "," + options;
    const std::string type(kViewType);
    if (::mount(source.c_str(), directory.c_str(), type.c_str(), MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY,
                data.c_str()) != 0) {
      const int failed = errno;
      return fail_errno(failed,
                        "cannot mount the view on " + directory +
                            (failed == EPERM ? " (this needs CAP_SYS_ADMIN: run as root or as the service)" : ""));
    }
    directory_ = canonical_path(directory);
    source_ = source;
    return {};
  }

  // If the caller knows the source, some mounts of the view may be gone and other mounts may lie there.
  // what_is_missing() reports that.
  Result<std::string> adopt(const std::vector<std::string>& arguments) {
    const std::string path = canonical_path(arguments[0]);
    const std::string source = arguments.size() > 1 ? arguments[1] : view_on_top(path);
    if (source.empty()) {
      return fail(ErrorCode::kEnvironment, "no view is mounted on " + arguments[0] + " any more");
    }
    directory_ = path;
    source_ = source;
    return source;
  }

  Result<void> bind(const std::string& from, const std::string& file) {
    const std::string covered = canonical_path(file);
    // Unmount first: a bind mount cannot stack once the path resolves to a different file.
    IMAKEEP_CHECK(unmount_view(covered));
    if (::mount(from.c_str(), covered.c_str(), nullptr, MS_BIND, nullptr) != 0) {
      return fail_errno(errno, "cannot bind " + from + " over " + covered);
    }
    if (std::ranges::find(bound_, covered) == bound_.end()) bound_.push_back(covered);
    return {};
  }

  // Empty if all mounts are in place.
  std::string what_is_missing() const {
    const auto views = views_on_top();
    const auto is_ours = [&](const std::string& path) {
      const auto found = views.find(path);
      return found != views.end() && found->second == source_;
    };
    if (!is_ours(directory_)) return "the view is not mounted on " + directory_;
    const auto bare = std::ranges::find_if_not(bound_, is_ours);
    return bare == bound_.end() ? "" : "the view does not cover " + *bare;
  }

  // Unmounts only our own mounts: the next keeper may have mounted there already.
  Result<void> unmount() {
    Result<void> done;
    if (source_.empty()) return done;
    for (const std::string& path : bound_) {
      if (const auto undone = unmount_view(path, source_); !undone) done = unexpected(undone.error());
    }
    bound_.clear();
    if (const auto undone = unmount_view(directory_, source_); !undone) done = unexpected(undone.error());
    directory_.clear();
    source_.clear();
    return done;
  }

  const int socket_;
  std::string directory_;
  std::string source_;  // of our own mounts
  std::vector<std::string> bound_;
  bool leave_ = false;
};

std::optional<int> number_of(std::string_view text) {
  int number = 0;
  const auto end = text.data() + text.size();
  if (std::from_chars(text.data(), end, number).ptr != end || text.empty()) return std::nullopt;
  return number;
}

void serve(int socket, int mount_namespace) {
  ::prctl(PR_SET_NAME, kName);
  // If the child is stopped when its parent ends, SIGCONT lets it continue and find the connection closed.
  ::prctl(PR_SET_PDEATHSIG, SIGCONT);
  // Ignore signals to the process group: the child ends only after its parent.
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGPIPE}) ::signal(signal, SIG_IGN);
  Result<std::string> begun;
  if (mount_namespace >= 0 && ::setns(mount_namespace, CLONE_NEWNS) != 0) {
    begun = fail_errno(errno, "cannot enter the host's mount namespace (setns needs CAP_SYS_ADMIN and CAP_SYS_CHROOT)");
  }
  // Close what was inherited, so that the parent's files close when the parent ends. chdir("/") releases the file
  // system of the working directory.
  const auto kept = static_cast<unsigned>(socket);
  if (kept > 3) ::close_range(3, kept - 1, 0);
  ::close_range(kept + 1, ~0u, 0);
  // The first answer needs no request: it says whether the child can begin.
  if (send_answer(socket, begun) && begun && ::chdir("/") == 0) Child(socket).run();
}

}  // namespace

std::vector<std::string> mount_child_arguments(int socket, int mount_namespace) {
  return {kName, std::string(kArgument), std::to_string(socket), std::to_string(mount_namespace)};
}

std::optional<int> run_if_mount_child(int argc, const char* const* argv) {
  if (argc < 2 || argv[1] != kArgument) return std::nullopt;
  const auto socket = argc == 4 ? number_of(argv[2]) : std::nullopt;
  const auto mount_namespace = argc == 4 ? number_of(argv[3]) : std::nullopt;
  int type = 0;
  socklen_t size = sizeof type;
  if (!socket || !mount_namespace || ::getsockopt(*socket, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
      type != SOCK_SEQPACKET) {
    std::fputs("imakeep: --mount-child is for the keeper, which starts this process by itself\n", stderr);
    return 2;
  }
  serve(*socket, *mount_namespace);
  return 0;
}

}  // namespace imakeep::view
