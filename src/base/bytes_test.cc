// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <gtest/gtest.h>

namespace imakeep {
namespace bytes_test {

TEST(Load, HonoursTheByteOrder) {
  const Bytes bytes = from_hex("01020304").value();
  EXPECT_EQ(load<std::uint32_t>(bytes.data(), ByteOrder::kLittle), 0x04030201u);
  EXPECT_EQ(load<std::uint32_t>(bytes.data(), ByteOrder::kBig), 0x01020304u);
}

TEST(Store, IsTheInverseOfLoadInBothOrders) {
  for (const ByteOrder order : {ByteOrder::kLittle, ByteOrder::kBig}) {
    Bytes bytes(8);
    store<std::uint64_t>(bytes.data(), 0x0102030405060708u, order);
    EXPECT_EQ(load<std::uint64_t>(bytes.data(), order), 0x0102030405060708u);
  }
}

TEST(Hex, TakesEitherCaseAndPrintsLower) {
  EXPECT_EQ(to_hex(from_hex("aBcDeF09").value()), "abcdef09");
}

TEST(Hex, NamesTheFirstBadCharacter) {
  EXPECT_EQ(from_hex("00xy").error().offset, 2u);
  EXPECT_EQ(from_hex("0g").error().offset, 1u);
  EXPECT_EQ(from_hex("000").error().offset, 3u);
}

TEST(Describe, ShowsRecordAndOffset) {
  EXPECT_EQ(describe(Error{.message = "cut short", .offset = 7, .record = 1}), "cut short (record 1, byte offset 7)");
  EXPECT_EQ(describe(Error{.message = "cut short", .offset = 7}), "cut short (byte offset 7)");
}

TEST(FromBase64, DecodesTheVectorsOfRfc4648) {
  EXPECT_EQ(as_text(*from_base64("")), "");
  EXPECT_EQ(as_text(*from_base64("Zg==")), "f");
  EXPECT_EQ(as_text(*from_base64("Zm8=")), "fo");
  EXPECT_EQ(as_text(*from_base64("Zm9v")), "foo");
  EXPECT_EQ(as_text(*from_base64("Zm9vYmFy")), "foobar");
  EXPECT_EQ(to_hex(*from_base64("+/+/")), "fbffbf");
}

TEST(FromBase64, RefusesAnyOtherText) {
  for (const char* text : {"Zg", "Zg=", "Zm9", "Zm9v\n", "Z===", "====", "Zm=v", "Zm9-", "Zh==", "Zm9="}) {
    EXPECT_FALSE(from_base64(text)) << text;
  }
  EXPECT_EQ(from_base64("Zm9v!m9v").error().offset, 4u);
}

}  // namespace bytes_test
}  // namespace imakeep
