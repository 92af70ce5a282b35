// SPDX-License-Identifier: Apache-2.0
// mlist/template_names.h - names of the templates in use. Records store a small ID instead of the name.
// Threads: safe from any thread. A name never moves or changes after intern().
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"

namespace imakeep::mlist {

class TemplateNames {
 public:
  // Returns the ID of the name; assigns a new ID to a new name. Empty if 65536 IDs are in use.
  std::optional<std::uint16_t> intern(std::string_view name);
  // The name of an ID that intern() returned.
  std::string_view name(std::uint16_t id) const;

 private:
  mutable Mutex mutex_;
  std::deque<std::string> names_ IMAKEEP_GUARDED_BY(mutex_);
};

}  // namespace imakeep::mlist
