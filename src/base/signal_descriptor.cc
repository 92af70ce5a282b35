// SPDX-License-Identifier: Apache-2.0
#include "base/signal_descriptor.h"

#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>

namespace imakeep {

Result<UniqueFd> signal_descriptor(std::initializer_list<int> signals) {
  sigset_t blocked;
  ::sigemptyset(&blocked);
  for (const int signal : signals) ::sigaddset(&blocked, signal);
  if (const int failed = ::pthread_sigmask(SIG_BLOCK, &blocked, nullptr); failed != 0) {
    return fail_errno(failed, "cannot block signals");
  }
  UniqueFd fd(::signalfd(-1, &blocked, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) return fail_errno(errno, "cannot make a signalfd");
  return fd;
}

}  // namespace imakeep
