// boot_options.h - what the running kernel was told at boot. Threads: no shared state.
#pragma once

#include <string>

#include "keeper/keeper.h"

namespace imakeep::app {

inline constexpr const char* kBootOptionsFile = "/proc/cmdline";

// Whether the option ima_flush_htable is among them.
bool flushes_table(std::string_view boot_options);

// What this machine's own list does with the digests of deleted records; unknown if the file cannot be read.
keeper::TableMode table_of_this_kernel(const std::string& file = kBootOptionsFile);

}  // namespace imakeep::app
