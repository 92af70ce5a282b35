// SPDX-License-Identifier: Apache-2.0
// enrol/ek_pins.h - endorsement keys that an operator trusts by their hash, without a certificate.
//
// A pin is "sha256:HEX" or HEX, 64 digits: SHA-256 over the EK's TPMT_PUBLIC, or over its SubjectPublicKeyInfo in DER
// (`openssl pkey -pubin -outform DER | sha256sum`). Threads: a value; several threads may read it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "digest/digest.h"

namespace imakeep::enrol {

class EkPins {
 public:
  // One pin a line; empty lines and those that begin with '#' are skipped. kMalformed names the line.
  static Result<EkPins> parse(std::string_view text);

  // `public_area` is a TPM2B_PUBLIC or a TPMT_PUBLIC. Succeeds if the EK is pinned. kMismatch, with both hashes, if it
  // is not; errors of tpm::parse_public_key().
  Result<void> check(ByteView public_area) const;

  std::size_t size() const { return pins_.size(); }

 private:
  std::vector<digest::Digest> pins_;
};

// The two hashes of an EK that a pin may have.
struct EkHashes {
  digest::Digest public_area;      // over the TPMT_PUBLIC
  digest::Digest public_key_info;  // over the SubjectPublicKeyInfo
};
Result<EkHashes> ek_hashes(ByteView public_area);

}  // namespace imakeep::enrol
