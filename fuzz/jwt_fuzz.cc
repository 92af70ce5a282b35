// SPDX-License-Identifier: Apache-2.0
// Input: a byte that says what the rest is: a token, a key set, claims of either profile, an Accept header, a PEM file.
#include "ear/claims.h"
#include "ear/public_keys.h"
#include "ear/signing_key.h"
#include "ear/token.h"
#include "fuzz/require.h"

namespace imakeep {
namespace {

// The generator of P-256, whose private key is 1: make_corpus.py signs by it.
const ear::PublicKeys& keys() {
  static const ear::PublicKeys made = *ear::PublicKeys::parse(
      R"({"keys":[{"kty":"EC","crv":"P-256","kid":"g","x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",)"
      R"("y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}]})");
  return made;
}

void check_claims(const ear::Ear& read, ear::Profile profile) {
  fuzz::require(!read.appraisals.empty(), "a result has an appraisal");
  for (const ear::Appraisal& appraisal : read.appraisals) {
    fuzz::require(ear::allowed(appraisal.status, appraisal.vector), "no status promises more than its vector");
  }
  const auto made = ear::make_claims(read, profile);
  if (!made) return;
  const auto again = ear::read_claims(*made, profile);
  fuzz::require(again.has_value(), "what is made is read");
  fuzz::require(again->appraisals.size() == read.appraisals.size(), "with all appraisals");
  fuzz::require(again->issued_at_s == read.issued_at_s && again->nonce == read.nonce, "and the same claims");
  for (std::size_t i = 0; i < read.appraisals.size(); ++i) {
    fuzz::require(again->appraisals[i].vector == read.appraisals[i].vector, "and the same vectors");
  }
}

void check_token(std::string_view text) {
  // The tokens of the corpus were issued at 1800000000 and expire 300 seconds later.
  const auto read = ear::verify_token(text, keys(), {.profile = ear::Profile::kIetf, .now_s = 1'800'000'000});
  if (read) {
    check_claims(*read, ear::Profile::kIetf);
  } else {
    fuzz::require(read.error().message.starts_with("token refused ("), "each refusal has its reason");
  }
}

void check_key_set(std::string_view text) {
  const auto set = ear::PublicKeys::parse(text);
  if (!set) return;
  const auto again = ear::PublicKeys::parse(set->to_json());
  fuzz::require(again && again->keys().size() == set->keys().size(), "a key set that is written is read");
}

}  // namespace
}  // namespace imakeep

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imakeep;
  if (size == 0) return 0;
  const ByteView input = std::as_bytes(std::span(data + 1, size - 1));
  const std::string_view text = as_text(input);
  switch (data[0]) {
    case 't':
      check_token(text);
      break;
    case 'k':
      check_key_set(text);
      break;
    case 'v':
    case 'i': {
      const ear::Profile profile = data[0] == 'i' ? ear::Profile::kIetf : ear::Profile::kVeraison;
      if (const auto read = ear::read_claims(text, profile)) check_claims(*read, profile);
      break;
    }
    case 'a':
      static_cast<void>(ear::accepted_profile(text));
      break;
    case 'p':
      if (const auto key = ear::SigningKey::parse_pem(input, "key")) {
        const auto token = key->sign("{}");
        fuzz::require(token && key->public_key().signed_token(*token), "a key that is read signs");
      }
      break;
    default:
      break;
  }
  return 0;
}
