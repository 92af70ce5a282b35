// SPDX-License-Identifier: Apache-2.0
// ear/ear.h - an attestation result as values: what a verifier states of a host (EAT Attestation Result, EAR).
//
// claims.h turns it into the claims of a JWT and back, token.h signs and checks the JWT. docs/formats/ear.md has every
// claim. Source: draft-ietf-rats-ear-03; for the other profile the claims of veraison/ear.
// Threads: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "ear/ar4si.h"

namespace imakeep::ear {

enum class Profile : std::uint8_t {
  kVeraison,  // "tag:github.com,2023:veraison/ear": what deployed relying parties read; names with dots
  kIetf,      // "tag:ietf.org,2026:rats/ear#03": the IETF's draft; names with underscores
};

// The value of the claim eat_profile.
std::string_view profile_tag(Profile profile);
// The Content-Type of an answer with such a token.
std::string media_type(Profile profile);
// The profile that the value of an Accept header asks for: that of the first range application/eat+jwt with an
// eat_profile that we have. Without such a parameter kVeraison. Empty if the header accepts no application/eat+jwt.
std::optional<Profile> accepted_profile(std::string_view accept);

struct VerifierId {
  std::string developer;
  std::string build;

  friend bool operator==(const VerifierId&, const VerifierId&) = default;
};

// A PCR that the quote covers.
struct ProvenPcr {
  std::string bank;  // as Linux names it: "sha256"
  std::uint32_t pcr = 0;
  Bytes value;

  friend bool operator==(const ProvenPcr&, const ProvenPcr&) = default;
};

// A policy, and the records that it judged: those from `from` up to but not including `to`.
struct PolicyUse {
  std::string id;
  std::string digest;  // "sha256:" and hexadecimal
  std::uint64_t from = 0;
  std::uint64_t to = 0;

  friend bool operator==(const PolicyUse&, const PolicyUse&) = default;
};

struct ReportedFinding {
  std::uint64_t index = 0;  // number of the record in its chain
  std::string path;
  std::string reason;
  std::string rule;

  friend bool operator==(const ReportedFinding&, const ReportedFinding&) = default;
};

// At most so many findings are in a token, and at most so many bytes of each of their texts. `failed` counts all.
inline constexpr std::size_t kMostFindings = 16;
inline constexpr std::size_t kMostFindingTextBytes = 256;

// What is proven of the host's measurement list.
struct Proof {
  std::uint64_t chain = 0;
  std::uint64_t first = 0;         // number of the first record that this attestation judged
  std::optional<std::uint64_t> n;  // records of the chain that are proven; none if the proof failed
  std::vector<ProvenPcr> pcrs;
  std::uint32_t reset_count = 0;  // of the TPM's clock, as quoted
  std::uint32_t restart_count = 0;
  std::uint64_t clock_ms = 0;
  std::string quote_digest;  // "sha256:" and hexadecimal, over TPMS_ATTEST
  std::vector<PolicyUse> policies;
  std::uint64_t failed = 0;  // records that a policy refused
  std::vector<ReportedFinding> findings;
  std::optional<std::uint64_t> deletable;  // records that all verifiers of the host have proven

  friend bool operator==(const Proof&, const Proof&) = default;
};

// What is stated of one attester.
struct Appraisal {
  std::string name;           // of the submodule
  Tier status = Tier::kNone;  // make_claims() sets it from the vector
  TrustVector vector;
  std::vector<std::string> policy_ids;  // in the order in which they were applied
  std::optional<Bytes> evidence_nonce;  // that the quote is over: 8 to 64 bytes; profile kIetf only
  std::optional<Proof> proof;

  friend bool operator==(const Appraisal&, const Appraisal&) = default;
};

struct Ear {
  std::int64_t issued_at_s = 0;              // Unix time
  std::optional<std::int64_t> expires_at_s;  // from then on nobody accepts it
  VerifierId verifier;
  std::optional<std::string> nonce;   // that the relying party gave: 8 to 88 characters; kIetf: base64 of 8 to 64 bytes
  std::vector<Appraisal> appraisals;  // at least one

  friend bool operator==(const Ear&, const Ear&) = default;
};

}  // namespace imakeep::ear
