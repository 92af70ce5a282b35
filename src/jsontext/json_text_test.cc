// SPDX-License-Identifier: Apache-2.0
#include "jsontext/json_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace imakeep::jsontext {
namespace json_text_test {

using ::testing::HasSubstr;

// "read", or the error's message.
std::string reading(std::string_view text) {
  const auto read = read_object(text, "message");
  if (read) return "read";
  EXPECT_EQ(read.error().code, ErrorCode::kMalformed);
  return read.error().message;
}

std::string nested(int depth) {
  const auto levels = static_cast<std::size_t>(depth) - 1;
  return R"({"x":)" + std::string(levels, '[') + std::string(levels, ']') + '}';
}

TEST(ReadObject, TakesAnObjectAndNothingElse) {
  EXPECT_EQ(reading(R"( {"a": 1} )"), "read");
  EXPECT_EQ(reading("[1]"), "message: not a JSON object");
  EXPECT_EQ(reading(""), "message: not JSON");
  EXPECT_EQ(reading(R"({"a": 1} x)"), "message: not JSON");
  EXPECT_EQ(reading("{\"a\": \"\xff\"}"), "message: not JSON");
}

TEST(ReadObject, RefusesAMemberThatIsThereTwiceAtAnyDepth) {
  EXPECT_EQ(reading(R"({"a": 1, "a": 1})"), R"(message: the member "a" is there twice)");
  EXPECT_EQ(reading(R"({"b": [{"a": 1, "\u0061": 2}]})"), R"(message: the member "a" is there twice)");
  EXPECT_EQ(reading(R"({"a": {"a": 1}, "b": {"a": 1}})"), "read");
}

TEST(ReadObject, RefusesTooManyLevels) {
  EXPECT_EQ(reading(nested(kMostJsonDepth)), "read");
  EXPECT_THAT(reading(nested(kMostJsonDepth + 1)), HasSubstr("too many levels"));
}

TEST(ReadValue, TakesAnArray) {
  EXPECT_TRUE(read_value("[1]", "message"));
  EXPECT_FALSE(read_value(R"([{"a": 1, "a": 1}])", "message"));
}

TEST(Members, NameTheMemberThatHasAnotherType) {
  const auto object = *read_object(R"({"text": "t", "count": 3, "minus": -1, "array": [], "object": {}})", "message");
  const Members members(object, "message");
  EXPECT_EQ(*members.text("text"), "t");
  EXPECT_EQ(*members.count("count"), 3u);
  EXPECT_TRUE(members.array("array"));
  EXPECT_TRUE(members.object("object"));
  EXPECT_EQ(members.text("count").error().message, "message: count is no text");
  EXPECT_EQ(members.text("absent").error().message, "message: absent is missing");
  EXPECT_EQ(members.count("minus").error().message, "message: minus is no whole number");
  EXPECT_EQ(members.count("absent").error().message, "message: absent is missing");
  EXPECT_EQ(members.array("object").error().message, "message: object is no array");
  EXPECT_EQ(members.object("array").error().message, "message: array is no object");
  EXPECT_FALSE(*members.optional_text("absent"));
  EXPECT_FALSE(*members.optional_count("absent"));
}

TEST(Members, OnlyNamesTheMemberThatIsUnknown) {
  const auto object = *read_object(R"({"a": 1, "b": 2})", "message");
  const Members members(object, "message");
  EXPECT_TRUE(members.only({"a", "b"}));
  EXPECT_EQ(members.only({"a"}).error().message, "message: b is unknown here");
}

}  // namespace json_text_test
}  // namespace imakeep::jsontext
