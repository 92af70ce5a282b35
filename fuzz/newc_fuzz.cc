// SPDX-License-Identifier: Apache-2.0
// Input: an initramfs. Every entry lies in the input, and whatever is taken makes a policy that is read again.
#include "fuzz/require.h"
#include "policy/policy.h"
#include "reference/initramfs.h"
#include "reference/newc.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imakeep;
  const ByteView image = std::as_bytes(std::span(data, size));
  reference::NewcReader reader(image);
  for (;;) {
    const std::size_t before = reader.offset();
    const auto entry = reader.next();
    if (!entry || !*entry) break;
    fuzz::require(reader.offset() > before && reader.offset() <= size, "each entry ends after its beginning");
    const ByteView content = (*entry)->data;
    fuzz::require(
        content.empty() || (content.data() >= image.data() && content.data() + content.size() <= image.data() + size),
        "the data of an entry lie in the input");
  }
  reference::Document document;
  if (!reference::add_initramfs(image, {digest::Algorithm::kSha256}, document)) return 0;
  for (const auto& [name, digests] : document.files()) {
    fuzz::require(name.starts_with('/') && !digests.empty(), "a name is absolute and has a digest");
    if (!reference::fits_json(name)) return 0;
  }
  const std::string text = reference::write_document(document);
  fuzz::require(policy::parse_policy(as_bytes(text), policy::Mode::kStrict).has_value(), "the policy is good");
  return 0;
}
