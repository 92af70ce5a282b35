// SPDX-License-Identifier: Apache-2.0
// debian/package_index.h - which .deb of a mirror holds which version of a package. Threads: plain values.
#pragma once

#include <map>
#include <set>

#include "debian/installed.h"

namespace imakeep::debian {

struct PoolFile {
  std::string path;    // below the mirror's address
  std::string sha256;  // hexadecimal, lower case
  std::uint64_t bytes = 0;
};
using PoolFiles = std::map<InstalledPackage, PoolFile>;

// Adds the wanted packages of a Packages file. One that is there already stays. kMalformed, with package or line: no
// Packages file, or a wanted package without Filename, Size or SHA256.
Result<void> add_packages(std::string_view text, const std::set<InstalledPackage>& wanted, PoolFiles& into);

}  // namespace imakeep::debian
