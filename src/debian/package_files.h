// SPDX-License-Identifier: Apache-2.0
// debian/package_files.h - puts the files of packages into a policy, under the names that IMA logs for them.
// Threads: one thread at a time uses an object.
#pragma once

#include <string>
#include <vector>

#include "debian/deb_file.h"
#include "debian/installed.h"
#include "reference/document.h"
#include "reference/path_links.h"

namespace imakeep::debian {

struct NameOptions {
  Diversions diversions;
  bool merged_usr = true;
  bool dpkg_new = false;
};

class PackageFiles {
 public:
  explicit PackageFiles(NameOptions options);

  void add(const DebContents& contents);
  // Puts all files into the document: links of one package lead elsewhere in another, so all must be known first.
  // Returns the files whose names JSON cannot hold, made printable. REQUIRES: called once, after the last package.
  std::vector<std::string> finish(reference::Document& document);

  std::uint64_t file_count() const { return files_.size(); }

 private:
  struct Placed {
    std::string path;
    reference::DigestSet digests;
    std::size_t package = 0;  // index in packages_
  };
  void add_scripts(const DebContents& contents);
  std::vector<std::string> names_of(const Placed& file) const;

  NameOptions options_;
  reference::PathLinks links_;
  std::vector<reference::PackageId> packages_;
  std::vector<Placed> files_;
};

}  // namespace imakeep::debian
