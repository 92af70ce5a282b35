// SPDX-License-Identifier: Apache-2.0
#include "archive/segment.h"

#include <gtest/gtest.h>

#include "imalog/test_support.h"

namespace imakeep::archive::segment_test {
namespace {

using imalog::test::bank;
using imalog::test::bytes_of;
using imalog::test::Content;
using imalog::test::must;

// The bytes of a record with the template name "x", by the layout of segment.h.
Bytes record_bytes(std::uint8_t flags, std::uint8_t pcr, const Bytes& body = {}) {
  Bytes bytes;
  for (const std::uint8_t byte : {flags, pcr, std::uint8_t{1}, std::uint8_t{'x'}}) append_int(bytes, byte);
  append_int(bytes, static_cast<std::uint32_t>(body.size()), ByteOrder::kLittle);
  append_bytes(bytes, body);
  return bytes;
}

// The same with a stored digest.
Bytes record_with_digest(std::uint16_t tpm_alg, std::uint8_t fill, std::uint8_t digest_bytes, std::uint8_t flags = 2) {
  Bytes bytes = record_bytes(flags, 10);
  append_int(bytes, tpm_alg, ByteOrder::kLittle);
  append_int(bytes, fill);
  append_int(bytes, digest_bytes);
  append_bytes(bytes, Bytes(digest_bytes, std::byte{0xab}));
  return bytes;
}

// The error of reading these bytes as one record.
std::optional<ErrorCode> error_of(const Bytes& payload) {
  SegmentReader reader(payload);
  const auto record = reader.next();
  return record ? std::nullopt : std::optional(record.error().code);
}

constexpr std::uint16_t kSha1 = 0x0004;
constexpr std::uint16_t kSha256 = 0x000b;
constexpr std::uint16_t kSha3With256Bits = 0x0027;

TEST(AppendRecord, WritesTheDocumentedBytes) {
  Bytes payload;
  append_record(payload,
                {.content = {.pcr = 11, .template_name = "ima-ng", .body = as_bytes("ab"), .violation = true}});
  EXPECT_EQ(to_hex(payload),
            "010b06"
            "696d612d6e67"
            "02000000"
            "6162");
  payload.clear();
  const Bytes digest(20, std::byte{0xab});
  append_record(payload, {.content = {.pcr = 10, .template_name = "x", .body = {}},
                          .own = OwnDigestView{.bank = bank("sha1"), .digest = digest}});
  EXPECT_EQ(to_hex(payload),
            "020a01"
            "78"
            "00000000"
            "0400"
            "00"
            "14"
            "abababababababababababababababababababab");
}

TEST(SegmentReader, GivesBackRecordsInTheirOrderAndThenNothing) {
  const Bytes digest(32, std::byte{0xcd});
  const Content first{.pcr = 23, .template_name = std::string(255, 'n'), .body = bytes_of("data")};
  const Content second{.pcr = 0, .template_name = "x", .body = {}, .violation = true};
  Bytes payload;
  append_record(payload,
                {.content = first.view(), .own = OwnDigestView{.bank = bank("sha256:padded"), .digest = digest}});
  append_record(payload, {.content = second.view()});
  SegmentReader reader(payload);
  const auto with_digest = must(reader.next());
  ASSERT_TRUE(with_digest);
  EXPECT_EQ(with_digest->content, first.view());
  ASSERT_TRUE(with_digest->own);
  EXPECT_EQ(with_digest->own->bank, bank("sha256:padded"));
  EXPECT_TRUE(equal(with_digest->own->digest, digest));
  const auto violation = must(reader.next());
  ASSERT_TRUE(violation);
  EXPECT_EQ(violation->content, second.view());
  EXPECT_FALSE(violation->own);
  EXPECT_FALSE(must(reader.next()));
  EXPECT_EQ(reader.records_read(), 2u);
  EXPECT_EQ(reader.offset(), payload.size());
}

TEST(SegmentReader, FindsNoRecordInAnEmptyPayload) {
  SegmentReader reader(ByteView{});
  EXPECT_FALSE(must(reader.next()));
}

TEST(SegmentReader, NamesTheOffsetAndNumberOfARecordThatIsCutShort) {
  const Bytes whole = record_bytes(0, 10, bytes_of("whole"));
  const Bytes cut = record_with_digest(kSha1, 0, 20);
  for (std::size_t bytes = 1; bytes < cut.size(); ++bytes) {
    Bytes payload = whole;
    append_bytes(payload, ByteView(cut).first(bytes));
    SegmentReader reader(payload);
    must(reader.next());
    const auto error = reader.next();
    ASSERT_FALSE(error) << bytes;
    EXPECT_EQ(error.error().code, ErrorCode::kMalformed);
    EXPECT_EQ(error.error().offset, whole.size());
    EXPECT_EQ(error.error().record, 1u);
  }
}

TEST(SegmentReader, RefusesFieldsThatAreOutOfRange) {
  EXPECT_EQ(error_of(record_bytes(0, 23)), std::nullopt);
  EXPECT_EQ(error_of(record_bytes(0, 24)), ErrorCode::kMalformed) << "no TPM has PCR 24";
  EXPECT_EQ(error_of(record_bytes(4, 10)), ErrorCode::kMalformed) << "an unknown flag";
  Bytes name = record_bytes(0, 10);
  for (const char printable : {'!', '~'}) {
    name[3] = static_cast<std::byte>(printable);
    EXPECT_EQ(error_of(name), std::nullopt) << printable;
  }
  for (const char other : {' ', '\x7f', '\0', '\xc3'}) {
    name[3] = static_cast<std::byte>(other);
    EXPECT_EQ(error_of(name), ErrorCode::kMalformed) << static_cast<int>(other);
  }
  EXPECT_EQ(error_of(must(from_hex("000a0000000000"))), ErrorCode::kMalformed) << "an empty name";
  EXPECT_EQ(error_of(must(from_hex("000a03696d6100000000"))), ErrorCode::kMalformed) << "\"ima\" without a path";
}

TEST(SegmentReader, TakesDataOf16MiBAtMost) {
  EXPECT_EQ(error_of(record_bytes(0, 10, Bytes(16u << 20))), std::nullopt);
  EXPECT_EQ(error_of(record_bytes(0, 10, Bytes((16u << 20) + 1))), ErrorCode::kMalformed);
}

TEST(SegmentReader, RefusesAStoredDigestThatNoBankHas) {
  EXPECT_EQ(error_of(record_with_digest(kSha256, 2, 32)), std::nullopt);
  EXPECT_EQ(error_of(record_with_digest(kSha256, 0, 20)), ErrorCode::kMalformed) << "of another size";
  EXPECT_EQ(error_of(record_with_digest(0x0001, 0, 20)), ErrorCode::kMalformed) << "an unknown algorithm";
  EXPECT_EQ(error_of(record_with_digest(kSha1, 1, 20)), ErrorCode::kMalformed) << "sha1 is never padded";
  EXPECT_EQ(error_of(record_with_digest(kSha256, 4, 32)), ErrorCode::kMalformed) << "an unknown fill";
  EXPECT_EQ(error_of(record_with_digest(kSha256, 0, 32, 3)), ErrorCode::kMalformed) << "a violation shows zeros";
}

TEST(SegmentReader, ReadsTheOldFillOfABankThatLinuxCannotName) {
  const Bytes payload = record_with_digest(kSha3With256Bits, 1, 32);
  SegmentReader reader(payload);
  const auto record = must(reader.next());
  ASSERT_TRUE(record && record->own);
  EXPECT_EQ(record->own->bank.fill, digest::Fill::kPaddedSha1Short);
}

Bytes sample_payload() {
  Bytes payload;
  for (int i = 0; i < 20; ++i)
    append_bytes(payload, record_bytes(0, 10, bytes_of("/usr/bin/" + std::to_string(i * i))));
  return payload;
}

TEST(Decompress, GivesBackWhatWasCompressed) {
  for (const Bytes& payload : {Bytes(), record_bytes(0, 10), sample_payload()}) {
    EXPECT_EQ(must(decompress(compress(payload))), payload);
  }
}

TEST(Decompress, TakesAPayloadOfTheLargestSizeAndNoLargerOne) {
  const Bytes largest(kMaxPayloadBytes, std::byte{7});
  EXPECT_TRUE(must(decompress(compress(largest))) == largest);
  const auto larger = decompress(compress(Bytes(kMaxPayloadBytes + 1, std::byte{7})));
  ASSERT_FALSE(larger);
  EXPECT_EQ(larger.error().code, ErrorCode::kMalformed);
}

TEST(Decompress, NeverGivesAnotherPayloadForAFrameWithAFlippedBit) {
  const Bytes payload = sample_payload();
  const Bytes frame = compress(payload);
  std::size_t refused = 0;
  for (std::size_t bit = 0; bit < frame.size() * 8; ++bit) {
    Bytes flipped = frame;
    flipped[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    const auto read = decompress(flipped);
    // A few bits of a frame mean nothing.
    EXPECT_TRUE(!read || *read == payload) << bit;
    const bool in_checksum = bit / 8 + 4 >= frame.size();
    EXPECT_FALSE(read && in_checksum) << bit;
    refused += read ? 0u : 1u;
  }
  EXPECT_GT(refused, frame.size() * 7) << "of " << frame.size() * 8 << " bits";
}

TEST(Decompress, RefusesWhatIsNotExactlyOneFrame) {
  const Bytes frame = compress(sample_payload());
  for (std::size_t bytes = 0; bytes < frame.size(); ++bytes) {
    const auto cut = decompress(ByteView(frame).first(bytes));
    ASSERT_FALSE(cut) << bytes;
    EXPECT_EQ(cut.error().code, ErrorCode::kMalformed);
  }
  for (const Bytes& after : {Bytes{std::byte{0}}, frame, compress({})}) {
    Bytes longer = frame;
    append_bytes(longer, after);
    EXPECT_FALSE(decompress(longer)) << after.size() << " bytes after the frame";
  }
}

}  // namespace
}  // namespace imakeep::archive::segment_test
