// SPDX-License-Identifier: Apache-2.0
#include "evidence/evidence_reader.h"

#include <zstd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "evidence/cbor_item.h"
#include "evidence/record_stream.h"
#include "evidence/test_support.h"
#include "support/programs.h"
#include "support/scratch_directory.h"

namespace imakeep::evidence {
namespace evidence_reader_test {

using imalog::test::Content;
using ::testing::HasSubstr;

template <class Put, class... Arguments>
Bytes item(Put put, Arguments... arguments) {
  Bytes bytes;
  put(bytes, arguments...);
  return bytes;
}
Bytes number(std::uint64_t value) {
  return item(put_number, value);
}
Bytes string(ByteView bytes) {
  return item(put_bytes, bytes);
}
Bytes text(std::string_view value) {
  return item(put_text, value);
}

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes whole;
  for (const Bytes& part : parts) append_bytes(whole, part);
  return whole;
}

Bytes records_bytes(const std::vector<Content>& contents) {
  Bytes bytes;
  for (const Content& content : contents) append_record(bytes, content.view());
  return bytes;
}

Bytes chunks(std::initializer_list<Bytes> items) {
  return joined({item(put_chunks), joined(items), item(put_end)});
}

// Evidence of two records, each member as a CBOR item by its key. A test changes what it is about.
struct Members {
  std::map<std::uint64_t, Bytes> values = {{1, number(1)},
                                           {3, text("web-1")},
                                           {4, string(Bytes(kTokenBytes))},
                                           {5, string(Bytes(100))},
                                           {6, string(Bytes(70))},
                                           {8, number(120)},
                                           {9, number(2)},
                                           {10, number(0)},
                                           {11, number(0)},
                                           {12, number(0)},
                                           {14, string(records_bytes(sample_records(2)))}};

  Members with(std::uint64_t key, Bytes value) const {
    Members changed = *this;
    changed.values[key] = std::move(value);
    return changed;
  }
  Members without(std::uint64_t key) const {
    Members changed = *this;
    changed.values.erase(key);
    return changed;
  }
  Bytes encoded() const {
    Bytes bytes = item(put_map, values.size());
    for (const auto& [key, value] : values) append_bytes(bytes, joined({number(key), value}));
    return bytes;
  }
};

// The error's message, after the checks that every refusal gets.
std::string refusal(const Bytes& bytes, ErrorCode code = ErrorCode::kMalformed, const EvidenceLimits& limits = {}) {
  const EvidenceRead read = read_evidence(bytes, ~std::size_t{0}, limits);
  EXPECT_FALSE(read.ended);
  if (read.ended) return "read";
  EXPECT_EQ(read.ended.error().code, code) << read.text();
  EXPECT_TRUE(read.ended.error().offset || read.ended.error().record) << read.text();
  EXPECT_EQ(read_evidence(bytes, 1, limits).text(), read.text()) << "byte by byte";
  return read.text();
}

std::string refusal(const Members& members, ErrorCode code = ErrorCode::kMalformed, const EvidenceLimits& limits = {}) {
  return refusal(members.encoded(), code, limits);
}

// One frame. It needs a window of 2^window_log bytes, or if that is 0 one of the records' size.
Bytes compressed(const Bytes& bytes, int window_log = 0) {
  Bytes frame(ZSTD_compressBound(bytes.size()));
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_inBuffer in = {bytes.data(), bytes.size(), 0};
  ZSTD_outBuffer out = {frame.data(), frame.size(), 0};
  if (window_log > 0) {
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
    // The frame begins before zstd knows its size, so the window stays as it was asked for.
    ZSTD_compressStream2(context, &out, &in, ZSTD_e_flush);
  }
  ZSTD_compressStream2(context, &out, &in, ZSTD_e_end);
  ZSTD_freeCCtx(context);
  frame.resize(out.pos);
  return frame;
}

Members zstd_of(const Bytes& frame) {
  return Members().with(10, number(1)).with(14, string(frame));
}

TEST(EvidenceReader, TakesTheFormThatOthersMayWrite) {
  EXPECT_EQ(read_evidence(Members().encoded()).text(), "read");
  const Bytes records = records_bytes(sample_records(2));
  const ByteView view = records;
  const Bytes front(view.begin(), view.begin() + 10);
  const Bytes back(view.begin() + 10, view.end());
  EXPECT_EQ(read_evidence(Members().with(14, chunks({string(front), string({}), string(back)})).encoded()).text(),
            "read");
  EXPECT_EQ(read_evidence(zstd_of(compressed(records)).encoded()).text(), "read");
  // Numbers in other widths than the shortest.
  EXPECT_EQ(read_evidence(Members().with(8, *from_hex("1b0000000000000078")).encoded()).headers[0].first, 120u);
  // No records: an empty string.
  EXPECT_EQ(read_evidence(Members().with(9, number(0)).with(14, string({})).encoded()).text(), "read");
  // Members that may be missing.
  EXPECT_EQ(read_evidence(Members().without(10).without(11).without(12).encoded()).text(), "read");
}

TEST(EvidenceReader, RefusesAnotherShape) {
  EXPECT_THAT(refusal(number(1)), HasSubstr("no CBOR map"));
  EXPECT_THAT(refusal(*from_hex("bf0101ff")), HasSubstr("no CBOR map"));
  EXPECT_THAT(refusal(*from_hex("1c")), HasSubstr("no CBOR"));
  EXPECT_THAT(refusal(*from_hex("a0")), HasSubstr("0 members"));
  EXPECT_THAT(refusal(*from_hex("b801f6")), HasSubstr("key of the map is no number"));
  EXPECT_THAT(refusal(item(put_map, std::size_t{15})), HasSubstr("15 members"));
  EXPECT_THAT(refusal(joined({item(put_map, std::size_t{2}), text("a")})), HasSubstr("key of the map is no number"));
  EXPECT_THAT(refusal(joined({Members().encoded(), number(0)})), HasSubstr("bytes follow its end"));
}

TEST(EvidenceReader, RefusesAnotherVersion) {
  EXPECT_THAT(refusal(Members().with(1, number(2)), ErrorCode::kUnsupported), HasSubstr("version 2"));
  EXPECT_THAT(refusal(Members().with(1, text("1"))), HasSubstr("version is no number"));
  EXPECT_THAT(refusal(Members().without(1)), HasSubstr("does not begin with its version"));
  EXPECT_THAT(refusal(joined({item(put_map, std::size_t{2}), number(2), number(1)})),
              HasSubstr("does not begin with its version"));
}

TEST(EvidenceReader, RefusesMembersOutOfOrderTwiceOrUnknown) {
  const Bytes head = joined({item(put_map, std::size_t{5}), number(1), number(1), number(3), text("h")});
  EXPECT_THAT(refusal(joined({head, number(3), text("h")})), HasSubstr("member 3 follows member 3"));
  EXPECT_THAT(refusal(joined({head, number(2), text("t")})), HasSubstr("member 2 follows member 3"));
  EXPECT_THAT(refusal(joined({head, number(15), text("t")}), ErrorCode::kUnsupported),
              HasSubstr("member 15 is unknown"));
  Bytes early = joined({item(put_map, std::size_t{3}), number(1), number(1), number(14), string({})});
  EXPECT_THAT(refusal(early), HasSubstr("a member follows the records"));
  EXPECT_THAT(refusal(joined({item(put_map, std::size_t{1}), number(1), number(1)})), HasSubstr("no records"));
}

TEST(EvidenceReader, RefusesAMemberOfAnotherType) {
  for (const std::uint64_t key : {2u, 3u}) {
    EXPECT_THAT(refusal(Members().with(key, number(1))), HasSubstr("is no text")) << key;
    EXPECT_THAT(refusal(Members().with(key, text(""))), HasSubstr("is empty")) << key;
  }
  for (const std::uint64_t key : {4u, 5u, 6u}) {
    EXPECT_THAT(refusal(Members().with(key, text("t"))), HasSubstr("is no byte string")) << key;
    EXPECT_THAT(refusal(Members().with(key, string({}))), HasSubstr("is empty")) << key;
  }
  for (const std::uint64_t key : {8u, 9u, 10u, 11u, 12u}) {
    EXPECT_THAT(refusal(Members().with(key, text("1"))), HasSubstr("is no number")) << key;
  }
  for (const std::uint64_t key : {10u, 11u, 12u}) {
    EXPECT_THAT(refusal(Members().with(key, number(2)), ErrorCode::kUnsupported), HasSubstr("only 0 and 1")) << key;
  }
  EXPECT_THAT(refusal(Members().with(14, text("t"))), HasSubstr("records are no byte string"));
  EXPECT_THAT(refusal(Members().with(14, chunks({text("t")}))), HasSubstr("chunk of the records is no byte string"));
  EXPECT_THAT(refusal(Members().with(14, chunks({item(put_chunks)}))), HasSubstr("chunk of the records is no byte"));
}

TEST(EvidenceReader, RefusesAMissingMember) {
  EXPECT_THAT(refusal(Members().without(3)), HasSubstr("host"));
  EXPECT_THAT(refusal(Members().without(4)), HasSubstr("token"));
  EXPECT_THAT(refusal(Members().without(5)), HasSubstr("quote"));
  EXPECT_THAT(refusal(Members().without(6)), HasSubstr("signature"));
  EXPECT_THAT(refusal(Members().without(8)), HasSubstr("number of the first record, or the count"));
  EXPECT_THAT(refusal(Members().without(9)), HasSubstr("number of the first record, or the count"));
  EXPECT_THAT(refusal(Members().without(14)), HasSubstr("no records"));
}

TEST(EvidenceReader, ChecksTheHeader) {
  EXPECT_THAT(refusal(Members().with(3, text("web 1"))), HasSubstr("host"));
  EXPECT_THAT(refusal(Members().with(11, number(1)).without(5)), HasSubstr("quote has 0 bytes"));
  EXPECT_THAT(refusal(Members().with(9, number(0)).with(11, number(1)).with(14, string({}))),
              HasSubstr("a part has no record"));
  EXPECT_THAT(refusal(Members().with(13, string(Bytes(kNonceBytes))), ErrorCode::kUnsupported),
              HasSubstr("member 13 is unknown"));
  EXPECT_THAT(refusal(Members().with(9, number(~std::uint64_t{0}))), HasSubstr("63 bits"));
}

Bytes pcr_map(std::string_view bank, std::uint64_t pcr, std::size_t bytes) {
  return joined(
      {item(put_map, std::size_t{1}), text(bank), item(put_map, std::size_t{1}), number(pcr), string(Bytes(bytes))});
}

TEST(EvidenceReader, RefusesOtherPcrValues) {
  EXPECT_EQ(read_evidence(Members().with(7, pcr_map("sha256", 23, 32)).encoded()).text(), "read");
  EXPECT_THAT(refusal(Members().with(7, pcr_map("md4", 0, 16)), ErrorCode::kUnsupported),
              HasSubstr("no known PCR bank"));
  EXPECT_THAT(refusal(Members().with(7, pcr_map("sha256", 24, 32))), HasSubstr("no number from 0 to 23"));
  EXPECT_THAT(refusal(Members().with(7, pcr_map("sha256", 0, 31))), HasSubstr("no byte string of 32 bytes"));
  EXPECT_THAT(refusal(Members().with(7, number(1))), HasSubstr("no map of 1 to 8 pairs"));
  EXPECT_THAT(refusal(Members().with(7, item(put_map, std::size_t{9}))), HasSubstr("no map of 1 to 8 pairs"));
  EXPECT_THAT(refusal(Members().with(7, item(put_map, std::size_t{0}))), HasSubstr("no map of 1 to 8 pairs"));
  EXPECT_THAT(refusal(Members().with(7, joined({item(put_map, std::size_t{1}), text("sha1"), number(1)}))),
              HasSubstr("no map of 1 to 24 pairs"));
  const Bytes value = string(Bytes(20));
  EXPECT_THAT(refusal(Members().with(7, joined({item(put_map, std::size_t{1}), text("sha1"),
                                                item(put_map, std::size_t{2}), number(3), value, number(3), value}))),
              HasSubstr("PCR 3 of bank sha1 is there twice"));
}

TEST(EvidenceReader, RefusesOtherRecordsThanCounted) {
  EXPECT_THAT(refusal(Members().with(9, number(1))), HasSubstr("more records than the 1"));
  EXPECT_THAT(refusal(Members().with(9, number(3))), HasSubstr("2 records, although 3"));
  Bytes records = records_bytes(sample_records(2));
  records.pop_back();
  EXPECT_THAT(refusal(Members().with(14, string(records))), HasSubstr("end within a record"));
  records[0] = std::byte{24};
  EXPECT_THAT(refusal(Members().with(14, string(records))), HasSubstr("PCR above 23"));
}

TEST(EvidenceReader, KeepsTheLimits) {
  const std::size_t bytes = records_bytes(sample_records(2)).size();
  const EvidenceLimits exact = {.records = 2, .records_bytes = bytes, .body_bytes = 1000};
  EXPECT_EQ(read_evidence(Members().encoded(), ~std::size_t{0}, exact).text(), "read");
  EvidenceLimits limits = exact;
  limits.records = 1;
  EXPECT_THAT(refusal(Members(), ErrorCode::kUnsupported, limits), HasSubstr("at most 1 are allowed"));
  limits = exact;
  limits.records_bytes = bytes - 1;
  EXPECT_THAT(refusal(Members(), ErrorCode::kUnsupported, limits), HasSubstr("send them in parts"));
  limits = exact;
  limits.body_bytes = 10;
  EXPECT_THAT(refusal(Members(), ErrorCode::kUnsupported, limits), HasSubstr("the limit is 10"));
  EXPECT_THAT(refusal(Members().with(14, string(Bytes(kMostChunkBytes + 1))), ErrorCode::kUnsupported),
              HasSubstr("a string of more than 65536 bytes"));
  EXPECT_THAT(refusal(Members().with(14, chunks({string(Bytes(kMostChunkBytes + 1))})), ErrorCode::kUnsupported),
              HasSubstr("a string of more than 65536 bytes"));
  EXPECT_THAT(refusal(Members().with(3, text(std::string(kMostChunkBytes + 1, 'h'))), ErrorCode::kUnsupported),
              HasSubstr("a string of more than 65536 bytes"));
}

TEST(EvidenceReader, RefusesADamagedFrame) {
  const Bytes records = records_bytes(sample_records(2));
  const Bytes frame = compressed(records);
  EXPECT_THAT(refusal(zstd_of(records)), HasSubstr("do not expand"));
  Bytes cut = frame;
  cut.pop_back();
  EXPECT_THAT(refusal(zstd_of(cut)), HasSubstr("end within their frame"));
  EXPECT_THAT(refusal(zstd_of({})), HasSubstr("end within their frame"));
  EXPECT_THAT(refusal(zstd_of(joined({frame, Bytes(1)}))), HasSubstr("after the end of their frame"));
  EXPECT_THAT(refusal(zstd_of(joined({frame, frame}))), HasSubstr("after the end of their frame"));
}

TEST(EvidenceReader, RefusesALargeWindow) {
  const auto contents = sample_records(2);
  EXPECT_EQ(read_evidence(zstd_of(compressed(records_bytes(contents), kMostWindowLog)).encoded()).text(), "read");
  EXPECT_THAT(refusal(zstd_of(compressed(records_bytes(contents), kMostWindowLog + 1))), HasSubstr("do not expand"));
}

TEST(EvidenceReader, RefusesAnExpansionAboveTheLimit) {
  std::vector<Content> contents = sample_records(1);
  contents[0].body = Bytes(4u << 20);
  const Bytes frame = compressed(records_bytes(contents));
  const Members members = zstd_of(frame).with(9, number(1));
  const EvidenceLimits much = {.expansion = 1'000'000};
  EXPECT_EQ(read_evidence(members.encoded(), ~std::size_t{0}, much).text(), "read");
  EXPECT_THAT(refusal(members, ErrorCode::kUnsupported), HasSubstr("expand to more than 100 times"));
  const EvidenceLimits few = {.records_bytes = 1u << 20, .expansion = 1'000'000};
  EXPECT_THAT(refusal(members, ErrorCode::kUnsupported, few), HasSubstr("more than 1048576 bytes"));
}

TEST(EvidenceReader, ReturnsTheErrorsOfTheCallbacks) {
  const auto ignore_header = [](const EvidenceHeader&) { return Result<void>(); };
  const auto ignore_record = [](const imalog::RecordContentView&) { return Result<void>(); };
  EvidenceReader at_header(
      {}, [](const EvidenceHeader&) -> Result<void> { return fail(ErrorCode::kRefused, "header"); }, ignore_record);
  EXPECT_EQ(at_header.feed(Members().encoded()).error().message, "header");
  EXPECT_EQ(at_header.finish().error().message, "header");
  int records = 0;
  EvidenceReader at_record({}, ignore_header, [&records](const imalog::RecordContentView&) -> Result<void> {
    if (++records == 1) return {};
    return fail(ErrorCode::kRefused, "record");
  });
  EXPECT_EQ(at_record.feed(Members().encoded()).error().message, "record");
  EXPECT_EQ(at_record.feed(Bytes(1)).error().message, "record");
  EXPECT_EQ(records, 2);
}

// ---- python3-cbor2, an encoder and decoder of others

constexpr const char* kEncode = R"(import cbor2, struct, sys
name, body = b'ima-buf', b'0123'
record = struct.pack('<II', 1 << 31 | 11, len(name)) + name + struct.pack('<I', len(body)) + body
cbor2.dump({1: 1, 2: 'blue', 3: 'web-1', 4: b'\1' * 28, 5: b'quote', 6: b'signature',
            7: {'sha1': {0: b'\2' * 20}, 'sha256': {7: b'\3' * 32}}, 8: 2 ** 40, 9: 2, 10: 0, 11: 0, 12: 1,
            14: record * 2}, open(sys.argv[1], 'wb'), canonical=True)
)";

constexpr const char* kDecode = R"(import cbor2, sys
evidence = cbor2.load(open(sys.argv[1], 'rb'))
assert list(evidence) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14], evidence
assert evidence[2] == 'blue' and evidence[3] == 'web-1' and evidence[4] == b'\x11' * 28
assert evidence[5] == b'\x22' * 100 and evidence[6] == b'\x33' * 70
assert evidence[7] == {'sha1': {0: b'\x44' * 20}, 'sha256': {0: b'\x55' * 32, 23: b'\x66' * 32}}
assert evidence[8] == 120 and evidence[9] == 3000 and evidence[10] == evidence[11] == evidence[12] == 0
print(len(evidence[14]))
)";

// Debian has cbor2 for its own python3, which need not be the first in PATH.
class OtherCbor : public ::testing::Test {
 protected:
  void SetUp() override {
    if (test::run("/usr/bin/python3 -c 'import cbor2'").code != 0) {
      GTEST_SKIP() << "python3-cbor2 is not installed (Debian: apt install python3-cbor2)";
    }
  }
  std::string python(const char* program, const std::string& argument) const {
    test::write_file(scratch.file("program.py"), as_bytes(program));
    return test::must_run("/usr/bin/python3 " + scratch.file("program.py") + " " + argument);
  }

  const test::ScratchDirectory scratch;
};

TEST_F(OtherCbor, IsRead) {
  python(kEncode, scratch.file("evidence"));
  const EvidenceRead read = read_evidence(test::bytes_of_file(scratch.file("evidence")));
  ASSERT_EQ(read.text(), "read");
  const EvidenceHeader& header = read.headers[0];
  EXPECT_EQ(header.tenant, "blue");
  EXPECT_EQ(header.host, "web-1");
  EXPECT_EQ(as_text(header.quote), "quote");
  EXPECT_EQ(as_text(header.signature), "signature");
  EXPECT_EQ(header.first, std::uint64_t{1} << 40);
  EXPECT_EQ(header.byte_order, ByteOrder::kBig);
  ASSERT_EQ(header.pcrs.size(), 2u);
  EXPECT_EQ(header.pcrs[1].pcr, 7u);
  ASSERT_EQ(read.records.size(), 2u);
  EXPECT_EQ(read.records[1].pcr, 11u);
  EXPECT_TRUE(read.records[1].violation);
  EXPECT_EQ(read.records[1].template_name, "ima-buf");
  EXPECT_EQ(as_text(read.records[1].body), "0123");
}

TEST_F(OtherCbor, ReadsWhatIsWritten) {
  const auto contents = sample_records(3000);
  test::write_file(scratch.file("evidence"), written(sample_header(3000), contents));
  EXPECT_EQ(python(kDecode, scratch.file("evidence")), std::to_string(records_bytes(contents).size()) + "\n");
}

}  // namespace evidence_reader_test
}  // namespace imakeep::evidence
