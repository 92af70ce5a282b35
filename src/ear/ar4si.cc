// SPDX-License-Identifier: Apache-2.0
#include "ear/ar4si.h"

#include <algorithm>

namespace imakeep::ear {
namespace {

constexpr std::array<std::string_view, kClaimCount> kClaimNames = {
    "instance-identity", "configuration",  "executables",    "file-system",
    "hardware",          "runtime-opaque", "storage-opaque", "sourced-data"};

constexpr std::array kTiers = {Tier::kNone, Tier::kAffirming, Tier::kWarning, Tier::kContraindicated};

ClaimValue of_executable(RecordOutcome outcome) {
  switch (outcome) {
    case RecordOutcome::kApproved:
      return kAffirmed;
    case RecordOutcome::kUnknownFile:
      return kUnrecognizedExecutables;
    case RecordOutcome::kViolationAllowed:
      return kUnsafe;
    case RecordOutcome::kWrongDigest:
    case RecordOutcome::kBadSignature:
    case RecordOutcome::kViolation:
      break;
  }
  return kContraindicatedValue;
}

}  // namespace

std::string_view name_of(Claim claim) {
  return kClaimNames[static_cast<std::size_t>(claim)];
}

std::optional<Claim> claim_named(std::string_view name) {
  const auto found = std::find(kClaimNames.begin(), kClaimNames.end(), name);
  if (found == kClaimNames.end()) return std::nullopt;
  return static_cast<Claim>(found - kClaimNames.begin());
}

std::string_view name_of(Tier tier) {
  switch (tier) {
    case Tier::kNone:
      return "none";
    case Tier::kAffirming:
      return "affirming";
    case Tier::kWarning:
      return "warning";
    case Tier::kContraindicated:
      break;
  }
  return "contraindicated";
}

std::optional<Tier> tier_named(std::string_view name) {
  for (const Tier tier : kTiers) {
    if (name_of(tier) == name) return tier;
  }
  return std::nullopt;
}

std::optional<Tier> tier_numbered(std::int64_t number) {
  for (const Tier tier : kTiers) {
    if (static_cast<std::int64_t>(tier) == number) return tier;
  }
  return std::nullopt;
}

Tier tier_of(ClaimValue value) {
  if (value >= -1 && value <= 1) return Tier::kNone;
  if (value >= -32 && value <= 31) return Tier::kAffirming;
  if (value >= -96 && value <= 95) return Tier::kWarning;
  return Tier::kContraindicated;
}

Tier TrustVector::status() const {
  Tier worst = Tier::kNone;
  for (const ClaimValue value : values_) worst = std::max(worst, tier_of(value));
  return worst;
}

bool allowed(Tier status, const TrustVector& vector) {
  const Tier worst = vector.status();
  return status == Tier::kNone ? worst <= Tier::kAffirming : status >= worst;
}

ClaimValue worse(ClaimValue a, ClaimValue b) {
  if (tier_of(a) != tier_of(b)) return tier_of(a) > tier_of(b) ? a : b;
  return std::max(a, b);
}

ClaimValue instance_identity(KeyOutcome outcome) {
  switch (outcome) {
    case KeyOutcome::kEnrolled:
      return kAffirmed;
    case KeyOutcome::kUnknown:
      return kUnknownIdentity;
    case KeyOutcome::kProofFailed:
      break;
  }
  return kCryptographicFailure;
}

ClaimValue hardware(MakerOutcome outcome) {
  switch (outcome) {
    case MakerOutcome::kNotClaimed:
      return kNoClaim;
    case MakerOutcome::kTrusted:
      return kAffirmed;
    case MakerOutcome::kRefused:
      break;
  }
  return kUnknownIdentity;
}

ClaimValue configuration(BootOutcome outcome) {
  switch (outcome) {
    case BootOutcome::kNoReference:
      return kNoClaim;
    case BootOutcome::kMatches:
      return kAffirmed;
    case BootOutcome::kDiffers:
      break;
  }
  return kContraindicatedValue;
}

void add_record(TrustVector& vector, RecordKind kind, RecordOutcome outcome) {
  ClaimValue value = of_executable(outcome);
  // File-system has no value of its own for what is not recognized.
  if (kind == RecordKind::kFile && value == kUnrecognizedExecutables) value = kUnsafe;
  const Claim claim = kind == RecordKind::kExecutable ? Claim::kExecutables : Claim::kFileSystem;
  vector.set(claim, worse(vector[claim], value));
}

}  // namespace imakeep::ear
