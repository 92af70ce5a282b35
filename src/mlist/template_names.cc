// SPDX-License-Identifier: Apache-2.0
#include "mlist/template_names.h"

#include <limits>

namespace imakeep::mlist {

std::optional<std::uint16_t> TemplateNames::intern(std::string_view name) {
  const MutexLock lock(mutex_);
  for (std::size_t id = 0; id < names_.size(); ++id) {
    if (names_[id] == name) return static_cast<std::uint16_t>(id);
  }
  if (names_.size() > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;
  names_.emplace_back(name);
  return static_cast<std::uint16_t>(names_.size() - 1);
}

std::string_view TemplateNames::name(std::uint16_t id) const {
  const MutexLock lock(mutex_);
  return names_[id];
}

}  // namespace imakeep::mlist
