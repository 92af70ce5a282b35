// SPDX-License-Identifier: Apache-2.0
#include "evidence/bundle.h"

#include <zstd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "digest/digest.h"
#include "evidence/bundle_reader.h"
#include "evidence/cbor_item.h"
#include "evidence/record_stream.h"
#include "evidence/test_support.h"

namespace imakeep::evidence {
namespace bundle_test {

using imalog::test::Content;
using ::testing::HasSubstr;

BundleQuote sample_quote(std::uint64_t records) {
  const digest::Bank sha256 = digest::bank_of(digest::Algorithm::kSha256);
  return {.records = records,
          .added_unix_s = 1'790'000'000 + records,
          .statement = Bytes(100, std::byte{0x22}),
          .signature = Bytes(70, std::byte{0x33}),
          .ak_public = Bytes(90, std::byte{0x44}),
          .pcrs = {{.bank = sha256, .pcr = 0, .value = digest::Digest::filled(32, std::byte{0x55})},
                   {.bank = sha256, .pcr = 23, .value = digest::Digest::filled(32, std::byte{0x66})}}};
}

BundleHeader sample(std::uint64_t count) {
  return {.host = "web-1",
          .made_unix_s = 1'800'000'000,
          .chain = 3,
          .byte_order = ByteOrder::kBig,
          .ek_certificate = Bytes(600, std::byte{0x77}),
          .quotes = {sample_quote(count / 2), sample_quote(count)},
          .count = count};
}

Bytes written(const BundleHeader& header, const std::vector<Content>& contents) {
  Bytes bytes;
  auto writer = BundleWriter::begin(header, [&bytes](ByteView piece) -> Result<void> {
    append_bytes(bytes, piece);
    return {};
  });
  EXPECT_TRUE(writer) << (writer ? "" : writer.error().message);
  if (!writer) return {};
  for (const Content& content : contents) EXPECT_TRUE(writer->add(content.view()));
  EXPECT_TRUE(writer->finish());
  return bytes;
}

struct BundleRead {
  BundleHeader header = {};
  std::vector<Content> records = {};
  std::optional<Error> error = std::nullopt;
};

BundleReader::Source in_pieces(ByteView bytes, std::size_t piece_bytes) {
  return [bytes, piece_bytes](std::span<std::byte> room) mutable -> Result<std::size_t> {
    const ByteView piece = bytes.first(std::min({bytes.size(), room.size(), piece_bytes}));
    bytes = bytes.subspan(piece.size());
    std::copy(piece.begin(), piece.end(), room.begin());
    return piece.size();
  };
}

BundleRead read(ByteView bytes, std::size_t piece_bytes = ~std::size_t{0}) {
  BundleRead all;
  auto reader = BundleReader::open(in_pieces(bytes, piece_bytes));
  if (!reader) return {.error = reader.error()};
  all.header = reader->header();
  for (;;) {
    const auto record = reader->next();
    if (!record) {
      EXPECT_EQ(reader->next().error().message, record.error().message) << "each later call says the same";
      all.error = record.error();
      return all;
    }
    if (!*record) return all;
    const imalog::RecordContentView& view = **record;
    all.records.push_back({.pcr = view.pcr,
                           .template_name = std::string(view.template_name),
                           .body = Bytes(view.body.begin(), view.body.end()),
                           .violation = view.violation});
  }
}

std::string error_of(ByteView bytes) {
  const BundleRead all = read(bytes);
  return all.error ? all.error->message : "read";
}

TEST(Bundle, IsReadAsItWasWrittenInPiecesOfAnySize) {
  for (const std::size_t count : {0u, 1u, 2u, 3000u}) {
    auto records = sample_records(count);
    if (count > 1) records[1].violation = true;
    if (count > 2) records[2].body = Bytes(200'000, std::byte{'x'});
    const BundleHeader header = sample(count);
    const Bytes bytes = written(header, records);
    for (const std::size_t piece_bytes : {std::size_t{1}, std::size_t{17}, std::size_t{70'000}}) {
      if (count > 100 && piece_bytes == 1) continue;
      const BundleRead all = read(bytes, piece_bytes);
      ASSERT_FALSE(all.error) << describe(*all.error);
      EXPECT_EQ(all.header, header);
      ASSERT_EQ(all.records.size(), records.size());
      for (std::size_t i = 0; i < records.size(); ++i) EXPECT_EQ(all.records[i].view(), records[i].view()) << i;
    }
  }
}

TEST(Bundle, BeginsWithItsPrefix) {
  const Bytes bytes = written(sample(0), {});
  EXPECT_TRUE(equal(ByteView(bytes).first(bundle_prefix().size()), bundle_prefix()));
}

TEST(Bundle, MayHaveNeitherQuotesNorACertificate) {
  const BundleHeader header{.host = "h", .count = 2};
  const BundleRead all = read(written(header, sample_records(2)));
  ASSERT_FALSE(all.error);
  EXPECT_EQ(all.header, header);
}

TEST(Bundle, EveryProperPrefixIsRefused) {
  const Bytes bytes = written(sample(3), sample_records(3));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const BundleRead all = read(ByteView(bytes).first(size));
    ASSERT_TRUE(all.error) << size;
    EXPECT_EQ(all.error->code, ErrorCode::kTruncated) << size << ": " << all.error->message;
    EXPECT_EQ(all.error->offset, size);
  }
}

TEST(Bundle, EveryFlippedBitIsNoticed) {
  const Bytes bytes = written(sample(3), sample_records(3));
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      Bytes altered = bytes;
      altered[at] ^= std::byte{1} << bit;
      const BundleRead all = read(altered);
      ASSERT_TRUE(all.error) << "byte " << at << ", bit " << bit;
      EXPECT_TRUE(all.error->offset || all.error->record) << all.error->message;
    }
  }
}

TEST(Bundle, BytesAfterItsEndAreRefused) {
  Bytes bytes = written(sample(3), sample_records(3));
  bytes.push_back(std::byte{0});
  EXPECT_THAT(error_of(bytes), HasSubstr("bytes follow its end"));
}

TEST(Bundle, AnotherVersionOrFileIsRefused) {
  Bytes bytes = written(sample(0), {});
  bytes[bundle_prefix().size() + 1] = std::byte{2};
  const BundleRead all = read(bytes);
  ASSERT_TRUE(all.error);
  EXPECT_EQ(all.error->code, ErrorCode::kUnsupported);
  EXPECT_THAT(all.error->message, HasSubstr("version 2"));
  EXPECT_THAT(error_of(as_bytes("A file")), HasSubstr("evidence bundle: it is none"));
  EXPECT_THAT(error_of(*from_hex("a1014161")), HasSubstr("a text is missing"));
}

// ---- a bundle whose checksum is right
// --------------------------------------------------------------------------------

Bytes zstd_of(ByteView bytes) {
  Bytes frame(ZSTD_compressBound(bytes.size()));
  frame.resize(ZSTD_compress(frame.data(), frame.size(), bytes.data(), bytes.size(), 3));
  return frame;
}

// What a bundle of one record without quotes has after its quotes and count; a test changes what it is about.
Bytes made(const std::function<void(Bytes&)>& put_middle, std::uint64_t count, ByteView frame) {
  Bytes bytes = bundle_prefix();
  put_number(bytes, 2);
  put_number(bytes, kBundleVersion);
  put_number(bytes, 3);
  put_text(bytes, "web-1");
  for (const std::uint64_t key : {4u, 5u, 6u}) {
    put_number(bytes, key);
    put_number(bytes, 0);
  }
  put_number(bytes, 7);
  put_bytes(bytes, {});
  put_number(bytes, 8);
  put_middle(bytes);
  put_number(bytes, 9);
  put_number(bytes, count);
  put_number(bytes, 10);
  put_chunks(bytes);
  put_bytes(bytes, frame);
  put_end(bytes);
  put_number(bytes, 11);
  const digest::Digest checksum = digest::hash(digest::Algorithm::kSha256, bytes);
  put_bytes(bytes, checksum.view());
  return bytes;
}
void no_quotes(Bytes& bytes) {
  put_array(bytes, 0);
}
Bytes frame_of(std::size_t count) {
  Bytes plain;
  for (const Content& content : sample_records(count)) append_record(plain, content.view());
  return zstd_of(plain);
}

TEST(Bundle, MayBeWrittenByAnyEncoder) {
  EXPECT_EQ(error_of(made(no_quotes, 2, frame_of(2))), "read");
}

TEST(Bundle, CountsThatAreNotTrueAreRefused) {
  EXPECT_THAT(error_of(made(no_quotes, 1, frame_of(2))), HasSubstr("more records than the 1"));
  EXPECT_THAT(error_of(made(no_quotes, 3, frame_of(2))), HasSubstr("2 records, although 3 are counted"));
  EXPECT_THAT(error_of(made(no_quotes, kMostRecordNumber, frame_of(2))), HasSubstr("2 records, although"));
  EXPECT_THAT(error_of(made(no_quotes, kMostRecordNumber + 1, frame_of(2))), HasSubstr("more than 63 bits"));
  const auto many = [](Bytes& bytes) { put_array(bytes, std::size_t{1} << 40); };
  EXPECT_THAT(error_of(made(many, 2, frame_of(2))), HasSubstr("quotes; at most 4096"));
  const auto fewer = [](Bytes& bytes) { put_array(bytes, 1); };
  EXPECT_THAT(error_of(made(fewer, 2, frame_of(2))), HasSubstr("are no array"));
}

TEST(Bundle, NestedItemsAreRefused) {
  const auto nested = [](Bytes& bytes) {
    for (int i = 0; i < 1000; ++i) put_array(bytes, 1);
  };
  EXPECT_THAT(error_of(made(nested, 2, frame_of(2))), HasSubstr("a quote lacks a part"));
}

TEST(Bundle, QuotesOfImpossiblePartsAreRefused) {
  const auto with = [](const std::function<void(BundleQuote&)>& change) {
    return [change](Bytes& bytes) {
      BundleQuote quote = sample_quote(1);
      change(quote);
      put_array(bytes, 1);
      put_array(bytes, 6);
      put_number(bytes, quote.records);
      put_number(bytes, quote.added_unix_s);
      put_bytes(bytes, quote.statement);
      put_bytes(bytes, quote.signature);
      put_bytes(bytes, quote.ak_public);
      put_map(bytes, 1);
      put_text(bytes, quote.pcrs[0].bank.name());
      put_map(bytes, quote.pcrs.size());
      for (const imalog::PcrValue& value : quote.pcrs) {
        put_number(bytes, value.pcr);
        put_bytes(bytes, value.value.view());
      }
    };
  };
  const auto refusal = [&](const std::function<void(BundleQuote&)>& change) {
    return error_of(made(with(change), 2, frame_of(2)));
  };
  EXPECT_EQ(refusal([](BundleQuote&) {}), "read");
  EXPECT_THAT(refusal([](BundleQuote& quote) { quote.records = 3; }),
              HasSubstr("quote 1 is said to cover 3 records, and the bundle has 2"));
  EXPECT_THAT(refusal([](BundleQuote& quote) { quote.statement.clear(); }), HasSubstr("quote 1: its statement has 0"));
  EXPECT_THAT(refusal([](BundleQuote& quote) { quote.signature.resize(4097); }), HasSubstr("its signature has 4097"));
  EXPECT_THAT(refusal([](BundleQuote& quote) { quote.ak_public.resize(70'000); }), HasSubstr("evidence bundle: "));
  EXPECT_THAT(refusal([](BundleQuote& quote) { quote.pcrs[1].pcr = 24; }), HasSubstr("no number from 0 to 23"));
  EXPECT_THAT(refusal([](BundleQuote& quote) { quote.pcrs[1].pcr = 0; }),
              HasSubstr("PCR 0 of bank sha256 is there twice"));
  EXPECT_THAT(refusal([](BundleQuote& quote) { quote.pcrs[1].value = digest::Digest(20); }), HasSubstr("20 bytes"));
}

TEST(Bundle, RecordsThatAreNoFrameAreRefused) {
  Bytes frame = frame_of(2);
  frame.pop_back();
  EXPECT_THAT(error_of(made(no_quotes, 2, frame)), HasSubstr("end within their frame"));
  EXPECT_NE(error_of(made(no_quotes, 2, as_bytes("no frame at all"))), "read");
  EXPECT_THAT(error_of(made(no_quotes, 1, zstd_of(as_bytes("123")))), HasSubstr("end within a record"));
}

// A frame of a few hundred bytes may expand to gigabytes; the reader stops at the first record that cannot be.
TEST(Bundle, AFrameThatExpandsWithoutEndIsRefusedEarly) {
  EXPECT_THAT(error_of(made(no_quotes, 2, zstd_of(Bytes(50'000'000, std::byte{0xff})))), HasSubstr("evidence: "));
}

TEST(BundleWriter, RefusesWhatAReaderWould) {
  const auto ignore = [](ByteView) { return Result<void>(); };
  BundleHeader header = sample(1);
  header.host = "two words";
  EXPECT_EQ(BundleWriter::begin(header, ignore).error().code, ErrorCode::kUsage);
  header = sample(1);
  header.quotes.resize(kMostBundleQuotes + 1, header.quotes[0]);
  EXPECT_EQ(BundleWriter::begin(header, ignore).error().code, ErrorCode::kUsage);
  header = sample(1);
  header.ek_certificate.resize(kMostCertificateBytes + 1);
  EXPECT_EQ(BundleWriter::begin(header, ignore).error().code, ErrorCode::kUsage);
  auto writer = BundleWriter::begin(sample(1), ignore);
  ASSERT_TRUE(writer);
  EXPECT_EQ(writer->finish().error().code, ErrorCode::kUsage) << "a record is missing";
  EXPECT_TRUE(writer->add(sample_records(1)[0].view()));
  EXPECT_EQ(writer->add(sample_records(1)[0].view()).error().code, ErrorCode::kUsage);
}

TEST(BundleReader, PassesErrorsOfItsSourceOn) {
  const Bytes bytes = written(sample(3), sample_records(3));
  const auto failing = [](std::span<std::byte>) -> Result<std::size_t> { return fail(ErrorCode::kIo, "the disk"); };
  EXPECT_EQ(BundleReader::open(failing).error().message, "the disk");
}

}  // namespace bundle_test
}  // namespace imakeep::evidence
