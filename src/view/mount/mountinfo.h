// SPDX-License-Identifier: Apache-2.0
// view/mount/mountinfo.h - finds the mounts of views in the text of /proc/self/mountinfo.
//
// Source: proc_pid_mountinfo(5). Threads: no shared state.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace imakeep::view {

// The file system type of a view.
inline constexpr std::string_view kViewType = "fuse.imakeep-view";

// By path: the source of a view. Each view has a unique source.
using ViewsByPath = std::map<std::string, std::string>;

// The paths whose topmost mount is a view. `mountinfo` is the whole text; a line that is not as the manual page says is
// left out.
ViewsByPath views_on_top(std::string_view mountinfo);

}  // namespace imakeep::view
