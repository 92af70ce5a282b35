// SPDX-License-Identifier: Apache-2.0
#include "attest/increment.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "attest/test_support.h"

namespace imakeep::attest {
namespace increment_test {

using digest::PcrState;
using imalog::PcrValue;
using imalog::test::Content;
using imalog::test::ima_ng;
using test::must;

const digest::Bank kSha1 = imalog::test::bank("sha1");
const digest::Bank kSha256 = imalog::test::bank("sha256");

std::vector<Content> records_named(std::initializer_list<const char*> paths) {
  std::vector<Content> contents;
  for (const char* const path : paths) contents.push_back(ima_ng(path));
  return contents;
}

PcrState after(const std::vector<Content>& contents, std::size_t count, std::vector<digest::Bank> banks = {kSha256}) {
  PcrState state(std::move(banks));
  for (std::size_t i = 0; i < count; ++i) imalog::extend(state, contents[i].view());
  return state;
}

// Of these PCRs in every bank of the state.
QuotedPcrs quote_of(const PcrState& state, const std::vector<std::uint32_t>& pcrs = {10}) {
  Bytes joined;
  std::vector<tpm::PcrSelection> selections;
  for (std::size_t bank = 0; bank < state.banks().size(); ++bank) {
    selections.push_back({.bank = digest::bank_of(state.banks()[bank].algorithm), .pcrs = pcrs});
    for (const std::uint32_t pcr : pcrs) append_bytes(joined, state.value(bank, pcr).view());
  }
  const auto digest = digest::hash(digest::Algorithm::kSha256, joined);
  return {.selections = selections, .digest = Bytes(digest.view().begin(), digest.view().end())};
}

struct Added {
  Increment::Outcome outcome;
  std::vector<bool> candidates;
};

Added add_all(const PcrState& start, const QuotedPcrs& quote, std::span<const Content> contents,
              const std::vector<PcrValue>& given = {}) {
  Increment increment = must(Increment::begin(start, quote, given));
  Added added;
  for (const Content& content : contents) added.candidates.push_back(increment.add(content.view()));
  added.outcome = increment.finish();
  return added;
}

const std::vector<Content> kFour = records_named({"boot_aggregate", "/1", "/2", "/3"});

TEST(Increment, RecordsUpToTheMatchOfTheQuoteAreProven) {
  for (std::size_t quoted = 1; quoted <= kFour.size(); ++quoted) {
    const Added added = add_all({}, quote_of(after(kFour, quoted)), kFour);
    EXPECT_EQ(added.outcome.records, 4u);
    EXPECT_EQ(added.outcome.matched_at, quoted);
    EXPECT_EQ(added.outcome.proven, quoted);
    EXPECT_EQ(added.outcome.pcrs, after(kFour, quoted));
    EXPECT_EQ(added.outcome.open_pcr, std::nullopt);
    for (std::size_t i = 0; i < kFour.size(); ++i) EXPECT_EQ(added.candidates[i], i < quoted) << i;
  }
}

TEST(Increment, GoesOnFromTheStateOfTheOneBefore) {
  const Added first = add_all({}, quote_of(after(kFour, 2)), kFour);
  const auto rest = std::span(kFour).subspan(first.outcome.proven);
  const Added second = add_all(first.outcome.pcrs, quote_of(after(kFour, 4)), rest);
  EXPECT_EQ(second.outcome.proven, 2u);
  EXPECT_EQ(second.outcome.pcrs, after(kFour, 4));
}

TEST(Increment, WithoutNewRecordsMatchesAtOnceAndProvesNone) {
  const Added added = add_all(after(kFour, 4), quote_of(after(kFour, 4)), {});
  EXPECT_EQ(added.outcome.matched_at, 0u);
  EXPECT_EQ(added.outcome.proven, 0u);
  EXPECT_EQ(added.outcome.pcrs, after(kFour, 4));
}

// An altered, a dropped, a repeated, an inserted record, and two in another order.
TEST(Increment, OfAnotherListProvesNothing) {
  const std::vector<Content> lists[] = {
      records_named({"boot_aggregate", "/1", "/x", "/3"}), records_named({"boot_aggregate", "/1", "/3"}),
      records_named({"boot_aggregate", "/1", "/1", "/2", "/3"}),
      records_named({"boot_aggregate", "/1", "/2", "/y", "/3"}), records_named({"boot_aggregate", "/2", "/1", "/3"})};
  for (const auto& list : lists) {
    const Added added = add_all({}, quote_of(after(kFour, 4)), list);
    EXPECT_EQ(added.outcome.matched_at, std::nullopt);
    EXPECT_EQ(added.outcome.proven, 0u);
    EXPECT_EQ(added.outcome.pcrs, PcrState());
  }
}

TEST(Increment, EndsBeforeTheFirstRecordOfAPcrThatIsNotQuoted) {
  std::vector<Content> contents = kFour;
  contents[2] = ima_ng("/2", 11);
  const Added added = add_all({}, quote_of(after(contents, 4)), contents);
  EXPECT_EQ(added.outcome.matched_at, 4u);
  EXPECT_EQ(added.outcome.proven, 2u);
  EXPECT_EQ(added.outcome.open_pcr, 11u);
  EXPECT_EQ(added.outcome.pcrs, after(contents, 2));
  EXPECT_EQ(added.candidates, (std::vector<bool>{true, true, false, false}));
  // The next quote covers both PCRs.
  const Added next =
      add_all(added.outcome.pcrs, quote_of(after(contents, 4), {10, 11}), std::span(contents).subspan(2));
  EXPECT_EQ(next.outcome.proven, 2u);
  EXPECT_EQ(next.outcome.open_pcr, std::nullopt);
}

TEST(Increment, EndsWhereTheCallerEndsIt) {
  Increment increment = must(Increment::begin({}, quote_of(after(kFour, 4)), {}));
  EXPECT_TRUE(increment.add(kFour[0].view()));
  EXPECT_TRUE(increment.is_candidate(10));
  EXPECT_FALSE(increment.is_candidate(11));
  increment.end_candidates();
  EXPECT_FALSE(increment.is_candidate(10));
  for (std::size_t i = 1; i < kFour.size(); ++i) EXPECT_FALSE(increment.add(kFour[i].view()));
  EXPECT_EQ(increment.finish().matched_at, 4u);
  EXPECT_EQ(increment.finish().proven, 1u);
  EXPECT_EQ(increment.finish().pcrs, after(kFour, 1));
  EXPECT_EQ(increment.finish().open_pcr, std::nullopt);
}

TEST(Increment, RecordOfAnotherPcrAfterTheMatchSaysNothing) {
  std::vector<Content> contents = kFour;
  contents[3] = ima_ng("/3", 11);
  const Added added = add_all({}, quote_of(after(contents, 3)), contents);
  EXPECT_EQ(added.outcome.proven, 3u);
  EXPECT_EQ(added.outcome.open_pcr, std::nullopt);
}

TEST(Increment, GivenValuesCompleteTheQuote) {
  PcrState state = after(kFour, 4);
  const digest::Digest firmware(Bytes(32, std::byte{7}));
  state.set(0, 0, firmware);
  const std::vector<PcrValue> given{{.bank = kSha256, .pcr = 0, .value = firmware}};
  EXPECT_EQ(add_all({}, quote_of(state, {0, 10}), kFour, given).outcome.proven, 4u);
  const std::vector<PcrValue> false_value{
      {.bank = kSha256, .pcr = 0, .value = digest::Digest(Bytes(32, std::byte{8}))}};
  EXPECT_EQ(add_all({}, quote_of(state, {0, 10}), kFour, false_value).outcome.matched_at, std::nullopt);
}

TEST(Increment, RecordsOfAPcrWhoseValueIsGivenAreNotProven) {
  PcrState state = after(kFour, 4);
  state.set(0, 11, digest::Digest(Bytes(32, std::byte{7})));
  const std::vector<PcrValue> given{{.bank = kSha256, .pcr = 10, .value = state.value(0, 10)}};
  const Added added = add_all(state, quote_of(state, {10, 11}), records_named({"/invented"}), given);
  EXPECT_EQ(added.outcome.proven, 0u);
  EXPECT_EQ(added.candidates, std::vector<bool>{false});
}

TEST(Increment, QuoteOfWhichNothingIsReplayedIsRefused) {
  const PcrState state = after(kFour, 4);
  const auto begun = Increment::begin({}, quote_of(state), {{.bank = kSha256, .pcr = 10, .value = state.value(0, 10)}});
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, ErrorCode::kMismatch) << describe(begun.error());
  EXPECT_FALSE(Increment::begin({}, QuotedPcrs{.digest = Bytes(32)}, {}));
}

TEST(Increment, QuoteOfABankThatTheStateLacksIsRefused) {
  const auto begun = Increment::begin(after(kFour, 2), quote_of(after(kFour, 4, {kSha1})), {});
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, ErrorCode::kMismatch);
  EXPECT_NE(begun.error().message.find("sha1"), std::string::npos);
}

TEST(Increment, FindsHowTheKernelPadsABank) {
  std::vector<Content> contents = kFour;
  contents[1].violation = true;
  const std::vector<digest::Bank> padded{kSha1, imalog::test::bank("sha256:padded-short")};
  const Added added = add_all({}, quote_of(after(contents, 4, padded)), contents);
  EXPECT_EQ(added.outcome.proven, 4u);
  EXPECT_EQ(added.outcome.pcrs, after(contents, 4, padded));
  EXPECT_TRUE(added.outcome.weak);
}

TEST(Increment, PaddingThatTheFirstViolationShowsIsFoundLater) {
  std::vector<Content> contents = kFour;
  contents[3].violation = true;
  const std::vector<digest::Bank> padded{imalog::test::bank("sha256:padded-short")};
  const Added first = add_all({}, quote_of(after(contents, 3, padded)), std::span(contents).first(3));
  EXPECT_EQ(first.outcome.proven, 3u);
  const Added second = add_all(first.outcome.pcrs, quote_of(after(contents, 4, padded)), std::span(contents).last(1));
  EXPECT_EQ(second.outcome.proven, 1u);
  EXPECT_EQ(second.outcome.pcrs, after(contents, 4, padded));
}

TEST(Increment, BankThatTheKernelInvalidatedProvesNothing) {
  const std::vector<digest::Bank> invalidated{imalog::test::bank("sha256:invalidated")};
  EXPECT_EQ(add_all({}, quote_of(after(kFour, 4, invalidated)), kFour).outcome.matched_at, std::nullopt);
}

TEST(Increment, ProofBySha1AloneIsWeak) {
  EXPECT_TRUE(add_all({}, quote_of(after(kFour, 4, {kSha1})), kFour).outcome.weak);
  EXPECT_FALSE(add_all({}, quote_of(after(kFour, 4, {kSha1, kSha256})), kFour).outcome.weak);
}

// However a list is cut into increments, the state is that of the replay of the whole.
RC_GTEST_PROP(Increment, CutAnywhereGivesTheStateOfTheWhole, ()) {
  auto of_pcr_10 = *rc::gen::container<std::vector<Content>>(imalog::test::any_content(kHostOrder));
  for (Content& content : of_pcr_10) content.pcr = 10;
  PcrState state;
  std::size_t proven = 0;
  while (proven < of_pcr_10.size()) {
    const std::size_t quoted = *rc::gen::inRange(proven + 1, of_pcr_10.size() + 1);
    const Added added =
        add_all(state, quote_of(after(of_pcr_10, quoted, {kSha1, kSha256})), std::span(of_pcr_10).subspan(proven));
    RC_ASSERT(added.outcome.matched_at.has_value());
    proven += added.outcome.proven;
    state = added.outcome.pcrs;
    RC_ASSERT(proven == quoted);
    RC_ASSERT(state == after(of_pcr_10, proven, {kSha1, kSha256}));
  }
}

// ---- saved and resumed ----------------------------------------------------------------------------------------------

struct Begun {
  PcrState start;
  QuotedPcrs quote;
  std::vector<PcrValue> given = {};

  Increment begin() const { return must(Increment::begin(start, quote, given)); }
  Result<Increment> resume(ByteView saved) const { return Increment::resume(saved, start, quote, given); }
};

void expect_same(const Increment::Outcome& one, const Increment::Outcome& other) {
  EXPECT_EQ(one.records, other.records);
  EXPECT_EQ(one.matched_at, other.matched_at);
  EXPECT_EQ(one.proven, other.proven);
  EXPECT_EQ(one.open_pcr, other.open_pcr);
  EXPECT_EQ(one.pcrs, other.pcrs);
  EXPECT_EQ(one.weak, other.weak);
}

// Saved and resumed before each record, and at the end.
void expect_saving_changes_nothing(const Begun& begun, std::span<const Content> contents) {
  Increment whole = begun.begin();
  Increment resumed = begun.begin();
  for (const Content& content : contents) {
    const Bytes saved = resumed.save();
    resumed = must(begun.resume(saved));
    EXPECT_EQ(resumed.save(), saved);
    EXPECT_EQ(resumed.is_candidate(10), whole.is_candidate(10));
    EXPECT_EQ(resumed.add(content.view()), whole.add(content.view()));
  }
  expect_same(must(begun.resume(resumed.save())).finish(), whole.finish());
}

// Several fills, one of which matches; records of a PCR that is not quoted; a weak bank; given values; no match.
std::vector<std::pair<Begun, std::vector<Content>>> saved_cases() {
  std::vector<Content> violation = kFour;
  violation[1].violation = true;
  std::vector<Content> other_pcr = kFour;
  other_pcr[2] = ima_ng("/2", 11);
  const std::vector<digest::Bank> padded{kSha1, imalog::test::bank("sha256:padded-short")};
  PcrState firmware = after(kFour, 4);
  firmware.set(0, 0, digest::Digest(Bytes(32, std::byte{7})));
  return {
      {{.start = {}, .quote = quote_of(after(kFour, 2))}, kFour},
      {{.start = {}, .quote = quote_of(after(violation, 3, padded))}, violation},
      {{.start = {}, .quote = quote_of(after(violation, 4, {kSha1}))}, violation},
      {{.start = {}, .quote = quote_of(after(other_pcr, 4))}, other_pcr},
      {{.start = after(kFour, 1), .quote = quote_of(after(kFour, 4))}, {kFour[1], kFour[2], kFour[3]}},
      {{.start = {},
        .quote = quote_of(firmware, {0, 10}),
        .given = {{.bank = kSha256, .pcr = 0, .value = firmware.value(0, 0)}}},
       kFour},
      {{.start = {}, .quote = quote_of(after(kFour, 4))}, {kFour[0], kFour[2]}},
  };
}

TEST(SavedIncrement, GoesOnAsIfItHadNotBeenSaved) {
  for (const auto& [begun, contents] : saved_cases()) expect_saving_changes_nothing(begun, contents);
}

TEST(SavedIncrement, KeepsWhereItsCallerEndedTheCandidates) {
  const Begun begun{.start = {}, .quote = quote_of(after(kFour, 4))};
  Increment increment = begun.begin();
  increment.add(kFour[0].view());
  increment.end_candidates();
  Increment resumed = must(begun.resume(increment.save()));
  for (std::size_t i = 1; i < kFour.size(); ++i) EXPECT_FALSE(resumed.add(kFour[i].view()));
  EXPECT_EQ(resumed.finish().proven, 1u);
  EXPECT_EQ(resumed.finish().pcrs, after(kFour, 1));
}

TEST(SavedIncrement, ThatIsCutShortOrHasMoreBytesIsRefused) {
  for (const auto& [begun, contents] : saved_cases()) {
    Increment increment = begun.begin();
    for (const Content& content : contents) {
      increment.add(content.view());
      Bytes saved = increment.save();
      for (std::size_t size = 0; size < saved.size(); ++size) {
        const auto resumed = begun.resume(ByteView(saved).first(size));
        ASSERT_FALSE(resumed) << size;
        ASSERT_EQ(resumed.error().code, ErrorCode::kTruncated) << size;
      }
      saved.push_back(std::byte{0});
      EXPECT_EQ(begun.resume(saved).error().code, ErrorCode::kMalformed);
    }
  }
}

TEST(SavedIncrement, WithImpossibleNumbersIsRefused) {
  std::vector<Content> contents = kFour;
  contents[1] = ima_ng("/1", 11);
  const Begun begun{.start = {}, .quote = quote_of(after(contents, 3))};
  Increment increment = begun.begin();
  for (const Content& content : contents) increment.add(content.view());
  const Bytes saved = increment.save();
  ASSERT_TRUE(begun.resume(saved));
  // magic  added@8  bits@16  matched_at@17  way@25  open_at@29  open_pcr@37  candidates@41: touched, banks@45, bank@46
  const auto refused = [&](std::size_t at, int value) {
    Bytes changed = saved;
    changed[at] = std::byte(value);
    const auto resumed = begun.resume(changed);
    return !resumed && resumed.error().code == ErrorCode::kMalformed;
  };
  EXPECT_TRUE(refused(0, 'x'));
  EXPECT_TRUE(refused(8, 2)) << "fewer records than the match";
  EXPECT_TRUE(refused(16, 0x0f)) << "an unknown bit";
  EXPECT_TRUE(refused(17, 5)) << "a match after the last record";
  EXPECT_TRUE(refused(25, 200)) << "a way that is not looked for";
  EXPECT_TRUE(refused(29, 4)) << "candidates that end after the match";
  EXPECT_TRUE(refused(37, 10)) << "ended by a PCR that is covered";
  EXPECT_TRUE(refused(37, 24)) << "ended by a PCR that no TPM has";
  EXPECT_TRUE(refused(44, 1)) << "a value of such a PCR";
  EXPECT_TRUE(refused(46, 0xfe)) << "an unknown bank";
}

TEST(SavedIncrement, OfAnotherQuotesBanksIsRefused) {
  const Begun begun{.start = {}, .quote = quote_of(after(kFour, 4))};
  const Begun other{.start = {}, .quote = quote_of(after(kFour, 4, {kSha1}))};
  Increment increment = begun.begin();
  increment.add(kFour[0].view());
  EXPECT_EQ(other.resume(increment.save()).error().code, ErrorCode::kMalformed);
  for (const Content& content : kFour) increment.add(content.view());
  EXPECT_EQ(other.resume(increment.save()).error().code, ErrorCode::kMalformed);
}

}  // namespace increment_test
}  // namespace imakeep::attest
