// SPDX-License-Identifier: Apache-2.0
// Input: text of a control file. Fields lie in the input; each reader of such files refuses it or takes it.
#include "debian/deb822.h"
#include "debian/installed.h"
#include "debian/package_index.h"
#include "debian/release.h"
#include "fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imakeep;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  debian::Deb822Reader reader(text);
  for (;;) {
    const auto next = reader.next();
    if (!next) {
      fuzz::require(next.error().message.starts_with("line "), "an error names its line");
      break;
    }
    if (*next == nullptr) break;
    fuzz::require(!(*next)->fields().empty(), "a paragraph has a field");
    for (const debian::Field& field : (*next)->fields()) {
      fuzz::require(!field.name.empty() && (*next)->find(field.name) == field.value, "a field is found by its name");
    }
  }
  std::set<debian::InstalledPackage> wanted;
  if (const auto installed = debian::parse_status(text)) {
    wanted.insert(installed->packages.begin(), installed->packages.end());
  }
  debian::PoolFiles found;
  if (debian::add_packages(text, wanted, found)) {
    for (const auto& [package, file] : found) {
      fuzz::require(wanted.contains(package) && file.sha256.size() == 64, "only wanted packages, with a hash");
    }
  }
  if (const auto release = debian::parse_release(text)) {
    for (const auto& [path, file] : release->files) fuzz::require(file.sha256.size() == 64, "each file has a hash");
  }
  if (const auto diversions = debian::parse_diversions(text)) {
    fuzz::require(diversions->size() <= size, "no more diversions than lines");
  }
  return 0;
}
