// SPDX-License-Identifier: Apache-2.0
#include "attest/expected.h"

#include <gtest/gtest.h>

#include "imalog/test_support.h"

namespace imakeep::attest {
namespace expected_test {

using imalog::PcrValue;

const digest::Bank kSha1 = imalog::test::bank("sha1");
const digest::Bank kSha256 = imalog::test::bank("sha256");

PcrValue filled(const digest::Bank& bank, std::uint32_t pcr, std::uint8_t fill) {
  return {.bank = bank, .pcr = pcr, .value = digest::Digest::filled(bank.digest_bytes(), std::byte{fill})};
}

// ---- ways of extending banks ----------------------------------------------------------------------------------------

TEST(WithBanks, StartTheNewBanksAsTheirAlgorithmDoes) {
  const auto state = imalog::test::must(start_state({filled(kSha256, 10, 3)}, {}));
  const auto more = with_banks(state, imalog::test::banks("sha256:padded,sha384:padded"));
  ASSERT_EQ(more.banks(), imalog::test::banks("sha256,sha256:padded,sha384:padded"));
  EXPECT_EQ(more.value(1, 10), state.value(0, 10));
  EXPECT_EQ(more.value(2, 10), digest::Digest(48));
  EXPECT_EQ(more.touched_pcrs(), state.touched_pcrs());
}

// ---- the start ------------------------------------------------------------------------------------------------------

TEST(StartState, HasTheValuesGivenAndZerosElsewhere) {
  const auto state = imalog::test::must(start_state({filled(kSha256, 10, 3)}, {.values = {filled(kSha256, 10, 9)}}));
  EXPECT_EQ(state.banks(), std::vector<digest::Bank>{kSha256});
  EXPECT_EQ(state.value(0, 10), digest::Digest::filled(32, std::byte{3}));
  EXPECT_EQ(state.value(0, 11), digest::Digest(32));
  EXPECT_TRUE(state.touched(10));
  EXPECT_FALSE(state.touched(11));
}

TEST(StartState, HasItsOwnBanksIfNothingIsExpected) {
  EXPECT_EQ(imalog::test::must(start_state({filled(kSha1, 10, 3)}, {})).banks(), std::vector<digest::Bank>{kSha1});
}

TEST(StartState, LeavesOutBanksThatAreNotCompared) {
  const std::vector<PcrValue> values{filled(kSha1, 10, 3), filled(kSha256, 10, 3)};
  EXPECT_EQ(imalog::test::must(start_state(values, {.values = {filled(kSha256, 10, 9)}})).banks(),
            std::vector<digest::Bank>{kSha256});
}

TEST(StartState, WithoutABankThatIsComparedIsAUsageError) {
  const auto state = start_state({filled(kSha1, 10, 3)}, {.values = {filled(kSha256, 10, 9)}});
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, ErrorCode::kUsage);
  EXPECT_EQ(state.error().message, "the start has no value of bank sha256, which is compared");
}

// ---- the quote ------------------------------------------------------------------------------------------------------

TEST(Selects, LooksAtBankAndPcr) {
  const QuotedPcrs quote{.selections = {{kSha256, {0, 10}}}, .digest = Bytes(32)};
  EXPECT_TRUE(selects(quote, kSha256, 10));
  EXPECT_FALSE(selects(quote, kSha256, 11));
  EXPECT_FALSE(selects(quote, kSha1, 10));
}

TEST(CompositeOf, TakesGivenValuesOfPcrsThatAreNotReplayedOnly) {
  const QuotedPcrs quote{.selections = {{kSha256, {0, 10}}}, .digest = Bytes(32)};
  const auto composite = composite_of(quote, {filled(kSha256, 0, 1), filled(kSha256, 10, 2)}, 1u << 10);
  ASSERT_EQ(composite.parts.size(), 2u);
  EXPECT_EQ(composite.parts[0].given, digest::Digest::filled(32, std::byte{1}));
  EXPECT_EQ(composite.parts[1].given, std::nullopt);
}

TEST(CheckComposite, RefusesAQuoteOfNoReplayedPcr) {
  const QuotedPcrs none{.selections = {}, .digest = Bytes(32)};
  const QuotedPcrs empty{.selections = {{kSha256, {}}}, .digest = Bytes(32)};
  const QuotedPcrs other{.selections = {{kSha256, {7}}}, .digest = Bytes(32)};
  for (const QuotedPcrs& quote : {none, empty, other}) {
    const auto checked = check_composite(composite_of(quote, {filled(kSha256, 7, 1)}, 1u << 10), 1u << 10);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, ErrorCode::kMismatch);
  }
}

}  // namespace expected_test
}  // namespace imakeep::attest
