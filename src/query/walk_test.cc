// SPDX-License-Identifier: Apache-2.0
#include "query/walk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/test_archive.h"

namespace imakeep::query {
namespace walk_test {

using namespace imakeep::test;

using ::testing::ElementsAre;

// Two chains. The archive of each has two segments.
class WalkTest : public ::testing::Test {
 protected:
  WalkTest() {
    first_ = archive_.begin_chain();
    archive_.append(first_, {{.path = "/a", .content = "1"}, {.path = "/b", .content = "2"}, large("k")}, 100);
    archive_.append(first_, {{.path = "/c", .content = "1"}, {.path = "/d"}}, 200);
    second_ = archive_.begin_chain();
    archive_.append(second_, {{.path = "/a", .content = "2"}, {.path = "/e", .content = "3"}, large("l")}, 300);
    archive_.append(second_, {{.path = "/f", .content = "3"}}, 400);
  }
  // The names of the records that fit, with their chains.
  std::vector<std::string> names(const Walk& request) {
    std::vector<std::string> names;
    const auto walked =
        walk(archive_.archive(), request,
             {.on_record =
                  [&](const SeenRecord& record) {
                    names.push_back(std::to_string(record.chain.value()) + std::string(record.facts.name));
                    return Result<void>();
                  },
              .on_damage = [&](archive::ChainId, const archive::Damage&) { names.push_back("damage"); }});
    if (!walked) names.push_back(walked.error().message);
    return names;
  }

  TestArchive archive_;
  archive::ChainId first_;
  archive::ChainId second_;
};

TEST_F(WalkTest, HandsOverAllChainsInOrder) {
  EXPECT_THAT(names({}), ElementsAre("1/a", "1/b", "1k", "1/c", "1/d", "2/a", "2/e", "2l", "2/f"));
  EXPECT_THAT(names({.chain = second_}), ElementsAre("2/a", "2/e", "2l", "2/f"));
  EXPECT_THAT(names({.selection = {.paths = {"/a"}}}), ElementsAre("1/a", "2/a"));
}

TEST_F(WalkTest, FindsWhatRanBetweenTwoTimes) {
  EXPECT_THAT(names({.selection = {.since_s = 250, .until_s = 350}}), ElementsAre("1/c", "1/d", "2/a", "2/e", "2l"));
}

TEST_F(WalkTest, CallsADigestNewOnceInTheWholeArchive) {
  EXPECT_THAT(names({.selection = {.first_seen = true}}), ElementsAre("1/a", "1/b", "1k", "2/e", "2l"));
  EXPECT_THAT(names({.chain = second_, .selection = {.first_seen = true}}), ElementsAre("2/e", "2l"));
  EXPECT_THAT(names({.selection = {.since_s = 350, .first_seen = true}}), ElementsAre("2/e", "2l"))
      << "the first segment ends at 400";
  // /f has the digest of /e, so it is no first sight, although the pattern leaves /e out.
  EXPECT_THAT(names({.selection = {.paths = {"/f"}, .first_seen = true}}), ElementsAre());
}

TEST_F(WalkTest, NamesAChainThatTheArchiveLacks) {
  EXPECT_THAT(names({.chain = archive::ChainId(9)}), ElementsAre(::testing::HasSubstr("chain 9")));
}

TEST_F(WalkTest, EndsWithTheErrorOfItsCaller) {
  int calls = 0;
  const auto walked = walk(archive_.archive(), {},
                           {.on_record =
                                [&](const SeenRecord&) {
                                  ++calls;
                                  return Result<void>(fail(ErrorCode::kIo, "full"));
                                },
                            .on_damage = [](archive::ChainId, const archive::Damage&) {}});
  EXPECT_EQ(walked.error().message, "full");
  EXPECT_EQ(calls, 1);
}

TEST_F(WalkTest, GoesOnAfterDamage) {
  ASSERT_TRUE(archive_.store().begin());
  ASSERT_TRUE(archive_.store().remove_segment(first_, 0));
  ASSERT_TRUE(archive_.store().commit());
  EXPECT_THAT(names({.chain = first_}), ElementsAre("damage", "1/c", "1/d"));
  EXPECT_THAT(names({.chain = second_, .selection = {.first_seen = true}}), ElementsAre("damage", "2/a", "2/e", "2l"));
}

// Passes records whose number is even, and notes what it saw.
class EvenNumbers : public RecordFilter {
 public:
  Result<void> begin(const archive::Chain& chain) override {
    seen += std::to_string(chain.chain.value()) + ":";
    return begins ? Result<void>() : fail(ErrorCode::kUsage, "no policy");
  }
  bool passes(const archive::NumberedRecord& record) override {
    seen += std::to_string(record.number);
    return record.number % 2 == 0;
  }

  bool begins = true;
  std::string seen;
};

TEST_F(WalkTest, AFilterSeesWholeChains) {
  EvenNumbers filter;
  EXPECT_THAT(names({.selection = {.since_s = 350}, .filter = &filter}), ElementsAre("1/d", "2/a", "2l"))
      << "a segment ends when the next one of its chain begins";
  EXPECT_EQ(filter.seen, "1:012342:0123") << "records that are too old count too";
  filter.seen.clear();
  EXPECT_THAT(names({.chain = second_, .selection = {.paths = {"/a", "/f"}}, .filter = &filter}), ElementsAre("2/a"));
  EXPECT_EQ(filter.seen, "2:0123");
}

TEST_F(WalkTest, EndsWithTheErrorOfItsFilter) {
  EvenNumbers filter;
  filter.begins = false;
  EXPECT_THAT(names({.filter = &filter}), ElementsAre("no policy"));
}

}  // namespace walk_test
}  // namespace imakeep::query
