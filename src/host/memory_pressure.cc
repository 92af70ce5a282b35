// SPDX-License-Identifier: Apache-2.0
#include "host/memory_pressure.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace imakeep::host {

Result<UniqueFd> watch_memory_pressure(std::uint32_t percent, const std::string& file) {
  // Without CAP_SYS_RESOURCE, Linux accepts only windows that are multiples of two seconds.
  constexpr std::uint64_t kWindowUs = 2'000'000;
  auto fd = open_file(file, O_RDWR | O_NONBLOCK);
  if (!fd) return fd;
  const std::string trigger = "some " + std::to_string(kWindowUs / 100 * percent) + " " + std::to_string(kWindowUs);
  // The trigger includes the terminating NUL.
  if (::write(fd->get(), trigger.c_str(), trigger.size() + 1) < 0) return fail_errno(errno, "cannot watch " + file);
  return fd;
}

}  // namespace imakeep::host
