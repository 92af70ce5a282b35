// SPDX-License-Identifier: Apache-2.0
// view/mount/view_mounts.h - finds and undoes mounts of views, in the mount namespace of this process.
//
// Only mounts of type kViewType are touched. Source: mount(2), umount(2), setns(2). Threads: no shared state.
#pragma once

#include <chrono>
#include <string>

#include "base/result.h"
#include "view/mount/mountinfo.h"

namespace imakeep::view {

// The path as mountinfo shows it: no links, no dots, no extra slashes. The last component may be missing or may not
// answer, so this function does not look into it.
std::string canonical_path(const std::string& given);

// The paths whose topmost mount is a view; empty if mountinfo cannot be read.
ViewsByPath views_on_top();
// The source of the view that is the topmost mount at the path; empty if that is not a view. `path` is canonical.
std::string view_on_top(const std::string& path);
// The files of a directory that views cover. The mount table lists them even if the directory cannot be read through a
// dead mount on it.
ViewsByPath covers_in(const std::string& directory);

// Unmounts all views on top of `path`; if a source is given, only views with that source. Returns their count. An error
// with errno if one cannot be unmounted.
Result<std::size_t> unmount_view(const std::string& path, const std::string& only_source = {});
// Unmounts all views on `view` and on files of the directory `covered`. Either path may be empty. Returns the count of
// unmounted views; an error with errno if one cannot be unmounted.
Result<std::size_t> unmount_views(const std::string& view, const std::string& covered);

// True if a process answers for the mount at `path` within the limit. Forks: only SIGKILL ends a process that waits for
// a file server that does not answer. REQUIRES: this process has one thread.
bool answers(const std::string& path, std::chrono::milliseconds limit);

// True if the child ends within the limit. Does not reap it. Needs no descriptor: the process may have none left.
bool ends_within(pid_t child, std::chrono::milliseconds limit);

// Enters the mount namespace of process 1, which has the host's mounts. Only a single-threaded process can do this.
Result<void> join_host_mounts();

}  // namespace imakeep::view
