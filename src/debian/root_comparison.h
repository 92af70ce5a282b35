// SPDX-License-Identifier: Apache-2.0
// debian/root_comparison.h - which files of a machine a policy made from its packages does not accept, and why.
//
// Files that maintainer scripts and triggers make are in no package. Nothing here accepts them: each is reported with
// its probable maker, so that a person can decide. Threads: no shared state.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "debian/installed.h"
#include "reference/document.h"

namespace imakeep::debian {

enum class Cause : std::uint8_t {
  kConffile,        // a conffile that the machine's owner or a script changed
  kAltered,         // a file of a package with another content
  kMissingPackage,  // the file of a package that no source has at this version
  kMade,            // in no package: made by a script or trigger, as its path tells
  kLocal,           // below /usr/local
  kUnknown,
};
std::string_view cause_name(Cause cause);

struct Unexplained {
  std::string path;
  Cause cause = Cause::kUnknown;
  std::string detail;  // package or maker; may be empty
  reference::DigestSet digests;
};

struct RootComparison {
  std::uint64_t files = 0;
  std::uint64_t accepted = 0;
  std::vector<Unexplained> unexplained;  // in the order of paths

  std::map<Cause, std::uint64_t> counts() const;
};

struct ComparisonOptions {
  std::string root;                                    // its dpkg database tells packages
  std::vector<std::string> under = {"/boot", "/usr"};  // directories to compare, from the root
  std::set<std::string> conffiles;
  Diversions diversions;
  std::vector<InstalledPackage> missing;
  std::vector<digest::Algorithm> algorithms = {digest::Algorithm::kSha256};
};

// Errors: those of reference::walk_root().
Result<RootComparison> compare_root(const ComparisonOptions& options, const reference::Document& document);

// Who makes a file that no package holds, by its path; empty if that is not known.
std::string maker_of(std::string_view path);

std::string comparison_text(const RootComparison& comparison);
nlohmann::ordered_json comparison_json(const RootComparison& comparison);

}  // namespace imakeep::debian
