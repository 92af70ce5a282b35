// SPDX-License-Identifier: Apache-2.0
// debian/installed.h - what dpkg's database says of a machine: its packages, diversions, and the files of each package.
// Source: dpkg(1), dpkg-divert(1); dpkg-query(1) for states. Threads: plain values; the functions have no shared state.
#pragma once

#include <compare>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace imakeep::debian {

struct InstalledPackage {
  std::string name;
  std::string version;
  std::string architecture;

  friend auto operator<=>(const InstalledPackage&, const InstalledPackage&) = default;
};

std::string text_of(const InstalledPackage& package);  // "NAME VERSION ARCHITECTURE"

struct InstalledPackages {
  std::vector<InstalledPackage> packages;  // sorted
  std::set<std::string> conffiles;         // paths
};

// Reads a status file, such as /var/lib/dpkg/status. Packages of which no file is there are left out: those that are
// not installed, and those of which only conffiles are left. kMalformed: no status file; the message names the line.
Result<InstalledPackages> parse_status(std::string_view text);

struct Diversion {
  std::string to;
  std::string package;  // its file alone keeps the path; empty: a local diversion, which no package's file escapes
};
using Diversions = std::map<std::string, Diversion, std::less<>>;  // by the path that is diverted

// Reads the diversions file: three lines for each. kMalformed if lines are missing.
Result<Diversions> parse_diversions(std::string_view text);

}  // namespace imakeep::debian
