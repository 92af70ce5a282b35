// SPDX-License-Identifier: Apache-2.0
#include "keeper/known_list.h"

#include <gtest/gtest.h>

#include "keeper/test_support.h"

namespace imakeep::keeper::known_list_test {
namespace {

using test::ArchivedLetters;
using test::shape_of;

// The letters of the records, "!" for each that is malformed.
std::string letters_of(ArchivedLetters& archived, const ListShape& shape) {
  KnownList known(archived.store, archived.chain(), shape);
  std::string letters;
  for (;;) {
    const auto record = known.next();
    if (record && !*record) break;
    letters += record ? archived.letter_of(**record) : '!';
  }
  EXPECT_EQ(known.records(), letters.size());
  return letters;
}

TEST(KnownList, GivesTheRecordsThatTheListShouldHold) {
  ArchivedLetters archived("Babcdefg");
  EXPECT_EQ(letters_of(archived, ListShape()), "Babcdefg");
  EXPECT_EQ(letters_of(archived, shape_of(1, "3-5,6-7")), "abeg");
  EXPECT_EQ(letters_of(archived, shape_of(2, "4-8")), "bc");
  EXPECT_EQ(letters_of(archived, shape_of(8)), "");
}

TEST(KnownList, NamesADamagedRecordAndGoesOnAfterIt) {
  ArchivedLetters archived("Bab", "cdef");
  archived.flip_bit_of_segment(0);
  const ListShape shape = shape_of(1, "4-5");
  EXPECT_EQ(letters_of(archived, shape), "!!cef");
  KnownList known(archived.store, archived.chain(), shape);
  const auto damaged = known.next();
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, ErrorCode::kMalformed);
  EXPECT_TRUE(damaged.error().message.starts_with("record 1 of chain 1 ")) << damaged.error().message;
}

}  // namespace
}  // namespace imakeep::keeper::known_list_test
