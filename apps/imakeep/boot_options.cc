#include "boot_options.h"

#include <sstream>

#include "base/file.h"

namespace imakeep::app {

bool flushes_table(std::string_view boot_options) {
  std::istringstream words{std::string(boot_options)};
  for (std::string word; words >> word;) {
    if (word == "--") return false;  // what follows is init's
    if (word == "ima_flush_htable" || word.starts_with("ima_flush_htable=")) return true;
  }
  return false;
}

keeper::TableMode table_of_this_kernel(const std::string& file) {
  const auto options = read_file(file);
  if (!options) return keeper::TableMode::kUnknown;
  return flushes_table(as_text(*options)) ? keeper::TableMode::kFlushed : keeper::TableMode::kKept;
}

}  // namespace imakeep::app
