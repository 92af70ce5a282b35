// SPDX-License-Identifier: Apache-2.0
// tpm/credential_file.h - a credential that a verifier made for a TPM, in the file form of tpm2-tools.
//
//   file := 0xBADCC0DE:u32  version:u32  id_object:TPM2B_ID_OBJECT  secret:TPM2B_ENCRYPTED_SECRET      big-endian
// The version is 1. This is what tpm2_makecredential writes and tpm2_activatecredential reads. Source: TPM 2.0 Library,
// part 1, section 24, and part 2, sections 11.4.33 and 12.4.3.
// Threads: no shared state.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

namespace imakeep::tpm {

struct Credential {
  Bytes id_object = {};  // without its size; 1 to 132 bytes
  Bytes secret = {};     // without its size; 1 to 512 bytes

  friend bool operator==(const Credential&, const Credential&) = default;
};

// Accepts exactly one file. kTruncated if the bytes end too early; kMalformed for another magic, a size out of range or
// bytes after the end; kUnsupported for another version.
Result<Credential> parse_credential(ByteView file);

}  // namespace imakeep::tpm
