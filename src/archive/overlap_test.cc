// SPDX-License-Identifier: Apache-2.0
#include "archive/overlap.h"

#include <gmock/gmock.h>

#include "imalog/test_support.h"

namespace imakeep::archive::overlap_test {
namespace {

using imalog::test::bytes_of;
using imalog::test::Content;
using testing::ElementsAre;

std::vector<RecordId> ids_of(std::string_view letters) {
  std::vector<RecordId> ids;
  for (const char letter : letters) ids.push_back({.high = 7, .low = static_cast<std::uint64_t>(letter)});
  return ids;
}

// All texts of at most `most` of the letters "a" and "b".
std::vector<std::string> texts(std::size_t most) {
  std::vector<std::string> all{""};
  for (std::size_t i = 0; i < all.size() && all[i].size() < most; ++i) {
    all.push_back(all[i] + 'a');
    all.push_back(all[i] + 'b');
  }
  return all;
}

// What overlaps() promises, found by comparing texts.
Overlaps expected(const std::string& have, const std::string& part) {
  Overlaps all;
  if (have.empty() || part.empty()) return all;
  const std::size_t whole_at = have.find(part);
  if (whole_at != std::string::npos) {
    all.whole_at = whole_at;
    all.lengths.push_back(part.size());
  }
  for (std::size_t length = part.size() - 1; length > 0; --length) {
    if (have.ends_with(part.substr(0, length))) all.lengths.push_back(length);
  }
  for (std::size_t length = part.size(); length > 0 && all.start_length == 0; --length) {
    const std::size_t at = have.find(part.substr(0, length));
    if (at == std::string::npos) continue;
    all.start_length = length;
    all.start_at = at;
  }
  return all;
}

TEST(Overlaps, AreThoseThatComparingEveryPlaceFinds) {
  for (const std::string& have : texts(6)) {
    for (const std::string& part : texts(6)) {
      const Overlaps found = overlaps(ids_of(have), ids_of(part));
      const Overlaps wanted = expected(have, part);
      ASSERT_EQ(found.lengths, wanted.lengths) << have << ' ' << part;
      ASSERT_EQ(found.whole_at, wanted.whole_at) << have << ' ' << part;
      ASSERT_EQ(found.start_length, wanted.start_length) << have << ' ' << part;
      ASSERT_EQ(found.start_at, wanted.start_at) << have << ' ' << part;
    }
  }
}

TEST(Overlaps, OfALongRunAreFoundInLinearTime) {
  // Comparing every place would take 10^10 steps.
  const Overlaps found = overlaps(ids_of(std::string(200'000, 'V')), ids_of(std::string(100'000, 'V') + 'x'));
  ASSERT_EQ(found.lengths.size(), 100'000u);
  EXPECT_EQ(found.lengths.front(), 100'000u);
  EXPECT_EQ(found.lengths.back(), 1u);
  EXPECT_EQ(found.whole_at, std::nullopt);
}

TEST(PrefixMatcher, GivesTheLongestPrefixAfterEachRecord) {
  const auto part = ids_of("aab");
  PrefixMatcher matcher(part);
  std::vector<std::size_t> lengths;
  for (const RecordId& id : ids_of("aaabaabxa")) lengths.push_back(matcher.next(id));
  EXPECT_THAT(lengths, ElementsAre(1, 2, 2, 3, 1, 2, 3, 0, 1));
}

TEST(PrefixMatcher, MatchesNothingIfThePartIsEmpty) {
  PrefixMatcher matcher({});
  EXPECT_EQ(matcher.next(ids_of("a")[0]), 0u);
}

TEST(RecordIds, AreEqualOnlyIfPcrNameDataAndViolationAre) {
  const Content content{.pcr = 10, .template_name = "ab", .body = bytes_of("cd")};
  const RecordId id = record_id(content.view());
  EXPECT_EQ(id, record_id(Content(content).view()));
  const std::vector<Content> others = {
      {.pcr = 11, .template_name = "ab", .body = bytes_of("cd")},
      {.pcr = 10, .template_name = "xb", .body = bytes_of("cd")},
      {.pcr = 10, .template_name = "ab", .body = bytes_of("cx")},
      {.pcr = 10, .template_name = "ab", .body = bytes_of("cd"), .violation = true},
      {.pcr = 10, .template_name = "abc", .body = bytes_of("d")},  // the same bytes, divided otherwise
  };
  for (const Content& other : others) EXPECT_NE(id, record_id(other.view())) << other.template_name;
}

}  // namespace
}  // namespace imakeep::archive::overlap_test
