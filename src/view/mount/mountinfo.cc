// SPDX-License-Identifier: Apache-2.0
#include "view/mount/mountinfo.h"

#include <algorithm>
#include <charconv>
#include <sstream>
#include <vector>

namespace imakeep::view {
namespace {

// mountinfo writes a space, tab, newline or backslash in a path as \ and three octal digits.
std::string unescaped(const std::string& text) {
  std::string path;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 4, value, 8).ptr == text.data() + i + 4) {
      path += static_cast<char>(value);
      i += 3;
    } else {
      path += text[i];
    }
  }
  return path;
}

}  // namespace

ViewsByPath views_on_top(std::string_view mountinfo) {
  constexpr std::size_t kMountPoint = 4;  // index of the field
  ViewsByPath views;
  std::istringstream lines{std::string(mountinfo)};
  // mountinfo lists later mounts later, so the last entry for a path is the topmost mount.
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::vector<std::string> words;
    for (std::string word; fields >> word;) words.push_back(word);
    // After a lone dash come the type and the source.
    const auto dash = std::ranges::find(words, "-");
    if (words.size() <= kMountPoint || words.end() - dash < 3) continue;
    if (*(dash + 1) == kViewType) {
      views.insert_or_assign(unescaped(words[kMountPoint]), *(dash + 2));
    } else {
      views.erase(unescaped(words[kMountPoint]));
    }
  }
  return views;
}

}  // namespace imakeep::view
