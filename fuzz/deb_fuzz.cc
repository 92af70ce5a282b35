// SPDX-License-Identifier: Apache-2.0
// Input: a .deb. Whatever is taken has absolute paths and a digest for each file, and makes a policy that is read
// again.
#include "debian/deb_file.h"
#include "debian/package_files.h"
#include "fuzz/require.h"
#include "policy/policy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imakeep;
  const auto contents = debian::read_deb(std::as_bytes(std::span(data, size)), {digest::Algorithm::kSha256});
  if (!contents) {
    fuzz::require(!contents.error().message.empty(), "an error has a reason");
    return 0;
  }
  for (const debian::DebFile& file : contents->files) {
    fuzz::require(file.path.starts_with('/') && file.digests.size() == 1, "a file has an absolute path and a digest");
  }
  const debian::InstalledPackage& package = contents->package;
  for (const std::string& text : {package.name, package.version, package.architecture}) {
    if (text.empty() || !reference::fits_json(text)) return 0;  // no index names such a package
  }
  debian::PackageFiles files({.dpkg_new = true});
  files.add(*contents);
  reference::Document document;
  files.finish(document);
  const std::string text = reference::write_document(document);
  fuzz::require(policy::parse_policy(as_bytes(text), policy::Mode::kStrict).has_value(), "the policy is good");
  return 0;
}
