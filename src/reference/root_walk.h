// SPDX-License-Identifier: Apache-2.0
// reference/root_walk.h - takes reference values from the files of a root directory: every regular file, under the name
// that IMA logs for it.
//
// Symbolic links are not followed, neither in the tree nor in the way of a name that changes meanwhile: each step is an
// openat(2) from its directory. The directory given is the root of the names, so "usr/bin/ls" in it becomes
// "/usr/bin/ls". Threads: no shared state.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "reference/document.h"

namespace imakeep::reference {

// Directories of a root whose files are of the moment: kernel's file systems, temporary files, other media.
inline constexpr std::array<std::string_view, 9> kSkippedDirectories = {
    "/dev", "/lost+found", "/media", "/mnt", "/proc", "/run", "/sys", "/tmp", "/var/tmp"};

struct RootOptions {
  std::string directory;
  std::vector<std::string> under;     // if there are any: only files below these directories, paths from the root
  std::vector<std::string> skipped;   // more directories whose files are left out, as paths from the root
  std::vector<std::string> excludes;  // RE2, each for whole names; they become excludes of the policy
  std::vector<digest::Algorithm> algorithms = {digest::Algorithm::kSha256};
  bool other_file_systems = false;  // enters directories of other file systems too
};

struct RootReport {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t excluded = 0;
  std::vector<std::string> not_utf8;  // files that a policy cannot name; the names made printable
};

// One regular file of a root.
struct RootFile {
  std::string path;  // from the root: "/usr/bin/ls"
  std::uint64_t bytes = 0;
  DigestSet digests;
};

// Calls `take` for each file, directories in the order of names. Ends with the error of `take`, if it has one.
// Errors: kUsage for a bad pattern; kEnvironment if a file or directory cannot be read, or is removed while it is read.
Result<RootReport> walk_root(const RootOptions& options, const std::function<Result<void>(RootFile)>& take);

// Adds each file to the document, and the excludes.
Result<RootReport> add_root(const RootOptions& options, Document& document);

}  // namespace imakeep::reference
