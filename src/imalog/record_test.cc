// SPDX-License-Identifier: Apache-2.0
#include "imalog/record.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "imalog/test_support.h"

namespace imakeep::imalog {
namespace record_test {

using test::Content;

constexpr RecordFormat kSha1{.digest_bytes = 20};
constexpr std::size_t kNameLengthAt = 4 + 20;
constexpr std::size_t kNameAt = kNameLengthAt + 4;

Bytes encoded(const Content& content, ByteView digest, ByteOrder order = ByteOrder::kLittle) {
  Bytes out;
  encode_record(out, content.view(), digest, order);
  return out;
}

Bytes sha1_record(const Content& content) {
  return encoded(content, digest::Digest::filled(20, std::byte{0xab}).view());
}

void put_u32(Bytes& record, std::size_t at, std::uint32_t value) {
  store(record.data() + at, value, ByteOrder::kLittle);
}

Error error_of(ByteView in, RecordFormat format = kSha1) {
  const auto record = decode_record(in, format);
  return record ? Error{.code = ErrorCode::kIo, .message = "decoded"} : record.error();
}

void expect_malformed(ByteView in, std::uint64_t offset, const char* message) {
  const Error error = error_of(in);
  EXPECT_EQ(error.code, ErrorCode::kMalformed) << error.message;
  EXPECT_EQ(error.offset, offset);
  EXPECT_NE(error.message.find(message), std::string::npos) << error.message;
}

// ---- layout ---------------------------------------------------------------------------------------------------------

TEST(EncodeRecord, LaysOutTheFieldsInTheOrderOfTheKernel) {
  const Content content{.pcr = 10, .template_name = "ima-ng", .body = test::bytes_of("data")};
  EXPECT_EQ(to_hex(encoded(content, digest::Digest::filled(20, std::byte{0xab}).view())),
            "0a000000"
            "abababababababababababababababababababab"
            "06000000"
            "696d612d6e67"
            "04000000"
            "64617461");
}

TEST(EncodeRecord, GivesTheImaTemplateNoDataLength) {
  const Content content{.template_name = "ima", .body = test::ima_body(Bytes(20, std::byte{0xcd}), "/a")};
  EXPECT_EQ(to_hex(encoded(content, digest::Digest::filled(20, std::byte{0xab}).view())),
            "0a000000"
            "abababababababababababababababababababab"
            "03000000"
            "696d61"
            "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
            "02000000"
            "2f61");
}

TEST(EncodeRecord, WritesEveryLengthInTheGivenByteOrder) {
  const Content content{.pcr = 10, .template_name = "x", .body = test::bytes_of("d")};
  EXPECT_EQ(to_hex(encoded(content, digest::Digest(20).view(), ByteOrder::kBig)),
            "0000000a"
            "0000000000000000000000000000000000000000"
            "00000001"
            "78"
            "00000001"
            "64");
}

TEST(DecodeRecord, BorrowsEveryPartFromTheInput) {
  const Content content{.pcr = 11, .template_name = "ima-sig", .body = test::bytes_of("data")};
  const Bytes in = sha1_record(content);
  const RecordView record = decode_record(in, kSha1).value();
  EXPECT_EQ(record.pcr, 11u);
  EXPECT_EQ(record.digest.data(), in.data() + 4);
  EXPECT_EQ(record.digest.size(), 20u);
  EXPECT_EQ(as_bytes(record.template_name).data(), in.data() + kNameAt);
  EXPECT_EQ(record.template_name, "ima-sig");
  EXPECT_EQ(record.body.data(), in.data() + kNameAt + 7 + 4);
  EXPECT_EQ(as_text(record.body), "data");
  EXPECT_EQ(record.encoded_bytes, in.size());
}

TEST(DecodeRecord, TakesTheWholeImaBodyWithItsPathLength) {
  const Bytes body = test::ima_body(Bytes(20, std::byte{0xcd}), "/bin/sh");
  const Bytes in = sha1_record({.template_name = "ima", .body = body});
  const RecordView record = decode_record(in, kSha1).value();
  EXPECT_TRUE(equal(record.body, body));
  EXPECT_EQ(record.encoded_bytes, in.size());
}

TEST(DecodeRecord, IgnoresWhatFollowsTheRecord) {
  Bytes in = sha1_record(test::ima_ng("/a"));
  const std::size_t bytes = in.size();
  in.resize(bytes + 100, std::byte{0xff});
  EXPECT_EQ(decode_record(in, kSha1)->encoded_bytes, bytes);
}

TEST(DecodeRecord, TakesEmptyDataAndAnEmptyPath) {
  EXPECT_TRUE(decode_record(sha1_record({.template_name = "x"}), kSha1)->body.empty());
  const Bytes ima = sha1_record({.template_name = "ima", .body = test::ima_body(Bytes(20), "")});
  EXPECT_EQ(decode_record(ima, kSha1)->body.size(), 24u);
}

TEST(DecodeRecord, TakesEveryLengthAtItsLimit) {
  const Bytes name = sha1_record({.template_name = std::string(kMaxNameBytes, 'x')});
  EXPECT_TRUE(decode_record(name, kSha1));
  const std::string path(kMaxImaPathBytes, 'p');
  EXPECT_TRUE(decode_record(sha1_record({.template_name = "ima", .body = test::ima_body(Bytes(20), path)}), kSha1));
  EXPECT_TRUE(decode_record(sha1_record({.body = Bytes(kMaxDataBytes)}), kSha1));
  EXPECT_TRUE(decode_record(sha1_record({.pcr = kPcrCount - 1}), kSha1));
}

TEST(DecodeRecord, KeepsAnUnknownTemplateByteForByte) {
  const Content content{.template_name = "acme-v9", .body = test::bytes_of(std::string_view("\0\xff\n no fields", 13))};
  const Bytes in = sha1_record(content);
  const RecordView record = decode_record(in, kSha1).value();
  EXPECT_EQ(sha1_record({.template_name = std::string(record.template_name),
                         .body = Bytes(record.body.begin(), record.body.end())}),
            in);
}

TEST(RecordView, AllZeroDigestAloneMarksAViolation) {
  for (const std::size_t size : {20u, 32u, 48u, 64u}) {
    const RecordFormat format{.digest_bytes = static_cast<std::uint8_t>(size)};
    digest::Digest shown(size);
    EXPECT_TRUE(decode_record(encoded(test::ima_ng("/a"), shown.view()), format)->content().violation);
    shown.data()[size - 1] = std::byte{1};
    EXPECT_FALSE(decode_record(encoded(test::ima_ng("/a"), shown.view()), format)->content().violation);
  }
}

// ---- template ima under ima_hash=md5 --------------------------------------------------------------------------------

const Bytes kMd5 = test::bytes_of("\xf9\x6b\x69\x7d\x7c\xb7\x93\x8d\x52\x5a\x2f\x31\xaa\xf1\x61\xd0");

Bytes md5_record(std::string_view path, std::uint32_t pcr = 10, ByteOrder order = ByteOrder::kLittle) {
  const Content content{.pcr = pcr, .template_name = "ima", .body = test::ima_body(kMd5, path, order)};
  return encoded(content, digest::Digest::filled(20, std::byte{0x11}).view(), order);
}

TEST(DecodeRecord, TakesAnImaBodyWithAnMd5DigestWhateverFollowsAndInEitherByteOrder) {
  for (const ByteOrder order : {ByteOrder::kLittle, ByteOrder::kBig}) {
    for (const std::string& path : {std::string("/a"), std::string("/ab"), std::string("/bin/sh"),
                                    std::string(kMaxImaPathBytes, 'p'), std::string("\x01\x01")}) {
      const Bytes record = md5_record(path, 10, order);
      for (const Bytes& following :
           {Bytes(), Bytes(300), md5_record("/next", 0, order), md5_record("/next", 11, order)}) {
        Bytes in = record;
        append_bytes(in, following);
        const auto decoded = decode_record(in, {.digest_bytes = 20, .order = order, .ends = true});
        ASSERT_TRUE(decoded) << describe(decoded.error()) << " " << path;
        EXPECT_EQ(decoded->encoded_bytes, record.size()) << path;
        EXPECT_EQ(ima_file_digest_bytes(decoded->body), 16u);
        EXPECT_TRUE(is_ima_body(decoded->body));
      }
    }
  }
}

TEST(DecodeRecord, TakesAnImaPathOfOneByteAfterAnMd5DigestBeforeARecordOfAnUsualPcr) {
  Bytes in = md5_record("a");
  const std::size_t bytes = in.size();
  EXPECT_EQ(error_of(in).code, ErrorCode::kTruncated) << "a list that may go on";
  EXPECT_EQ(decode_record(in, {.digest_bytes = 20, .ends = true})->encoded_bytes, bytes) << "the end of a list";
  append_bytes(in, md5_record("/next", 10));
  EXPECT_EQ(decode_record(in, kSha1)->encoded_bytes, bytes);
}

TEST(DecodeRecord, EveryProperPrefixOfAnImaRecordWithAnMd5DigestIsTruncated) {
  for (const std::string path : {"/a", "/abc", "/usr/bin/true"}) {
    const Bytes in = md5_record(path);
    for (std::size_t bytes = 0; bytes < in.size(); ++bytes) {
      EXPECT_EQ(error_of(ByteView(in).first(bytes)).code, ErrorCode::kTruncated) << path << " cut to " << bytes;
      EXPECT_EQ(error_of(ByteView(in).first(bytes), {.digest_bytes = 20, .ends = true}).code, ErrorCode::kTruncated);
    }
  }
}

TEST(DecodeRecord, TakesTheZerosOfAViolationAndOfABootAggregateForASha1Digest) {
  for (const std::string path : {"/a", "boot_aggregate"}) {
    const Bytes in = sha1_record({.template_name = "ima", .body = test::ima_body(Bytes(20), path)});
    EXPECT_EQ(ima_file_digest_bytes(decode_record(in, kSha1)->body), 20u) << path;
  }
  // The boot aggregate of a kernel without a TPM under ima_hash=md5.
  const Bytes in = sha1_record({.template_name = "ima", .body = test::ima_body(Bytes(16), "boot_aggregate")});
  EXPECT_EQ(ima_file_digest_bytes(decode_record(in, kSha1)->body), 16u);
}

TEST(DecodeRecord, WaitsForWhatTellsASha1DigestThatEndsLikeAPathLength) {
  Bytes digest(16, std::byte{0xab});
  append_int(digest, std::uint32_t{1}, ByteOrder::kLittle);
  const Bytes in = sha1_record({.template_name = "ima", .body = test::ima_body(digest, "/bin/sh")});
  for (std::size_t bytes = 0; bytes < in.size(); ++bytes) {
    EXPECT_EQ(error_of(ByteView(in).first(bytes)).code, ErrorCode::kTruncated) << bytes;
  }
  EXPECT_EQ(decode_record(in, kSha1)->encoded_bytes, in.size());
}

TEST(IsImaBody, RefusesWhatNoRecordCanHave) {
  EXPECT_FALSE(is_ima_body({}));
  EXPECT_FALSE(is_ima_body(Bytes(19)));
  EXPECT_FALSE(is_ima_body(test::ima_body(Bytes(20), std::string(kMaxImaPathBytes + 1, 'p'))));
  EXPECT_FALSE(is_ima_body(test::ima_body(Bytes(17), "/bin/sh")));
  Bytes longer = test::ima_body(kMd5, "/bin/sh");
  longer.push_back(std::byte{'x'});
  EXPECT_FALSE(is_ima_body(longer));
}

TEST(Acceptable, TellsWhatARecordCanHave) {
  const Content good = test::ima_ng("/a");
  EXPECT_TRUE(acceptable(good.view()));
  const auto changed = [&good](auto change) {
    Content content = good;
    change(content);
    return acceptable(content.view());
  };
  EXPECT_TRUE(changed([](Content& c) { c.template_name = std::string(kMaxNameBytes, 'n'); }));
  EXPECT_FALSE(changed([](Content& c) { c.template_name = std::string(kMaxNameBytes + 1, 'n'); }));
  EXPECT_FALSE(changed([](Content& c) { c.template_name = ""; }));
  EXPECT_FALSE(changed([](Content& c) { c.template_name = "a b"; }));
  EXPECT_FALSE(changed([](Content& c) { c.pcr = kPcrCount; }));
  EXPECT_TRUE(changed([](Content& c) { c.body.resize(kMaxDataBytes); }));
  EXPECT_FALSE(changed([](Content& c) { c.body.resize(kMaxDataBytes + 1); }));
  EXPECT_FALSE(changed([](Content& c) { c.template_name = "ima"; }));
  EXPECT_TRUE(changed([](Content& c) {
    c.template_name = "ima";
    c.body = test::ima_body(Bytes(20), "/a");
  }));
}

// ---- damage ---------------------------------------------------------------------------------------------------------

TEST(DecodeRecord, DigestSizeOfNoBankIsUnsupported) {
  const Bytes in = sha1_record(test::ima_ng("/a"));
  for (const int size : {0, 16, 19, 21, 28, 63, 65, 255}) {
    const Error error = error_of(in, {.digest_bytes = static_cast<std::uint8_t>(size)});
    EXPECT_EQ(error.code, ErrorCode::kUnsupported) << size;
    EXPECT_EQ(error.offset, 0u);
  }
}

TEST(DecodeRecord, EmptyInputIsTruncated) {
  EXPECT_EQ(error_of({}).code, ErrorCode::kTruncated);
  EXPECT_EQ(error_of({}).offset, 0u);
}

TEST(DecodeRecord, PcrThatNoTpmHasIsMalformed) {
  Bytes in = sha1_record(test::ima_ng("/a"));
  put_u32(in, 0, kPcrCount);
  expect_malformed(in, 0, "PCR index 24");
}

TEST(DecodeRecord, EmptyTemplateNameIsMalformed) {
  Bytes in = sha1_record(test::ima_ng("/a"));
  put_u32(in, kNameLengthAt, 0);
  expect_malformed(in, kNameLengthAt, "template name of 0 bytes");
}

TEST(DecodeRecord, TemplateNameAboveTheLimitIsMalformedBeforeItsBytesAreThere) {
  Bytes in = sha1_record(test::ima_ng("/a"));
  put_u32(in, kNameLengthAt, kMaxNameBytes + 1);
  expect_malformed(in, kNameLengthAt, "template name of 256 bytes");
}

TEST(DecodeRecord, UnprintableTemplateNameIsMalformed) {
  for (const char c : {'\0', ' ', '\n', '\x7f', '\xc3'}) {
    expect_malformed(sha1_record({.template_name = std::string("ima") + c}), kNameAt, "unprintable");
  }
}

TEST(DecodeRecord, DataAboveTheLimitIsMalformedBeforeItsBytesAreThere) {
  Bytes in = sha1_record(test::ima_ng("/a"));
  put_u32(in, kNameAt + 6, kMaxDataBytes + 1);
  expect_malformed(in, kNameAt + 6, "data of 16777217 bytes");
  put_u32(in, kNameAt + 6, 0xffffffff);
  expect_malformed(in, kNameAt + 6, "data of 4294967295 bytes");
}

TEST(DecodeRecord, ImaPathAboveTheLimitIsMalformedBeforeItsBytesAreThere) {
  Bytes in = sha1_record({.template_name = "ima", .body = test::ima_body(Bytes(20), "/a")});
  put_u32(in, kNameAt + 3 + 20, kMaxImaPathBytes + 1);
  expect_malformed(in, kNameAt + 3 + 20, "path of 256 bytes");
}

TEST(DecodeRecord, NulInAnImaPathIsMalformedAtTheNul) {
  const Bytes in = sha1_record({.template_name = "ima", .body = test::ima_body(Bytes(20), {"/a\0b", 4})});
  expect_malformed(in, kNameAt + 3 + 20 + 4 + 2, "NUL in the path");
}

struct Cut {
  std::size_t part_at;  // where the part starts that a cut below `end` leaves incomplete
  std::size_t end;
  const char* part;
};

void expect_every_cut_named(ByteView in, const std::vector<Cut>& parts) {
  std::size_t bytes = 0;
  for (const Cut& part : parts) {
    for (; bytes < part.end; ++bytes) {
      const Error error = error_of(in.first(bytes));
      EXPECT_EQ(error.code, ErrorCode::kTruncated) << "cut to " << bytes;
      EXPECT_EQ(error.offset, part.part_at) << "cut to " << bytes;
      EXPECT_EQ(error.message, std::string("record cut short in its ") + part.part) << "cut to " << bytes;
    }
  }
  EXPECT_EQ(bytes, in.size());
}

TEST(DecodeRecord, EveryProperPrefixIsTruncatedAndNamesThePart) {
  expect_every_cut_named(sha1_record({.template_name = "ima-ng", .body = test::bytes_of("data!")}),
                         {{0, 4, "PCR index"},
                          {4, 24, "template digest"},
                          {24, 28, "template name length"},
                          {28, 34, "template name"},
                          {34, 38, "data length"},
                          {38, 43, "data"}});
}

TEST(DecodeRecord, EveryProperPrefixOfAnImaRecordIsTruncatedAndNamesThePart) {
  expect_every_cut_named(sha1_record({.template_name = "ima", .body = test::ima_body(Bytes(20), "/bin")}),
                         {{0, 4, "PCR index"},
                          {4, 24, "template digest"},
                          {24, 28, "template name length"},
                          {28, 31, "template name"},
                          {31, 51, "file digest"},
                          {51, 55, "path length"},
                          {55, 59, "path"}});
}

TEST(DecodeRecord, TheOtherByteOrderIsMalformed) {
  const Bytes in = sha1_record(test::ima_ng("/a"));
  const Error error = error_of(in, {.digest_bytes = 20, .order = ByteOrder::kBig});
  EXPECT_EQ(error.code, ErrorCode::kMalformed);
  EXPECT_EQ(error.offset, 0u);
}

// ---- properties -----------------------------------------------------------------------------------------------------

RC_GTEST_PROP(DecodeRecord, UndoesEncodeRecord, ()) {
  const ByteOrder order = *test::any_order();
  const digest::Bank bank = *test::any_bank();
  const Content content = *test::any_content(order);
  const digest::Digest shown = shown_digest(bank, content.view());
  Bytes in = encoded(content, shown.view(), order);
  RC_ASSERT(in.size() == encoded_bytes(content.view(), bank.digest_bytes()));
  append_bytes(in, *test::any_bytes());

  const auto record = decode_record(in, test::format_of(bank, order));
  RC_ASSERT(record.has_value());
  RC_ASSERT(record->encoded_bytes == encoded_bytes(content.view(), bank.digest_bytes()));
  RC_ASSERT(record->pcr == content.pcr);
  RC_ASSERT(record->template_name == content.template_name);
  RC_ASSERT(equal(record->body, content.body));
  RC_ASSERT(equal(record->digest, shown.view()));
  RC_ASSERT(record->content().violation == content.violation);
}

RC_GTEST_PROP(DecodeRecord, EveryProperPrefixOfAnyRecordIsTruncated, ()) {
  const ByteOrder order = *test::any_order();
  const digest::Bank bank = *test::any_bank();
  const Content content = *test::any_content(order);
  const Bytes in = encoded(content, shown_digest(bank, content.view()).view(), order);
  for (std::size_t bytes = 0; bytes < in.size(); ++bytes) {
    const Error error = error_of(ByteView(in).first(bytes), test::format_of(bank, order));
    RC_ASSERT(error.code == ErrorCode::kTruncated);
    RC_ASSERT(error.offset.value() <= bytes);
  }
}

// Decodes from a buffer of its exact size, so that AddressSanitizer sees a read after the end.
void expect_no_more_claimed_than_given(const Bytes& in, RecordFormat format) {
  const Bytes exact(in.begin(), in.end());
  const auto record = decode_record(exact, format);
  if (!record) {
    RC_ASSERT(record.error().code != ErrorCode::kUnsupported);
    RC_ASSERT(record.error().offset.value() <= exact.size());
    return;
  }
  RC_ASSERT(record->encoded_bytes <= exact.size());
  RC_ASSERT(record->pcr < kPcrCount);
  RC_ASSERT(record->digest.size() == format.digest_bytes);
  Bytes again;
  encode_record(again, record->content(), record->digest, format.order);
  RC_ASSERT(equal(again, ByteView(exact).first(record->encoded_bytes)));
}

RC_GTEST_PROP(DecodeRecord, NeverClaimsMoreOfRandomBytesThanItWasGiven, ()) {
  expect_no_more_claimed_than_given(*test::any_bytes(), test::format_of(*test::any_bank(), *test::any_order()));
}

RC_GTEST_PROP(DecodeRecord, NeverClaimsMoreOfADamagedRecordThanItWasGiven, ()) {
  const ByteOrder order = *test::any_order();
  const digest::Bank bank = *test::any_bank();
  const Content content = *test::any_content(order);
  Bytes in = encoded(content, shown_digest(bank, content.view()).view(), order);
  const auto at = *rc::gen::inRange<std::size_t>(0, in.size());
  in[at] = std::byte{*rc::gen::arbitrary<std::uint8_t>()};
  expect_no_more_claimed_than_given(in, test::format_of(bank, order));
}

}  // namespace record_test
}  // namespace imakeep::imalog
