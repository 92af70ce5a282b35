// SPDX-License-Identifier: Apache-2.0
// view/libfuse/view_server.h - answers the kernel's requests to the view's file system through an open /dev/fuse.
//
// The server holds no state that another process could not rebuild. When this process is gone, a process that holds a
// duplicate of the descriptor and the first request of the session takes over the file system. Linux 6.9 and later
// (FUSE_NOTIFY_RESEND) sends the unanswered requests again. On an older kernel those readers would wait forever, so
// there take_over() refuses.
//
// Source: include/uapi/linux/fuse.h; fuse_resend() in fs/fuse/dev.c. Threads: run() in one thread; stop() from any.
#pragma once

#include <functional>
#include <memory>

#include "base/file.h"
#include "view/view_files.h"

namespace imakeep::view {

class ViewServer {
 public:
  // Keeps a reference to `files`. `fuse` is an open /dev/fuse, mounted already or mounted later. kEnvironment if
  // libfuse refuses the descriptor.
  static Result<std::unique_ptr<ViewServer>> begin(ViewFiles& files, UniqueFd fuse);
  // Continues a session that another process began. `fuse` is a duplicate of that process's descriptor. `first_request`
  // is the request that its on_first_request received. kUnsupported if this kernel would not send unanswered requests
  // again, or if the file system is gone.
  static Result<std::unique_ptr<ViewServer>> take_over(ViewFiles& files, UniqueFd fuse, ByteView first_request);
  virtual ~ViewServer() = default;

  // Optional. The server calls it before an answer that should include new records. It must call `go_on` once, from any
  // thread, within a limited time. After the server's destruction `go_on` does nothing. Set it before run().
  std::function<void(std::function<void()> go_on)> wait_for_news;

  // Optional. The thread in run() calls it with the session's first request when that request arrives.
  std::function<void(ByteView)> on_first_request;

  // Serves until stop(), or until the file system is unmounted. kIo if /dev/fuse fails.
  virtual Result<void> run() = 0;
  virtual void stop() = 0;
  virtual int descriptor() const = 0;
};

}  // namespace imakeep::view
