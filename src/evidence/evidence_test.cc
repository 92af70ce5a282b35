// SPDX-License-Identifier: Apache-2.0
#include "evidence/evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "evidence/test_support.h"

namespace imakeep::evidence {
namespace evidence_test {

using imalog::test::Content;
using ::testing::HasSubstr;

Result<EvidenceWriter> begin(const EvidenceHeader& header) {
  return EvidenceWriter::begin(header, [](ByteView) { return Result<void>(); });
}

void expect_read(const EvidenceRead& read, const EvidenceHeader& header, const std::vector<Content>& contents) {
  ASSERT_EQ(read.text(), "read");
  ASSERT_EQ(read.headers.size(), 1u);
  EXPECT_EQ(read.headers[0], header);
  ASSERT_EQ(read.records.size(), contents.size());
  for (std::size_t i = 0; i < contents.size(); ++i) EXPECT_EQ(read.records[i].view(), contents[i].view());
}

RC_GTEST_PROP(Evidence, IsReadAsItWasWritten, ()) {
  const auto contents = *rc::gen::container<std::vector<Content>>(imalog::test::any_content(ByteOrder::kLittle));
  const bool part = !contents.empty() && *rc::gen::arbitrary<bool>();
  EvidenceHeader header = part ? sample_part(contents.size()) : sample_header(contents.size());
  header.encoding = *rc::gen::element(Encoding::kPlain, Encoding::kZstd);
  header.byte_order = *imalog::test::any_order();
  header.first = *rc::gen::inRange<std::uint64_t>(0, kMostRecordNumber - contents.size());
  if (!part && *rc::gen::arbitrary<bool>()) header.pcrs.clear();
  const auto piece_bytes = *rc::gen::inRange<std::size_t>(1, 500);
  const EvidenceRead read = read_evidence(written(header, contents), piece_bytes);
  RC_ASSERT(read.text() == "read");
  RC_ASSERT(read.headers.size() == 1u);
  RC_ASSERT(read.headers[0] == header);
  RC_ASSERT(read.records.size() == contents.size());
  for (std::size_t i = 0; i < contents.size(); ++i) RC_ASSERT(read.records[i].view() == contents[i].view());
}

TEST(Evidence, OfManyChunksIsReadAsItWasWritten) {
  const auto contents = sample_records(5000);
  for (const Encoding encoding : {Encoding::kPlain, Encoding::kZstd}) {
    EvidenceHeader header = sample_header(contents.size());
    header.encoding = encoding;
    const Bytes bytes = written(header, contents);
    EXPECT_GT(bytes.size(), 2 * kMostChunkBytes);
    expect_read(read_evidence(bytes), header, contents);
    expect_read(read_evidence(bytes, 1), header, contents);
  }
}

TEST(Evidence, WithARecordLargerThanChunksIsRead) {
  std::vector<Content> contents = sample_records(3);
  contents[1].body = Bytes(3 * kMostChunkBytes + 5, std::byte{0x5a});
  for (const Encoding encoding : {Encoding::kPlain, Encoding::kZstd}) {
    EvidenceHeader header = sample_header(contents.size());
    header.encoding = encoding;
    expect_read(read_evidence(written(header, contents), 1000), header, contents);
  }
}

TEST(Evidence, EveryProperPrefixIsTruncated) {
  const auto contents = sample_records(4);
  for (const Encoding encoding : {Encoding::kPlain, Encoding::kZstd}) {
    EvidenceHeader header = sample_header(contents.size());
    header.encoding = encoding;
    const Bytes bytes = written(header, contents);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const EvidenceRead read = read_evidence(ByteView(bytes).first(size));
      ASSERT_FALSE(read.ended) << size;
      EXPECT_EQ(read.ended.error().code, ErrorCode::kTruncated) << size;
      EXPECT_EQ(read.ended.error().offset, size);
    }
  }
}

TEST(EvidenceWriter, NeedsAsManyRecordsAsItsHeaderCounts) {
  const auto contents = sample_records(2);
  auto writer = begin(sample_header(1));
  ASSERT_TRUE(writer);
  EXPECT_THAT(writer->finish().error().message, HasSubstr("1 records fewer"));
  EXPECT_TRUE(writer->add(contents[0].view()));
  EXPECT_EQ(writer->add(contents[1].view()).error().code, ErrorCode::kUsage);
  EXPECT_TRUE(writer->finish());
}

TEST(EvidenceWriter, RefusesARecordThatNoListCanHave) {
  auto writer = begin(sample_header(1));
  Content content = imalog::test::ima_ng("/a");
  content.pcr = 24;
  EXPECT_EQ(writer->add(content.view()).error().code, ErrorCode::kUsage);
}

TEST(EvidenceWriter, ReturnsTheErrorOfTheSink) {
  const auto failing = [](ByteView) -> Result<void> { return fail(ErrorCode::kIo, "full"); };
  EXPECT_EQ(EvidenceWriter::begin(sample_header(0), failing).error().message, "full");
  int calls = 0;
  auto writer = EvidenceWriter::begin(sample_header(0), [&calls](ByteView) -> Result<void> {
    if (++calls == 1) return {};
    return fail(ErrorCode::kIo, "full");
  });
  EXPECT_EQ(writer->finish().error().message, "full");
}

// What check_header() says of sample_header(1) after the change.
template <class Change>
std::string checked(Change change) {
  EvidenceHeader header = sample_header(1);
  change(header);
  const auto checked = check_header(header);
  if (checked) return "good";
  EXPECT_EQ(checked.error().code, ErrorCode::kMalformed);
  EXPECT_EQ(begin(header).error().code, ErrorCode::kUsage);
  return checked.error().message;
}

TEST(CheckHeader, NamesTheMemberThatBreaksARule) {
  using Header = EvidenceHeader;
  EXPECT_EQ(checked([](Header&) {}), "good");
  EXPECT_EQ(checked([](Header& h) { h.tenant = ""; }), "good");
  EXPECT_THAT(checked([](Header& h) { h.tenant = "a b"; }), HasSubstr("tenant"));
  EXPECT_THAT(checked([](Header& h) { h.host = ""; }), HasSubstr("host"));
  EXPECT_THAT(checked([](Header& h) { h.token.pop_back(); }), HasSubstr("token has 27 bytes"));
  EXPECT_THAT(checked([](Header& h) { h.quote.clear(); }), HasSubstr("quote has 0 bytes"));
  EXPECT_THAT(checked([](Header& h) { h.quote.resize(kMostQuoteBytes + 1); }), HasSubstr("quote has 4097 bytes"));
  EXPECT_THAT(checked([](Header& h) { h.signature.clear(); }), HasSubstr("signature has 0 bytes"));
  EXPECT_THAT(checked([](Header& h) { h.signature.resize(kMostQuoteBytes + 1); }), HasSubstr("signature has 4097"));
  EXPECT_THAT(checked([](Header& h) { h.first = kMostRecordNumber + 1; }), HasSubstr("63 bits"));
  EXPECT_THAT(checked([](Header& h) { h.first = kMostRecordNumber; }), HasSubstr("63 bits"));
  EXPECT_THAT(checked([](Header& h) { h.count = ~std::uint64_t{0}; }), HasSubstr("63 bits"));
  EXPECT_THAT(checked([](Header& h) { h.pcrs[0].pcr = 24; }), HasSubstr("PCR 24 of bank sha1"));
  EXPECT_THAT(checked([](Header& h) { h.pcrs[1] = h.pcrs[2]; }), HasSubstr("PCR 23 of bank sha256 is there twice"));
  EXPECT_THAT(checked([](Header& h) { h.pcrs[0].value = h.pcrs[1].value; }), HasSubstr("32 bytes instead of 20"));
}

TEST(CheckHeader, OfAPartNeedsAQuoteAndARecord) {
  EXPECT_TRUE(check_header(sample_part(1)));
  const auto refused = [](auto change) {
    EvidenceHeader part = sample_part(1);
    change(part);
    return !check_header(part);
  };
  EXPECT_TRUE(refused([](EvidenceHeader& h) { h.quote.clear(); }));
  EXPECT_TRUE(refused([](EvidenceHeader& h) { h.signature.clear(); }));
  EXPECT_TRUE(refused([](EvidenceHeader& h) { h.count = 0; }));
}

}  // namespace evidence_test
}  // namespace imakeep::evidence
