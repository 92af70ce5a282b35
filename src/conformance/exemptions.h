// SPDX-License-Identifier: Apache-2.0
// conformance/exemptions.h - the checks that a file system in user space cannot pass exactly as the kernel does.
//
// If one of these checks fails, run() reports it as exempt, but only for a directory on FUSE.
// Threads: no shared state.
#pragma once

#include <span>
#include <string_view>

namespace imakeep::conformance {

struct Exemption {
  std::string_view id;  // of a check, without ":BANK"
  std::string_view reason;
};

std::span<const Exemption> exemptions();

// Returns the check's exemption; null if it has none. `id` may end in ":BANK".
const Exemption* find_exemption(std::string_view id);

}  // namespace imakeep::conformance
