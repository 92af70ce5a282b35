// SPDX-License-Identifier: Apache-2.0
#include "monitor/time_text.h"

#include <ctime>

namespace imakeep::monitor {

std::string time_text(std::int64_t unix_s) {
  if (unix_s == 0) return "never";
  const std::time_t seconds = unix_s;
  std::tm parts{};
  char text[64];
  ::gmtime_r(&seconds, &parts);
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text;
}

}  // namespace imakeep::monitor
