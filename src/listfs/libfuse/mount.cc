// SPDX-License-Identifier: Apache-2.0
#define FUSE_USE_VERSION 314
#include "listfs/libfuse/mount.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <deque>
#include <unordered_map>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <fuse_lowlevel.h>

#include "base/file.h"
#include "fuse/mount_point.h"
#include "fuse/session.h"
#include "fuse/session_loop.h"

namespace imakeep::listfs {
namespace {

using fuse::errno_of;

// The kernel holds back further closes while this many are unanswered.
constexpr unsigned kMaxBackground = 4096;
constexpr fuse_ino_t kRoot = FUSE_ROOT_ID;
constexpr fuse_ino_t kFirstNode = kRoot + 1;

struct MountedSessionFree {
  void operator()(fuse_session* session) const {
    fuse_session_unmount(session);
    fuse_session_destroy(session);
  }
};

class Mounted : public Mount {
 public:
  explicit Mounted(FileTree& files) : files_(files) {
    loop_.waits_for_pause = [this] { return !deferred_.empty(); };
    loop_.at_pause = [this] { answer_deferred(); };
    attributes_.resize(files_.nodes().size() + 1);
    for (std::size_t i = 0; i < attributes_.size(); ++i) attributes_[i] = initial_attributes(kRoot + i);
  }

  Result<void> attach(const std::string& directory);
  Result<void> run() override { return loop_.run(session_.get()); }
  void stop() override { loop_.stop(); }

 private:
  struct DeferredOpen {
    fuse_req_t request;
    fuse_ino_t inode;
    fuse_file_info info;
    Caller caller;
  };

  static Mounted& self(fuse_req_t request) { return *static_cast<Mounted*>(fuse_req_userdata(request)); }
  static OpenFile& file(const fuse_file_info* info) { return *reinterpret_cast<OpenFile*>(info->fh); }
  static fuse_lowlevel_ops operations();

  const Node& node(fuse_ino_t inode) const { return files_.nodes()[inode - kFirstNode]; }
  struct stat initial_attributes(fuse_ino_t inode) const;
  struct stat& attributes(fuse_ino_t inode) { return attributes_[inode - kRoot]; }
  void answer_deferred();
  bool try_open(DeferredOpen& open, bool last_chance);

  void lookup(fuse_req_t request, const char* name);
  void setattr(fuse_req_t request, fuse_ino_t inode, const struct stat& wanted, int which);
  void readdir(fuse_req_t request, std::size_t count, off_t offset);

  FileTree& files_;
  std::vector<struct stat> attributes_;  // by inode, starting at kRoot
  std::deque<DeferredOpen> deferred_;
  std::unordered_map<const OpenFile*, std::unique_ptr<OpenFile>> open_files_;  // files that the kernel has open
  fuse::SessionLoop loop_;
  std::unique_ptr<fuse_session, MountedSessionFree> session_;
  boost::asio::thread_pool workers_{fuse::kWorkers};  // destroyed first, after all its work is done
};

struct stat Mounted::initial_attributes(fuse_ino_t inode) const {
  struct stat attributes {};
  attributes.st_ino = inode;
  attributes.st_nlink = inode == kRoot ? 2 : 1;
  attributes.st_uid = ::geteuid();
  attributes.st_gid = ::getegid();
  if (inode == kRoot) {
    attributes.st_mode = S_IFDIR | 0755;
  } else {
    attributes.st_mode = (node(inode).is_link() ? S_IFLNK : S_IFREG) | node(inode).permissions;
    attributes.st_size = static_cast<off_t>(node(inode).link_target.size());
  }
  ::clock_gettime(CLOCK_REALTIME, &attributes.st_mtim);
  attributes.st_atim = attributes.st_ctim = attributes.st_mtim;
  return attributes;
}

void Mounted::lookup(fuse_req_t request, const char* name) {
  for (std::size_t i = 0; i < files_.nodes().size(); ++i) {
    if (files_.nodes()[i].name != name) continue;
    fuse_entry_param entry{};
    entry.ino = kFirstNode + i;
    entry.attr = attributes(entry.ino);
    fuse_reply_entry(request, &entry);
    return;
  }
  fuse_reply_err(request, ENOENT);
}

// Owner, mode and times may be changed, as on securityfs. A new size is accepted without effect: the shell truncates
// the file in `echo A > file`.
void Mounted::setattr(fuse_req_t request, fuse_ino_t inode, const struct stat& wanted, int which) {
  struct stat& has = attributes(inode);
  if ((which & FUSE_SET_ATTR_MODE) != 0) has.st_mode = (has.st_mode & S_IFMT) | (wanted.st_mode & 07777);
  if ((which & FUSE_SET_ATTR_UID) != 0) has.st_uid = wanted.st_uid;
  if ((which & FUSE_SET_ATTR_GID) != 0) has.st_gid = wanted.st_gid;
  if ((which & FUSE_SET_ATTR_ATIME) != 0) has.st_atim = wanted.st_atim;
  if ((which & FUSE_SET_ATTR_MTIME) != 0) has.st_mtim = wanted.st_mtim;
  if ((which & FUSE_SET_ATTR_ATIME_NOW) != 0) ::clock_gettime(CLOCK_REALTIME, &has.st_atim);
  if ((which & FUSE_SET_ATTR_MTIME_NOW) != 0) ::clock_gettime(CLOCK_REALTIME, &has.st_mtim);
  fuse_reply_attr(request, &has, 0);
}

void Mounted::readdir(fuse_req_t request, std::size_t count, off_t offset) {
  std::vector<char> entries(count);
  std::size_t used = 0;
  const std::size_t total = files_.nodes().size() + 2;
  for (std::size_t i = static_cast<std::size_t>(offset); i < total; ++i) {
    const fuse_ino_t inode = i < 2 ? kRoot : kFirstNode + (i - 2);
    const char* const name = i == 0 ? "." : i == 1 ? ".." : files_.nodes()[i - 2].name.c_str();
    const std::size_t needed = fuse_add_direntry(request, entries.data() + used, count - used, name, &attributes(inode),
                                                 static_cast<off_t>(i + 1));
    if (needed > count - used) break;
    used += needed;
  }
  fuse_reply_buf(request, entries.data(), used);
}

// Answers an open. If the answer would be EBUSY and the kernel may have sent a close already, returns false without an
// answer.
bool Mounted::try_open(DeferredOpen& open, bool last_chance) {
  auto opened = files_.open(open.inode - kFirstNode, open.info.flags, open.caller);
  if (!opened) {
    if (errno_of(opened.error()) == EBUSY && !last_chance) return false;
    fuse_reply_err(open.request, errno_of(opened.error()));
    return true;
  }
  open.info.direct_io = 1;
  // A write-only descriptor does not need a position. As nonseekable it refuses pwrite() exactly as Linux does.
  open.info.nonseekable = (open.info.flags & O_ACCMODE) == O_WRONLY ? 1 : 0;
  open.info.fh = reinterpret_cast<std::uint64_t>(opened->get());
  // If an open was interrupted meanwhile, the kernel never closes it. Close its file here.
  const OpenFile* const key = opened->get();
  open_files_.emplace(key, std::move(*opened));
  if (fuse_reply_open(open.request, &open.info) != 0) open_files_.erase(key);
  return true;
}

fuse_lowlevel_ops Mounted::operations() {
  fuse_lowlevel_ops ops{};
  ops.init = [](void*, fuse_conn_info* connection) { connection->max_background = kMaxBackground; };
  ops.lookup = [](fuse_req_t request, fuse_ino_t, const char* name) { self(request).lookup(request, name); };
  ops.getattr = [](fuse_req_t request, fuse_ino_t inode, fuse_file_info*) {
    fuse_reply_attr(request, &self(request).attributes(inode), 0);
  };
  ops.setattr = [](fuse_req_t request, fuse_ino_t inode, struct stat* wanted, int which, fuse_file_info*) {
    self(request).setattr(request, inode, *wanted, which);
  };
  ops.readlink = [](fuse_req_t request, fuse_ino_t inode) {
    fuse_reply_readlink(request, self(request).node(inode).link_target.c_str());
  };
  ops.readdir = [](fuse_req_t request, fuse_ino_t, std::size_t count, off_t offset, fuse_file_info*) {
    self(request).readdir(request, count, offset);
  };
  ops.open = [](fuse_req_t request, fuse_ino_t inode, fuse_file_info* info) {
    DeferredOpen open{
        .request = request, .inode = inode, .info = *info, .caller = caller_of(fuse_req_ctx(request)->pid)};
    if (!self(request).try_open(open, false)) self(request).deferred_.push_back(open);
  };
  ops.release = [](fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
    self(request).open_files_.erase(&file(info));
    fuse_reply_err(request, 0);
  };
  ops.read = [](fuse_req_t request, fuse_ino_t, std::size_t count, off_t offset, fuse_file_info* info) {
    boost::asio::post(self(request).workers_, [request, count, offset, &open = file(info)] {
      const auto bytes = open.read(static_cast<std::uint64_t>(offset), count);
      if (!bytes) {
        fuse_reply_err(request, errno_of(bytes.error()));
      } else {
        fuse_reply_buf(request, reinterpret_cast<const char*>(bytes->data()), bytes->size());
      }
    });
  };
  ops.write = [](fuse_req_t request, fuse_ino_t, const char* from, std::size_t count, off_t offset,
                 fuse_file_info* info) {
    boost::asio::post(self(request).workers_, [request, text = std::string(from, count), offset, &open = file(info)] {
      const auto written = open.write(static_cast<std::uint64_t>(offset), text);
      if (!written) {
        fuse_reply_err(request, errno_of(written.error()));
      } else {
        fuse_reply_write(request, text.size());
      }
    });
  };
  // Files on securityfs support neither fsync nor lseek. Only the kernel creates or removes files there.
  ops.fsync = [](fuse_req_t request, fuse_ino_t, int, fuse_file_info*) { fuse_reply_err(request, EINVAL); };
  ops.lseek = [](fuse_req_t request, fuse_ino_t, off_t, int, fuse_file_info*) { fuse_reply_err(request, EINVAL); };
  ops.create = [](fuse_req_t request, fuse_ino_t, const char*, mode_t, fuse_file_info*) {
    fuse_reply_err(request, EACCES);
  };
  ops.mknod = [](fuse_req_t request, fuse_ino_t, const char*, mode_t, dev_t) { fuse_reply_err(request, EPERM); };
  ops.mkdir = [](fuse_req_t request, fuse_ino_t, const char*, mode_t) { fuse_reply_err(request, EPERM); };
  ops.symlink = [](fuse_req_t request, const char*, fuse_ino_t, const char*) { fuse_reply_err(request, EPERM); };
  ops.link = [](fuse_req_t request, fuse_ino_t, fuse_ino_t, const char*) { fuse_reply_err(request, EPERM); };
  ops.unlink = [](fuse_req_t request, fuse_ino_t, const char*) { fuse_reply_err(request, EPERM); };
  ops.rmdir = [](fuse_req_t request, fuse_ino_t, const char*) { fuse_reply_err(request, EPERM); };
  ops.rename = [](fuse_req_t request, fuse_ino_t, const char*, fuse_ino_t, const char*, unsigned) {
    fuse_reply_err(request, EPERM);
  };
  return ops;
}

Result<void> Mounted::attach(const std::string& directory) {
  IMAKEEP_CHECK(fuse::check_mount_point(directory));
  std::string options = "default_permissions,fsname=imakeep,subtype=imakeep";
  if (::geteuid() == 0) options += ",allow_other";
  std::string name = "imakeep";
  std::string flag = "-o";
  char* arguments[] = {name.data(), flag.data(), options.data()};
  fuse_args args = FUSE_ARGS_INIT(3, arguments);
  const fuse_lowlevel_ops ops = operations();
  session_.reset(fuse_session_new(&args, &ops, sizeof ops, this));
  fuse_opt_free_args(&args);
  if (!session_ || fuse_session_mount(session_.get(), directory.c_str()) != 0) {
    session_.reset();
    return fail(ErrorCode::kEnvironment,
                "cannot mount on " + directory + ": FUSE refused; mounting needs root or fusermount3");
  }
  return {};
}

// The kernel's requests so far have been handled, so a conflict with these opens is real.
void Mounted::answer_deferred() {
  for (DeferredOpen& open : deferred_) try_open(open, true);
  deferred_.clear();
}

}  // namespace

Result<std::unique_ptr<Mount>> Mount::mount(FileTree& files, const std::string& directory) {
  auto mounted = std::make_unique<Mounted>(files);
  IMAKEEP_CHECK(mounted->attach(directory));
  return mounted;
}

}  // namespace imakeep::listfs
