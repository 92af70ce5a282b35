// SPDX-License-Identifier: Apache-2.0
// debian/deb_file.h - the files in a .deb, with their digests.
//
//   .deb := ar archive of  debian-binary ("2.0\n")  control.tar[.gz|.xz|.zst]  data.tar[.gz|.xz|.zst|.bz2|.lzma]
//
// Source: deb(5). The library is libarchive; it reads the members one inside the other, so that no file is unpacked to
// disk. Threads: no shared state.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "debian/installed.h"
#include "reference/document.h"

namespace imakeep::debian {

struct DebFile {
  std::string path;  // absolute
  reference::DigestSet digests;
};

struct DebLink {
  std::string path;
  std::string target;
};

struct DebContents {
  InstalledPackage package;
  bool one_for_each_architecture = false;  // Multi-Arch: same
  std::vector<DebFile> files;              // regular files of data.tar, hard links too
  std::vector<DebLink> links;              // symbolic links
  std::vector<DebFile> control;            // files of control.tar, by their names there
};

// kMalformed, with the member: no .deb, one cut short or damaged, or more entries than kMostEntries.
Result<DebContents> read_deb(ByteView deb, const std::vector<digest::Algorithm>& algorithms);
// The same, from a file.
Result<DebContents> read_deb_file(const std::string& path, const std::vector<digest::Algorithm>& algorithms);

inline constexpr std::size_t kMostEntries = 4'000'000;

}  // namespace imakeep::debian
