// SPDX-License-Identifier: Apache-2.0
// attester/state.h - what an enrolled host keeps for the next attestation: its key, its name and its verifier.
//
//   DIR/attester.json := {"version": 1, "server", "authorities"?, "pin"?, "tenant"?, "host", "ak_parent": 1 to 3,
//                         "ak_public": B64, "ak_private": B64, "ek_certificate"?: B64}
// B64 is base64 with padding, of TPM2B_PUBLIC and TPM2B_PRIVATE. The TPM encrypted the private area, so that the file
// is of use on this machine alone. A reader ignores members that it does not know.
// Threads: no shared state.
#pragma once

#include <optional>
#include <string>

#include "tpm/attestation_tpm.h"

namespace imakeep::attester {

struct AttesterState {
  std::string server = {};       // URL
  std::string authorities = {};  // PEM file; empty: the system's authorities, or `pin`
  std::string pin = {};          // of the verifier's key; empty: none
  std::string tenant = {};       // empty: the verifier's default tenant
  std::string host = {};
  tpm::SavedKey key = {};
  Bytes ek_certificate = {};  // DER; empty: the TPM has none. Only for evidence bundles

  friend bool operator==(const AttesterState&, const AttesterState&) = default;
};

// Replaces the file atomically, with mode 0600. Makes the directory with mode 0700 if it is missing; its parent must be
// there. What root writes belongs to the owner of the directory it is in, so that imakeep-attest.service can read it.
// kEnvironment names what cannot be written.
Result<void> save_state(const std::string& directory, const AttesterState& state);

// Empty if the directory or the file is missing. kMalformed if the file is damaged, kUnsupported for another version;
// kEnvironment if it cannot be read. The message names the file.
Result<std::optional<AttesterState>> load_state(const std::string& directory);

}  // namespace imakeep::attester
