// SPDX-License-Identifier: Apache-2.0
// verifier/refusal.h - why the verifier refuses a request. Nothing of the host's state moves then.
//
// docs/reference/refusals.md has a row for each reason; a test compares the page with the table here. Names stay, since
// hosts and operators act on them. Threads: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "evidence/verdict.h"

namespace imakeep::verifier {

enum class Reason : std::uint8_t {
  kMalformed,        // the request is not of the form that the protocol has
  kUnsupported,      // another version, or beyond a limit
  kUnknownHost,      // no such host, or none of this tenant
  kNotEnrolled,      // its enrolment is not complete, or not approved
  kDisabled,         // the host or its tenant is disabled
  kNonceUnknown,     // made by no key of this verifier
  kNonceForeign,     // made for another host, tenant or state, or by nobody: also a nonce that was used
  kNonceExpired,     // too old, or from the future
  kQuoteMalformed,   // no quote, or none that a TPM made
  kQuoteSignature,   // not signed by the host's attestation key
  kQuotePcrs,        // covers other PCRs or banks than asked for
  kQuoteOlder,       // clock or counters went back
  kFirst,            // the records do not follow the proven ones
  kNewBoot,          // the TPM was reset: record 0 of the new boot is wanted
  kLogMismatch,      // the quote matches the records at no point
  kStale,            // another quote of the host was accepted meanwhile
  kOlderPolicy,      // the policies changed meanwhile
  kPolicyMissing,    // a policy of the host's list is not there or cannot be read
  kBadPolicy,        // the text is no policy that the verifier can judge by
  kEnrolmentToken,   // missing, wrong, over or used up
  kEnrolmentKey,     // the attestation key's public area does not do
  kEnrolmentTpm,     // nothing shows that the TPM is one to trust
  kEnrolmentSecret,  // the secret is wrong, over, or of another enrolment
  kEnrolmentKnown,   // another host with this name is enrolled
  kUnauthorized,     // no token, or none that counts here
  kForbidden,        // the token's role does not allow it
  kNotFound,         // no such thing
  kConflict,         // the thing is in use, or in another state
  kOverloaded,       // too many requests wait
  kStore,            // the database cannot be used now
};
inline constexpr std::size_t kReasonCount = 30;

struct ReasonInfo {
  std::string_view name;  // "log-mismatch"
  int status;             // of HTTP
};
const ReasonInfo& info(Reason reason);

struct Refusal {
  Reason reason = Reason::kMalformed;
  std::string detail;                                 // a sentence without a full stop
  std::optional<std::uint64_t> first = std::nullopt;  // the record from which on records are wanted
};

evidence::Problem problem_of(const Refusal& refusal);

// A refusal for an error of the store.
Refusal store_refusal(const Error& error);

template <class T>
using Judged = tl::expected<T, Refusal>;

inline tl::unexpected<Refusal> refuse(Reason reason, std::string detail) {
  return tl::unexpected<Refusal>(Refusal{.reason = reason, .detail = std::move(detail)});
}

}  // namespace imakeep::verifier
