// SPDX-License-Identifier: Apache-2.0
#include "debian/package_index.h"

#include "base/bytes.h"
#include "base/quantity.h"
#include "base/text.h"
#include "debian/deb822.h"

namespace imakeep::debian {

Result<void> add_packages(std::string_view text, const std::set<InstalledPackage>& wanted, PoolFiles& into) {
  Deb822Reader reader(text);
  for (;;) {
    IMAKEEP_TRY(const auto* paragraph, reader.next());
    if (paragraph == nullptr) return {};
    InstalledPackage package{.name = std::string(paragraph->value("Package")),
                             .version = std::string(paragraph->value("Version")),
                             .architecture = std::string(paragraph->value("Architecture"))};
    if (package.name.empty()) return fail(ErrorCode::kMalformed, "a paragraph without Package");
    if (!wanted.contains(package)) continue;
    PoolFile file{.path = std::string(paragraph->value("Filename")), .sha256 = std::string(paragraph->value("SHA256"))};
    const auto bytes = parse_count(paragraph->value("Size"));
    constexpr std::size_t kSha256Bytes = 32;
    const auto digest = from_hex(file.sha256);
    if (!bytes || !digest || digest->size() != kSha256Bytes || file.path.empty()) {
      return fail(ErrorCode::kMalformed, printable(text_of(package)) + " has no Filename, Size or SHA256");
    }
    // A path that leaves the mirror would be asked for there; the hash decides about what comes.
    file.bytes = *bytes;
    into.emplace(std::move(package), std::move(file));
  }
}

}  // namespace imakeep::debian
