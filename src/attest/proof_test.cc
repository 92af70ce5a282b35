// SPDX-License-Identifier: Apache-2.0
#include "attest/proof.h"

#include <gtest/gtest.h>

#include "imalog/test_support.h"

namespace imakeep::attest {
namespace proof_test {

const digest::Bank kSha1 = imalog::test::bank("sha1");
const digest::Bank kSha256 = imalog::test::bank("sha256");

RecordCounts counts_of(std::initializer_list<std::uint32_t> pcrs) {
  RecordCounts counts;
  for (const std::uint32_t pcr : pcrs) counts.add(pcr);
  return counts;
}

PcrProof proof_of(const RecordCounts& counts, std::vector<Comparison> comparisons, std::uint32_t pcr) {
  for (const PcrProof& proof : prove(counts, comparisons)) {
    if (proof.pcr == pcr) return proof;
  }
  return {.pcr = 99};
}

TEST(RecordCounts, KnowHowManyRecordsNameAPcr) {
  const RecordCounts counts = counts_of({10, 11, 10, 11, 12});
  EXPECT_EQ(counts.records(), 5u);
  EXPECT_EQ(counts.of_pcr(11), 2u);
  EXPECT_EQ(counts.of_pcr(9), 0u);
}

TEST(RecordCounts, RecordsAfterTheLimitAreUnreachable) {
  RecordCounts counts(2);
  for (int i = 0; i < 5; ++i) counts.add(10);
  EXPECT_EQ(counts.of_pcr(10), 5u);
  EXPECT_EQ(counts.unreachable_of_pcr(10), 3u);
}

TEST(Prove, NamesEveryPcrOfTheLogAndNoOther) {
  const auto proofs = prove(counts_of({11, 10, 11}), std::vector<Comparison>{{.bank = kSha256, .pcr = 7}});
  ASSERT_EQ(proofs.size(), 2u);
  EXPECT_EQ(proofs[0].pcr, 10u);
  EXPECT_EQ(proofs[1].pcr, 11u);
}

TEST(Prove, APcrWithoutComparisonIsUnproven) {
  const PcrProof proof = proof_of(counts_of({10, 11, 10}), {{.bank = kSha256, .pcr = 11, .matched = Prefix{2, 1}}}, 10);
  EXPECT_TRUE(proof.banks.empty());
  EXPECT_EQ(proof.proven, 0u);
  EXPECT_EQ(proof.unproven(), 2u);
  EXPECT_EQ(proof.after_match(), 0u);
}

TEST(Prove, CoversWhatAllBanksCover) {
  const PcrProof proof = proof_of(
      counts_of({10, 10, 10, 10}),
      {{.bank = kSha1, .pcr = 10, .matched = Prefix{4, 4}}, {.bank = kSha256, .pcr = 10, .matched = Prefix{2, 2}}}, 10);
  EXPECT_EQ(proof.proven, 2u);
  EXPECT_EQ(proof.matched_at, 2u);
  EXPECT_EQ(proof.after_match(), 2u);
  EXPECT_FALSE(proof.weak);
}

TEST(Prove, OneBankThatDoesNotMatchLeavesThePcrUnproven) {
  const PcrProof proof = proof_of(
      counts_of({10, 10}), {{.bank = kSha1, .pcr = 10, .matched = Prefix{2, 2}}, {.bank = kSha256, .pcr = 10}}, 10);
  EXPECT_FALSE(proof.matched);
  EXPECT_EQ(proof.unproven(), 2u);
}

TEST(Prove, IsWeakIfEveryBankRestsOnSha1) {
  const Comparison sha1{.bank = kSha1, .pcr = 10, .matched = Prefix{1, 1}};
  const Comparison padded{.bank = imalog::test::bank("sha256:padded"), .pcr = 10, .matched = Prefix{1, 1}};
  const Comparison sha256{.bank = kSha256, .pcr = 10, .matched = Prefix{1, 1}};
  EXPECT_TRUE(proof_of(counts_of({10}), {sha1}, 10).weak);
  EXPECT_TRUE(proof_of(counts_of({10}), {sha1, padded}, 10).weak);
  EXPECT_FALSE(proof_of(counts_of({10}), {sha1, sha256}, 10).weak);
}

TEST(Totals, AddUpToTheRecordsOfTheLog) {
  const RecordCounts counts = counts_of({10, 11, 12, 10, 11, 10});
  const auto sum =
      totals(prove(counts, std::vector<Comparison>{{.bank = kSha256, .pcr = 10, .matched = Prefix{4, 2}},
                                                   {.bank = kSha256, .pcr = 11, .matched = Prefix{0, 0}}}));
  EXPECT_EQ(sum.proven, 2u);
  EXPECT_EQ(sum.after_match, 3u);
  EXPECT_EQ(sum.unproven, 1u);
  EXPECT_EQ(sum.proven + sum.after_match + sum.unproven, counts.records());
}

// The prefix that holds the first `count` records of `pcr`, and ends with the last of them.
Prefix prefix_of(const std::vector<std::uint32_t>& log, std::uint32_t pcr, std::uint64_t count) {
  Prefix prefix;
  for (std::size_t i = 0; i < log.size(); ++i) {
    if (log[i] != pcr) continue;
    if (prefix.of_pcr == count) {
      prefix.next = i;
      break;
    }
    ++prefix.of_pcr;
    prefix.records = i + 1;
  }
  return prefix;
}

// The number that between_proven() gives for a log whose records name PCR 10, 11 or 12. `matched`: the count of
// matching records of each PCR.
std::optional<std::uint64_t> between(const std::vector<std::uint32_t>& log,
                                     const std::vector<std::pair<std::uint32_t, std::uint64_t>>& matched) {
  RecordCounts counts;
  for (const std::uint32_t pcr : log) counts.add(pcr);
  std::vector<Comparison> comparisons;
  for (const auto& [pcr, count] : matched) {
    comparisons.push_back({.bank = kSha256, .pcr = pcr, .matched = prefix_of(log, pcr, count)});
  }
  const auto found = between_proven(prove(counts, comparisons));
  return found ? found->first_unproven : std::nullopt;
}

TEST(BetweenProven, IsTheFirstRecordOfAPcrAtItsStartIfItLiesBeforeProvenOnes) {
  EXPECT_EQ(between({10, 12, 10}, {{10, 2}, {12, 0}}), 1u);
  EXPECT_EQ(between({10, 12, 10}, {{10, 1}, {12, 0}}), std::nullopt);
}

TEST(BetweenProven, IsALaterRecordOfAPcrTooWhateverOfItIsProvenBefore) {
  EXPECT_EQ(between({11, 10, 11, 10}, {{10, 2}, {11, 1}}), 2u);
  EXPECT_EQ(between({11, 10, 11, 10, 11}, {{10, 2}, {11, 2}}), std::nullopt);
  EXPECT_EQ(between({11, 10, 11, 10}, {{10, 1}, {11, 1}}), std::nullopt);
}

TEST(BetweenProven, IsTheFirstOfSeveral) {
  EXPECT_EQ(between({12, 11, 10}, {{10, 1}, {11, 0}, {12, 0}}), 0u);
  EXPECT_EQ(between({11, 12, 10}, {{10, 1}, {11, 0}, {12, 0}}), 0u);
}

TEST(BetweenProven, IsNoneIfNoRecordIsProven) {
  EXPECT_EQ(between({10, 11}, {{10, 0}, {11, 0}}), std::nullopt);
}

// Values that one moment explains are never complained of; others always are.
TEST(BetweenProven, IsNoneExactlyIfTheValuesMatchAtOneMoment) {
  const std::vector<std::uint32_t> log{10, 11, 10, 12, 11, 11, 12, 10};
  const auto count_in = [&](std::size_t prefix, std::uint32_t pcr) {
    return static_cast<std::uint64_t>(std::count(log.begin(), log.begin() + static_cast<std::ptrdiff_t>(prefix), pcr));
  };
  for (std::uint64_t ten = 0; ten <= 3; ++ten) {
    for (std::uint64_t eleven = 0; eleven <= 3; ++eleven) {
      for (std::uint64_t twelve = 0; twelve <= 2; ++twelve) {
        bool one_moment = false;
        for (std::size_t prefix = 0; prefix <= log.size(); ++prefix) {
          one_moment = one_moment || (count_in(prefix, 10) == ten && count_in(prefix, 11) == eleven &&
                                      count_in(prefix, 12) == twelve);
        }
        EXPECT_EQ(between(log, {{10, ten}, {11, eleven}, {12, twelve}}).has_value(), !one_moment)
            << ten << ' ' << eleven << ' ' << twelve;
      }
    }
  }
}

}  // namespace proof_test
}  // namespace imakeep::attest
