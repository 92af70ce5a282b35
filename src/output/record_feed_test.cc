// SPDX-License-Identifier: Apache-2.0
#include "output/record_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "output/cursor.h"
#include "support/scratch_directory.h"
#include "support/test_archive.h"
#include "support/test_clock.h"

namespace imakeep::output {
namespace record_feed_test {

using imalog::test::must;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Keeps what was written. Fails at the write with number `fail_at`, counted from 0.
class TextSink : public FeedSink {
 public:
  Result<void> write(std::string_view text) override {
    if (writes_++ == fail_at) return fail(ErrorCode::kEnvironment, "pipe closed");
    text_ += text;
    return {};
  }
  void report(const Error& error) override { reports.push_back(error.message); }

  // "CHAIN-NUMBER" of each line, and forgets them.
  std::vector<std::string> take_ids() {
    std::vector<std::string> ids;
    std::size_t begin = 0;
    for (std::size_t end; (end = text_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      ids.push_back(json::parse(text_.substr(begin, end - begin))["event"]["id"]);
    }
    text_.clear();
    return ids;
  }

  int fail_at = -1;
  std::vector<std::string> reports;

 private:
  std::string text_;
  int writes_ = 0;
};

struct Stopped {};

class FeedTest : public ::testing::Test {
 protected:
  FeedTest() {
    first_ = archive_.begin_chain();
    archive_.append(first_, {{.path = "/a", .content = "1"}, {.path = "/b", .content = "2"}}, 100);
  }
  FeedRequest with_cursor() const { return {.archive = "ARCHIVE", .format = "ecs", .cursor = scratch_.file("cursor")}; }
  Result<bool> feed(const FeedRequest& request) { return feed_records(archive_.archive(), request, sink_, clock_); }
  std::optional<Cursor> cursor() const { return must(read_cursor(scratch_.file("cursor"))); }

  test::TestArchive archive_;
  archive::ChainId first_;
  test::TestClock clock_;
  TextSink sink_;
  const test::ScratchDirectory scratch_;
};

TEST_F(FeedTest, ContinuesWhereTheCursorStands) {
  EXPECT_TRUE(must(feed(with_cursor())));
  EXPECT_THAT(sink_.take_ids(), ElementsAre("1-0", "1-1"));
  EXPECT_TRUE(must(feed(with_cursor())));
  EXPECT_THAT(sink_.take_ids(), ElementsAre());
  archive_.append(first_, {{.path = "/c", .content = "3"}}, 200);
  EXPECT_TRUE(must(feed(with_cursor())));
  EXPECT_THAT(sink_.take_ids(), ElementsAre("1-2"));
}

TEST_F(FeedTest, GoesThroughAllChains) {
  const auto second = archive_.begin_chain();
  archive_.append(second, {{.path = "/d", .content = "1"}}, 300);
  archive_.append(archive_.begin_chain(), {{.path = "/e", .content = "9"}}, 400);
  EXPECT_TRUE(must(feed(with_cursor())));
  EXPECT_THAT(sink_.take_ids(), ElementsAre("1-0", "1-1", "2-0", "3-0"));
  EXPECT_EQ(cursor()->chain, archive::ChainId(3));
  FeedRequest one = with_cursor();
  one.chain = second;
  EXPECT_THAT(feed(one).error().message, HasSubstr("the cursor is of chain 3 and not of chain 2"));
}

TEST_F(FeedTest, OfOneChainEndsWithIt) {
  archive_.append(archive_.begin_chain(), {{.path = "/d", .content = "1"}}, 300);
  FeedRequest one = with_cursor();
  one.chain = first_;
  EXPECT_TRUE(must(feed(one)));
  EXPECT_THAT(sink_.take_ids(), ElementsAre("1-0", "1-1"));
}

TEST_F(FeedTest, MovesTheCursorOnlyAfterTheLinesWereWritten) {
  sink_.fail_at = 0;
  EXPECT_EQ(feed(with_cursor()).error().message, "pipe closed");
  EXPECT_EQ(cursor()->next, 0u);
  EXPECT_TRUE(must(feed(with_cursor())));
  EXPECT_THAT(sink_.take_ids(), ElementsAre("1-0", "1-1"));
}

TEST_F(FeedTest, LosesNothingIfAWriteFailsHalfWay) {
  // Each line is longer than 64 bytes of its name, so there are several writes.
  const std::string folder = "/" + std::string(4000, 'd') + "/";
  std::deque<test::Event> many;
  for (int i = 0; i < 300; ++i) many.push_back({.path = folder + std::to_string(i), .content = std::to_string(i)});
  archive_.append(first_, many, 200);
  std::vector<std::string> all;
  for (int i = 0; i < 302; ++i) all.push_back("1-" + std::to_string(i));
  sink_.fail_at = 1;
  EXPECT_FALSE(feed(with_cursor()));
  std::vector<std::string> got = sink_.take_ids();
  ASSERT_GT(got.size(), 0u);
  ASSERT_LT(got.size(), 302u);
  EXPECT_EQ(cursor()->next, got.size());
  EXPECT_TRUE(must(feed(with_cursor())));
  const std::vector<std::string> rest = sink_.take_ids();
  got.insert(got.end(), rest.begin(), rest.end());
  EXPECT_EQ(got, all);
}

TEST_F(FeedTest, FollowsTheChainAndThenTheNext) {
  int sleeps = 0;
  clock_.on_sleep = [&](std::int64_t) {
    switch (sleeps++) {
      case 0:
        archive_.append(first_, {{.path = "/c", .content = "3"}}, 200);
        break;
      case 1:
        // Both between two looks: the record of the old chain comes first.
        archive_.append(first_, {{.path = "/d", .content = "4"}}, 200);
        archive_.append(archive_.begin_chain(), {{.path = "/e", .content = "5"}}, 300);
        break;
      case 2:
        throw Stopped();
      default:
        break;
    }
  };
  FeedRequest request = with_cursor();
  request.follow = true;
  EXPECT_THROW(static_cast<void>(feed(request)), Stopped);
  EXPECT_THAT(sink_.take_ids(), ElementsAre("1-0", "1-1", "1-2", "1-3", "2-0"));
  EXPECT_EQ(cursor()->chain, archive::ChainId(2));
  EXPECT_EQ(cursor()->next, 1u);
}

TEST_F(FeedTest, LosesNoRecordThatComesJustBeforeTheNextChain) {
  clock_.on_sleep = [&](std::int64_t) {
    if (archive_.chain(first_).end > 2) throw Stopped();
    archive_.store().after_next_listing = [&] {
      archive_.append(first_, {{.path = "/c", .content = "3"}}, 200);
      archive_.append(archive_.begin_chain(), {{.path = "/d", .content = "4"}}, 300);
    };
  };
  FeedRequest request = with_cursor();
  request.follow = true;
  EXPECT_THROW(static_cast<void>(feed(request)), Stopped);
  EXPECT_THAT(sink_.take_ids(), ElementsAre("1-0", "1-1", "1-2", "2-0"));
}

TEST_F(FeedTest, WithoutACursorShowsTheLastChain) {
  archive_.append(archive_.begin_chain(), {{.path = "/d", .content = "1"}, {.path = "/e", .content = "7"}}, 300);
  EXPECT_TRUE(must(feed({.from = 1, .format = "ecs"})));
  EXPECT_THAT(sink_.take_ids(), ElementsAre("2-1"));
}

TEST_F(FeedTest, PrintsNothingIfTheCursorCannotBeWritten) {
  FeedRequest request = with_cursor();
  request.cursor = scratch_.file("none/cursor");
  EXPECT_FALSE(feed(request));
  EXPECT_THAT(sink_.take_ids(), ElementsAre());
}

TEST_F(FeedTest, PrintsRetiredViolationsWithoutATime) {
  archive_.append(first_, {{.path = "/v"}, test::large("x"), test::large("y"), test::large("z")}, 200);
  must(archive_.archive().retire(first_, {.before = 5, .unacknowledged = true}));
  ASSERT_GT(archive_.chain(first_).first_kept, 2u);
  EXPECT_TRUE(must(feed({.violations = true, .format = "ecs"})));
  EXPECT_THAT(sink_.take_ids(), ElementsAre("1-2"));
}

TEST_F(FeedTest, RefusesACursorOfAnotherArchive) {
  must(write_cursor(scratch_.file("cursor"), {.chain = first_, .next = 1, .state = Bytes(32)}));
  const auto fed = feed(with_cursor());
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code, ErrorCode::kMismatch);
  EXPECT_THAT(sink_.take_ids(), ElementsAre());
}

TEST_F(FeedTest, RefusesAFormatThatNeedsAnEnd) {
  FeedRequest request = with_cursor();
  request.format = "cel-json";
  EXPECT_THAT(feed(request).error().message, HasSubstr("--cursor continues later, and --format cel-json needs an end"));
}

TEST_F(FeedTest, ReportsWhatItLeavesOutAndGoesOn) {
  archive_.append(first_, {test::large("x")}, 200);
  archive_.append(first_, {{.path = "/c", .content = "3"}}, 300);
  ASSERT_TRUE(archive_.store().begin());
  ASSERT_TRUE(archive_.store().remove_segment(first_, 0));
  ASSERT_TRUE(archive_.store().commit());
  EXPECT_FALSE(must(feed(with_cursor())));
  EXPECT_THAT(sink_.reports, ElementsAre(HasSubstr("left out records 0 to 2")));
  EXPECT_THAT(sink_.take_ids(), ElementsAre("1-3"));
  EXPECT_EQ(cursor()->next, 4u);
}

TEST(FeedOfAnEmptyArchive, PrintsNothingAndWritesNoCursor) {
  test::TestArchive archive;
  TextSink sink;
  test::TestClock clock;
  const test::ScratchDirectory scratch;
  const FeedRequest request = {.format = "ecs", .cursor = scratch.file("cursor")};
  EXPECT_TRUE(must(feed_records(archive.archive(), request, sink, clock)));
  EXPECT_EQ(must(read_cursor(scratch.file("cursor"))), std::nullopt);
}

}  // namespace record_feed_test
}  // namespace imakeep::output
