// SPDX-License-Identifier: Apache-2.0
#include "host/boot_options.h"

#include <sys/utsname.h>

#include <sstream>

#include "base/file.h"

namespace imakeep::host {

bool flushes_table(std::string_view boot_options) {
  std::istringstream words{std::string(boot_options)};
  for (std::string word; words >> word;) {
    if (word == "--") return false;  // the rest are arguments of init
    if (word == "ima_flush_htable" || word.starts_with("ima_flush_htable=")) return true;
  }
  return false;
}

bool keeps_no_table(std::string_view kernel_config) {
  std::istringstream lines{std::string(kernel_config)};
  for (std::string line; std::getline(lines, line);) {
    if (line == "CONFIG_IMA_DISABLE_HTABLE=y") return true;
  }
  return false;
}

std::vector<std::string> kernel_config_files() {
  utsname kernel{};
  if (::uname(&kernel) != 0) return {};
  const std::string release = kernel.release;
  return {"/boot/config-" + release, "/lib/modules/" + release + "/config"};
}

imalog::TableMode table_of_this_kernel(const std::string& file, const std::vector<std::string>& config_files) {
  const auto options = read_file(file);
  if (!options) return imalog::TableMode::kUnknown;
  if (flushes_table(as_text(*options))) return imalog::TableMode::kFlushed;
  for (const std::string& config_file : config_files) {
    const auto config = read_file(config_file);
    if (config && keeps_no_table(as_text(*config))) return imalog::TableMode::kUnknown;
  }
  return imalog::TableMode::kKept;
}

}  // namespace imakeep::host
