// SPDX-License-Identifier: Apache-2.0
// appraisal/reason.h - why a record is refused, and by which rule one is accepted.
//
// docs/reference/findings.md has a row for each reason and each rule. A test compares the page with these tables.
// Names and event ids stay: findings that somebody has stored refer to them.
// Source of event ids without "imakeep.": keylime/ima/ima.py at Keylime's commit 9b1f6e6a. Threads: no shared state.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace imakeep::appraisal {

enum class Reason : std::uint8_t {
  kUnreadableRecord,      // the line or the record's data does not have the form that its template says
  kUnknownTemplate,       // Linux, or in mode keylime Keylime, has no such template
  kTemplateDigest,        // the digest shown is not that of the record's data
  kPcr,                   // the policy does not accept records of this PCR
  kTemplate,              // the policy does not accept records of this template
  kViolation,             // no rule accepts violations of this path
  kUnknownPath,           // the policy does not name the path
  kOtherDigest,           // the policy names the path with other digests
  kDigestAlgorithm,       // the policy compares no digests of this algorithm
  kUnknownBootAggregate,  // the policy has no boot aggregate, and no PCR values were given
  kOtherBootAggregate,    // the policy has other boot aggregates
  kBootAggregatePcrs,     // the boot aggregate is not that of the PCR values given
  kUnknownKeyring,        // the policy does not name the keyring
  kOtherKey,              // the policy names the keyring with other keys
  kInvalidKey,            // a key of a kind that cannot check signatures was added to a keyring
  kTooManyKeys,           // the keys learned from the log exceed a limit
  kUnknownBuffer,         // the policy does not name the buffer
  kOtherBuffer,           // the policy names the buffer with other digests
  kBufferDigest,          // the record's digest is not that of its buffer
  kSignatureMissing,      // the policy requires a signature, and the record has none
  kSignatureUnreadable,   // the signature does not have the form of one
  kSignatureKey,          // no keyring has the signature's key
  kSignatureBad,          // the key did not make the signature
  kSignatureDigest,       // the signature is over another digest
  kSignatureKeyring,      // the policy requires a key of other keyrings
  kSignatureUnchecked,    // this build cannot check the signature
  kSignatureDates,        // the certificate of the key is not valid at the time given
  kNoPolicy,              // there is no policy
  kQuoteProgress,         // mode keylime: the quote covers less than the one before
  kPcrMismatch,           // mode keylime: the quoted PCR matches no prefix of the list
};
inline constexpr std::size_t kReasonCount = 30;

enum class Rule : std::uint8_t {
  kExclude,            // an exclude matches the name
  kDigest,             // the digest is accepted for the path
  kAnyPath,            // the digest is accepted at any path
  kSignature,          // a key of a keyring signed the file digest
  kPortableSignature,  // a key of a keyring signed the metadata with the file digest
  kAppendedSignature,  // a key of a keyring made the appended signature
  kBootPcrs,           // the boot aggregate is that of the PCR values given
  kKey,                // the key is accepted for the keyring
  kIgnoredKeyring,     // keys of this keyring are not judged
  kBuffer,             // the digest is accepted for the buffer
  kKexecFigures,       // critical data of kexec: only the list's figures
  kViolationPath,      // violations of this path are accepted
  kViolationIgnored,   // mode keylime accepts violations unless told otherwise
  kNoRule,             // mode keylime without policy and keyrings accepts everything
  kNothing,            // mode keylime skips an empty line
};
inline constexpr std::size_t kRuleCount = 15;

struct ReasonInfo {
  std::string_view name;      // "other-digest"
  std::string_view event_id;  // "ima.validation.ima-ng.runtime_policy_hash"
};

const ReasonInfo& info(Reason reason);
std::string_view name(Rule rule);

}  // namespace imakeep::appraisal
