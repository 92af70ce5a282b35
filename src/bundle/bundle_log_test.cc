// SPDX-License-Identifier: Apache-2.0
#include "bundle/bundle_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/sqlite/sqlite_store.h"
#include "base/file.h"
#include "bundle/export.h"
#include "bundle/test_support.h"
#include "support/scratch_directory.h"

namespace imakeep::bundle {
namespace bundle_log_test {

using test::MemoryTpm;
using test::must;
using testing::HasSubstr;

class BundleLogTest : public testing::Test {
 protected:
  void write(const std::string& text) { std::ofstream(path_, std::ios::binary) << text; }

  const imakeep::test::ScratchDirectory directory_;
  const std::string path_ = directory_.file("bundle");
};

TEST_F(BundleLogTest, GivesEveryRecordAgainAfterRewinding) {
  auto contents = test::records(5);
  contents[3].violation = true;
  test::write_bundle(path_, {.host = "web-1", .count = 5}, contents);
  EXPECT_TRUE(is_bundle(path_));
  const auto log = must(BundleLog::open(path_));
  EXPECT_EQ(log->header().host, "web-1");
  for (int pass = 0; pass < 2; ++pass) {
    for (std::uint64_t i = 0; i < 5; ++i) {
      const auto record = must(log->next());
      ASSERT_TRUE(record);
      EXPECT_EQ(record->content, contents[i].view());
      EXPECT_TRUE(equal(record->shown, imalog::shown_digest(record->bank, record->content).view()));
      EXPECT_EQ(log->place().record, i);
    }
    EXPECT_FALSE(must(log->next()));
    must(log->rewind());
  }
}

TEST_F(BundleLogTest, RefusesADamagedFileBeforeAnythingIsSaidOfIt) {
  test::write_bundle(path_, {.host = "web-1", .count = 5}, test::records(5));
  Bytes bytes = must(read_file(path_));
  bytes.pop_back();
  write(std::string(as_text(bytes)));
  EXPECT_TRUE(is_bundle(path_));
  const auto refused = BundleLog::open(path_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kTruncated);
  EXPECT_EQ(refused.error().offset, bytes.size());
  EXPECT_THAT(refused.error().message, HasSubstr(path_));
}

TEST_F(BundleLogTest, KnowsAnotherFile) {
  EXPECT_FALSE(is_bundle(path_)) << "missing";
  EXPECT_FALSE(is_bundle(directory_.path()));
  write("");
  EXPECT_FALSE(is_bundle(path_));
  write(std::string(as_text(evidence::bundle_prefix())).substr(0, 20));
  EXPECT_FALSE(is_bundle(path_));
}

// ---- export ---------------------------------------------------------------------------------------------------------

class ExportTest : public BundleLogTest {
 protected:
  ExportTest() {
    store_ = must(archive::SqliteStore::open(archive_path_, archive::OpenMode::kCreate));
    must(archive().begin_chain(imalog::test::banks("sha1,sha256"), archive::ChainStart::kBoot, ByteOrder::kBig));
  }
  archive::Archive archive() { return archive::Archive(*store_); }
  void append(const std::vector<test::Content>& contents) {
    const std::uint64_t end = must(archive().chain(archive::ChainId(1))).end;
    const digest::Bank sha1 = imalog::test::bank("sha1");
    std::vector<digest::Digest> digests;
    std::vector<archive::IncomingView> incoming;
    for (const auto& content : contents) digests.push_back(imalog::shown_digest(sha1, content.view()));
    for (std::size_t i = 0; i < contents.size(); ++i) {
      incoming.push_back({.content = contents[i].view(), .shown = digests[i].view()});
    }
    must(archive().append(archive::ChainId(1), end, incoming, sha1, 1000 + static_cast<std::int64_t>(end)));
  }
  Result<Exported> export_chain() {
    auto log = must(output::ArchiveLog::open(archive_path_, archive::ChainId(1)));
    return export_bundle(
        *log, {.host = "web-1", .made_unix_s = 77, .ek_certificate = Bytes(9)},
        [this](ByteView piece) -> Result<void> { return append_bytes(bytes_, piece), Result<void>(); });
  }

  const std::string archive_path_ = directory_.file("archive");
  std::unique_ptr<archive::SqliteStore> store_;
  Bytes bytes_;
};

TEST_F(ExportTest, WritesTheRecordsFromZeroAndTheQuotes) {
  MemoryTpm tpm;
  const auto contents = test::records(2500);
  append({contents.begin(), contents.begin() + 2000});
  append({contents.begin() + 2000, contents.end()});
  const auto quote = tpm.quote(2000, {0, 10});
  must(archive().acknowledge("fleet", archive::ChainId(1), 2000, 55,
                             archive::AcceptedQuote{.statement = quote.statement,
                                                    .signature = quote.signature,
                                                    .ak_public = quote.ak_public,
                                                    .pcrs = quote.pcrs}));
  const Exported exported = must(export_chain());
  EXPECT_EQ(std::tie(exported.chain, exported.records, exported.quotes, exported.covered),
            std::tuple(1u, 2500u, 1u, 2000u));
  write(std::string(as_text(bytes_)));
  const auto log = must(BundleLog::open(path_));
  const evidence::BundleHeader& header = log->header();
  EXPECT_EQ(std::tie(header.host, header.made_unix_s, header.chain, header.count), std::tuple("web-1", 77u, 1u, 2500u));
  EXPECT_EQ(header.byte_order, ByteOrder::kBig);
  EXPECT_EQ(header.ek_certificate, Bytes(9));
  ASSERT_EQ(header.quotes.size(), 1u);
  EXPECT_EQ(header.quotes[0].added_unix_s, 55u);
  EXPECT_EQ(header.quotes[0].statement, quote.statement);
  EXPECT_EQ(header.quotes[0].signature, quote.signature);
  EXPECT_EQ(header.quotes[0].ak_public, quote.ak_public);
  EXPECT_EQ(header.quotes[0].pcrs, quote.pcrs);
  for (const test::Content& content : contents) EXPECT_EQ(must(log->next())->content, content.view());
}

TEST_F(ExportTest, RefusesAChainWhoseFirstRecordsWereRetired) {
  append(test::records(4000));
  append(test::records(4000));
  must(archive().retire(archive::ChainId(1), {.unacknowledged = true}));
  const auto refused = export_chain();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("were retired, and a bundle has to begin with record 0"));
  EXPECT_TRUE(bytes_.empty());
}

}  // namespace bundle_log_test
}  // namespace imakeep::bundle
