// SPDX-License-Identifier: Apache-2.0
#include "monitor/trim_story.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "archive/memory/memory_store.h"
#include "archive/test_support.h"

namespace imakeep::monitor {
namespace trim_story_test {

using archive::test::imatest::must;

// Records 0 to 9 of a chain, whose list holds those from `head` on.
class TrimStoryTest : public testing::Test {
 protected:
  TrimStoryTest() {
    chain_ = must(archive_.begin_chain({records_.bank}, archive::ChainStart::kBoot)).chain;
    archive::ListRow row{.chain = chain_};
    must(archive_.append(chain_, 0, records_.records, records_.bank, 1'000, {.list = &row}));
  }
  std::optional<keeper::ChainState> state() { return must(keeper::ChainState::load(archive_)); }
  void list_begins_at(std::uint64_t head, std::uint64_t proven, const std::string& holes = "") {
    const archive::ListRow row{
        .chain = chain_, .head = head, .holes = holes, .proven = proven, .proven_unix_s = 1'000'000'000};
    must(archive_.append(chain_, 10, {}, records_.bank, 1'000, {.list = &row}));
  }
  std::uint64_t bytes(std::uint64_t first, std::uint64_t end) const {
    std::uint64_t sum = 0;
    for (std::uint64_t i = first; i < end; ++i) {
      sum += imalog::encoded_bytes(records_.records[i].content, records_.bank.digest_bytes());
    }
    return sum;
  }
  TrimStory story(std::uint64_t records, const std::optional<keeper::ChainState>& before) {
    return trim_story({.records = records, .method = keeper::Method::kCount, .hold_us = 250}, 3, before, archive_,
                      records_.bank.digest_bytes());
  }

  const archive::test::Incoming records_ = archive::test::made("/bin/", 10);
  archive::MemoryStore store_;
  archive::Archive archive_{store_};
  archive::ChainId chain_;
};

TEST_F(TrimStoryTest, TellsWhichRecordsWentAndAllElse) {
  list_begins_at(2, 10);
  const auto before = state();
  list_begins_at(7, 10);
  const TrimStory told = story(5, before);
  EXPECT_EQ(text_of(told),
            "trimmed 5 records by count: 2 to 6 of chain 1, proven 2001-09-09 01:46:40 UTC, holding the "
            "list for 0.2 ms; 3 records left, " +
                std::to_string(bytes(2, 7)) + " B of the list are gone");
  const auto json = json_of(told);
  EXPECT_EQ(json["chain"], 1);
  EXPECT_EQ(json["first"], 2);
  EXPECT_EQ(json["records"], 5);
  EXPECT_EQ(json["list_records"], 3);
  EXPECT_EQ(json["bytes"], bytes(2, 7));
  EXPECT_EQ(json["hold_us"], 250);
}

TEST_F(TrimStoryTest, RecordsOfAMissingRangeAreNotCounted) {
  list_begins_at(1, 10, "3-5");
  const auto before = state();
  list_begins_at(8, 10);
  const TrimStory told = story(5, before);
  ASSERT_TRUE(told.range);
  EXPECT_EQ(told.range->first, 1u);
  EXPECT_EQ(told.range->bytes, bytes(1, 3) + bytes(5, 8));
}

TEST_F(TrimStoryTest, RecordsThatOthersDeletedJustBeforeAreNotCounted) {
  list_begins_at(0, 10);
  const auto before = state();
  list_begins_at(7, 10);
  const TrimStory told = story(5, before);
  ASSERT_TRUE(told.range);
  EXPECT_EQ(told.range->first, 2u);
  EXPECT_EQ(told.range->bytes, bytes(2, 7));
}

TEST_F(TrimStoryTest, UnprovenRecordsAreCalledSo) {
  const auto before = state();
  list_begins_at(5, 0);
  EXPECT_THAT(text_of(story(5, before)), testing::HasSubstr("0 to 4 of chain 1, unproven, "));
}

TEST_F(TrimStoryTest, WithoutAnArchiveToAskTheRestIsTold) {
  archive::MemoryStore none;
  archive::Archive empty(none);
  const TrimStory told =
      trim_story({.records = 1, .method = keeper::Method::kStage, .hold_us = 1'000}, 0, std::nullopt, empty, 20);
  EXPECT_EQ(text_of(told), "trimmed 1 record by stage, holding the list for 1.0 ms; 0 records left");
  EXPECT_FALSE(json_of(told).contains("chain"));
}

}  // namespace trim_story_test
}  // namespace imakeep::monitor
