// SPDX-License-Identifier: Apache-2.0
// Input: that of key_file_input.h; the signature is field `modsig`.
#include "fuzz/key_file_input.h"
#include "fuzz/require.h"
#include "signature/modsig.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imakeep;
  const auto input = fuzz::split_key_file(data, size);
  if (!input) return 0;
  const ByteView field = input->signature;

  const auto modsig = signature::Modsig::parse(field);
  if (!modsig) {
    fuzz::require(modsig.error().code == ErrorCode::kMalformed || modsig.error().code == ErrorCode::kUnsupported,
                  "a parser's error is one that it documents");
    return 0;
  }
  fuzz::require(!modsig->wanted_key().empty(), "a blob that is taken names its key");
  fuzz::require(!signature::Modsig::parse(field.first(field.size() - 1)), "a blob that is cut short is refused");

  signature::Keyrings keyrings;
  if (const auto keys = signature::Key::parse(input->key_file)) {
    for (const signature::Key& key : *keys) static_cast<void>(keyrings.add("k", key));
  }
  const digest::Digest digest(signature::info(modsig->algorithm()).digest_bytes);
  const auto checked =
      signature::check_modsig(*modsig, {.algorithm = modsig->algorithm(), .digest = digest.view()}, keyrings);
  fuzz::require(!checked.verified() || checked.signer.has_value(), "a signature is verified by a key");
  fuzz::require(!signature::describe(checked).empty(), "every answer has a sentence");
  return 0;
}
