// SPDX-License-Identifier: Apache-2.0
#include "debian/deb822.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace imakeep::debian {
namespace deb822_test {

using ::testing::HasSubstr;

std::string error_in(std::string_view text) {
  Deb822Reader reader(text);
  for (;;) {
    const auto next = reader.next();
    if (!next) return next.error().message;
    if (*next == nullptr) return "none";
  }
}

TEST(Deb822Reader, SplitsParagraphsFieldsAndFurtherLines) {
  Deb822Reader reader("\nPackage: a\nDepends:b\nFiles:\n x 1\n y 2\n\n \t\nPackage: c");
  const auto first = reader.next();
  ASSERT_TRUE(first && *first != nullptr);
  EXPECT_EQ((*first)->fields().size(), 3u);
  EXPECT_EQ((*first)->value("package"), "a");
  EXPECT_EQ((*first)->value("Depends"), "b");
  EXPECT_EQ((*first)->value("Files"), "x 1\n y 2");
  EXPECT_FALSE((*first)->find("Version"));
  const auto second = reader.next();
  ASSERT_TRUE(second && *second != nullptr);
  EXPECT_EQ((*second)->value("Package"), "c");
  EXPECT_EQ(*reader.next(), nullptr);
  EXPECT_EQ(*reader.next(), nullptr);
}

TEST(Deb822Reader, NamesTheLineOfAFault) {
  EXPECT_EQ(error_in("# comment\nA: 1\n"), "none");
  EXPECT_THAT(error_in("A: 1\nno field\n"), HasSubstr("line 2: neither a field"));
  EXPECT_THAT(error_in(": 1\n"), HasSubstr("line 1: neither a field"));
  EXPECT_THAT(error_in(" first\n"), HasSubstr("line 1: a continuation of no field"));
  EXPECT_THAT(error_in("A: 1\n\n next\n"), HasSubstr("line 3: a continuation of no field"));
  EXPECT_THAT(error_in("A: 1\nB: 2\na: 3\n"), HasSubstr("line 3: the field a is there twice"));
}

}  // namespace deb822_test
}  // namespace imakeep::debian
