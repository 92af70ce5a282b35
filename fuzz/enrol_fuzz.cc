// SPDX-License-Identifier: Apache-2.0
// Input: a byte that says what the rest is: a public area, a credential file, a certificate, a file of trusted
// certificates, or pins.
#include "enrol/ak_check.h"
#include "enrol/certificate.h"
#include "enrol/ek_pins.h"
#include "enrol/make_credential.h"
#include "fuzz/require.h"

namespace imakeep {
namespace {

void check_public_area(ByteView bytes) {
  const auto ak = enrol::check_ak(bytes);
  if (ak) fuzz::require(enrol::check_ak(ak->public_area)->name == ak->name, "an area has one name");
  const auto ek = enrol::EndorsementKey::from_public(bytes);
  fuzz::require(!ak || !ek, "no key is both");
  if (ek) static_cast<void>(enrol::make_credential(*ek, Bytes(34), Bytes(16), Bytes(ek->seed_bytes())));
}

void check_certificate(ByteView bytes) {
  const auto certificate = enrol::Certificate::parse(bytes);
  if (!certificate) return;
  static_cast<void>(certificate->tpm_identity());
  static_cast<void>(certificate->subject());
  static_cast<void>(certificate->endorsement_key());
  const enrol::TrustStore nobody;
  for (const auto kind : {enrol::CertifiedKey::kEndorsement, enrol::CertifiedKey::kAttestation}) {
    fuzz::require(!nobody.verify(*certificate, kind, {}, std::nullopt), "without roots nothing is trusted");
  }
}

}  // namespace
}  // namespace imakeep

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imakeep;
  if (size == 0) return 0;
  const ByteView input = std::as_bytes(std::span(data + 1, size - 1));
  switch (data[0]) {
    case 'a':
      check_public_area(input);
      break;
    case 'c':
      if (const auto credential = enrol::parse_credential_file(input)) {
        fuzz::require(equal(enrol::credential_file(*credential), input), "a file has one form");
      }
      break;
    case 'x':
      check_certificate(input);
      break;
    case 't': {
      enrol::TrustStore trust;
      static_cast<void>(trust.add(input, "file"));
      break;
    }
    case 'p':
      static_cast<void>(enrol::EkPins::parse(as_text(input)));
      break;
    default:
      break;
  }
  return 0;
}
