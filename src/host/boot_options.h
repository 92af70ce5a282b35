// SPDX-License-Identifier: Apache-2.0
// host/boot_options.h - boot options and build configuration of the running kernel. Threads: no shared state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "imalog/table_mode.h"

namespace imakeep::host {

inline constexpr const char* kBootOptionsFile = "/proc/cmdline";

// Whether the boot options contain ima_flush_htable.
bool flushes_table(std::string_view boot_options);

// Whether the kernel's configuration says that the kernel keeps no table of digests (CONFIG_IMA_DISABLE_HTABLE).
bool keeps_no_table(std::string_view kernel_config);
// The paths under which distributions install the running kernel's configuration.
std::vector<std::string> kernel_config_files();

// Tells how this machine's kernel treats the digests of deleted records. Unknown if the file cannot be read, or if the
// kernel keeps no table.
imalog::TableMode table_of_this_kernel(const std::string& file = kBootOptionsFile,
                                       const std::vector<std::string>& config_files = kernel_config_files());

}  // namespace imakeep::host
