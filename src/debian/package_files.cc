// SPDX-License-Identifier: Apache-2.0
#include "debian/package_files.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "reference/file_hash.h"

namespace imakeep::debian {
namespace {

// base-files of Debian 12 does not ship these links; debootstrap and usrmerge make them.
constexpr std::array<std::string_view, 6> kMergedDirectories = {"bin", "lib", "lib32", "lib64", "libx32", "sbin"};
// dpkg runs these before it has moved them to its database.
constexpr std::array<std::string_view, 3> kEarlyScripts = {"postrm", "preinst", "prerm"};

}  // namespace

PackageFiles::PackageFiles(NameOptions options) : options_(std::move(options)) {
  if (!options_.merged_usr) return;
  for (const std::string_view directory : kMergedDirectories) links_.add(directory, "usr/" + std::string(directory));
}

void PackageFiles::add(const DebContents& contents) {
  packages_.push_back({.name = contents.package.name,
                       .version = contents.package.version,
                       .architecture = contents.package.architecture});
  const std::size_t package = packages_.size() - 1;
  for (const DebLink& link : contents.links) links_.add(link.path, link.target);
  for (const DebFile& file : contents.files) {
    files_.push_back({.path = file.path, .digests = file.digests, .package = package});
  }
  add_scripts(contents);
}

void PackageFiles::add_scripts(const DebContents& contents) {
  const InstalledPackage& package = contents.package;
  std::string database = "/var/lib/dpkg/info/" + package.name;
  if (contents.one_for_each_architecture) database += ":" + package.architecture;
  for (const DebFile& file : contents.control) {
    files_.push_back({.path = database + "." + file.path, .digests = file.digests, .package = packages_.size() - 1});
    if (std::find(kEarlyScripts.begin(), kEarlyScripts.end(), file.path) == kEarlyScripts.end()) continue;
    files_.push_back(
        {.path = "/var/lib/dpkg/tmp.ci/" + file.path, .digests = file.digests, .package = packages_.size() - 1});
  }
}

std::vector<std::string> PackageFiles::names_of(const Placed& file) const {
  std::string path = file.path;
  std::string resolved = links_.resolved(path);
  for (const std::string& candidate : {path, resolved}) {
    const auto diverted = options_.diversions.find(candidate);
    if (diverted == options_.diversions.end() || diverted->second.package == packages_[file.package].name) continue;
    path = diverted->second.to;
    resolved = links_.resolved(path);
    break;
  }
  std::vector<std::string> names = {path};
  if (resolved != path) names.push_back(resolved);
  if (options_.dpkg_new) {
    for (std::size_t i = 0, count = names.size(); i < count; ++i) names.push_back(names[i] + ".dpkg-new");
  }
  return names;
}

std::vector<std::string> PackageFiles::finish(reference::Document& document) {
  std::vector<std::string> not_utf8;
  for (const Placed& file : files_) {
    for (const std::string& name : names_of(file)) {
      if (!reference::fits_json(name)) {
        not_utf8.push_back(printable(name));
        continue;
      }
      document.files()[reference::measured_name(name)].insert(file.digests.begin(), file.digests.end());
    }
    document.packages[packages_[file.package]].insert(file.digests.begin(), file.digests.end());
  }
  return not_utf8;
}

}  // namespace imakeep::debian
