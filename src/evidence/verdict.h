// SPDX-License-Identifier: Apache-2.0
// evidence/verdict.h - the verifier's answer to evidence, and to a request that it refuses, as JSON.
//
//   verdict := {"version": 1, "chain", "n", "again": BOOL, "interval_s", "result": TOKEN}
//   receipt := {"version": 1, "chain", "first"}                                      of a part, with status 202
//   problem := {"title", "status", "reason", "detail", "first"?}                     RFC 9457, application/problem+json
// docs/formats/evidence.md explains each member. A reader ignores members that it does not know.
//
// Threads: no shared state.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace imakeep::evidence {

inline constexpr std::string_view kProblemMediaType = "application/problem+json";
inline constexpr std::size_t kMostVerdictBytes = 256u << 10;

struct Verdict {
  std::uint64_t chain = 0;       // the verifier's number of the host's chain
  std::uint64_t n = 0;           // so many records of the chain are proven: these may be deleted from the list
  bool again = false;            // a record names a PCR that was not quoted: attest again at once
  std::uint64_t interval_s = 0;  // until the next attestation
  std::string result = {};       // the attestation result: a JWT (docs/formats/ear.md)

  friend bool operator==(const Verdict&, const Verdict&) = default;
};

// The answer to a part of a long increment. It proves nothing: the verdict comes with the last part.
struct PartReceipt {
  std::uint64_t chain = 0;  // the verifier's number of the host's chain
  std::uint64_t first = 0;  // number of the record with which the next part begins

  friend bool operator==(const PartReceipt&, const PartReceipt&) = default;
};
inline constexpr int kPartTakenStatus = 202;  // of HTTP

struct Problem {
  int status = 0;           // of HTTP
  std::string reason = {};  // one word of docs/reference/refusals.md
  std::string detail = {};
  std::optional<std::uint64_t> first = std::nullopt;  // number of the record from which on records are wanted

  friend bool operator==(const Problem&, const Problem&) = default;
};

std::string make_verdict(const Verdict& verdict);
std::string make_part_receipt(const PartReceipt& receipt);
std::string make_problem(const Problem& problem);

// kMalformed, naming the member; kUnsupported: another version, or a text that is too long.
Result<Verdict> read_verdict(std::string_view text);
Result<PartReceipt> read_part_receipt(std::string_view text);
Result<Problem> read_problem(std::string_view text);

}  // namespace imakeep::evidence
