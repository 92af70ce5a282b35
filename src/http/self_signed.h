// SPDX-License-Identifier: Apache-2.0
// http/self_signed.h - a certificate for a server that nobody gave one, and the pins by which its clients know it.
//
// A client that pins the key needs no authority. Source: RFC 5280 (certificates); RFC 7469, section 2.4 (pins).
// Threads: no shared state.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace imakeep::http {

struct Identity {
  std::string certificate;  // PEM
  std::string private_key;  // PEM, not encrypted: for a file that only its owner can read
};

// An ECDSA P-256 key and a certificate by it for these DNS names and IP addresses, valid from an hour before
// `now_unix_s` for ten years. kEnvironment if OpenSSL has no randomness.
Result<Identity> make_self_signed(const std::vector<std::string>& names, std::int64_t now_unix_s);

// "sha256//" and the base64 of SHA-256 over the public key (SubjectPublicKeyInfo) of the first certificate: what
// `curl --pinnedpubkey` takes. kMalformed if the text has no certificate.
Result<std::string> pin_of(const std::string& certificates);

}  // namespace imakeep::http
