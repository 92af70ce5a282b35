// SPDX-License-Identifier: Apache-2.0
#include "vstore/postgres/binary.h"

#include <gtest/gtest.h>

namespace imakeep::vstore {
namespace binary_test {

std::string hex(const std::optional<Bytes>& bytes) {
  return bytes ? to_hex(*bytes) : "NULL";
}

TEST(BinaryOf, WritesBigEndianIntegersAndPlainBytes) {
  EXPECT_EQ(hex(binary_of(std::int64_t{1})), "0000000000000001");
  EXPECT_EQ(hex(binary_of(std::int64_t{-2})), "fffffffffffffffe");
  EXPECT_EQ(hex(binary_of(std::string_view("ab"))), "6162");
  EXPECT_EQ(hex(binary_of(ByteView())), "");
  EXPECT_EQ(hex(binary_of(Param())), "NULL");
}

TEST(BinaryOfColumn, WritesOneColumnAsAnArray) {
  const std::vector<Param> arguments = {std::string_view("a"), std::int64_t{1}, std::string_view(""), Param()};
  EXPECT_EQ(to_hex(binary_of_column(arguments, 2, 0, 't')),
            "00000001"
            "00000000"
            "00000019"
            "00000002"
            "00000001"
            "00000001"
            "61"
            "00000000");
  EXPECT_EQ(to_hex(binary_of_column(arguments, 2, 1, 'i')),
            "00000001"
            "00000001"
            "00000014"
            "00000002"
            "00000001"
            "00000008"
            "0000000000000001"
            "ffffffff");
}

TEST(ValueOfBinary, ReadsWhatItKnowsAndRefusesTheRest) {
  EXPECT_EQ(*value_of_binary(20, *binary_of(std::int64_t{-5})), Value(std::int64_t{-5}));
  EXPECT_EQ(*value_of_binary(23, *from_hex("fffffffe")), Value(std::int64_t{-2}));
  EXPECT_EQ(*value_of_binary(25, as_bytes("text")), Value(std::string("text")));
  EXPECT_EQ(*value_of_binary(17, as_bytes("text")), Value(*binary_of(std::string_view("text"))));
  EXPECT_EQ(value_of_binary(20, Bytes(7)).error().code, ErrorCode::kMalformed);
  EXPECT_EQ(value_of_binary(23, Bytes(8)).error().code, ErrorCode::kMalformed);
  EXPECT_EQ(value_of_binary(1700, Bytes(8)).error().code, ErrorCode::kMalformed);
}

TEST(TypeOf, KnowsTheThreeLetters) {
  EXPECT_EQ(type_of('i'), 20u);
  EXPECT_EQ(array_type_of('t'), 1009u);
  EXPECT_EQ(array_type_of('b'), 1001u);
  EXPECT_EQ(type_of('x'), 0u);
  EXPECT_EQ(array_type_of('x'), 0u);
}

}  // namespace binary_test
}  // namespace imakeep::vstore
