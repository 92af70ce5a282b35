// archive_log_test.cc - a chain that has anchors is verified from the last one on.
#include "archive_log.h"

#include <gtest/gtest.h>

#include "archive/pcr_bytes.h"
#include "archive/test_support.h"
#include "attest/log_check.h"
#include "support/scratch_directory.h"

namespace imakeep::app {
namespace {

using archive::test::imatest::must;

class ArchiveLogTest : public testing::Test {
 protected:
  ArchiveLogTest() {
    store_ = must(archive::SqliteStore::open(path_, archive::OpenMode::kCreate));
    must(archive().begin_chain({log_.bank}, archive::ChainStart::kBoot));
  }
  archive::Archive archive() { return archive::Archive(*store_); }
  // Records [first, end) of the log, and an anchor behind them whose PCR has `fill` in every byte.
  void append_and_anchor(std::uint64_t first, std::uint64_t end, std::uint8_t fill) {
    digest::PcrState state({log_.bank});
    state.set(0, imalog::kImaPcr, digest::Digest(Bytes(20, std::byte{fill})));
    const archive::AnchorRow anchor{
        .chain = 1, .number = end, .broken_at = first, .why = "gap", .pcrs = archive::pcr_bytes(state)};
    must(archive().append(1, first, std::span(log_.records).subspan(first, end - first), log_.bank, 0,
                          {.anchor = &anchor}));
  }
  attest::LogCheck check(ArchiveLog& log) {
    const auto pcrs = must(archive().chain(1)).end_pcrs;
    const imalog::PcrValue value{.bank = log_.bank, .pcr = imalog::kImaPcr, .value = pcrs.value(0, imalog::kImaPcr)};
    return must(attest::check_log(log, {.values = {value}}, log.start()));
  }

  const imakeep::test::ScratchDirectory directory_;
  const std::string path_ = directory_.file("archive");
  const archive::test::Incoming log_ = archive::test::made("/logged/", 30);
  std::unique_ptr<archive::SqliteStore> store_;
};

TEST_F(ArchiveLogTest, BeginsAtTheLastAnchor) {
  append_and_anchor(0, 10, 0xaa);
  append_and_anchor(10, 20, 0xbb);
  must(archive().append(1, 20, std::span(log_.records).subspan(20), log_.bank, 0));
  const auto log = must(ArchiveLog::open(path_, {}));
  EXPECT_EQ(log->first(), 20u);
  ASSERT_TRUE(log->start());
  const attest::LogCheck checked = check(*log);
  EXPECT_FALSE(checked.problem) << describe(*checked.problem);
  EXPECT_EQ(checked.records, 10u);
  EXPECT_EQ(checked.proven, 10u);
}

TEST_F(ArchiveLogTest, MayBeginAndEndAtAnAnchor) {
  append_and_anchor(0, 30, 0xaa);
  const auto log = must(ArchiveLog::open(path_, {}));
  EXPECT_EQ(log->first(), 30u);
  const attest::LogCheck checked = check(*log);
  EXPECT_FALSE(checked.problem) << describe(*checked.problem);
  EXPECT_EQ(checked.records, 0u);
}

TEST_F(ArchiveLogTest, BeginsAtTheResetOfAWholeChain) {
  must(archive().append(1, 0, log_.records, log_.bank, 0));
  const auto log = must(ArchiveLog::open(path_, {}));
  EXPECT_EQ(log->first(), 0u);
  EXPECT_FALSE(log->start());
  EXPECT_EQ(check(*log).proven, 30u);
}

}  // namespace
}  // namespace imakeep::app
