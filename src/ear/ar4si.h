// SPDX-License-Identifier: Apache-2.0
// ear/ar4si.h - the eight trustworthiness claims of an attestation result, their tiers, and what the appraisal of a
// measurement list says in them.
//
// A claim is a number from -128 to 127. What the numbers mean is in docs/formats/ear.md. A claim that is 0 says
// nothing. The tier of a claim follows from its number alone:
//   none -1..1, affirming 2..31 and -32..-2, warning 32..95 and -96..-33, contraindicated 96..127 and -128..-97
// Source: draft-ietf-rats-ar4si, sections 2.3 and 3. Threads: plain values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace imakeep::ear {

enum class Claim : std::uint8_t {
  kInstanceIdentity,
  kConfiguration,
  kExecutables,
  kFileSystem,
  kHardware,
  kRuntimeOpaque,
  kStorageOpaque,
  kSourcedData,
};
inline constexpr std::size_t kClaimCount = 8;

// The claim's name in a token: "instance-identity". claim_named() is empty for any other text.
std::string_view name_of(Claim claim);
std::optional<Claim> claim_named(std::string_view name);

// The value of a tier is its number in a token.
enum class Tier : std::uint8_t { kNone = 0, kAffirming = 2, kWarning = 32, kContraindicated = 96 };

// "none", "affirming", "warning", "contraindicated".
std::string_view name_of(Tier tier);
std::optional<Tier> tier_named(std::string_view name);
std::optional<Tier> tier_numbered(std::int64_t number);

using ClaimValue = std::int8_t;

Tier tier_of(ClaimValue value);

// Values of AR4SI that an appraisal by imakeep uses.
inline constexpr ClaimValue kNoClaim = 0;
inline constexpr ClaimValue kAffirmed = 2;  // of every claim; of executables: an approved run-time
inline constexpr ClaimValue kUnsafe = 32;   // of executables and file-system
inline constexpr ClaimValue kUnrecognizedExecutables = 33;
inline constexpr ClaimValue kContraindicatedValue = 96;
inline constexpr ClaimValue kUnknownIdentity = 97;
inline constexpr ClaimValue kCryptographicFailure = 99;

class TrustVector {
 public:
  ClaimValue operator[](Claim claim) const { return values_[static_cast<std::size_t>(claim)]; }
  void set(Claim claim, ClaimValue value) { values_[static_cast<std::size_t>(claim)] = value; }

  // The worst tier of all claims. Claims of tier none do not count, since they say nothing.
  Tier status() const;

  friend bool operator==(const TrustVector&, const TrustVector&) = default;

 private:
  std::array<ClaimValue, kClaimCount> values_{};
};

// Whether a status may stand beside the vector: it must not promise more than the worst claim. "none" promises
// nothing, but it must not hide a warning.
bool allowed(Tier status, const TrustVector& vector);

// The worse of two values of one claim: that of the worse tier, or else the higher one.
ClaimValue worse(ClaimValue a, ClaimValue b);

// ---- the appraisal of a measurement list

enum class KeyOutcome : std::uint8_t {
  kEnrolled,     // the quote is signed by the host's enrolled key
  kUnknown,      // the key that signed is not the host's
  kProofFailed,  // the signature or the replay does not match: nothing is proven
};
enum class MakerOutcome : std::uint8_t {
  kNotClaimed,  // nobody checked, or the TPM was pinned by hand
  kTrusted,     // the endorsement key's certificate leads to a trusted maker
  kRefused,     // the certificate leads to no trusted maker, or is revoked
};
enum class BootOutcome : std::uint8_t {
  kNoReference,  // no reference values to compare boot_aggregate with
  kMatches,      // boot_aggregate is that of the quoted PCRs, which are among the reference values
  kDiffers,
};
enum class RecordOutcome : std::uint8_t {
  kApproved,
  kUnknownFile,       // the policy names neither path nor digest
  kWrongDigest,       // the policy knows the path with other digests
  kBadSignature,      // a required signature is missing or wrong
  kViolationAllowed,  // by a rule of the policy
  kViolation,
};
enum class RecordKind : std::uint8_t {
  kExecutable,  // code: executed, mapped for execution, a module, firmware, a kernel
  kFile,        // read by a process (FILE_CHECK)
};

ClaimValue instance_identity(KeyOutcome outcome);
ClaimValue hardware(MakerOutcome outcome);
ClaimValue configuration(BootOutcome outcome);
// Sets executables or file-system to the worse of its value and that of the record.
void add_record(TrustVector& vector, RecordKind kind, RecordOutcome outcome);

}  // namespace imakeep::ear
