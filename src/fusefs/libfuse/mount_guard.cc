#include "fusefs/libfuse/mount_guard.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <map>
#include <random>
#include <sstream>

#include "fusefs/libfuse/mount_point.h"

namespace imakeep::fusefs {
namespace {

constexpr const char* kType = "fuse.imakeep-view";
// Paths are told apart by what no path contains.
constexpr char kBetween = '\0';
constexpr std::size_t kMostBytes = 64u << 10;
// So long a keeper has to answer for its view.
constexpr int kMostWaitMs = 3000;

// As mountinfo names it: no links, no dots, no slash too many. The last part need not be there, nor answer: so nothing
// goes into it.
std::string canonical(const std::string& given) {
  std::string path = given;
  while (path.size() > 1 && (path.ends_with('/') || path.ends_with("/."))) path.pop_back();
  std::error_code failed;
  if (auto whole = std::filesystem::canonical(path, failed); !failed) return whole;
  const auto absolute = std::filesystem::absolute(path, failed);
  const auto parent = std::filesystem::canonical(absolute.parent_path(), failed);
  return failed ? absolute : parent / absolute.filename();
}

// In mountinfo a space, tab, newline or backslash of a path is \ and three octal digits.
std::string unescaped(const std::string& text) {
  std::string path;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 4, value, 8).ptr == text.data() + i + 4) {
      path += static_cast<char>(value);
      i += 3;
    } else {
      path += text[i];
    }
  }
  return path;
}

// The paths on which a view lies on top, and the source of each: a word that no other view has.
std::map<std::string, std::string> views_on_top() {
  std::map<std::string, std::string> views;
  const auto table = read_file("/proc/self/mountinfo");
  if (!table) return views;
  std::istringstream lines{std::string(as_text(*table))};
  // What is mounted later comes later.
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::vector<std::string> words;
    for (std::string word; fields >> word;) words.push_back(word);
    const auto dash = std::ranges::find(words, "-");
    if (words.size() < 5 || words.end() - dash < 3) continue;
    if (*(dash + 1) == kType) {
      views.insert_or_assign(unescaped(words[4]), *(dash + 2));
    } else {
      views.erase(unescaped(words[4]));
    }
  }
  return views;
}

// Empty if what lies on top at the path is no view.
std::string view_on_top(const std::string& path) {
  const auto views = views_on_top();
  const auto found = views.find(path);
  return found == views.end() ? std::string() : found->second;
}

// The files of the directory that a view covers, and the source of each. Whatever lies there now: what a directory has
// cannot be seen through a dead mount on it.
std::map<std::string, std::string> covers_in(const std::string& given) {
  const std::filesystem::path directory = canonical(given);
  auto covers = views_on_top();
  std::erase_if(covers, [&](const auto& view) { return std::filesystem::path(view.first).parent_path() != directory; });
  return covers;
}

// Whatever views lie on `path`; with a source, only that one.
Result<std::size_t> unmount_view(const std::string& given, const std::string& only_source = {}) {
  const std::string path = canonical(given);
  std::size_t undone = 0;
  for (;;) {
    const std::string source = view_on_top(path);
    if (source.empty() || (!only_source.empty() && source != only_source)) return undone;
    if (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0) {
      const int failed = errno;
      // Somebody else may have been faster.
      if (view_on_top(path) == source) return fail_errno(failed, "cannot unmount " + path);
    }
    ++undone;
  }
}

// Whether somebody answers for what is mounted there. A process of its own asks: who waits for a file server that does
// not answer can be ended by SIGKILL alone.
bool answers(const std::string& path) {
  const pid_t probe = ::fork();
  if (probe < 0) return true;
  if (probe == 0) {
    struct stat found {};
    ::_exit(::stat(path.c_str(), &found) == 0 ? 0 : 1);
  }
  const UniqueFd ended(static_cast<int>(::syscall(SYS_pidfd_open, probe, 0)));
  pollfd waits{.fd = ended.get(), .events = POLLIN, .revents = 0};
  if (::poll(&waits, 1, kMostWaitMs) != 1) ::kill(probe, SIGKILL);
  int status = 0;
  while (::waitpid(probe, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// ---- the child

struct Message {
  char what = 0;
  std::vector<std::string> arguments;
  UniqueFd descriptor;
};

// Empty at the end of the connection.
std::optional<Message> receive(int socket) {
  std::vector<char> bytes(kMostBytes);
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t got = 0;
  do {
    got = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return std::nullopt;
  Message message{.what = bytes[0], .arguments = {}, .descriptor = {}};
  std::istringstream text(std::string(bytes.data() + 1, static_cast<std::size_t>(got) - 1));
  for (std::string argument; std::getline(text, argument, kBetween);) message.arguments.push_back(argument);
  if (const cmsghdr* const sent = CMSG_FIRSTHDR(&header); sent != nullptr) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(sent), sizeof fd);
    message.descriptor = UniqueFd(fd);
  }
  return message;
}

class Child {
 public:
  explicit Child(int socket) : socket_(socket) {}

  void run() {
    while (auto message = receive(socket_)) {
      const auto done = carry_out(*message);
      const std::string answer =
          done ? std::string(1, kBetween) : std::to_string(done.error().os_errno) + kBetween + done.error().message;
      if (::send(socket_, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) break;
    }
    if (!leave_) static_cast<void>(unmount());
  }

 private:
  Result<void> carry_out(Message& message) {
    const auto& arguments = message.arguments;
    switch (message.what) {
      case 'c':
        return prepare(arguments.at(0));
      case 'd':
        return uncover(arguments.at(0));
      case 'm':
        return mount(arguments.at(0), arguments.at(1), message.descriptor.get());
      case 'a':
        return adopt(arguments.at(0));
      case 'o':
        bound_.push_back(canonical(arguments.at(0)));
        return {};
      case 's':
        return stands();
      case 'b':
        return bind(arguments);
      case 'l':
        leave_ = arguments.at(0) == "1";
        return {};
      default:
        return unmount();
    }
  }

  static Result<void> prepare(const std::string& directory) {
    const std::string path = canonical(directory);
    if (!view_on_top(path).empty()) {
      if (answers(path)) {
        return fail(ErrorCode::kEnvironment, directory +
                                                 " is a mount point already: a keeper that runs shows its view there; "
                                                 "end it or choose another directory");
      }
      if (const auto undone = unmount_view(path); !undone) return unexpected(undone.error());
    }
    ::umask(022);
    if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) {
      return fail_errno(errno, "cannot make the mount point " + directory);
    }
    return check_mount_point(directory);
  }

  static Result<void> uncover(const std::string& directory) {
    std::map<std::string, bool> alive;  // by source: one file of a view tells of all
    // Below a view another may lie.
    for (bool undone = true; undone;) {
      undone = false;
      for (const auto& [path, source] : covers_in(directory)) {
        if (!alive.contains(source)) alive[source] = answers(path);
        if (alive[source]) continue;
        if (const auto done = unmount_view(path, source); !done) return unexpected(done.error());
        undone = true;
      }
    }
    return {};
  }

  Result<void> mount(const std::string& directory, const std::string& options, int fuse) {
    const std::string data = "fd=" + std::to_string(fuse) + "," + options;
    const std::string source = "imakeep:" + to_hex(random_bytes());
    if (::mount(source.c_str(), directory.c_str(), kType, MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, data.c_str()) !=
        0) {
      const int failed = errno;
      return fail_errno(failed,
                        "cannot mount the view on " + directory +
                            (failed == EPERM ? " (that takes CAP_SYS_ADMIN: run as root or as the service)" : ""));
    }
    directory_ = canonical(directory);
    source_ = source;
    return {};
  }

  static Bytes random_bytes() {
    Bytes bytes(8);
    std::random_device random;
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    return bytes;
  }

  Result<void> adopt(const std::string& directory) {
    directory_ = canonical(directory);
    source_ = view_on_top(directory_);
    if (!source_.empty()) return {};
    directory_.clear();
    return fail(ErrorCode::kEnvironment, "no view is mounted on " + directory + " any more");
  }

  Result<void> bind(const std::vector<std::string>& paths) {
    const std::string covered = canonical(paths.at(1));
    // Nothing can be put on top of a file whose name leads to another one by now.
    if (const auto undone = unmount_view(covered); !undone) return unexpected(undone.error());
    if (::mount(paths.at(0).c_str(), covered.c_str(), nullptr, MS_BIND, nullptr) != 0) {
      return fail_errno(errno, "cannot bind " + paths.at(0) + " over " + covered);
    }
    if (std::ranges::find(bound_, covered) == bound_.end()) bound_.push_back(covered);
    return {};
  }

  Result<void> stands() const {
    const auto views = views_on_top();
    const auto is_ours = [&](const std::string& path) {
      const auto found = views.find(path);
      return found != views.end() && found->second == source_;
    };
    if (!is_ours(directory_)) return fail(ErrorCode::kEnvironment, "the view is not mounted on " + directory_);
    const auto bare = std::ranges::find_if_not(bound_, is_ours);
    if (bare != bound_.end()) return fail(ErrorCode::kEnvironment, "the view does not cover " + *bare);
    return {};
  }

  // Nothing but what is ours: a keeper that came after may be there already.
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

[[noreturn]] void be_child(UniqueFd socket, const UniqueFd& mount_namespace) {
  ::prctl(PR_SET_NAME, "imakeep-mounts");
  // A signal to the group is not for the child: it ends when its parent did.
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGPIPE}) ::signal(signal, SIG_IGN);
  int failed = 0;
  if (mount_namespace.valid() && ::setns(mount_namespace.get(), CLONE_NEWNS) != 0) failed = errno;
  if (::send(socket.get(), &failed, sizeof failed, MSG_NOSIGNAL) == sizeof failed && failed == 0) {
    // Where it was started keeps nothing busy, and what its parent had open is closed with the parent.
    const auto kept = static_cast<unsigned>(socket.get());
    if (kept > 3) ::close_range(3, kept - 1, 0);
    ::close_range(kept + 1, ~0u, 0);
    if (::chdir("/") == 0) Child(socket.get()).run();
  }
  ::_exit(0);
}

}  // namespace

Result<std::unique_ptr<MountGuard>> MountGuard::start(const UniqueFd& mount_namespace) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return fail_errno(errno, "cannot make a socket");
  UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return fail_errno(errno, "cannot start the process that mounts");
  if (child == 0) {
    ours = UniqueFd();
    be_child(std::move(theirs), mount_namespace);
  }
  theirs = UniqueFd();
  std::unique_ptr<MountGuard> guard(new MountGuard(std::move(ours), child));
  int failed = 0;
  if (::recv(guard->socket_.get(), &failed, sizeof failed, 0) != sizeof failed) failed = ECHILD;
  if (failed != 0) {
    return fail_errno(failed,
                      "cannot mount where the host's mounts are (setns takes CAP_SYS_ADMIN and CAP_SYS_CHROOT)");
  }
  return guard;
}

MountGuard::~MountGuard() {
  socket_ = UniqueFd();
  while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<void> MountGuard::ask(char what, const std::string& arguments, int descriptor) {
  std::string bytes = what + arguments;
  if (bytes.size() > kMostBytes) return fail(ErrorCode::kUsage, "the paths of the view are too long");
  iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (descriptor >= 0) {
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    cmsghdr* const sent = CMSG_FIRSTHDR(&header);
    sent->cmsg_level = SOL_SOCKET;
    sent->cmsg_type = SCM_RIGHTS;
    sent->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(sent), &descriptor, sizeof descriptor);
  }
  std::vector<char> answer(kMostBytes);
  ssize_t got = ::sendmsg(socket_.get(), &header, MSG_NOSIGNAL);
  if (got >= 0) {
    do {
      got = ::recv(socket_.get(), answer.data(), answer.size(), 0);
    } while (got < 0 && errno == EINTR);
  }
  if (got <= 0)
    return fail(ErrorCode::kEnvironment, "the process that mounts the view is gone: start the keeper again");
  const std::string text(answer.data(), static_cast<std::size_t>(got));
  const std::size_t between = text.find(kBetween);
  if (between == 0) return {};
  int os_errno = 0;
  std::from_chars(text.data(), text.data() + between, os_errno);
  return unexpected(Error{.code = ErrorCode::kEnvironment, .message = text.substr(between + 1), .os_errno = os_errno});
}

Result<void> MountGuard::check(const std::string& directory) {
  return ask('c', directory);
}

Result<void> MountGuard::uncover(const std::string& directory) {
  return ask('d', directory);
}

Result<void> MountGuard::mount(const std::string& directory, int fuse, uid_t owner, gid_t group) {
  return ask('m',
             directory + kBetween + "rootmode=40550,user_id=" + std::to_string(owner) +
                 ",group_id=" + std::to_string(group) + ",default_permissions,allow_other",
             fuse);
}

Result<void> MountGuard::adopt(const std::string& directory, const std::vector<Bind>& binds) {
  IMAKEEP_CHECK(ask('a', directory));
  for (const Bind& bind : binds) IMAKEEP_CHECK(ask('o', bind.second));
  return {};
}

// One by one, so that a message has room for two paths of any length.
Result<void> MountGuard::bind(const std::vector<Bind>& binds) {
  for (const auto& [from, to] : binds) IMAKEEP_CHECK(ask('b', from + kBetween + to));
  return {};
}

Result<void> MountGuard::stands() {
  return ask('s', "");
}

Result<void> MountGuard::leave_mounts(bool leave) {
  return ask('l', leave ? "1" : "0");
}

Result<void> MountGuard::unmount() {
  return ask('u', "");
}

Result<void> join_host_mounts() {
  const auto host = open_file("/proc/1/ns/mnt", O_RDONLY);
  if (!host) return unexpected(host.error());
  if (::setns(host->get(), CLONE_NEWNS) != 0) {
    return fail_errno(errno, "cannot go to the host's mounts (that takes root)");
  }
  return {};
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

}  // namespace imakeep::fusefs
