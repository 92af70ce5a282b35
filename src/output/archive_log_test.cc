// SPDX-License-Identifier: Apache-2.0
// output/archive_log_test.cc - nothing in an archive is evidence: a chain is verified from its start or not at all.
#include "output/archive_log.h"

#include <gtest/gtest.h>

#include "archive/pcr_bytes.h"
#include "archive/test_support.h"
#include "support/scratch_directory.h"

namespace imakeep::output {
namespace archive_log_test {

using archive::test::imatest::must;

class ArchiveLogTest : public testing::Test {
 protected:
  ArchiveLogTest() {
    store_ = must(archive::SqliteStore::open(path_, archive::OpenMode::kCreate));
    must(archive().begin_chain({log_.bank}, archive::ChainStart::kBoot));
  }
  archive::Archive archive() { return archive::Archive(*store_); }
  // Records [first, end) of the log, and an anchor after them whose PCR has `fill` in every byte.
  void append_and_anchor(std::uint64_t first, std::uint64_t end, std::uint8_t fill) {
    digest::PcrState state({log_.bank});
    state.set(0, imalog::kImaPcr, digest::Digest(Bytes(20, std::byte{fill})));
    const archive::AnchorRow anchor{.chain = archive::ChainId(1),
                                    .number = end,
                                    .broken_at = first,
                                    .why = "gap",
                                    .pcrs = archive::pcr_bytes(state)};
    must(archive().append(archive::ChainId(1), first, std::span(log_.records).subspan(first, end - first), log_.bank, 0,
                          {.anchor = &anchor}));
  }
  // Checks the log against the PCR values that the archive stores for the end of its chain.
  attest::LogCheck check(ArchiveLog& log) {
    const auto pcrs = must(archive().chain(archive::ChainId(1))).end_pcrs;
    const imalog::PcrValue value{.bank = log_.bank, .pcr = imalog::kImaPcr, .value = pcrs.value(0, imalog::kImaPcr)};
    return must(attest::check_log(log, {.values = {value}}, std::nullopt, log.replay_limit(false)));
  }

  const imakeep::test::ScratchDirectory directory_;
  const std::string path_ = directory_.file("archive");
  const archive::test::Incoming log_ = archive::test::made("/logged/", 30);
  std::unique_ptr<archive::SqliteStore> store_;
};

TEST_F(ArchiveLogTest, DoesNotBelieveAnAnchor) {
  append_and_anchor(0, 10, 0xaa);
  append_and_anchor(10, 20, 0xbb);
  must(archive().append(archive::ChainId(1), 20, std::span(log_.records).subspan(20), log_.bank, 0));
  const auto log = must(ArchiveLog::open(path_, {}));
  EXPECT_EQ(log->first(), 0u);
  const attest::LogCheck checked = check(*log);
  EXPECT_EQ(checked.records, 30u);
  EXPECT_EQ(checked.proven, std::nullopt);
  ASSERT_TRUE(checked.problem);
  EXPECT_EQ(checked.problem->message,
            "records [0, 30) are not proven: from record 0 on, only the archive's anchor tells the PCR values "
            "(gap)");
}

TEST_F(ArchiveLogTest, AnAnchorAtTheEndProvesNothing) {
  append_and_anchor(0, 30, 0xaa);
  const auto log = must(ArchiveLog::open(path_, {}));
  const attest::LogCheck checked = check(*log);
  EXPECT_EQ(checked.proven, std::nullopt);
  EXPECT_TRUE(checked.problem);
}

TEST_F(ArchiveLogTest, BeginsAtTheResetOfAWholeChain) {
  must(archive().append(archive::ChainId(1), 0, log_.records, log_.bank, 0));
  const auto log = must(ArchiveLog::open(path_, {}));
  EXPECT_EQ(log->first(), 0u);
  EXPECT_TRUE(log->unproven_ranges(false).empty());
  EXPECT_EQ(check(*log).proven, 30u);
}

TEST_F(ArchiveLogTest, NamesTheChainsOfAnArchive) {
  must(archive().begin_chain({log_.bank}, archive::ChainStart::kBoot));
  EXPECT_EQ(must(ArchiveLog::chains(path_)), (std::vector{archive::ChainId(1), archive::ChainId(2)}));
}

TEST_F(ArchiveLogTest, RefusesAnArchiveWithoutAChain) {
  const std::string empty = directory_.file("empty");
  must(archive::SqliteStore::open(empty, archive::OpenMode::kCreate));
  const auto chains = ArchiveLog::chains(empty);
  ASSERT_FALSE(chains);
  EXPECT_EQ(chains.error().code, ErrorCode::kUsage);
  EXPECT_EQ(chains.error().message, empty + " holds no chain yet");
}

// ---- ranges

archive::Chain chain_of(std::uint64_t first_kept, std::uint64_t end) {
  archive::Chain chain;
  chain.first_kept = first_kept;
  chain.end = end;
  return chain;
}

archive::Anchor anchor_at(std::uint64_t number, std::uint64_t broken_at) {
  return {.number = number, .broken_at = broken_at, .why = "gap"};
}

TEST(UnprovenRanges, NameWhatWasRetired) {
  const auto ranges = unproven_ranges(chain_of(20, 30), {}, false);
  ASSERT_EQ(ranges.size(), 1u);
  EXPECT_EQ(ranges[0].begin, 0u);
  EXPECT_EQ(ranges[0].end, 20u);
  EXPECT_EQ(ranges[0].why, "retired");
}

TEST(UnprovenRanges, NameEachAnchorUpToTheNext) {
  const auto ranges = unproven_ranges(chain_of(0, 30), {anchor_at(10, 5), anchor_at(20, 15)}, false);
  ASSERT_EQ(ranges.size(), 2u);
  EXPECT_EQ(ranges[0].begin, 5u);
  EXPECT_EQ(ranges[0].end, 15u);
  EXPECT_EQ(ranges[0].why, "only the anchor at record 10 tells the PCR values (gap)");
  EXPECT_EQ(ranges[1].begin, 15u);
  EXPECT_EQ(ranges[1].end, 30u);
}

TEST(ReplayLimit, IsWhereTheFirstAnchorSaysThatThePcrsParted) {
  EXPECT_EQ(replay_limit(chain_of(0, 30), {anchor_at(20, 15), anchor_at(25, 25)}, false)->records, 15u);
  EXPECT_EQ(replay_limit(chain_of(10, 30), {anchor_at(20, 15)}, true)->records, 5u);
  EXPECT_EQ(replay_limit(chain_of(18, 30), {anchor_at(20, 15)}, true)->records, 0u);
}

TEST(ReplayLimit, IsNoneOfAWholeChain) {
  EXPECT_FALSE(replay_limit(chain_of(0, 30), {}, false));
}

TEST(ReplayLimit, OfARetiredChainIsLiftedByTheStateBeforeWhatIsKept) {
  EXPECT_EQ(replay_limit(chain_of(20, 30), {}, false)->records, 0u);
  EXPECT_FALSE(replay_limit(chain_of(20, 30), {}, true));
  EXPECT_FALSE(replay_limit(chain_of(20, 30), {anchor_at(20, 15)}, true)) << "an anchor that replay does not meet";
}

TEST_F(ArchiveLogTest, ContinuesFromTheRecordThatASeekNames) {
  must(archive().append(archive::ChainId(1), 0, log_.records, log_.bank, 0));
  const auto log = must(ArchiveLog::open_host(path_));
  for (const std::uint64_t number : {17u, 0u, 29u}) {
    log->seek(number);
    const auto record = must(log->next());
    ASSERT_TRUE(record);
    EXPECT_EQ(record->content, log_.records[number].content);
    EXPECT_EQ(log->place().record, number);
  }
  log->seek(30);
  EXPECT_FALSE(must(log->next()));
}

TEST_F(ArchiveLogTest, OpensTheLastChainOfTheHostAndNoImportedOne) {
  must(archive().begin_chain({log_.bank}, archive::ChainStart::kBoot, kHostOrder, {.origin = "list"}));
  must(archive().begin_chain({log_.bank}, archive::ChainStart::kBoot, kHostOrder, {.origin = "import"}));
  EXPECT_EQ(must(ArchiveLog::open_host(path_))->chain_row().chain, archive::ChainId(2));
  EXPECT_EQ(must(ArchiveLog::open(path_, {}))->chain(), archive::ChainId(3));
}

}  // namespace archive_log_test
}  // namespace imakeep::output
