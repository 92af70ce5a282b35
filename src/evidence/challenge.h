// SPDX-License-Identifier: Apache-2.0
// evidence/challenge.h - the request for a challenge and the challenge, as JSON.
//
//   request   := {"version": 1, "tenant"?, "host", "banks"?: [NAME...], "reset_count"?, "records"?}
//   challenge := {"version": 1, "nonce": B64URL, "token": B64URL, "chain", "first", "reset_count"?,
//                 "pcrs": {BANK: [PCR...]}, "limits": {"records", "bytes"}, "policies": [DIGEST...], "interval_s",
//                 "retains"?: BOOL}
// docs/formats/evidence.md explains each member. A reader ignores members that it does not know. It refuses another
// version, a member that is there twice, and a text of more than kMostControlBytes.
//
// Threads: no shared state.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "digest/algorithm.h"

namespace imakeep::evidence {

inline constexpr std::uint64_t kControlVersion = 1;
inline constexpr std::size_t kMostControlBytes = 64u << 10;
inline constexpr std::size_t kMostPolicies = 64;

// What a host asks with. All of it is a claim: the verifier goes by its own rows.
struct ChallengeRequest {
  std::string tenant = {};  // empty: the verifier's default tenant
  std::string host = {};
  std::vector<digest::Algorithm> banks = {};                // of the host's TPM; names that are not known are left out
  std::optional<std::uint64_t> reset_count = std::nullopt;  // of the host's TPM
  std::optional<std::uint64_t> records = std::nullopt;      // count in the host's chain

  friend bool operator==(const ChallengeRequest&, const ChallengeRequest&) = default;
};

// PCRs to quote, ascending.
struct PcrChoice {
  digest::Algorithm bank = digest::Algorithm::kSha256;
  std::vector<std::uint32_t> pcrs = {};

  friend bool operator==(const PcrChoice&, const PcrChoice&) = default;
};

struct Challenge {
  Bytes nonce = {};         // for the quote's qualifyingData
  Bytes token = {};         // to be sent back
  std::uint64_t chain = 0;  // the verifier's number of the host's chain
  std::uint64_t first = 0;  // number of the record from which on records are wanted
  // Of the TPM when the verifier last accepted a quote of the host. If the host's is another one, its chain is a new
  // one and begins at record 0.
  std::optional<std::uint64_t> reset_count = std::nullopt;
  std::vector<PcrChoice> pcrs = {};        // ascending by bank
  std::uint64_t most_records = 0;          // in one request
  std::uint64_t most_bytes = 0;            // of one request's body
  std::vector<std::string> policies = {};  // "sha256:HEX" of each policy that will judge
  std::uint64_t interval_s = 0;            // between two attestations
  // The verifier keeps the records that it proves of this host, so that the host may delete its only copy of them.
  bool retains = false;

  friend bool operator==(const Challenge&, const Challenge&) = default;
};

// The JSON without white space. kUsage if the counterpart would refuse it.
Result<std::string> make_challenge_request(const ChallengeRequest& request);
Result<std::string> make_challenge(const Challenge& challenge);

// kMalformed, naming the member: not JSON, a member missing, twice, of another type or out of range, a name of another
// form, a nonce or token of another length, no PCR. kUnsupported: another version, or a text that is too long.
Result<ChallengeRequest> read_challenge_request(std::string_view text);
// The same. kUnsupported also for a bank that is not known, since its PCRs cannot be quoted.
Result<Challenge> read_challenge(std::string_view text);

}  // namespace imakeep::evidence
