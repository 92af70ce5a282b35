// SPDX-License-Identifier: Apache-2.0
// Input: a u16 in little-endian order, a key file of so many bytes, and field `modsig`.
#include "fuzz/require.h"
#include "signature/modsig.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imakeep;
  const ByteView input(reinterpret_cast<const std::byte*>(data), size);
  if (size < 2) return 0;
  const std::size_t key_bytes = load<std::uint16_t>(input.data(), ByteOrder::kLittle);
  if (key_bytes > size - 2) return 0;
  const ByteView field = input.subspan(2 + key_bytes);

  const auto modsig = signature::Modsig::parse(field);
  if (!modsig) {
    fuzz::require(modsig.error().code == ErrorCode::kMalformed || modsig.error().code == ErrorCode::kUnsupported,
                  "a parser's error is one that it documents");
    return 0;
  }
  fuzz::require(!modsig->wanted_key().empty(), "a blob that is taken names its key");
  fuzz::require(!signature::Modsig::parse(field.first(field.size() - 1)), "a blob that is cut short is refused");

  signature::Keyrings keyrings;
  if (const auto keys = signature::Key::parse(input.subspan(2, key_bytes))) {
    for (const signature::Key& key : *keys) static_cast<void>(keyrings.add("k", key));
  }
  const digest::Digest digest(signature::info(modsig->algorithm()).digest_bytes);
  const auto checked =
      signature::check_modsig(*modsig, {.algorithm = modsig->algorithm(), .digest = digest.view()}, keyrings);
  fuzz::require(!checked.verified() || checked.signer.has_value(), "a signature is verified by a key");
  fuzz::require(!signature::describe(checked).empty(), "every answer has a sentence");
  return 0;
}
