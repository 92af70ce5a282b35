// conformance/exemptions.h - what a file system in user space cannot give exactly as the kernel does.
//
// A check of this list that deviates is reported as exempt, but only on a directory that is on FUSE.
// Threads: no shared state.
#pragma once

#include <span>
#include <string_view>

namespace imakeep::conformance {

struct Exemption {
  std::string_view id;  // a check's, without ":BANK"
  std::string_view reason;
};

std::span<const Exemption> exemptions();

// The exemption of that check; null if it has none. `id` may end in ":BANK".
const Exemption* find_exemption(std::string_view id);

}  // namespace imakeep::conformance
