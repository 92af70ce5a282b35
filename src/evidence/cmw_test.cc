// SPDX-License-Identifier: Apache-2.0
#include "evidence/cmw.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace imakeep::evidence {
namespace cmw_test {

using ::testing::HasSubstr;

constexpr std::size_t kMostBytes = 1000;

Cmw sample_cmw() {
  return {.type = "application/eat+jwt", .value = Bytes(4, std::byte{0xfb}), .indicator = kCmwResults};
}

Error refused_json(std::string_view text) {
  const auto read = read_cmw_json(text, kMostBytes);
  EXPECT_FALSE(read) << text;
  return read ? Error{} : read.error();
}

Error refused_cbor(const std::string& hex) {
  const auto read = read_cmw_cbor(*from_hex(hex), kMostBytes);
  EXPECT_FALSE(read) << hex;
  return read ? Error{} : read.error();
}

TEST(CmwJson, IsReadAsItWasMade) {
  EXPECT_EQ(*make_cmw_json(sample_cmw()), R"(["application/eat+jwt","-_v7-w",8])");
  EXPECT_EQ(*read_cmw_json(*make_cmw_json(sample_cmw()), kMostBytes), sample_cmw());
  const Cmw least = {.type = "a/b", .value = {}, .indicator = std::nullopt};
  EXPECT_EQ(*make_cmw_json(least), R"(["a/b",""])");
  EXPECT_EQ(*read_cmw_json(R"([ "a/b", "" ])", kMostBytes), least);
}

TEST(CmwJson, RefusesOtherForms) {
  EXPECT_EQ(refused_json(R"({"a":["a/b","",4]})").code, ErrorCode::kUnsupported);
  for (const char* const text : {"", "[]", R"(["a/b"])", R"(["a/b","",4,4])", R"("a/b")", R"([1,""])", R"(["a/b",1])",
                                 R"(["a/b","=",4])", R"(["a/b","",0])", R"(["a/b","",-1])", R"(["a/b","",4294967296])",
                                 R"(["a/b","","4"])", R"(["ab",""])", R"(["a/b\n",""])"}) {
    EXPECT_EQ(refused_json(text).code, ErrorCode::kMalformed) << text;
  }
  EXPECT_EQ(refused_json(std::string(kMostBytes + 1, ' ')).code, ErrorCode::kUnsupported);
}

TEST(CmwJson, HasNoContentFormat) {
  EXPECT_EQ(make_cmw_json({.type = ContentFormat{263}}).error().code, ErrorCode::kUsage);
}

TEST(CmwCbor, IsReadAsItWasMade) {
  EXPECT_EQ(to_hex(*make_cmw_cbor({.type = "a/b", .value = Bytes(2), .indicator = kCmwEvidence})),
            "8363612f6242000004");
  for (const Cmw& cmw : {sample_cmw(), Cmw{.type = ContentFormat{30001}, .value = Bytes(300)},
                         Cmw{.type = "a/b", .indicator = ~std::uint32_t{0}}}) {
    EXPECT_EQ(*read_cmw_cbor(*make_cmw_cbor(cmw), kMostBytes), cmw);
  }
}

TEST(CmwCbor, RefusesOtherForms) {
  // A collection, an array of indefinite length, a tag, a value in chunks.
  for (const char* const hex : {"a16161820040", "9f63612f6240ff", "da6374f0014100", "8263612f625f40ff"}) {
    EXPECT_EQ(refused_cbor(hex).code, ErrorCode::kUnsupported) << hex;
  }
  for (const char* const hex :
       {"80", "8163612f62", "8463612f62400404", "00",
        "8220"
        "40",
        "821a0001000040",
        "82"
        "626162"
        "40",
        "8263612f6260", "8363612f624000", "8363612f624020", "8363612f62401b0000000100000000", "8263612f624000", "1c"}) {
    EXPECT_EQ(refused_cbor(hex).code, ErrorCode::kMalformed) << hex;
  }
}

TEST(CmwCbor, SaysThatAPrefixIsTruncated) {
  const Bytes whole = *make_cmw_cbor(sample_cmw());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(read_cmw_cbor(ByteView(whole).first(size), kMostBytes).error().code, ErrorCode::kTruncated) << size;
  }
}

TEST(CmwCbor, RefusesALongInput) {
  const Bytes whole = *make_cmw_cbor({.type = "a/b", .value = Bytes(500)});
  EXPECT_TRUE(read_cmw_cbor(whole, whole.size()));
  EXPECT_EQ(read_cmw_cbor(whole, whole.size() - 1).error().code, ErrorCode::kUnsupported);
}

TEST(MakeCmw, MakesNothingThatIsRefused) {
  Cmw cmw = sample_cmw();
  cmw.indicator = 0;
  EXPECT_EQ(make_cmw_json(cmw).error().code, ErrorCode::kUsage);
  EXPECT_EQ(make_cmw_cbor(cmw).error().code, ErrorCode::kUsage);
  cmw = sample_cmw();
  cmw.type = "a/" + std::string(kMostTypeBytes, 'b');
  EXPECT_THAT(make_cmw_json(cmw).error().message, HasSubstr("no media type"));
  EXPECT_EQ(make_cmw_cbor(cmw).error().code, ErrorCode::kUsage);
}

}  // namespace cmw_test
}  // namespace imakeep::evidence
