// SPDX-License-Identifier: Apache-2.0
#include "attester/records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/test_support.h"
#include "output/archive_log.h"
#include "support/programs.h"
#include "support/scratch_directory.h"

namespace imakeep::attester {
namespace records_test {

using imalog::test::ima_ng;
using imalog::test::must;
using testing::HasSubstr;

// Checks that the records from `first` on are those of `contents`.
void expect_records(Result<Records> opened, const std::vector<imalog::test::Content>& contents, std::uint64_t first) {
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->first, first);
  EXPECT_EQ(opened->end, contents.size());
  EXPECT_EQ(opened->named_pcrs, 1u << 10 | 1u << 11);
  for (std::uint64_t i = first; i < opened->end; ++i) {
    const auto record = must(opened->log->next());
    ASSERT_TRUE(record) << i;
    EXPECT_EQ(record->content, contents[i].view()) << i;
  }
}

std::vector<imalog::test::Content> sample_records() {
  std::vector<imalog::test::Content> contents;
  for (int i = 0; i < 20; ++i) contents.push_back(ima_ng("/bin/" + std::to_string(i), i == 3 ? 11 : 10));
  return contents;
}

class ArchivedRecords : public testing::Test {
 protected:
  ArchivedRecords() { store_ = must(archive::SqliteStore::open(path_, archive::OpenMode::kCreate)); }
  archive::ChainId add(const std::vector<imalog::test::Content>& contents, const std::string& origin) {
    archive::Archive archive(*store_);
    const digest::Bank sha1 = imalog::test::bank("sha1");
    const archive::Chain chain = must(archive.begin_chain({sha1}, archive::ChainStart::kBoot, ByteOrder::kLittle,
                                                          archive::OriginRow{.origin = origin}));
    const archive::test::Incoming incoming(imalog::test::list_of(contents, sha1), sha1);
    must(archive.append(chain.chain, 0, incoming.records, sha1, 0));
    return chain.chain;
  }

  const test::ScratchDirectory scratch_;
  const std::string path_ = scratch_.file("archive");
  std::unique_ptr<archive::SqliteStore> store_;
};

TEST_F(ArchivedRecords, AreThoseOfTheHostsLastChainFromAnyNumberOn) {
  add({ima_ng("/old")}, "list");
  const archive::ChainId chain = add(sample_records(), "list");
  add({ima_ng("/of/another/host")}, "import");
  for (const std::uint64_t first : {0u, 1u, 13u, 20u}) {
    auto opened = records_of_archive(path_)(first);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(opened->chain, chain.value());
    expect_records(std::move(opened), sample_records(), first);
  }
}

TEST_F(ArchivedRecords, AreRefusedBeyondTheEndOfTheChain) {
  add(sample_records(), "list");
  const auto opened = records_of_archive(path_)(21);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kMismatch);
  EXPECT_THAT(opened.error().message, HasSubstr("ends before record 20"));
}

TEST_F(ArchivedRecords, AreRefusedWithoutAChainOfThisHost) {
  add(sample_records(), "import");
  const auto opened = records_of_archive(path_)(0);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("this host's list"));
}

TEST(ListedRecords, AreThoseOfTheStagedAndTheCurrentList) {
  const test::ScratchDirectory scratch;
  const digest::Bank sha256 = imalog::test::bank("sha256");
  const auto all = sample_records();
  const std::vector<imalog::test::Content> staged(all.begin(), all.begin() + 8);
  const std::vector<imalog::test::Content> current(all.begin() + 8, all.end());
  for (const auto& [name, contents] : {std::pair("_staged", staged), std::pair("", current)}) {
    test::write_file(scratch.file("binary_runtime_measurements_sha256" + std::string(name)),
                     imalog::test::list_of(contents, sha256));
  }
  for (const std::uint64_t first : {0u, 5u, 8u, 20u})
    expect_records(records_of_lists(scratch.path())(first), all, first);
  const auto beyond = records_of_lists(scratch.path())(21);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().code, ErrorCode::kMismatch);
}

}  // namespace records_test
}  // namespace imakeep::attester
