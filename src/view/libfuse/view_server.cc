// SPDX-License-Identifier: Apache-2.0
#define FUSE_USE_VERSION 314
#include "view/libfuse/view_server.h"

#include <linux/fuse.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fuse_lowlevel.h>

#include "base/mutex.h"
#include "fuse/session.h"
#include "fuse/session_loop.h"

namespace imakeep::view {
namespace {

using fuse::errno_of;

// Added to the nice value of the workers, so that many readers delay each other and not the keeper.
constexpr int kWorkersNicer = 5;
// FUSE_NOTIFY_RESEND and the minor version that introduced it. The headers of Debian 12 are older.
constexpr std::int32_t kNotifyResend = 7;
constexpr std::uint32_t kMinorWithResend = 40;

struct SessionFree {
  void operator()(fuse_session* session) const { fuse_session_destroy(session); }
};

// Threads that run posted work. The destructor finishes the work that has begun and drops the rest: the kernel sends
// those requests again to the process that takes over.
class Workers {
 public:
  Workers() {
    for (std::thread& thread : threads_) {
      thread = std::thread([this] {
        // On Linux both calls apply to this thread alone.
        ::setpriority(PRIO_PROCESS, 0, ::getpriority(PRIO_PROCESS, 0) + kWorkersNicer);
        context_.run();
      });
    }
  }
  ~Workers() {
    context_.stop();
    for (std::thread& thread : threads_) thread.join();
  }

  template <class Work>
  void post(Work work) {
    boost::asio::post(context_, std::move(work));
  }

 private:
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> more_{context_.get_executor()};
  std::array<std::thread, fuse::kWorkers> threads_;
};

class Server : public ViewServer {
 public:
  explicit Server(ViewFiles& files) : files_(files) {
    loop_.before_request = [this](ByteView request) {
      if (!begun_ && on_first_request) on_first_request(request);
      begun_ = true;
    };
  }
  ~Server() override {
    const MutexLock lock(door_->mutex);
    door_->open = false;
  }

  Result<void> attach(UniqueFd fuse);
  Result<void> resume(ByteView first_request);
  Result<void> run() override { return loop_.run(session_.get()); }
  void stop() override { loop_.stop(); }
  int descriptor() const override { return fuse_session_fd(session_.get()); }

 private:
  static Server& self(fuse_req_t request) { return *static_cast<Server*>(fuse_req_userdata(request)); }
  static fuse_lowlevel_ops operations();
  void reply_attributes(fuse_req_t request, fuse_ino_t inode);
  void lookup(fuse_req_t request, const char* name);
  void readdir(fuse_req_t request, std::size_t count, off_t offset);
  void read(fuse_req_t request, fuse_ino_t inode, std::uint64_t handle, std::uint64_t offset, std::size_t count);
  // Posts the work to a worker after a wait for new records. The wait blocks no worker.
  template <class Work>
  void post_after_news(Work work);

  // The callback of wait_for_news may run after the server's destruction. `open` is false from then on.
  struct Door {
    Mutex mutex;
    bool open IMAKEEP_GUARDED_BY(mutex) = true;
  };

  ViewFiles& files_;
  const std::shared_ptr<Door> door_ = std::make_shared<Door>();
  bool resuming_ = false;  // discard answers: the kernel has them already
  bool begun_ = false;     // the first request has arrived
  fuse::SessionLoop loop_;
  std::unique_ptr<fuse_session, SessionFree> session_;
  Workers workers_;  // destroyed first
};

void Server::reply_attributes(fuse_req_t request, fuse_ino_t inode) {
  const auto attributes = files_.attributes(inode);
  if (!attributes) {
    fuse_reply_err(request, errno_of(attributes.error()));
  } else {
    fuse_reply_attr(request, &*attributes, 0);
  }
}

void Server::lookup(fuse_req_t request, const char* name) {
  const auto inode = files_.lookup(name);
  const auto attributes = inode ? files_.attributes(*inode) : Result<struct stat>();
  if (!inode || !attributes) {
    fuse_reply_err(request, ENOENT);
    return;
  }
  fuse_entry_param entry{};
  entry.ino = *inode;
  entry.attr = *attributes;
  fuse_reply_entry(request, &entry);
}

void Server::readdir(fuse_req_t request, std::size_t count, off_t offset) {
  std::vector<char> entries(count);
  std::size_t used = 0;
  const std::size_t total = files_.nodes().size() + 2;
  for (std::size_t i = static_cast<std::size_t>(offset); i < total; ++i) {
    const char* const name = i == 0 ? "." : i == 1 ? ".." : files_.nodes()[i - 2].name.c_str();
    const auto attributes = files_.attributes(i < 2 ? ViewFiles::kRoot : files_.inode(i - 2));
    if (!attributes) continue;
    const std::size_t needed =
        fuse_add_direntry(request, entries.data() + used, count - used, name, &*attributes, static_cast<off_t>(i + 1));
    if (needed > count - used) break;
    used += needed;
  }
  fuse_reply_buf(request, entries.data(), used);
}

void Server::read(fuse_req_t request, fuse_ino_t inode, std::uint64_t handle, std::uint64_t offset, std::size_t count) {
  const auto bytes = files_.read(inode, handle, offset, count);
  if (!bytes) {
    fuse_reply_err(request, errno_of(bytes.error()));
  } else {
    fuse_reply_buf(request, reinterpret_cast<const char*>(bytes->data()), bytes->size());
    files_.read_ahead(inode, handle);
  }
}

template <class Work>
void Server::post_after_news(Work work) {
  if (!wait_for_news) return workers_.post(std::move(work));
  wait_for_news([this, door = door_, work = std::move(work)] {
    const MutexLock lock(door->mutex);
    if (door->open) workers_.post(work);
  });
}

fuse_lowlevel_ops Server::operations() {
  fuse_lowlevel_ops ops{};
  ops.init = [](void*, fuse_conn_info* connection) {
    connection->want &= ~static_cast<unsigned>(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
  };
  ops.lookup = [](fuse_req_t request, fuse_ino_t, const char* name) { self(request).lookup(request, name); };
  ops.getattr = [](fuse_req_t request, fuse_ino_t inode, fuse_file_info*) {
    Server& server = self(request);
    if (inode == ViewFiles::kRoot) return server.reply_attributes(request, inode);
    server.post_after_news([&server, request, inode] { server.reply_attributes(request, inode); });
  };
  ops.readlink = [](fuse_req_t request, fuse_ino_t inode) {
    fuse_reply_readlink(request, self(request).files_.link_target(inode).c_str());
  };
  ops.readdir = [](fuse_req_t request, fuse_ino_t, std::size_t count, off_t offset, fuse_file_info*) {
    self(request).readdir(request, count, offset);
  };
  ops.open = [](fuse_req_t request, fuse_ino_t inode, fuse_file_info* info) {
    ViewFiles& files = self(request).files_;
    // Every read goes to the daemon, never to the page cache, so the size is the current one.
    info->direct_io = 1;
    info->fh = files.open(inode);
    if (fuse_reply_open(request, info) != 0) files.release(info->fh);
  };
  ops.release = [](fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
    self(request).files_.release(info->fh);
    fuse_reply_err(request, 0);
  };
  ops.read = [](fuse_req_t request, fuse_ino_t inode, std::size_t count, off_t offset, fuse_file_info* info) {
    // A request from the page cache has no lock owner. sendfile(), splice(), copy_file_range() and private mappings use
    // the page cache even with direct_io. The page cache would return zeros if a file has grown after its last page.
    // Linux's own files refuse those calls with the same error.
    if (info->lock_owner == 0) {
      fuse_reply_err(request, EINVAL);
      return;
    }
    Server& server = self(request);
    const auto from = static_cast<std::uint64_t>(offset);
    const auto answer = [&server, request, inode, handle = info->fh, from, count] {
      server.read(request, inode, handle, from, count);
    };
    if (server.files_.wants_news(inode, info->fh, from, count)) {
      server.post_after_news(answer);
    } else {
      server.workers_.post(answer);
    }
  };
  return ops;
}

Result<void> Server::attach(UniqueFd fuse) {
  std::string name = "imakeep";
  char* arguments[] = {name.data()};
  fuse_args args = FUSE_ARGS_INIT(1, arguments);
  const fuse_lowlevel_ops ops = operations();
  session_.reset(fuse_session_new(&args, &ops, sizeof ops, this));
  fuse_opt_free_args(&args);
  // Another component mounts the file system. While a session is resumed, discard the answers: the kernel has received
  // them already.
  fuse_custom_io io{};
  io.read = [](int fd, void* into, std::size_t count, void*) { return ::read(fd, into, count); };
  io.writev = [](int fd, iovec* parts, int count, void* server) -> ssize_t {
    if (!static_cast<Server*>(server)->resuming_) return ::writev(fd, parts, count);
    ssize_t bytes = 0;
    for (int i = 0; i < count; ++i) bytes += static_cast<ssize_t>(parts[i].iov_len);
    return bytes;
  };
  if (!session_ || fuse_session_custom_io(session_.get(), &io, fuse.get()) != 0) {
    session_.reset();
    return fail(ErrorCode::kEnvironment, "libfuse does not accept the open /dev/fuse");
  }
  fuse.release();  // the session closes it from now on
  return {};
}

Result<void> Server::resume(ByteView first_request) {
  const auto* const header = reinterpret_cast<const fuse_in_header*>(first_request.data());
  const auto* const init = reinterpret_cast<const fuse_init_in*>(header + 1);
  const bool whole = first_request.size() >= sizeof *header + 8 && header->opcode == FUSE_INIT;
  if (!whole || init->minor < kMinorWithResend) {
    return fail(ErrorCode::kUnsupported,
                "this kernel does not resend requests that the previous keeper left unanswered");
  }
  Bytes request(first_request.begin(), first_request.end());
  const fuse_buf buffer{.size = request.size(), .flags = {}, .mem = request.data(), .fd = -1, .pos = 0};
  resuming_ = true;
  fuse_session_process_buf(session_.get(), &buffer);
  resuming_ = false;
  begun_ = true;
  const fuse_out_header resend{.len = sizeof resend, .error = kNotifyResend, .unique = 0};
  if (::write(descriptor(), &resend, sizeof resend) != sizeof resend) {
    return fail(ErrorCode::kUnsupported, "the view's file system no longer exists");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<ViewServer>> ViewServer::begin(ViewFiles& files, UniqueFd fuse) {
  auto server = std::make_unique<Server>(files);
  IMAKEEP_CHECK(server->attach(std::move(fuse)));
  return server;
}

Result<std::unique_ptr<ViewServer>> ViewServer::take_over(ViewFiles& files, UniqueFd fuse, ByteView first_request) {
  auto server = std::make_unique<Server>(files);
  IMAKEEP_CHECK(server->attach(std::move(fuse)));
  IMAKEEP_CHECK(server->resume(first_request));
  return server;
}

}  // namespace imakeep::view
