// SPDX-License-Identifier: Apache-2.0
#include "ear/ar4si.h"

#include <gtest/gtest.h>

namespace imakeep::ear {
namespace ar4si_test {

TrustVector with(Claim claim, int value) {
  TrustVector vector;
  vector.set(claim, static_cast<ClaimValue>(value));
  return vector;
}

TEST(TierOf, ChangesAtTheBordersOfAr4si) {
  const struct {
    int from, to;
    Tier tier;
  } ranges[] = {{-128, -97, Tier::kContraindicated}, {-96, -33, Tier::kWarning},
                {-32, -2, Tier::kAffirming},         {-1, 1, Tier::kNone},
                {2, 31, Tier::kAffirming},           {32, 95, Tier::kWarning},
                {96, 127, Tier::kContraindicated}};
  for (const auto& range : ranges) {
    for (int value = range.from; value <= range.to; ++value) {
      EXPECT_EQ(tier_of(static_cast<ClaimValue>(value)), range.tier) << value;
    }
  }
}

TEST(ClaimNamed, KnowsTheEightNamesAndNoOther) {
  for (std::size_t i = 0; i < kClaimCount; ++i) {
    const auto claim = static_cast<Claim>(i);
    EXPECT_EQ(claim_named(name_of(claim)), claim);
  }
  EXPECT_FALSE(claim_named("instance_identity"));
  EXPECT_FALSE(claim_named(""));
}

TEST(TierNamed, KnowsTheFourTiersByNameAndNumber) {
  for (const int number : {0, 2, 32, 96}) {
    const auto tier = tier_numbered(number);
    ASSERT_TRUE(tier);
    EXPECT_EQ(tier_named(name_of(*tier)), tier);
  }
  EXPECT_FALSE(tier_numbered(1));
  EXPECT_FALSE(tier_numbered(-32));
  EXPECT_FALSE(tier_named("Affirming"));
}

TEST(Status, IsTheWorstTierOfAllClaims) {
  TrustVector vector;
  EXPECT_EQ(vector.status(), Tier::kNone);
  vector.set(Claim::kHardware, 2);
  EXPECT_EQ(vector.status(), Tier::kAffirming);
  vector.set(Claim::kExecutables, 33);
  EXPECT_EQ(vector.status(), Tier::kWarning);
  vector.set(Claim::kInstanceIdentity, 97);
  vector.set(Claim::kSourcedData, 2);
  EXPECT_EQ(vector.status(), Tier::kContraindicated);
}

TEST(Allowed, RefusesAStatusThatPromisesMoreThanTheVector) {
  EXPECT_TRUE(allowed(Tier::kAffirming, with(Claim::kHardware, 2)));
  EXPECT_TRUE(allowed(Tier::kWarning, with(Claim::kHardware, 2)));
  EXPECT_TRUE(allowed(Tier::kNone, with(Claim::kHardware, 2)));
  EXPECT_FALSE(allowed(Tier::kAffirming, with(Claim::kHardware, 32)));
  EXPECT_FALSE(allowed(Tier::kNone, with(Claim::kHardware, 32)));
  EXPECT_FALSE(allowed(Tier::kWarning, with(Claim::kHardware, 96)));
  EXPECT_TRUE(allowed(Tier::kContraindicated, with(Claim::kHardware, 96)));
}

TEST(Worse, GoesByTierAndThenByNumber) {
  EXPECT_EQ(worse(2, 33), 33);
  EXPECT_EQ(worse(33, 32), 33);
  EXPECT_EQ(worse(0, 2), 2);
  EXPECT_EQ(worse(96, -33), 96);
  EXPECT_EQ(worse(99, 97), 99);
}

TEST(Mapping, GivesTheValuesOfTheSpecification) {
  EXPECT_EQ(instance_identity(KeyOutcome::kEnrolled), 2);
  EXPECT_EQ(instance_identity(KeyOutcome::kUnknown), 97);
  EXPECT_EQ(instance_identity(KeyOutcome::kProofFailed), 99);
  EXPECT_EQ(hardware(MakerOutcome::kNotClaimed), 0);
  EXPECT_EQ(hardware(MakerOutcome::kTrusted), 2);
  EXPECT_EQ(hardware(MakerOutcome::kRefused), 97);
  EXPECT_EQ(configuration(BootOutcome::kNoReference), 0);
  EXPECT_EQ(configuration(BootOutcome::kMatches), 2);
  EXPECT_EQ(configuration(BootOutcome::kDiffers), 96);
}

TEST(AddRecord, KeepsTheWorstOutcomeOfTheRecordsKind) {
  const struct {
    RecordOutcome outcome;
    int executables, file_system;
  } outcomes[] = {{RecordOutcome::kApproved, 2, 2},       {RecordOutcome::kViolationAllowed, 32, 32},
                  {RecordOutcome::kUnknownFile, 33, 32},  {RecordOutcome::kWrongDigest, 96, 96},
                  {RecordOutcome::kBadSignature, 96, 96}, {RecordOutcome::kViolation, 96, 96}};
  TrustVector executables;
  TrustVector files;
  for (const auto& each : outcomes) {
    add_record(executables, RecordKind::kExecutable, each.outcome);
    add_record(executables, RecordKind::kExecutable, RecordOutcome::kApproved);
    EXPECT_EQ(executables, with(Claim::kExecutables, each.executables));
    add_record(files, RecordKind::kFile, each.outcome);
    add_record(files, RecordKind::kFile, RecordOutcome::kApproved);
    EXPECT_EQ(files, with(Claim::kFileSystem, each.file_system));
  }
}

}  // namespace ar4si_test
}  // namespace imakeep::ear
