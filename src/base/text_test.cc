// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace imakeep {
namespace text_test {

using testing::ElementsAre;

TEST(Split, OfEmptyTextIsOneEmptyPart) {
  EXPECT_THAT(split("", ","), ElementsAre(""));
}

TEST(Split, KeepsEmptyParts) {
  EXPECT_THAT(split(",a,,b,", ","), ElementsAre("", "a", "", "b", ""));
}

TEST(Split, EndsAPartAtAnySeparator) {
  EXPECT_THAT(split("a b\tc,d", " \t"), ElementsAre("a", "b", "c,d"));
}

TEST(Split, TakesNulForACharacterAsAnyOther) {
  using namespace std::string_view_literals;
  EXPECT_THAT(split("a\0b,c"sv, ","), ElementsAre("a\0b"sv, "c"));
}

TEST(Trimmed, TakesWhiteSpaceFromTheEndsOnly) {
  EXPECT_EQ(trimmed(" \t\r\n\v\fa b\tc \t\r\n\v\f"), "a b\tc");
}

TEST(Trimmed, OfWhiteSpaceIsEmpty) {
  EXPECT_EQ(trimmed(""), "");
  EXPECT_EQ(trimmed(" \t\r\n"), "");
}

TEST(Printable, EscapesWhatATerminalObeys) {
  EXPECT_EQ(printable("a\x1b[31mb\x07\r\n\t"), "a\\x1b[31mb\\x07\\x0d\\x0a\\x09");
  EXPECT_EQ(printable("\x7f"), "\\x7f");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b31m")
      << "C1: the eight-bit ESC [";
}

TEST(Printable, EscapesCharactersThatReorderText) {
  EXPECT_EQ(printable("a\u202e"
                      "b\u2066\u2069\u2028\u200f\u061c"),
            "a\\xe2\\x80\\xaeb\\xe2\\x81\\xa6\\xe2\\x81\\xa9\\xe2\\x80\\xa8\\xe2\\x80\\x8f\\xd8\\x9c");
}

TEST(Printable, KeepsWhatIsUtf8AndABackslash) {
  for (const char* const text :
       {"", "/usr/bin/ls", "/\u00e9/\u20ac/\U0001f600", "C:\\x1b", "\u00a0\u2027\u202f\u2065\u206a"}) {
    EXPECT_EQ(printable(text), text);
  }
}

TEST(Printable, EscapesEachByteThatIsNoUtf8) {
  EXPECT_EQ(printable("a\x80z"), "a\\x80z") << "no lead";
  EXPECT_EQ(printable("\xe2\x82"), "\\xe2\\x82") << "cut short";
  EXPECT_EQ(printable("\xe2\x82z"), "\\xe2\\x82z") << "cut short within";
  EXPECT_EQ(printable("\xc0\x9b\xe0\x80\x9b"), "\\xc0\\x9b\\xe0\\x80\\x9b") << "longer than it need be";
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
  EXPECT_EQ(printable("\xf4\x90\x80\x80\xff"), "\\xf4\\x90\\x80\\x80\\xff") << "beyond Unicode";
}

}  // namespace text_test
}  // namespace imakeep
