// SPDX-License-Identifier: Apache-2.0
#include "keeper/place.h"

#include <gmock/gmock.h>

#include "keeper/test_support.h"

namespace imakeep::keeper::place_test {
namespace {

using imalog::test::banks;
using imalog::test::must;
using test::ArchivedLetters;
using testing::ElementsAre;

// A list, and what is known of it.
struct Case {
  std::string archived;
  std::string log;  // all that was measured
  std::string list;
  std::string boot_id = "boot";  // of the running kernel; "boot" is the one that was last seen
  std::vector<std::uint32_t> pcrs = {10};
  std::uint32_t unread = 0;
  bool settled = true;
  bool judged = false;
  std::optional<tpm::ResetCounts> resets = std::nullopt;  // the same as when the list was last seen
};

Placed placed(const Case& of) {
  ArchivedLetters archived(of.archived);
  test::FixedList source(test::list_of(of.list, ArchivedLetters::kBank), ArchivedLetters::kBank);
  ListStream stream(source, {ListPart::kCurrent});
  const Evidence evidence{.pcrs = test::values_of(test::state_after(of.log), of.pcrs),
                          .count_before = of.list.size(),
                          .count_after = of.list.size(),
                          .unread = of.unread,
                          .resets = of.resets,
                          .settled = of.settled};
  std::optional<KnownChain> known;
  if (!of.archived.empty()) {
    known = KnownChain{
        .chain = archived.chain(), .shape = ListShape(), .boot_id = "boot", .resets = of.resets, .judged = of.judged};
  }
  const digest::PcrState start(banks("sha1,sha256"));
  return must(place(
      {.stream = stream, .evidence = evidence, .start = start, .shown = ArchivedLetters::kBank, .boot_id = of.boot_id},
      archived.store, known));
}

ListPosition position_of(const Case& of) {
  const Placed all = placed(of);
  if (!all.position) throw std::runtime_error(all.mismatch->found.what);
  return *all.position;
}

TEST(Place, BeginsAChainIfNothingIsArchived) {
  const ListPosition whole = position_of({.log = "Bab", .list = "Bab"});
  EXPECT_TRUE(whole.new_chain);
  EXPECT_FALSE(whole.in_flight);
  EXPECT_EQ(whole.matched_until, 3u);
  const ListPosition one_in_flight = position_of({.log = "Ba", .list = "Bab", .settled = false});
  EXPECT_TRUE(one_in_flight.in_flight);
  EXPECT_EQ(one_in_flight.matched_until, 2u);
}

TEST(Place, FindsTheNewRecordsAfterThoseThatWereSeen) {
  const ListPosition position = position_of({.archived = "Bab", .log = "Babcd", .list = "Babcd"});
  EXPECT_FALSE(position.new_chain);
  EXPECT_EQ(position.new_from.records, 3u);
  EXPECT_EQ(position.matched_until, 5u);
  EXPECT_EQ(position.gone, 0u);
  EXPECT_EQ(position.shape, ListShape());
}

// PCR 10 does not tell whether the list's first record, which names PCR 11, is archived.
constexpr std::uint32_t kPcr11 = 1u << 11;
const Case kTwoMatch{.archived = "Ba1", .log = "Ba1bc", .list = "1bc"};

TEST(Place, AsksForASecondLookIfTwoAlignmentsMatch) {
  const ListPosition position = position_of(kTwoMatch);
  EXPECT_TRUE(position.in_flight);
  EXPECT_FALSE(position.ambiguous);
  EXPECT_EQ(position.new_from.records, 1u) << "the fewest new records";
  EXPECT_EQ(position.gone, 2u);
}

TEST(Place, TakesTheMostRecordsAsNewIfAPcrCannotBeRead) {
  Case of = kTwoMatch;
  of.unread = kPcr11;
  const ListPosition position = position_of(of);
  EXPECT_TRUE(position.ambiguous);
  EXPECT_EQ(position.new_from.records, 0u);
}

TEST(Place, WithoutPcrsContentDecidesWhileTheSameKernelRuns) {
  Case of{.archived = "Babc", .list = "bcd", .pcrs = {}};
  EXPECT_EQ(position_of(of).new_from.records, 2u);
  EXPECT_EQ(position_of(of).gone, 2u);
  of.boot_id = "boot-2";
  EXPECT_TRUE(position_of(of).new_chain);
  of.list = "bcBd";
  EXPECT_FALSE(position_of(of).new_chain) << "b and c came over a kexec";
  EXPECT_EQ(position_of(of).new_from.records, 2u);
}

TEST(Place, NamesKnownRecordsThatAreAltered) {
  const ListPosition position = position_of({.archived = "Babcd", .log = "Babcde", .list = "Bxbcde"});
  EXPECT_THAT(position.altered, ElementsAre(RecordNumber(1)));
  EXPECT_EQ(position.new_from.records, 5u);
}

TEST(Place, IsCertainOnlyIfARecordThatIsNoViolationMatches) {
  Case of{.archived = "BaVV", .log = "BaVV", .list = "VV", .judged = true};
  EXPECT_FALSE(position_of(of).certain);
  of.list = "aVV";
  EXPECT_TRUE(position_of(of).certain);
}

TEST(Place, AnotherKernelsListThatMatchesFromAResetOnIsAnotherChain) {
  Case of{.archived = "Bab", .log = "Babc", .list = "Babc"};
  EXPECT_FALSE(position_of(of).new_chain);
  of.boot_id = "boot-2";
  EXPECT_TRUE(position_of(of).new_chain);
  of.resets = tpm::ResetCounts{.resets = 1, .restarts = 0};
  EXPECT_FALSE(position_of(of).new_chain) << "the TPM was not reset";
}

TEST(Place, ReadsAllOfTheListAsNewAfterAGap) {
  const Placed all = placed({.archived = "Babc", .log = "Babcxyz", .list = "z"});
  ASSERT_TRUE(all.mismatch);
  EXPECT_EQ(all.mismatch->found.diagnosis, Diagnosis::kGap);
  EXPECT_EQ(all.mismatch->found.first, 4u);
  EXPECT_EQ(all.mismatch->as_read.new_from.records, 0u);
  EXPECT_EQ(all.mismatch->as_read.gone, 4u);
}

}  // namespace
}  // namespace imakeep::keeper::place_test
