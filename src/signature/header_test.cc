// SPDX-License-Identifier: Apache-2.0
#include "signature/header.h"

#include <gtest/gtest.h>

namespace imakeep::signature {
namespace header_test {

// A header over sha256 with key id 0x1d3da8bb, and three bytes of signature.
Bytes attribute_of(std::string_view front, std::string_view rest = "aabbcc") {
  return *from_hex(std::string(front) + "041d3da8bb0003" + std::string(rest));
}

TEST(ParseSignature, ReadsEveryFieldOfTheHeader) {
  const Bytes attribute = attribute_of("0302");
  const auto signature = parse_signature(attribute);
  ASSERT_TRUE(signature);
  EXPECT_EQ(signature->type, SignatureType::kFile);
  EXPECT_EQ(signature->version, 2);
  EXPECT_EQ(signature->algorithm, HashAlgorithm::kSha256);
  EXPECT_EQ(signature->key_id, 0x1d3da8bbu);
  EXPECT_EQ(to_hex(signature->bytes), "aabbcc");
  EXPECT_EQ(key_id_text(signature->key_id), "0x1d3da8bb");
}

TEST(ParseSignature, TakesEachTypeInItsVersionsAlone) {
  for (const std::string_view front : {"0302", "0303", "0502", "0503", "0603"}) {
    EXPECT_TRUE(parse_signature(attribute_of(front))) << front;
  }
  const auto refused = parse_signature(attribute_of("0602"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kMalformed);
  EXPECT_EQ(refused.error().offset, 1u);
}

TEST(ParseSignature, TellsOtherAttributesFromDamage) {
  for (const std::string_view front : {"0102", "0202", "0402", "0301"}) {
    EXPECT_EQ(parse_signature(attribute_of(front)).error().code, ErrorCode::kUnsupported) << front;
  }
  for (const std::string_view front : {"0002", "0702", "ff02", "0300", "0304", "03ff"}) {
    EXPECT_EQ(parse_signature(attribute_of(front)).error().code, ErrorCode::kMalformed) << front;
  }
}

TEST(ParseSignature, RefusesEveryProperPrefix) {
  const Bytes attribute = attribute_of("0302");
  for (std::size_t size = 0; size < attribute.size(); ++size) {
    const auto refused = parse_signature(ByteView(attribute).first(size));
    ASSERT_FALSE(refused) << size;
    EXPECT_EQ(refused.error().code, ErrorCode::kMalformed) << size;
    EXPECT_TRUE(refused.error().offset) << size;
  }
}

TEST(ParseSignature, RefusesAnotherSizeThanTheHeaderStates) {
  const auto longer = parse_signature(attribute_of("0302", "aabbccdd"));
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().code, ErrorCode::kMalformed);
  EXPECT_EQ(longer.error().offset, 7u);
  EXPECT_EQ(longer.error().message, "the header announces 3 bytes of signature, and 4 follow");
  EXPECT_FALSE(parse_signature(*from_hex("0302041d3da8bb0000")));
}

TEST(ParseSignature, TakesExactlyTheHashesThatLinuxNumbers) {
  Bytes attribute = attribute_of("0302");
  for (unsigned number = 0; number < 256; ++number) {
    attribute[2] = std::byte{static_cast<std::uint8_t>(number)};
    EXPECT_EQ(parse_signature(attribute).has_value(), number < 23) << number;
  }
}

TEST(ParseSignature, TakesTheLargestSize) {
  Bytes attribute = *from_hex("0303041d3da8bbffff");
  attribute.resize(attribute.size() + 0xffff);
  EXPECT_EQ(parse_signature(attribute)->bytes.size(), 0xffffu);
}

}  // namespace header_test
}  // namespace imakeep::signature
