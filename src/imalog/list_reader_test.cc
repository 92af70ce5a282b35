// SPDX-License-Identifier: Apache-2.0
#include "imalog/list_reader.h"

#include <type_traits>

#include <gtest/gtest.h>

#include "imalog/test_support.h"

namespace imakeep::imalog {
namespace list_reader_test {

using test::Content;

const digest::Bank kSha256{.algorithm = digest::Algorithm::kSha256};
const RecordFormat kFormat = test::format_of(kSha256);

static_assert(!std::is_constructible_v<ListReader, Bytes&&, RecordFormat>, "a list that dies must not be borrowed");

// Reads up to the error. "decoded" without an error.
Error first_error(ByteView list) {
  ListReader reader(list, kFormat);
  for (;;) {
    const auto record = reader.next();
    if (!record) return record.error();
    if (!*record) return {.message = "decoded"};
  }
}

TEST(ListReader, AnEmptyListHasNoRecords) {
  ListReader reader(ByteView{}, kFormat);
  EXPECT_EQ(reader.next().value(), nullptr);
  EXPECT_EQ(reader.records_read(), 0u);
}

TEST(ListReader, GivesEveryRecordOnceThenNothing) {
  const std::vector<Content> contents{test::ima_ng("/a"), test::ima_ng("/bb", 11), test::ima_ng("/ccc")};
  const Bytes list = test::list_of(contents, kSha256);
  ListReader reader(list, kFormat);
  std::size_t offset = 0;
  for (std::size_t i = 0; i < contents.size(); ++i) {
    EXPECT_EQ(reader.offset(), offset);
    EXPECT_EQ(reader.records_read(), i);
    const auto record = reader.next().value();
    ASSERT_NE(record, nullptr);
    EXPECT_TRUE(equal(record->body, contents[i].body));
    offset += record->encoded_bytes;
  }
  EXPECT_EQ(reader.next().value(), nullptr);
  EXPECT_EQ(reader.next().value(), nullptr);
  EXPECT_EQ(reader.offset(), list.size());
  EXPECT_EQ(reader.records_read(), contents.size());
}

TEST(ListReader, CountsTheOffsetOfDamageFromTheStartOfTheListAndNamesTheRecord) {
  Bytes list = test::list_of({test::ima_ng("/a"), test::ima_ng("/b"), test::ima_ng("/c")}, kSha256);
  const std::size_t second_at = list.size() / 3;
  store<std::uint32_t>(list.data() + second_at + 4 + 32, 0, ByteOrder::kLittle);
  const Error error = first_error(list);
  EXPECT_EQ(error.code, ErrorCode::kMalformed);
  EXPECT_EQ(error.record, 1u);
  EXPECT_EQ(error.offset, second_at + 4 + 32);
}

TEST(ListReader, GivesTheSameErrorAgain) {
  Bytes list = test::list_of({test::ima_ng("/a"), test::ima_ng("/b")}, kSha256);
  list.pop_back();
  ListReader reader(list, kFormat);
  ASSERT_TRUE(reader.next());
  const auto once = reader.next();
  const auto twice = reader.next();
  ASSERT_FALSE(once);
  ASSERT_FALSE(twice);
  EXPECT_EQ(describe(once.error()), describe(twice.error()));
  EXPECT_EQ(reader.records_read(), 1u);
}

TEST(ListReader, AListCutAnywhereWithinARecordIsTruncatedInThatRecord) {
  const Bytes whole = test::captured_binary("templates", kSha256);
  const auto records = test::records_of(whole, kFormat);
  // The last records of a list with all templates, cut at every byte.
  std::size_t start = whole.size();
  for (std::size_t i = records.size(); i-- > records.size() - 4;) {
    const std::size_t end = start;
    start -= records[i].encoded_bytes;
    EXPECT_EQ(first_error(ByteView(whole).first(start)).message, "decoded");
    for (std::size_t cut = start + 1; cut < end; ++cut) {
      const Error error = first_error(ByteView(whole).first(cut));
      ASSERT_EQ(error.code, ErrorCode::kTruncated) << cut;
      ASSERT_EQ(error.record, i) << cut;
      ASSERT_GE(error.offset, start);
      ASSERT_LE(error.offset, cut);
    }
  }
}

TEST(ListReader, TrailingBytesAreReportedAfterTheLastRecord) {
  Bytes list = test::list_of({test::ima_ng("/a"), test::ima_ng("/b")}, kSha256);
  const std::size_t end = list.size();
  append_bytes(list, as_bytes("\n"));
  EXPECT_EQ(first_error(list).code, ErrorCode::kTruncated);
  EXPECT_EQ(first_error(list).record, 2u);
  EXPECT_EQ(first_error(list).offset, end);
  append_bytes(list, as_bytes("more"));
  EXPECT_EQ(first_error(list).code, ErrorCode::kMalformed);
  EXPECT_EQ(first_error(list).offset, end);
}

TEST(ListReader, AListOfAnotherBankIsRefusedAtItsFirstRecord) {
  const Error error = first_error(test::captured_binary("templates", test::bank("sha1")));
  EXPECT_EQ(error.code, ErrorCode::kMalformed);
  EXPECT_EQ(error.record, 0u);
  EXPECT_NE(error.message.find("is the bank right?"), std::string::npos) << error.message;
}

}  // namespace list_reader_test
}  // namespace imakeep::imalog
