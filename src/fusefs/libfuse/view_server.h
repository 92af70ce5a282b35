// fusefs/libfuse/view_server.h - answers what the kernel asks of the view's file system, through an open /dev/fuse.
//
// The server keeps nothing that another process could not make anew: who holds a duplicate of the descriptor, and the
// first request of the session, takes the file system over when this process is gone. Requests that it left unanswered
// are sent again by Linux 6.9 and later (FUSE_NOTIFY_RESEND); an older kernel's readers would wait for ever, so there
// nothing is taken over.
//
// Source: include/uapi/linux/fuse.h; fuse_resend() in fs/fuse/dev.c. Threads: run() in one; stop() from any.
#pragma once

#include <functional>
#include <memory>

#include "base/file.h"
#include "fusefs/view_files.h"

namespace imakeep::fusefs {

class ViewServer {
 public:
  // Keeps a reference to `files`. `fuse` is an open /dev/fuse, mounted or about to be. kEnvironment if libfuse refuses.
  static Result<std::unique_ptr<ViewServer>> begin(ViewFiles& files, UniqueFd fuse);
  // Goes on with a session that another process began: `fuse` is a duplicate of its descriptor, `first_request` what
  // its first_request() was. kUnsupported if this kernel would not send again what was left unanswered.
  static Result<std::unique_ptr<ViewServer>> take_over(ViewFiles& files, UniqueFd fuse, ByteView first_request);
  virtual ~ViewServer() = default;

  // Told the session's first request, by the thread in run(), once it came.
  std::function<void(ByteView)> on_first_request;

  // Serves until stop(), or until the file system is unmounted. kIo if the kernel's side fails.
  virtual Result<void> run() = 0;
  virtual void stop() = 0;
  virtual int descriptor() const = 0;
};

}  // namespace imakeep::fusefs
