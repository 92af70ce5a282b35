// SPDX-License-Identifier: Apache-2.0
// debian/from_packages.h - takes reference values from the packages of a mirror: those that a machine has installed.
//
// A chain of hashes leads from the keyring to each digest: signature of InRelease, SHA-256 of Packages, SHA-256 of the
// .deb, digests of the files in it. So no digest comes from the machine that the policy is for.
//
// Names. A path in a package is where dpkg puts the file, which need not be the name that IMA logs:
// - a directory in the path may be a symbolic link, as /bin is after usrmerge: both names are written
// - a diversion moves the file of all other packages
// - while dpkg unpacks, the file is named PATH.dpkg-new: written if FromPackages::dpkg_new is set
// - dpkg runs scripts of the package as /var/lib/dpkg/info/PACKAGE.postinst and /var/lib/dpkg/tmp.ci/preinst
// Alternatives are symbolic links, and IMA logs where they lead.
// Threads: one thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "debian/fetcher.h"
#include "debian/installed.h"
#include "debian/package_index.h"
#include "digest/digest.h"
#include "reference/document.h"
#include "reference/path_links.h"

namespace imakeep::debian {

// A line of apt's sources.list without "deb": "URL SUITE COMPONENT...".
struct Source {
  std::string url;
  std::string suite;
  std::vector<std::string> components;
};
Result<Source> parse_source(std::string_view line);  // kUsage for another line

struct FromPackages {
  std::vector<Source> sources;  // if several have a package, the first counts
  std::string keyring;
  InstalledPackages installed;
  Diversions diversions;
  std::vector<digest::Algorithm> algorithms = {digest::Algorithm::kSha256};
  bool merged_usr = true;  // /bin, /lib and /sbin are links to those in /usr
  bool dpkg_new = false;
  std::int64_t now_unix_s = 0;
  std::function<void(std::uint64_t done, std::uint64_t total)> on_bytes = {};  // of the .debs
};

struct FromPackagesReport {
  std::uint64_t packages = 0;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;                // of the .debs
  std::vector<InstalledPackage> missing;  // no source has this version
  std::vector<std::string> not_utf8;      // files that a policy cannot name, made printable
};

// Errors: those of Fetcher, verify_release(), parse_release(), check_release(), add_packages() and read_deb_file(),
// with the address. kMismatch also if a .deb is that of another package than the index says.
Result<FromPackagesReport> add_from_packages(const FromPackages& options, Fetcher& fetcher,
                                             reference::Document& document);

}  // namespace imakeep::debian
