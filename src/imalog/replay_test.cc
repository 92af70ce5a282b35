// SPDX-License-Identifier: Apache-2.0
#include "imalog/replay.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "imalog/test_support.h"

// Whole logs of a real kernel are replayed in captures_test.cc.
namespace imakeep::imalog {
namespace replay_test {

using test::Content;

const digest::Bank kSha1{.algorithm = digest::Algorithm::kSha1};
const digest::Bank kSha256{.algorithm = digest::Algorithm::kSha256};

std::vector<Content> five_records() {
  return {test::ima_ng("/0"), test::ima_ng("/1"), test::ima_ng("/2"), test::ima_ng("/3"), test::ima_ng("/4")};
}

// The states before the first record and after every record.
std::vector<PcrState> states_of(const std::vector<Content>& contents, const std::vector<digest::Bank>& banks) {
  std::vector<PcrState> states{PcrState(banks)};
  for (const Content& content : contents) {
    states.push_back(states.back());
    extend(states.back(), content.view());
  }
  return states;
}

PcrValue value_of(const PcrState& state, std::size_t bank, std::uint32_t pcr = 10) {
  return {.bank = state.banks()[bank], .pcr = pcr, .value = state.value(bank, pcr)};
}

// ---- expected values ------------------------------------------------------------------------------------------------

TEST(Replay, FindsAValueAfterTheRecordThatMadeIt) {
  const auto contents = five_records();
  const auto states = states_of(contents, {kSha256});
  Replay replay{PcrState({kSha256})};
  ASSERT_TRUE(replay.expect(value_of(states[3], 0)));
  for (std::size_t i = 0; i < contents.size(); ++i) {
    EXPECT_EQ(replay.found_at(0).has_value(), i >= 3) << i;
    replay.add(contents[i].view());
  }
  EXPECT_EQ(replay.found_at(0), 3u);
  EXPECT_EQ(replay.all_found_at(), 3u);
  EXPECT_EQ(replay.proven(), 3u);
  EXPECT_EQ(replay.records(), 5u);
}

TEST(Replay, FindsTheStartingValueBeforeTheFirstRecord) {
  Replay replay{PcrState({kSha256})};
  ASSERT_TRUE(replay.expect({.bank = kSha256, .pcr = 10, .value = digest::Digest(32)}));
  EXPECT_EQ(replay.found_at(0), 0u);
  EXPECT_EQ(replay.all_found_at(), 0u);
  EXPECT_EQ(replay.proven(), 0u);
}

TEST(Replay, NothingExpectedIsNothingProven) {
  Replay replay{PcrState({kSha256})};
  replay.add(test::ima_ng("/a").view());
  EXPECT_EQ(replay.all_found_at(), std::nullopt);
  EXPECT_EQ(replay.proven(), std::nullopt);
}

TEST(Replay, AValueThatNoPrefixHasIsNeverFound) {
  const auto contents = five_records();
  const auto states = states_of(contents, {kSha1, kSha256});
  Replay replay{PcrState({kSha1, kSha256})};
  ASSERT_TRUE(replay.expect(value_of(states[2], 0)));
  ASSERT_TRUE(replay.expect({.bank = kSha256, .pcr = 10, .value = digest::Digest::filled(32, std::byte{1})}));
  for (const Content& content : contents) replay.add(content.view());
  EXPECT_EQ(replay.found_at(0), 2u);
  EXPECT_EQ(replay.found_at(1), std::nullopt);
  EXPECT_EQ(replay.all_found_at(), std::nullopt);
  EXPECT_EQ(replay.proven(), std::nullopt);
}

TEST(Replay, BanksReadAtDifferentMomentsProveTheShorterPrefixAndNeverMeet) {
  const auto contents = five_records();
  const auto states = states_of(contents, {kSha1, kSha256});
  Replay replay{PcrState({kSha1, kSha256})};
  ASSERT_TRUE(replay.expect(value_of(states[4], 0)));
  ASSERT_TRUE(replay.expect(value_of(states[2], 1)));
  for (const Content& content : contents) replay.add(content.view());
  EXPECT_EQ(replay.found_at(0), 4u);
  EXPECT_EQ(replay.found_at(1), 2u);
  EXPECT_EQ(replay.proven(), 2u);
  EXPECT_EQ(replay.all_found_at(), std::nullopt);
}

TEST(Replay, ValuesOfTwoPcrsMeetWhereTheLaterOneIsReached) {
  const std::vector<Content> contents{test::ima_ng("/0", 10), test::ima_ng("/1", 11), test::ima_ng("/2", 12),
                                      test::ima_ng("/3", 11), test::ima_ng("/4", 10)};
  const auto states = states_of(contents, {kSha256});
  Replay replay{PcrState({kSha256})};
  ASSERT_TRUE(replay.expect(value_of(states[4], 0, 10)));
  ASSERT_TRUE(replay.expect(value_of(states[4], 0, 11)));
  for (const Content& content : contents) replay.add(content.view());
  EXPECT_EQ(replay.found_at(0), 1u);
  EXPECT_EQ(replay.found_at(1), 4u);
  EXPECT_EQ(replay.all_found_at(), 4u);
  EXPECT_EQ(replay.proven(), 4u);
}

TEST(Replay, APcrThatNoRecordIsInDoesNotHoldTheProofBack) {
  const auto contents = five_records();
  const auto states = states_of(contents, {kSha1, kSha256});
  Replay replay{PcrState({kSha1, kSha256})};
  ASSERT_TRUE(replay.expect(value_of(states[4], 0)));
  ASSERT_TRUE(replay.expect(value_of(states[3], 1)));
  ASSERT_TRUE(replay.expect({.bank = kSha1, .pcr = 11, .value = digest::Digest(20)}));
  for (const Content& content : contents) replay.add(content.view());
  EXPECT_EQ(replay.found_at(2), 0u);
  EXPECT_EQ(replay.proven(), 3u);
}

TEST(Replay, ByWhatWasExtendedIsReplayByTheRecord) {
  const std::vector<digest::Bank> banks{kSha1, kSha256};
  std::vector<Content> contents = five_records();
  contents[3].violation = true;
  const auto states = states_of(contents, banks);
  Replay replay{PcrState(banks)};
  ASSERT_TRUE(replay.expect(value_of(states[4], 1)));
  for (const Content& content : contents) {
    const std::vector<digest::Digest> digests{extended_digest(kSha1, content.view()),
                                              extended_digest(kSha256, content.view())};
    replay.add_extended(content.pcr, digests);
  }
  EXPECT_EQ(replay.state(), states.back());
  EXPECT_EQ(replay.proven(), 4u);
}

TEST(Replay, ARecordInAnotherPcrDoesNotMoveTheShortestPrefix) {
  const std::vector<Content> contents{test::ima_ng("/0", 10), test::ima_ng("/1", 11), test::ima_ng("/2", 11)};
  const auto states = states_of(contents, {kSha256});
  Replay replay{PcrState({kSha256})};
  ASSERT_TRUE(replay.expect(value_of(states[3], 0, 10)));
  for (const Content& content : contents) replay.add(content.view());
  EXPECT_EQ(replay.all_found_at(), 1u);
}

TEST(Replay, AnExpectationMadeHalfWayLooksFromThereOn) {
  const auto contents = five_records();
  const auto states = states_of(contents, {kSha1, kSha256});
  Replay replay{PcrState({kSha1, kSha256})};
  ASSERT_TRUE(replay.expect(value_of(states[2], 0)));
  replay.add(contents[0].view());
  replay.add(contents[1].view());
  EXPECT_EQ(replay.all_found_at(), 2u);
  ASSERT_TRUE(replay.expect(value_of(states[1], 1)));
  EXPECT_EQ(replay.all_found_at(), std::nullopt) << "what was found before does not hold for the new value";
  replay.add(contents[2].view());
  EXPECT_EQ(replay.found_at(1), std::nullopt) << "that prefix was passed before it was asked for";
}

TEST(Replay, AnExpectationOfTheStateReachedIsFoundAtOnce) {
  const auto contents = five_records();
  const auto states = states_of(contents, {kSha1, kSha256});
  Replay replay{PcrState({kSha1, kSha256})};
  replay.add(contents[0].view());
  ASSERT_TRUE(replay.expect(value_of(states[1], 0)));
  ASSERT_TRUE(replay.expect(value_of(states[1], 1)));
  EXPECT_EQ(replay.all_found_at(), 1u);
}

TEST(Replay, AnExpectationMadeLaterDoesNotMoveWhatWasFoundBefore) {
  const std::vector<Content> contents{test::ima_ng("/0", 10), test::ima_ng("/1", 11)};
  const auto states = states_of(contents, {kSha1, kSha256});
  Replay replay{PcrState({kSha1, kSha256})};
  ASSERT_TRUE(replay.expect(value_of(states[1], 0)));
  for (const Content& content : contents) replay.add(content.view());
  ASSERT_TRUE(replay.expect(value_of(states[1], 1)));
  EXPECT_EQ(replay.found_at(0), 1u);
  EXPECT_EQ(replay.found_at(1), 2u);
}

TEST(Replay, ABankThatIsNotReplayedIsAUsageError) {
  Replay replay{PcrState({kSha256})};
  const auto expected = replay.expect({.bank = kSha1, .pcr = 10, .value = digest::Digest(20)});
  EXPECT_EQ(expected.error().code, ErrorCode::kUsage);
  EXPECT_EQ(replay.proven(), std::nullopt);
}

TEST(Replay, AValueOfAnotherSizeThanItsBanksIsAUsageError) {
  Replay replay{PcrState({kSha256})};
  EXPECT_EQ(replay.expect({.bank = kSha256, .pcr = 10, .value = digest::Digest(20)}).error().code, ErrorCode::kUsage);
}

TEST(Replay, APcrThatNoTpmHasIsAUsageError) {
  Replay replay{PcrState({kSha256})};
  const PcrValue expected{.bank = kSha256, .pcr = kPcrCount, .value = digest::Digest(32)};
  EXPECT_EQ(replay.expect(expected).error().code, ErrorCode::kUsage);
}

// ---- composites -----------------------------------------------------------------------------------------------------

// The digest that a quote over PCR 10 of sha1 and sha256 would have at that state.
PcrComposite composite_of(const PcrState& state) {
  return {.hash = digest::Algorithm::kSha384,
          .parts = {{.bank = kSha1, .pcr = 10}, {.bank = kSha256, .pcr = 10}},
          .value = digest::hash(digest::Algorithm::kSha384, {state.value(0, 10).view(), state.value(1, 10).view()})};
}

TEST(ReplayComposite, IsFoundAfterTheRecordThatMadeIt) {
  const auto contents = five_records();
  const auto states = states_of(contents, {kSha1, kSha256});
  for (std::size_t length = 0; length < states.size(); ++length) {
    Replay replay{PcrState({kSha1, kSha256})};
    ASSERT_TRUE(replay.expect(composite_of(states[length])));
    for (const Content& content : contents) replay.add(content.view());
    EXPECT_EQ(replay.found_at(0), length);
    EXPECT_EQ(replay.proven(), length);
    EXPECT_EQ(replay.all_found_at(), length);
  }
}

TEST(ReplayComposite, TakesItsPartsInTheirOrder) {
  const auto contents = five_records();
  const auto states = states_of(contents, {kSha1, kSha256});
  PcrComposite composite = composite_of(states[3]);
  std::swap(composite.parts[0], composite.parts[1]);
  Replay replay{PcrState({kSha1, kSha256})};
  ASSERT_TRUE(replay.expect(composite));
  for (const Content& content : contents) replay.add(content.view());
  EXPECT_EQ(replay.found_at(0), std::nullopt);
}

TEST(ReplayComposite, OfBanksThatWereReadAtDifferentMomentsIsNeverThere) {
  const auto contents = five_records();
  const auto states = states_of(contents, {kSha1, kSha256});
  PcrState mixed = states[3];
  mixed.set(0, 10, states[2].value(0, 10));
  Replay replay{PcrState({kSha1, kSha256})};
  ASSERT_TRUE(replay.expect(composite_of(mixed)));
  for (const Content& content : contents) replay.add(content.view());
  EXPECT_EQ(replay.found_at(0), std::nullopt);
}

TEST(ReplayComposite, TakesGivenValuesForPcrsThatAreNotReplayed) {
  const auto contents = five_records();
  const auto states = states_of(contents, {kSha256});
  const auto pcr0 = digest::Digest::filled(20, std::byte{7});
  const auto at = [&](std::size_t length) {
    return digest::hash(digest::Algorithm::kSha256, {pcr0.view(), states[length].value(0, 10).view()});
  };
  Replay replay{PcrState({kSha256})};
  ASSERT_TRUE(replay.expect(
      PcrComposite{.parts = {{.bank = kSha1, .pcr = 0, .given = pcr0}, {.bank = kSha256}}, .value = at(2)}));
  for (const Content& content : contents) replay.add(content.view());
  EXPECT_EQ(replay.found_at(0), 2u);
}

TEST(ReplayComposite, FollowsSeveralPcrs) {
  const std::vector<Content> contents{test::ima_ng("/0", 10), test::ima_ng("/1", 11), test::ima_ng("/2", 12),
                                      test::ima_ng("/3", 11), test::ima_ng("/4", 10)};
  const auto states = states_of(contents, {kSha256});
  Replay replay{PcrState({kSha256})};
  ASSERT_TRUE(replay.expect(PcrComposite{
      .parts = {{.bank = kSha256, .pcr = 10}, {.bank = kSha256, .pcr = 11}},
      .value =
          digest::hash(digest::Algorithm::kSha256, {states[4].value(0, 10).view(), states[4].value(0, 11).view()})}));
  for (const Content& content : contents) replay.add(content.view());
  EXPECT_EQ(replay.found_at(0), 4u);
}

TEST(ReplayComposite, OfWhatIsNotReplayedIsAUsageError) {
  Replay replay{PcrState({kSha256})};
  const auto refused = [&](const PcrComposite::Part& part) {
    const auto expected = replay.expect(PcrComposite{.parts = {{.bank = kSha256}, part}, .value = digest::Digest(32)});
    return !expected && expected.error().code == ErrorCode::kUsage;
  };
  EXPECT_TRUE(refused({.bank = kSha1}));
  EXPECT_TRUE(refused({.bank = kSha256, .pcr = kPcrCount}));
  EXPECT_TRUE(refused({.bank = kSha256, .pcr = 0, .given = digest::Digest(20)}));
  EXPECT_EQ(replay.proven(), std::nullopt);
}

TEST(ReplayComposite, OfGivenValuesAloneIsAUsageError) {
  Replay replay{PcrState({kSha256})};
  const auto expected = replay.expect(
      PcrComposite{.parts = {{.bank = kSha256, .pcr = 0, .given = digest::Digest(32)}}, .value = digest::Digest(32)});
  ASSERT_FALSE(expected);
  EXPECT_EQ(expected.error().code, ErrorCode::kUsage);
}

TEST(ReplayComposite, IsHashedIfAllItsValuesAreGiven) {
  PcrComposite composite{.parts = {{.bank = kSha1, .given = digest::Digest(20)}, {.bank = kSha256}}};
  EXPECT_EQ(digest_of(composite), std::nullopt);
  composite.parts[1].given = digest::Digest(32);
  EXPECT_EQ(digest_of(composite), digest::hash(digest::Algorithm::kSha256, Bytes(52)));
}

// ---- whole lists ----------------------------------------------------------------------------------------------------

TEST(ReplayList, OneListReachesTheStateOfEveryBank) {
  const auto contents = five_records();
  const auto banks = test::banks("sha1,sha256,sha384,sha512,sm3,tpm_alg_27");
  for (const digest::Bank& shown : banks) {
    for (const ByteOrder order : {ByteOrder::kLittle, ByteOrder::kBig}) {
      Replay replay{PcrState(banks)};
      ASSERT_TRUE(replay.add_list(test::list_of(contents, shown, order), shown, order));
      EXPECT_EQ(replay.state(), states_of(contents, banks).back()) << shown.name();
    }
  }
}

TEST(ReplayList, AnAlteredDigestIsAMismatchThatNamesItsRecordAndKeepsWhatCameBefore) {
  const auto contents = five_records();
  Bytes list = test::list_of(contents, kSha1);
  const std::size_t third_at = list.size() / 5 * 2;
  list[third_at + 4] ^= std::byte{1};
  Replay replay{PcrState({kSha256})};
  const auto added = replay.add_list(list, kSha1);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::kMismatch);
  EXPECT_EQ(added.error().record, 2u);
  EXPECT_EQ(added.error().offset, third_at);
  EXPECT_EQ(added.error().message, "the sha1 template digest does not match the record's data");
  EXPECT_EQ(replay.records(), 2u);
  EXPECT_EQ(replay.state(), states_of(contents, {kSha256})[2]);
}

TEST(ReplayList, AlteredDataIsAMismatch) {
  Bytes list = test::list_of(five_records(), kSha1);
  list.back() ^= std::byte{1};
  Replay replay{PcrState({kSha1})};
  const auto added = replay.add_list(list, kSha1);
  EXPECT_EQ(added.error().code, ErrorCode::kMismatch);
  EXPECT_EQ(added.error().record, 4u);
}

TEST(ReplayList, AViolationNeedNotMatchItsData) {
  std::vector<Content> contents = five_records();
  contents[2].violation = true;
  Replay replay{PcrState({kSha1, kSha256})};
  ASSERT_TRUE(replay.add_list(test::list_of(contents, kSha256), kSha256));
  EXPECT_EQ(replay.state(), states_of(contents, {kSha1, kSha256}).back());
}

TEST(ReplayList, AListCutShortIsTruncatedAndKeepsItsWholeRecords) {
  const auto contents = five_records();
  Bytes list = test::list_of(contents, kSha1);
  const std::size_t last_at = list.size() / 5 * 4;
  list.resize(last_at + 2);
  Replay replay{PcrState({kSha1})};
  const auto added = replay.add_list(list, kSha1);
  EXPECT_EQ(added.error().code, ErrorCode::kTruncated);
  EXPECT_EQ(added.error().record, 4u);
  EXPECT_EQ(added.error().offset, last_at);
  EXPECT_EQ(replay.state(), states_of(contents, {kSha1})[4]);
}

TEST(ReplayList, TheSecondListsErrorsCountWithinIt) {
  Replay replay{PcrState({kSha1})};
  ASSERT_TRUE(replay.add_list(test::list_of(five_records(), kSha1), kSha1));
  const auto added = replay.add_list(Bytes(1), kSha1);
  EXPECT_EQ(added.error().record, 0u);
  EXPECT_EQ(added.error().offset, 0u);
  EXPECT_EQ(replay.records(), 5u);
}

TEST(ReplayList, AnotherBankOfTheSameSizeIsAMismatchAtTheFirstRecord) {
  Replay replay{PcrState({kSha256})};
  const auto added = replay.add_list(test::list_of(five_records(), kSha256), test::bank("sm3"));
  EXPECT_EQ(added.error().code, ErrorCode::kMismatch);
  EXPECT_EQ(added.error().record, 0u);
}

// ---- properties -----------------------------------------------------------------------------------------------------

// With repeats and violations, mostly in few PCRs.
rc::Gen<std::vector<Content>> any_contents() {
  const auto one = rc::gen::map(rc::gen::tuple(rc::gen::inRange<std::uint32_t>(10, 13), rc::gen::inRange(0, 4),
                                               rc::gen::weightedElement<bool>({{1, true}, {4, false}})),
                                [](const std::tuple<std::uint32_t, int, bool>& values) {
                                  Content content =
                                      test::ima_ng("/" + std::to_string(std::get<1>(values)), std::get<0>(values));
                                  content.violation = std::get<2>(values);
                                  return content;
                                });
  return rc::gen::container<std::vector<Content>>(one);
}

RC_GTEST_PROP(Replay, InPiecesIsReplayAtOnce, ()) {
  const auto banks = test::banks("sha1,sm3");
  const auto contents = *any_contents();
  const auto cut = *rc::gen::inRange<std::size_t>(0, contents.size() + 1);
  const auto middle = contents.begin() + static_cast<std::ptrdiff_t>(cut);

  Replay first{PcrState(banks)};
  RC_ASSERT(first.add_list(test::list_of({contents.begin(), middle}, kSha256), kSha256).has_value());
  Replay second(first.state());
  RC_ASSERT(second.add_list(test::list_of({middle, contents.end()}, kSha1), kSha1).has_value());
  RC_ASSERT(second.state() == states_of(contents, banks).back());
  RC_ASSERT(first.records() + second.records() == contents.size());
}

RC_GTEST_PROP(Replay, FindsExactlyTheFirstPrefixThatHasTheValues, ()) {
  const auto banks = test::banks("sha1,sha256");
  const auto contents = *any_contents();
  const auto states = states_of(contents, banks);
  // Each bank read at a moment of its own, as PCRs are.
  const auto pcr = *rc::gen::inRange<std::uint32_t>(10, 13);
  const auto sha1_read_at = *rc::gen::inRange<std::size_t>(0, states.size());
  const auto sha256_read_at = *rc::gen::inRange<std::size_t>(0, states.size());
  const PcrValue sha1 = value_of(states[sha1_read_at], 0, pcr);
  const PcrValue sha256 = value_of(states[sha256_read_at], 1, pcr);

  const auto first_where = [&](auto&& holds) -> std::optional<std::uint64_t> {
    const auto found = std::find_if(states.begin(), states.end(), holds);
    if (found == states.end()) return std::nullopt;
    return static_cast<std::uint64_t>(found - states.begin());
  };
  const auto has_sha1 = [&](const PcrState& state) { return state.value(0, pcr) == sha1.value; };
  const auto has_sha256 = [&](const PcrState& state) { return state.value(1, pcr) == sha256.value; };

  Replay replay{PcrState(banks)};
  RC_ASSERT(replay.expect(sha1).has_value());
  RC_ASSERT(replay.expect(sha256).has_value());
  for (const Content& content : contents) replay.add(content.view());
  RC_ASSERT(replay.found_at(0) == first_where(has_sha1));
  RC_ASSERT(replay.found_at(1) == first_where(has_sha256));
  RC_ASSERT(replay.all_found_at() ==
            first_where([&](const PcrState& state) { return has_sha1(state) && has_sha256(state); }));
  RC_ASSERT(replay.proven() == std::min(*replay.found_at(0), *replay.found_at(1)));
}

// Lists longer than what is computed at once, in runs of one PCR: what add_list() skips looking at must not matter.
RC_GTEST_PROP(Replay, OfAListFindsAndLosesWhatItsRecordsDo, ()) {
  const auto banks = test::banks("sha1,sha256");
  std::vector<Content> contents;
  const auto runs = *rc::gen::inRange(0, 7);
  for (int run = 0; run < runs; ++run) {
    const auto pcr = *rc::gen::inRange<std::uint32_t>(10, 13);
    const auto length = *rc::gen::element(1, 2, 15, 16, 255, 256, 300);
    for (int i = 0; i < length; ++i) contents.push_back(test::ima_ng("/" + std::to_string(contents.size()), pcr));
  }
  const auto states = states_of(contents, banks);
  const auto any_state = [&] { return states[*rc::gen::inRange<std::size_t>(0, states.size())]; };

  Replay by_record{PcrState(banks)}, by_list{PcrState(banks)};
  const auto wanted = *rc::gen::inRange<std::size_t>(0, 4);
  for (std::size_t i = 0; i < wanted; ++i) {
    const auto pcr = *rc::gen::inRange<std::uint32_t>(10, 13);
    const PcrState at = any_state();
    if (*rc::gen::weightedElement<bool>({{1, true}, {3, false}})) {
      RC_ASSERT(by_record.expect(composite_of(at)).has_value());
      RC_ASSERT(by_list.expect(composite_of(at)).has_value());
    } else {
      const PcrValue value = value_of(at, *rc::gen::inRange<std::size_t>(0, banks.size()), pcr);
      RC_ASSERT(by_record.expect(value).has_value());
      RC_ASSERT(by_list.expect(value).has_value());
    }
  }
  for (const Content& content : contents) by_record.add(content.view());
  RC_ASSERT(by_list.add_list(test::list_of(contents, kSha256), kSha256).has_value());
  RC_ASSERT(by_list.state() == by_record.state());
  RC_ASSERT(by_list.records() == by_record.records());
  for (std::size_t i = 0; i < wanted; ++i) {
    RC_ASSERT(by_list.found_at(i) == by_record.found_at(i));
    RC_ASSERT(by_list.held_until(i) == by_record.held_until(i));
  }
  RC_ASSERT(by_list.all_found_at() == by_record.all_found_at());
  RC_ASSERT(by_list.proven() == by_record.proven());
}

}  // namespace replay_test
}  // namespace imakeep::imalog
