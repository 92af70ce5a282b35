// SPDX-License-Identifier: Apache-2.0
#include "query/counts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/test_archive.h"

namespace imakeep::query {
namespace counts_test {

using namespace imakeep::test;

using ::testing::ElementsAre;

Result<void> add(Counts& counts, const Event& event) {
  const Bytes body = body_of(event);
  const auto content = content_of(event, body);
  return counts.add({.numbered = {.record = {.content = content}}, .facts = facts_of(content, kHostOrder)});
}

std::vector<std::string> counted(CountBy by) {
  Counts counts(by);
  for (const Event& event : std::vector<Event>{{.path = "/b/x", .content = "1"},
                                               {.path = "/b/y", .content = "1"},
                                               {.path = "/a", .content = "2"},
                                               {.path = "/b/x", .template_name = "ima-sig"}}) {
    EXPECT_TRUE(add(counts, event));
  }
  EXPECT_EQ(counts.records(), 4u);
  std::vector<std::string> lines;
  for (const Count& count : counts.sorted()) lines.push_back(std::to_string(count.records) + " " + count.key);
  return lines;
}

TEST(Counts, PutsTheKeyWithTheMostRecordsFirst) {
  EXPECT_THAT(counted(CountBy::kPath), ElementsAre("2 /b/x", "1 /a", "1 /b/y"));
  EXPECT_THAT(counted(CountBy::kDirectory), ElementsAre("3 /b", "1 /"));
  EXPECT_THAT(counted(CountBy::kTemplate), ElementsAre("3 ima-ng", "1 ima-sig"));
  EXPECT_THAT(counted(CountBy::kDigest), ElementsAre("2 " + sha256_of("1"), "1 ", "1 " + sha256_of("2")));
}

TEST(Counts, AddUpTheBytesOfTheBinaryList) {
  Counts counts(CountBy::kTemplate);
  const Event event{.path = "/a", .content = "1"};
  ASSERT_TRUE(add(counts, event));
  ASSERT_TRUE(add(counts, event));
  const Bytes body = body_of(event);
  Bytes record;
  imalog::encode_record(record, content_of(event, body), Bytes(20));
  EXPECT_EQ(counts.sorted()[0].bytes, 2 * record.size());
}

TEST(Counts, RefuseMoreKeysThanMemoryHolds) {
  Counts counts(CountBy::kPath, 2);
  EXPECT_TRUE(add(counts, {.path = "/a"}));
  EXPECT_TRUE(add(counts, {.path = "/b"}));
  EXPECT_TRUE(add(counts, {.path = "/a"}));
  EXPECT_EQ(add(counts, {.path = "/c"}).error().code, ErrorCode::kUnsupported);
}

TEST(CountByNamed, KnowsEachName) {
  for (const std::string& name : count_by_names()) EXPECT_TRUE(count_by_named(name));
  EXPECT_FALSE(count_by_named("paths"));
}

}  // namespace counts_test
}  // namespace imakeep::query
