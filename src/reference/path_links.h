// SPDX-License-Identifier: Apache-2.0
// reference/path_links.h - resolves the symbolic links of a tree that is known only by its list of paths.
// Threads: one thread at a time changes an object.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace imakeep::reference {

// "a//b/./c/.." as an absolute path without such parts: "/a/b". Never leaves the root.
std::string absolute_path(std::string_view path);

class PathLinks {
 public:
  // `path` is a symbolic link to `target`, which may be relative.
  void add(std::string_view path, std::string_view target) { links_[absolute_path(path)] = std::string(target); }

  // The path with each directory in it that is a link replaced by where it leads. Its last part is not followed. After
  // 40 links, as in the kernel, the rest is left as it is.
  std::string resolved(std::string_view path) const;

 private:
  std::map<std::string, std::string, std::less<>> links_;
};

}  // namespace imakeep::reference
