// SPDX-License-Identifier: Apache-2.0
#include "keeper/locate.h"

#include <gmock/gmock.h>

#include "keeper/test_support.h"

namespace imakeep::keeper::locate_test {
namespace {

using test::range;
using test::record_of;
using test::state_after;
using test::summary_of;
using test::values_of;
using testing::ElementsAre;

using Case = test::LettersCase;

// The alignments that match if the list does not change.
std::vector<Alignment> located(const Case& of) {
  const test::ReplayedLetters replayed(of);
  const Search& search = replayed.search;
  std::vector<Alignment> all;
  for (std::size_t family = 0; family < search.families().size(); ++family) {
    for (std::uint64_t i = 0; i < search.families()[family].count; ++i) {
      const std::uint64_t first = search.families()[family].first + i * search.families()[family].step;
      if (!match_of(search.seen(family, i), first, of.list.size(), replayed.window)) continue;
      all.push_back(alignment_of(replayed.contents, search.families()[family], i));
      EXPECT_EQ(all.back().known, first);
    }
  }
  return all;
}

std::vector<std::uint64_t> known_in(const Case& of) {
  std::vector<std::uint64_t> known;
  for (const Alignment& alignment : located(of)) known.push_back(alignment.known);
  return known;
}

TEST(Locate, AListThatLostItsFirstRecordsIsTheArchivesEnd) {
  const auto all = located({.log = "Babcd", .known = "Babc", .list = "cd", .archived = 4});
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].known, 1u);
  EXPECT_EQ(all[0].gone, 3u);
  EXPECT_EQ(all[0].shape.head(), RecordNumber(3));
}

TEST(Locate, TellsHowManyOfARunOfEqualRecordsAreNew) {
  for (const std::uint64_t news : {1u, 3u, 7u, 10u}) {
    const std::string log = "B" + std::string(10 + news, 'V');
    EXPECT_THAT(known_in({.log = log, .known = log.substr(0, 11), .list = std::string(10, 'V'), .archived = 11}),
                ElementsAre(10 - news))
        << news;
  }
}

TEST(Locate, TellsHowManyOfARunAreNewThoughOtherRecordsFollowIt) {
  for (const std::uint64_t news : {0u, 1u, 4u, 9u}) {
    const std::string log = "B" + std::string(10 + news, 'V') + "xVyVz";
    const std::string list = log.substr(log.size() - 15);
    EXPECT_THAT(known_in({.log = log, .known = log.substr(0, 11), .list = list, .archived = 11}),
                ElementsAre(10 - news))
        << news;
  }
}

TEST(Locate, TellsRoundsOfTheSameFilesApart) {
  const std::string round = "abc";
  const std::string log = "B" + round + round + round + round + round + "x";
  // Two rounds are new, and the list has three of them.
  EXPECT_THAT(known_in({.log = log, .known = log.substr(0, 10), .list = round + round + round + "x", .archived = 10}),
              ElementsAre(3));
}

TEST(Locate, FollowsFiveThousandEqualRecordsByOneReplay) {
  const std::string log = "B" + std::string(9000, 'V');
  EXPECT_THAT(known_in({.log = log,
                        .known = log.substr(0, 6001),
                        .list = std::string(5000, 'V'),
                        .archived = 6001,
                        .most_extends = 0}),
              ElementsAre(2000));
}

TEST(Locate, SaysWhatItDidNotTry) {
  const std::string known = "B" + std::string(20, 'V');
  const RecordSummary archived = summary_of(known);
  const RecordSummary list = summary_of(std::string(20, 'V') + "xyz");
  const ListShape shape;
  const Contents contents{.known = archived, .shape = shape, .end = RecordNumber(21), .list = list};
  const Search search(state_after(known), values_of(state_after(known), {10}), families_of(contents), 23, 59);
  bool all_tried = true;
  for (std::size_t i = 0; i < search.families().size(); ++i) all_tried = all_tried && search.tried(i);
  EXPECT_FALSE(all_tried) << "20 alignments with 3 more records each are 60 extends";
  const Search enough(state_after(known), values_of(state_after(known), {10}), families_of(contents), 23, 60);
  for (std::size_t i = 0; i < enough.families().size(); ++i) EXPECT_TRUE(enough.tried(i));
}

TEST(Locate, KeepsNoMoreReplaysThanFitIntoItsMemory) {
  const digest::PcrState start = state_after("B");
  const auto pcrs = values_of(start, {10});
  const auto tried = [&](std::uint64_t count) {
    const Family family{.kind = Family::Kind::kEnd, .count = count, .stretch_end = ListIndex(count)};
    return Search(start, pcrs, {family}, count + 1).tried(0);
  };
  EXPECT_TRUE(tried(kMostForks / pcrs.size()));
  EXPECT_FALSE(tried(kMostForks / pcrs.size() + 1));
}

TEST(Locate, EveryPcrHasToMatch) {
  Case of{.log = "Ba1b2c", .known = "Ba1", .list = "1b2c", .archived = 3, .pcrs = {10, 11}};
  EXPECT_THAT(known_in(of), ElementsAre(1));
  // A record of PCR 11 that the list does not hold.
  of.list = "1bc";
  EXPECT_THAT(known_in(of), ElementsAre());
  // PCR 10 alone does not tell whether the first is archived, either.
  of.pcrs = {10};
  EXPECT_THAT(known_in(of), ElementsAre(1, 0));
}

TEST(Locate, ThePendingTrimComesFirst) {
  const std::string log = "B" + std::string(30, 'V');
  const RecordSummary known = summary_of(log.substr(0, 21));
  const RecordSummary list = summary_of(std::string(20, 'V'));
  const ListShape shape;
  const Contents contents{.known = known, .shape = shape, .end = RecordNumber(21), .list = list, .pending = 11};
  const Family first = families_of(contents).front();
  EXPECT_EQ(first.kind, Family::Kind::kPending);
  EXPECT_EQ(first.first, 10u) << "the last ten of what was known";
  EXPECT_EQ(alignment_of(contents, first, 0).gone, 11u);
}

TEST(Locate, APendingTrimThatTheListContradictsIsNoAlignment) {
  const RecordSummary known = summary_of("Babc");
  const RecordSummary list = summary_of("Babcd");
  const ListShape shape;
  const Contents contents{.known = known, .shape = shape, .end = RecordNumber(4), .list = list, .pending = 2};
  for (const Family& family : families_of(contents)) EXPECT_NE(family.kind, Family::Kind::kPending);
}

TEST(Locate, FindsWhatWasDeletedAfterStagedRecords) {
  const auto all = located({.log = "Babcdef", .known = "Babcd", .list = "Bade", .staged = 2, .archived = 5});
  EXPECT_TRUE(all.empty()) << "record f is measured and not in the list";
  const auto whole = located({.log = "Babcdef", .known = "Babcd", .list = "Badef", .staged = 2, .archived = 5});
  ASSERT_FALSE(whole.empty());
  EXPECT_EQ(whole[0].known, 3u);
  EXPECT_THAT(whole[0].missing, ElementsAre(range(2, 4)));
}

TEST(Locate, FindsWhatAKexecDropped) {
  const auto all = located({.log = "BabcdBx", .known = "Babcd", .list = "BabBx", .other_kernel = true, .archived = 5});
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(all[0].known, 3u);
  EXPECT_THAT(all[0].missing, ElementsAre(range(3, 5)));
}

TEST(Locate, NothingIsNewInAListThatLacksAMiddleRecordWhileThePcrsMatchTheEnd) {
  const auto all = located({.log = "Babcdef", .known = "Babcdef", .list = "Babdef", .archived = 7});
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].known, 6u);
  EXPECT_EQ(all[0].gone, 0u);
  EXPECT_THAT(all[0].missing, ElementsAre(range(3, 4)));
  const auto more = located({.log = "Babcdefg", .known = "Babcdef", .list = "acdfg", .archived = 7});
  ASSERT_EQ(more.size(), 1u);
  EXPECT_EQ(more[0].known, 4u);
  EXPECT_EQ(more[0].gone, 1u);
  EXPECT_THAT(more[0].missing, ElementsAre(range(2, 3), range(5, 6)));
}

TEST(Locate, LeavesOutThePcrsThatArePassedOver) {
  const test::ReplayedLetters replayed(
      {.log = "Ba1b2c", .known = "Ba1b2c", .list = "Ba1b2c", .archived = 6, .pcrs = {10, 11}});
  EXPECT_EQ(replayed.search.seen(0, 0).size(), 4u) << "two banks";
  EXPECT_EQ(replayed.search.seen(0, 0, 1u << 11).size(), 2u);
  EXPECT_TRUE(replayed.search.seen(0, 0, 1u << 10 | 1u << 11).empty());
}

TEST(Match, OneRecordMayBeInFlightUntilTheListHasSettled) {
  const std::vector<std::optional<Seen>> seen = {Seen{.first = 2, .last = 2}};
  Window window{.least = 6, .most = 6, .may_be_in_flight = true};
  const auto match = match_of(seen, 3, 6, window);
  ASSERT_TRUE(match);
  EXPECT_TRUE(match->in_flight);
  EXPECT_EQ(match->until, 5u);
  window.settled = true;
  EXPECT_FALSE(match_of(seen, 3, 6, window));
  window = {.least = 6, .most = 6, .may_be_in_flight = false};
  EXPECT_FALSE(match_of(seen, 3, 6, window));
}

TEST(Match, ReachesAsFarAsThePcrWithTheLatestMatch) {
  const Window window{.least = 2, .most = 6, .may_be_in_flight = true};
  const auto match = match_of(
      std::vector<std::optional<Seen>>{Seen{.first = 0, .last = 0}, Seen{.first = 3, .last = 3}}, 2, 6, window);
  ASSERT_TRUE(match);
  EXPECT_EQ(match->until, 2u);
  EXPECT_EQ(match->reach, 5u);
}

TEST(Match, ThePcrsMatchWithinTheCounts) {
  const Window window{.least = 4, .most = 5, .may_be_in_flight = true};
  const auto matches = [&](std::uint64_t first, std::uint64_t last) {
    return match_of(std::vector<std::optional<Seen>>{Seen{.first = first, .last = last}}, 0, 9, window).has_value();
  };
  EXPECT_FALSE(matches(2, 2));
  EXPECT_TRUE(matches(3, 3)) << "one in flight";
  EXPECT_TRUE(matches(4, 4));
  EXPECT_TRUE(matches(5, 5));
  EXPECT_TRUE(matches(5, 8)) << "what follows is of other PCRs";
  EXPECT_FALSE(matches(6, 8));
}

}  // namespace
}  // namespace imakeep::keeper::locate_test
