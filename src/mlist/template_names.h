// mlist/template_names.h - the names of the templates in use, each by a small number that records keep instead.
// Threads: safe from any thread. A name once given out stays where it is.
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
  // The number of that name, a new one if need be. Empty when 65536 are in use.
  std::optional<std::uint16_t> intern(std::string_view name);
  // The name of a number that intern() gave.
  std::string_view name(std::uint16_t id) const;

 private:
  mutable Mutex mutex_;
  std::deque<std::string> names_ IMAKEEP_GUARDED_BY(mutex_);
};

}  // namespace imakeep::mlist
