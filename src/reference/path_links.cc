// SPDX-License-Identifier: Apache-2.0
#include "reference/path_links.h"

#include <vector>

#include "base/text.h"

namespace imakeep::reference {

std::string absolute_path(std::string_view path) {
  std::vector<std::string_view> parts;
  for (const std::string_view part : split(path, "/")) {
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else if (!part.empty() && part != ".") {
      parts.push_back(part);
    }
  }
  std::string absolute;
  for (const std::string_view part : parts) absolute.append("/").append(part);
  return absolute.empty() ? "/" : absolute;
}

std::string PathLinks::resolved(std::string_view path) const {
  constexpr int kMostLinks = 40;
  std::string now = absolute_path(path);
  int links = 0;
  std::size_t at = now.find('/', 1);
  while (at != std::string::npos && links < kMostLinks) {
    const auto found = links_.find(std::string_view(now).substr(0, at));
    if (found == links_.end()) {
      at = now.find('/', at + 1);
      continue;
    }
    ++links;
    const std::string& target = found->second;
    const std::string directory = now.substr(0, now.rfind('/', at - 1));
    const std::string rest = now.substr(at);
    now = absolute_path(target.starts_with('/') ? target + rest : directory + "/" + target + rest);
    at = now.find('/', 1);
  }
  return now;
}

}  // namespace imakeep::reference
