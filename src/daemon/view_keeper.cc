// SPDX-License-Identifier: Apache-2.0
#include "daemon/view_keeper.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <filesystem>

#include <systemd/sd-daemon.h>

#include "archive/sqlite/inode_lock.h"
#include "archive/sqlite/sqlite_store.h"

namespace imakeep::daemon {
namespace {

constexpr const char* kViewName = "view";
constexpr const char* kStateName = "view-state";
constexpr const char* kNamespaceName = "mountns";

// Returns, by name, the descriptors that the service manager has stored for us.
std::map<std::string, UniqueFd> inherited_descriptors() {
  std::map<std::string, UniqueFd> inherited;
  char** names = nullptr;
  const int count = ::sd_listen_fds_with_names(1, &names);
  for (int i = 0; i < count; ++i) {
    inherited.insert_or_assign(names[i], UniqueFd(SD_LISTEN_FDS_START + i));
    std::free(names[i]);  // NOLINT(cppcoreguidelines-no-malloc): as sd_listen_fds_with_names(3) requires
  }
  std::free(names);  // NOLINT(cppcoreguidelines-no-malloc)
  return inherited;
}

void keep_descriptor(const char* name, int fd) {
  const std::string state = std::string("FDSTORE=1\nFDNAME=") + name;
  ::sd_pid_notify_with_fds(0, 0, state.c_str(), &fd, 1);
}

void forget_descriptor(const char* name) {
  ::sd_notify(0, (std::string("FDSTOREREMOVE=1\nFDNAME=") + name).c_str());
}

Result<gid_t> group_of(const std::string& name) {
  if (name.empty()) return ::getegid();
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the only other thread waits for signals
  const group* const found = ::getgrnam(name.c_str());
  if (found == nullptr) {
    return fail(ErrorCode::kUsage, "--group: no group '" + name + "'; create it with: groupadd --system " + name);
  }
  return found->gr_gid;
}

// Opens another connection to the archive that the keeper writes. If another file has taken its name, that file holds
// other records, and we must not even open it: SQLite would take the keeper's own -shm for an unused one, and truncate
// it.
Result<std::unique_ptr<archive::Store>> open_kept(const std::string& file,
                                                  const std::optional<archive::FileIdentity>& kept) {
  const auto is_kept = [&] { return kept && archive::identity_of(file) == kept; };
  const auto replaced = fail(ErrorCode::kEnvironment, file + " was removed or replaced while in use");
  if (!is_kept()) return replaced;
  IMAKEEP_TRY(auto store, archive::SqliteStore::open(file, archive::OpenMode::kRead));
  if (!is_kept()) return replaced;
  return std::unique_ptr<archive::Store>(std::move(store));
}

timespec now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now;
}

}  // namespace

Result<std::unique_ptr<ViewKeeper>> ViewKeeper::prepare(const KeepConfig& config) {
  KeepConfig absolute = config;
  // The process that mounts has another working directory.
  absolute.ima_dir = std::filesystem::absolute(config.ima_dir);
  std::unique_ptr<ViewKeeper> view(new ViewKeeper(absolute));
  IMAKEEP_TRY(const auto& group, group_of(config.group));
  view->group_ = group;
  view->inherited_ = inherited_descriptors();
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the only other thread waits for signals
  view->under_manager_ = std::getenv("NOTIFY_SOCKET") != nullptr;
  view->store_works_ = view->inherited_.contains(kNamespaceName);
  IMAKEEP_TRY(auto guard, view::MountGuard::start(std::exchange(view->inherited_[kNamespaceName], {})));
  view->guard_ = std::move(guard);
  view->source_path_ = config.ima_dir;
  if (config.bind) {
    IMAKEEP_CHECK(view->cover_source());
  } else {
    // An earlier keeper may have run with --bind. The list cannot be read through mounts that it left.
    IMAKEEP_CHECK(view->guard_->uncover(absolute.ima_dir));
  }
  if (!view->inherited_[kViewName].valid()) IMAKEEP_CHECK(view->guard_->check(config.view));
  view->catch_up_ = std::make_unique<view::CatchUp>();
  return view;
}

// Makes a mount of the directory that no other process sees, and that has nothing mounted over its files.
Result<void> ViewKeeper::cover_source() {
  private_mount_ = UniqueFd(::open_tree(AT_FDCWD, config_.ima_dir.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!private_mount_.valid()) {
    const int failed = errno;
    return fail_errno(failed,
                      "cannot make a private mount of " + config_.ima_dir +
                          (failed == EPERM ? " (--bind needs CAP_SYS_ADMIN: run as root or as the service)" : ""));
  }
  // Mounts that are later made over the directory's files elsewhere must not propagate here.
  mount_attr alone{};
  alone.propagation = MS_PRIVATE;
  if (::mount_setattr(private_mount_.get(), "", AT_EMPTY_PATH, &alone, sizeof alone) != 0) {
    return fail_errno(errno, "cannot make the mount of " + config_.ima_dir + " private");
  }
  source_path_ = "/proc/self/fd/" + std::to_string(private_mount_.get());
  return {};
}

ViewKeeper::~ViewKeeper() {
  if (guard_ == nullptr) return;  // prepare() failed early
  if (catch_up_) catch_up_->end();
  // If the service manager holds the descriptor, the next keeper may take the view over. If none does, ExecStopPost=
  // unmounts.
  if (store_works_ && mounted()) {
    stop_serving();
    return;
  }
  // Unmount first, so that no process finds a dead mount. Then end the session, which answers the waiting readers.
  static_cast<void>(guard_->unmount());
  // A stored view that this keeper did not take over stays stored. The next keeper may get further and take it over.
  if (store_works_ && !inherited_[kViewName].valid()) {
    forget_descriptor(kViewName);
    forget_descriptor(kStateName);
  }
  stop_serving();
}

Result<bool> ViewKeeper::show(archive::Archive& archive, const std::vector<digest::Bank>& banks) {
  if (!files_) {
    view::ViewOptions options{.banks = banks, .owner = ::geteuid(), .group = group_};
    if (auto templates = imalog::TemplateSet::parse(config_.templates)) options.templates = std::move(*templates);
    const auto open_store = [file = config_.archive, kept = archive_file_]() { return open_kept(file, kept); };
    files_ = std::make_unique<view::ViewFiles>(std::move(options), open_store, clock_);
  }
  const auto in_place = guard_->in_place();
  IMAKEEP_CHECK(files_->refresh(archive, now()));
  // As long as nothing is archived, the list's own files show more than the view would.
  if (files_->chain() == archive::kNoChain) return false;
  if (!in_place) return unexpected(in_place.error());
  if (ended_ || (server_ != nullptr && !*in_place)) {
    // Unmount the remaining mounts too, so that all belong to one file system.
    static_cast<void>(guard_->unmount());
    stop_serving();
  }
  if (server_ == nullptr && !take_over()) IMAKEEP_CHECK(mount());
  if (bound_chain_ == files_->chain()) return false;
  if (config_.bind) {
    IMAKEEP_TRY(const auto& wanted, binds());
    IMAKEEP_CHECK(guard_->bind(wanted));
  }
  bound_chain_ = files_->chain();
  remember_chain();
  return config_.bind;
}

void ViewKeeper::look_after_mounts() {
  static_cast<void>(guard_->in_place());
}

Result<void> ViewKeeper::mount() {
  auto fuse = open_file("/dev/fuse", O_RDWR);
  if (!fuse) {
    fuse.error().message += "; load the module with: modprobe fuse";
    return unexpected(fuse.error());
  }
  IMAKEEP_CHECK(guard_->check(config_.view));
  const int descriptor = fuse->get();
  IMAKEEP_TRY(auto server, view::ViewServer::begin(*files_, std::move(*fuse)));
  server->on_first_request = [this](ByteView request) { remember(request); };
  IMAKEEP_CHECK(guard_->mount(config_.view, descriptor, ::geteuid(), group_));
  serve(std::move(server));
  bound_chain_ = archive::kNoChain;
  return {};
}

// Continues to serve the previous keeper's file system. Returns false if that is not possible; the caller then mounts a
// new one.
bool ViewKeeper::take_over() {
  UniqueFd fuse = std::exchange(inherited_[kViewName], {});
  const MutexLock lock(state_mutex_);
  state_ = std::exchange(inherited_[kStateName], {});
  if (!fuse.valid() || !state_.valid()) return false;
  archive::ChainId chain = {};
  const Bytes names = digest_of_names();
  Bytes rest(4096);
  const ssize_t got_chain = ::pread(state_.get(), &chain, sizeof chain, 0);
  const ssize_t got = ::pread(state_.get(), rest.data(), rest.size(), sizeof chain);
  if (got_chain != sizeof chain || got <= static_cast<ssize_t>(names.size())) return false;
  rest.resize(static_cast<std::size_t>(got));
  // A keeper with other file names numbers its files differently, so open descriptors would show other files.
  if (!equal(ByteView(rest).first(names.size()), names)) return false;
  const ByteView request = ByteView(rest).subspan(names.size());
  std::vector<view::Bind> covered;
  if (config_.bind) {
    auto wanted = binds();
    if (!wanted) return false;
    covered = std::move(*wanted);
  }
  if (!guard_->adopt(config_.view, covered)) return false;
  auto server = view::ViewServer::take_over(*files_, std::move(fuse), request);
  if (!server) {
    static_cast<void>(guard_->unmount());
    return false;
  }
  serve(std::move(*server));
  if (store_works_) static_cast<void>(guard_->leave_mounts(true));
  bound_chain_ = chain;
  return true;
}

void ViewKeeper::serve(std::unique_ptr<view::ViewServer> server) {
  server_ = std::move(server);
  server_->wait_for_news = [this](view::CatchUp::GoOn go_on) { catch_up_->wait(std::move(go_on)); };
  ended_ = false;
  thread_ = std::thread([this] {
    static_cast<void>(server_->run());
    ended_ = true;
  });
}

void ViewKeeper::stop_serving() {
  if (server_ == nullptr) return;
  server_->stop();
  thread_.join();
  server_.reset();
  ended_ = false;
}

// Returns the files of the list that the view has too. Links remain; they point to covered files.
Result<std::vector<view::Bind>> ViewKeeper::binds() const {
  std::vector<view::Bind> binds;
  for (const view::ViewFiles::Node& node : files_->nodes()) {
    struct stat found {};
    if (::lstat((source_path_ + "/" + node.name).c_str(), &found) != 0 || !S_ISREG(found.st_mode)) continue;
    const std::string& shown = node.link_target.empty() ? node.name : node.link_target;
    binds.emplace_back(config_.view + "/" + shown, config_.ima_dir + "/" + node.name);
  }
  if (binds.empty()) return fail(ErrorCode::kEnvironment, config_.ima_dir + " has no file that the view could cover");
  return binds;
}

Bytes ViewKeeper::digest_of_names() const {
  std::string names;
  for (const view::ViewFiles::Node& node : files_->nodes()) names += node.name + '\n';
  // With other template descriptions, the same bytes have other offsets.
  if (!config_.templates.empty()) names += config_.templates;
  const digest::Digest digest = digest::hash(digest::Algorithm::kSha256, as_bytes(names));
  return {digest.view().begin(), digest.view().end()};
}

// Runs in the server's thread when the session begins.
void ViewKeeper::remember(ByteView first_request) {
  if (!store_works_) return;
  const MutexLock lock(state_mutex_);
  state_ = UniqueFd(::memfd_create(kStateName, MFD_CLOEXEC));
  if (!state_.valid()) return;
  const archive::ChainId chain = files_->chain();
  Bytes state(sizeof chain);
  std::memcpy(state.data(), &chain, sizeof chain);
  append_bytes(state, digest_of_names());
  append_bytes(state, first_request);
  if (!write_all(state_.get(), state, kStateName)) return;
  forget_descriptor(kViewName);
  forget_descriptor(kStateName);
  keep_descriptor(kStateName, state_.get());
  keep_descriptor(kViewName, server_->descriptor());
}

void ViewKeeper::remember_chain() {
  if (!store_works_) return;
  static_cast<void>(guard_->leave_mounts(true));
  const MutexLock lock(state_mutex_);
  if (!state_.valid()) return;
  const archive::ChainId chain = files_->chain();
  [[maybe_unused]] const ssize_t written = ::pwrite(state_.get(), &chain, sizeof chain, 0);
}

}  // namespace imakeep::daemon
