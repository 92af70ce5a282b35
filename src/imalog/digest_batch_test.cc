// SPDX-License-Identifier: Apache-2.0
#include "imalog/digest_batch.h"

#include <gtest/gtest.h>

#include "imalog/test_support.h"

namespace imakeep::imalog {
namespace digest_batch_test {

using test::Content;

// Of every kind that is digested in a way of its own, several of each, in no order.
std::vector<Content> mixed_records() {
  std::vector<Content> records;
  for (int i = 0; i < 40; ++i) {
    const std::string path = "/usr/bin/" + std::string(static_cast<std::size_t>(i * 7 % 61), 'p') + std::to_string(i);
    Content record = test::ima_ng(path);
    if (i % 3 == 1) record = {.template_name = "ima", .body = test::ima_body(Bytes(20, std::byte{7}), path)};
    record.violation = i % 5 == 2;
    records.push_back(std::move(record));
  }
  records.push_back({.template_name = "ima", .body = test::ima_body(Bytes(20), std::string(kMaxImaPathBytes, 'l'))});
  records.push_back({.template_name = "ima", .body = test::ima_body(Bytes(20), "")});
  return records;
}

TEST(DigestBatch, GivesWhatEachRecordWouldGetAlone) {
  const std::vector<Content> records = mixed_records();
  for (const char* name : {"sha1", "sha256", "sha384", "sha512", "sm3", "tpm_alg_27"}) {
    const digest::Bank bank = test::bank(name);
    DigestBatch shown(bank), extended(bank);
    for (int round = 0; round < 2; ++round) {
      shown.clear();
      extended.clear();
      for (const Content& record : records) {
        shown.add_shown(record.view());
        extended.add_extended(record.view());
      }
      const auto shown_digests = shown.compute();
      const auto extended_digests = extended.compute();
      ASSERT_EQ(shown_digests.size(), records.size());
      ASSERT_EQ(extended_digests.size(), records.size());
      for (std::size_t i = 0; i < records.size(); ++i) {
        EXPECT_EQ(shown_digests[i], shown_digest(bank, records[i].view())) << name << ", record " << i;
        EXPECT_EQ(extended_digests[i], extended_digest(bank, records[i].view())) << name << ", record " << i;
      }
    }
  }
}

TEST(DigestBatch, LeavesWhatIsKnownAsItIs) {
  const Content record = test::ima_ng("/bin/sh");
  const digest::Bank bank = test::bank("sha256");
  DigestBatch batch(bank);
  batch.add_known(digest::Digest::filled(32, std::byte{1}));
  batch.add_shown(record.view());
  batch.add_known(digest::Digest::filled(32, std::byte{2}));
  const auto digests = batch.compute();
  EXPECT_EQ(digests[0], digest::Digest::filled(32, std::byte{1}));
  EXPECT_EQ(digests[1], shown_digest(bank, record.view()));
  EXPECT_EQ(digests[2], digest::Digest::filled(32, std::byte{2}));
}

TEST(DigestBatch, OfNothingIsEmpty) {
  DigestBatch batch(test::bank("sha1"));
  EXPECT_TRUE(batch.compute().empty());
}

}  // namespace digest_batch_test
}  // namespace imakeep::imalog
