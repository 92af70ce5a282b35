// SPDX-License-Identifier: Apache-2.0
#include "output/cursor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/programs.h"
#include "support/scratch_directory.h"
#include "support/test_archive.h"

namespace imakeep::output {
namespace cursor_test {

using imalog::test::must;
using test::TestArchive;
using ::testing::HasSubstr;

class CursorTest : public ::testing::Test {
 protected:
  CursorTest() {
    chain_ = archive_.begin_chain();
    archive_.append(chain_, {{.path = "/a", .content = "1"}, {.path = "/b", .content = "2"}}, 100);
  }
  Cursor at(std::uint64_t next) { return must(cursor_at(archive_.archive(), archive_.chain(chain_), next)); }
  std::string problem(TestArchive& archive, const Cursor& cursor) {
    const auto chain = chain_of_cursor(archive.archive(), cursor, "CURSOR");
    if (chain) return "none";
    EXPECT_EQ(chain.error().code, ErrorCode::kMismatch);
    return chain.error().message;
  }

  TestArchive archive_;
  archive::ChainId chain_;
  const test::ScratchDirectory scratch_;
  const std::string path_ = scratch_.file("cursor");
};

TEST_F(CursorTest, IsReadAsItWasWritten) {
  EXPECT_EQ(must(read_cursor(path_)), std::nullopt);
  test::write_file(path_, {});
  EXPECT_EQ(must(read_cursor(path_)), std::nullopt);
  for (const std::uint64_t next : {0u, 1u, 2u}) {
    must(write_cursor(path_, at(next)));
    EXPECT_EQ(must(read_cursor(path_)), at(next));
  }
}

TEST_F(CursorTest, NeverReplacesAnotherFile) {
  test::write_file(path_, as_bytes("SQLite format 3"));
  EXPECT_THAT(write_cursor(path_, at(1)).error().message, HasSubstr(path_));
  EXPECT_EQ(as_text(test::bytes_of_file(path_)), "SQLite format 3");
}

TEST_F(CursorTest, IsRefusedIfTheFileIsNone) {
  for (const char* text :
       {"x", "{}", "[]", R"({"imakeep_cursor":1})", R"({"imakeep_cursor":1,"chain":1,"next":-1,"state":""})",
        R"({"imakeep_cursor":1,"chain":1,"next":1,"state":"x"})", R"({"imakeep_cursor":"1"})"}) {
    test::write_file(path_, as_bytes(text));
    EXPECT_THAT(read_cursor(path_).error().message, HasSubstr("no cursor of imakeep log")) << text;
  }
  test::write_file(path_, as_bytes(R"({"imakeep_cursor":2})"));
  EXPECT_EQ(read_cursor(path_).error().code, ErrorCode::kUnsupported);
  test::write_file(path_, Bytes(5000, std::byte{' '}));
  EXPECT_FALSE(read_cursor(path_));
}

TEST_F(CursorTest, FitsItsArchiveWhileTheChainGrows) {
  const Cursor middle = at(1);
  const Cursor end = at(2);
  archive_.append(chain_, {{.path = "/c", .content = "3"}, test::large("x")}, 200);
  archive_.append(chain_, {{.path = "/d", .content = "4"}}, 300);
  EXPECT_EQ(problem(archive_, middle), "none");
  EXPECT_EQ(problem(archive_, end), "none");
  EXPECT_EQ(must(chain_of_cursor(archive_.archive(), end, "CURSOR")).chain, chain_);
}

// A keeper may find only later that the PCRs parted here.
TEST_F(CursorTest, FitsItsArchiveAfterAnAnchorWasSetWhereItStands) {
  const Cursor end = at(2);
  digest::PcrState pcrs = archive_.chain(chain_).end_pcrs;
  pcrs.set(0, 10, digest::hash(digest::Algorithm::kSha1, as_bytes("elsewhere")));
  const archive::AnchorRow anchor = {
      .chain = chain_, .number = 2, .broken_at = 2, .why = "gap", .pcrs = archive::pcr_bytes(pcrs)};
  archive_.append(chain_, {}, 200, {.anchor = &anchor});
  EXPECT_EQ(problem(archive_, end), "none");
  archive_.append(chain_, {{.path = "/c", .content = "3"}}, 300);
  EXPECT_EQ(problem(archive_, end), "none");
}

TEST_F(CursorTest, IsRefusedByAnotherArchive) {
  TestArchive other;
  EXPECT_THAT(problem(other, at(1)), HasSubstr("CURSOR: the cursor is of another archive"));
  const auto chain = other.begin_chain();
  EXPECT_THAT(problem(other, at(1)), HasSubstr("but the chain ends before record 0"));
  other.append(chain, {{.path = "/a", .content = "1"}, {.path = "/b", .content = "other"}}, 100);
  EXPECT_EQ(problem(other, at(1)), "none") << "up to there both are the same";
  EXPECT_THAT(problem(other, at(2)), HasSubstr("before which the archive has other records"));
}

TEST_F(CursorTest, IsRefusedIfRecordsWereRetiredBeforeAnybodyHadThem) {
  archive_.append(chain_, {test::large("x"), test::large("y"), test::large("z")}, 200);
  const Cursor old = at(1);
  const Cursor later = at(4);
  must(archive_.archive().retire(chain_, {.before = 4, .unacknowledged = true}));
  ASSERT_GT(archive_.chain(chain_).first_kept, 1u);
  EXPECT_THAT(problem(archive_, old), HasSubstr("were retired before they were printed; remove the cursor"));
  EXPECT_EQ(problem(archive_, later), "none");
}

}  // namespace cursor_test
}  // namespace imakeep::output
