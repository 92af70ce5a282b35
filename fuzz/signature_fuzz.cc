// SPDX-License-Identifier: Apache-2.0
// Input: that of key_file_input.h; the signature is security.ima. The attribute is also taken for a digest field. What
// is taken as a signature is written again from its fields alone, and is the same bytes.
#include "fuzz/key_file_input.h"
#include "fuzz/require.h"
#include "signature/check.h"

namespace imakeep {
namespace {

Bytes written(const signature::SignatureView& from) {
  Bytes out{std::byte{static_cast<std::uint8_t>(from.type)}, std::byte{from.version},
            std::byte{static_cast<std::uint8_t>(from.algorithm)}};
  append_int(out, from.key_id, ByteOrder::kBig);
  append_int(out, static_cast<std::uint16_t>(from.bytes.size()), ByteOrder::kBig);
  append_bytes(out, from.bytes);
  return out;
}

void require_known_error(const Error& error) {
  fuzz::require(error.code == ErrorCode::kMalformed || error.code == ErrorCode::kUnsupported,
                "a parser's error is one that it documents");
}

signature::Keyrings keyrings_of(ByteView file) {
  signature::Keyrings keyrings;
  const auto keys = signature::Key::parse(file);
  if (!keys) {
    require_known_error(keys.error());
    return keyrings;
  }
  fuzz::require(!keys->empty(), "a file that is taken has a key");
  for (const signature::Key& key : *keys) {
    fuzz::require(!key.name().empty() && key.identifier().size() >= 4, "a key has a name and an identifier");
    fuzz::require(keyrings.add("k", key).has_value(), "a keyring takes all keys of a file");
  }
  return keyrings;
}

}  // namespace
}  // namespace imakeep

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imakeep;
  const auto input = fuzz::split_key_file(data, size);
  if (!input) return 0;
  const signature::Keyrings keyrings = keyrings_of(input->key_file);
  const ByteView attribute = input->signature;

  if (const auto digest = signature::parse_digest_field(attribute); !digest) require_known_error(digest.error());
  const auto parsed = signature::parse_signature(attribute);
  if (!parsed) {
    require_known_error(parsed.error());
    return 0;
  }
  fuzz::require(written(*parsed) == Bytes(attribute.begin(), attribute.end()), "a signature is written as it was read");
  const digest::Digest digest(signature::info(parsed->algorithm).digest_bytes);
  const signature::SignedContent content{
      .file = signature::FileDigestView{.algorithm = parsed->algorithm, .digest = digest.view()},
      .metadata = signature::EvmMetadataView{}};
  const auto checked = signature::check_signature(*parsed, content, keyrings, {.now_unix_s = 0});
  fuzz::require(!checked.verified() || !keyrings.find(parsed->key_id).empty(), "a signature is verified by a key");
  fuzz::require(!signature::describe(checked).empty(), "every answer has a sentence");
  return 0;
}
