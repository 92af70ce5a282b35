// SPDX-License-Identifier: Apache-2.0
// fuse/session.h - parts common to the sessions of the list's mount and of the view.
//
// Threads: no shared state.
#pragma once

#include <cerrno>
#include <cstddef>

#include "base/result.h"

namespace imakeep::fuse {

// Threads per session that answer requests.
inline constexpr std::size_t kWorkers = 4;

// The errno that answers a failed request: the error's own, or EIO.
inline int errno_of(const Error& error) {
  return error.os_errno != 0 ? error.os_errno : EIO;
}

}  // namespace imakeep::fuse
