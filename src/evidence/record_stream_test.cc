// SPDX-License-Identifier: Apache-2.0
#include "evidence/record_stream.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "imalog/test_support.h"

namespace imakeep::evidence {
namespace record_stream_test {

using imalog::test::Content;
using imalog::test::ima_ng;

struct Read {
  std::vector<Content> records;
  Result<void> fed;
  bool between_records = false;
};

Content copy_of(const imalog::RecordContentView& view) {
  return {.pcr = view.pcr,
          .template_name = std::string(view.template_name),
          .body = Bytes(view.body.begin(), view.body.end()),
          .violation = view.violation};
}

Read read_in_pieces(ByteView bytes, std::size_t piece_bytes, std::uint32_t most_body_bytes = imalog::kMaxDataBytes) {
  Read read;
  RecordStream stream(most_body_bytes, [&read](const imalog::RecordContentView& content) -> Result<void> {
    read.records.push_back(copy_of(content));
    return {};
  });
  while (!bytes.empty() && read.fed) {
    const ByteView piece = bytes.first(std::min(bytes.size(), piece_bytes));
    bytes = bytes.subspan(piece.size());
    read.fed = stream.feed(piece);
  }
  read.between_records = stream.between_records();
  EXPECT_EQ(stream.records(), read.records.size());
  return read;
}

Bytes encoded(const std::vector<Content>& contents) {
  Bytes bytes;
  for (const Content& content : contents) append_record(bytes, content.view());
  return bytes;
}

ErrorCode refusal(const Bytes& bytes, std::uint32_t most_body_bytes = imalog::kMaxDataBytes) {
  const Read read = read_in_pieces(bytes, bytes.size(), most_body_bytes);
  EXPECT_FALSE(read.fed);
  if (read.fed) return ErrorCode::kIo;
  EXPECT_EQ(read.fed.error().record, read.records.size());
  return read.fed.error().code;
}

TEST(AppendRecord, WritesTheBytesOfTheFormatPage) {
  const Content content = {.pcr = 10, .template_name = "x-y", .body = Bytes(2, std::byte{0xee}), .violation = true};
  EXPECT_EQ(to_hex(encoded({content})), "0a00008003000000782d7902000000eeee");
}

RC_GTEST_PROP(RecordStream, ReadsWhatIsWrittenInPiecesOfAnySize, ()) {
  const auto contents = *rc::gen::container<std::vector<Content>>(imalog::test::any_content(ByteOrder::kLittle));
  const auto piece_bytes = *rc::gen::inRange<std::size_t>(1, 200);
  const Read read = read_in_pieces(encoded(contents), piece_bytes);
  RC_ASSERT(read.fed.has_value());
  RC_ASSERT(read.between_records);
  RC_ASSERT(read.records.size() == contents.size());
  for (std::size_t i = 0; i < contents.size(); ++i) RC_ASSERT(read.records[i].view() == contents[i].view());
}

TEST(RecordStream, KnowsWhetherARecordHasBegun) {
  const Bytes bytes = encoded({ima_ng("/a"), ima_ng("/b")});
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const Read read = read_in_pieces(ByteView(bytes).first(size), bytes.size());
    EXPECT_TRUE(read.fed);
    EXPECT_EQ(read.between_records, size == 0 || size == bytes.size() / 2 || size == bytes.size()) << size;
    EXPECT_EQ(read.records.size(), size / (bytes.size() / 2)) << size;
  }
}

TEST(RecordStream, RefusesWhatNoListCanHave) {
  const Content good = ima_ng("/a");
  const auto with = [&good](auto change) {
    Content content = good;
    change(content);
    return encoded({good, content});
  };
  EXPECT_EQ(refusal(with([](Content& c) { c.pcr = 24; })), ErrorCode::kMalformed);
  EXPECT_EQ(refusal(with([](Content& c) { c.pcr = 1u << 30; })), ErrorCode::kMalformed);
  EXPECT_EQ(refusal(with([](Content& c) { c.template_name = ""; })), ErrorCode::kMalformed);
  EXPECT_EQ(refusal(with([](Content& c) { c.template_name = std::string(256, 'n'); })), ErrorCode::kMalformed);
  EXPECT_EQ(refusal(with([](Content& c) { c.template_name = "a b"; })), ErrorCode::kMalformed);
  EXPECT_EQ(refusal(with([](Content& c) { c.template_name = "ima"; })), ErrorCode::kMalformed);
}

TEST(RecordStream, RefusesABodyAboveTheLimitBeforeItIsThere) {
  const Content large = {.body = Bytes(1001)};
  EXPECT_TRUE(read_in_pieces(encoded({large}), 7, 1001).fed);
  Bytes begin = encoded({large});
  begin.resize(begin.size() - 1001);
  EXPECT_EQ(refusal(begin, 1000), ErrorCode::kUnsupported);
  Bytes huge = encoded({{.body = {}}});
  store(huge.data() + huge.size() - 4, imalog::kMaxDataBytes + 1, ByteOrder::kLittle);
  EXPECT_EQ(refusal(huge, ~std::uint32_t{0}), ErrorCode::kUnsupported);
}

TEST(RecordStream, ReturnsTheErrorOfTheCallback) {
  int calls = 0;
  RecordStream stream(1000, [&calls](const imalog::RecordContentView&) -> Result<void> {
    ++calls;
    return fail(ErrorCode::kRefused, "no");
  });
  EXPECT_EQ(stream.feed(encoded({ima_ng("/a"), ima_ng("/b")})).error().message, "no");
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(stream.records(), 0u);
}

}  // namespace record_stream_test
}  // namespace imakeep::evidence
