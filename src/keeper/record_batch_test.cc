// SPDX-License-Identifier: Apache-2.0
#include "keeper/record_batch.h"

#include <gtest/gtest.h>

#include "imalog/test_support.h"

namespace imakeep::keeper::record_batch_test {
namespace {

using imalog::test::bytes_of;
using imalog::test::Content;

constexpr std::size_t kFullBytes = 4u << 20;

// Adds a record that takes `bytes` bytes in the batch.
void add_bytes(RecordBatch& batch, std::size_t bytes) {
  const Content content{.template_name = "x", .body = Bytes(bytes - 21)};
  batch.add(content.view(), Bytes(20));
}

TEST(RecordBatch, GivesBackCopiesOfItsRecordsInTheirOrder) {
  RecordBatch batch;
  {
    Content first{.pcr = 10, .template_name = "ima-ng", .body = bytes_of("first")};
    Content empty{.pcr = 23, .template_name = "x", .body = {}, .violation = true};
    Bytes digest = bytes_of("digest of the first.");
    batch.add(first.view(), digest);
    batch.add(empty.view(), Bytes(32));
    // The next read of a list overwrites what was added.
    std::ranges::fill(first.body, std::byte{0xff});
    std::ranges::fill(digest, std::byte{0xff});
    first.template_name = "evm-sig";
  }
  ASSERT_EQ(batch.size(), 2u);
  const auto views = batch.views();
  ASSERT_EQ(views.size(), 2u);
  EXPECT_EQ(views[0].content, (Content{.pcr = 10, .template_name = "ima-ng", .body = bytes_of("first")}.view()));
  EXPECT_EQ(as_text(views[0].shown), "digest of the first.");
  EXPECT_EQ(views[1].content, (Content{.pcr = 23, .template_name = "x", .body = {}, .violation = true}.view()));
  EXPECT_TRUE(equal(views[1].shown, Bytes(32)));
}

TEST(RecordBatch, IsFullFrom4MiBOn) {
  RecordBatch batch;
  EXPECT_FALSE(batch.full());
  add_bytes(batch, kFullBytes - 22);
  EXPECT_FALSE(batch.full());
  add_bytes(batch, 21);
  EXPECT_FALSE(batch.full()) << "one byte is missing";
  add_bytes(batch, 21);
  EXPECT_TRUE(batch.full());
  RecordBatch exact;
  add_bytes(exact, kFullBytes);
  EXPECT_TRUE(exact.full());
}

TEST(RecordBatch, IsEmptyAfterItWasCleared) {
  RecordBatch batch;
  EXPECT_TRUE(batch.views().empty());
  add_bytes(batch, kFullBytes);
  batch.clear();
  EXPECT_EQ(batch.size(), 0u);
  EXPECT_FALSE(batch.full());
  EXPECT_TRUE(batch.views().empty());
  batch.add(Content{.body = bytes_of("next")}.view(), Bytes(20));
  ASSERT_EQ(batch.views().size(), 1u);
  EXPECT_EQ(as_text(batch.views()[0].content.body), "next");
}

}  // namespace
}  // namespace imakeep::keeper::record_batch_test
