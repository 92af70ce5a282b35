// SPDX-License-Identifier: Apache-2.0
#include "attester/part_sizes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "evidence/test_support.h"

namespace imakeep::attester {
namespace part_sizes_test {

using testing::ElementsAre;

class SizedLog : public attest::LogSource {
 public:
  explicit SizedLog(const std::vector<std::size_t>& body_bytes) {
    for (const std::size_t bytes : body_bytes) contents_.push_back({.template_name = "ima-ng", .body = Bytes(bytes)});
  }
  Result<std::optional<attest::LoggedRecord>> next() override {
    if (at_ == contents_.size()) return std::nullopt;
    return attest::LoggedRecord{.content = contents_[at_++].view(), .bank = {}, .shown = {}};
  }
  Result<void> rewind() override {
    at_ = 0;
    return {};
  }
  attest::Place place() const override { return {.source = "sized", .record = at_}; }

 private:
  std::vector<imalog::test::Content> contents_;
  std::size_t at_ = 0;
};

// A record of a body of 82 bytes takes 100.
Result<std::vector<std::uint64_t>> sizes(const std::vector<std::size_t>& body_bytes, const PartLimits& limits) {
  Records records{
      .log = std::make_unique<SizedLog>(body_bytes), .first = 7, .end = 7 + body_bytes.size(), .source = "s"};
  return part_sizes(records, limits);
}

TEST(PartSizes, AreAsLargeAsBothLimitsAllow) {
  EXPECT_THAT(*sizes({}, {.records = 3, .bytes = 1000}), ElementsAre(0));
  EXPECT_THAT(*sizes({82, 82, 82}, {.records = 3, .bytes = 300}), ElementsAre(3));
  EXPECT_THAT(*sizes({82, 82, 82, 82}, {.records = 3, .bytes = 1000}), ElementsAre(3, 1));
  EXPECT_THAT(*sizes({82, 82, 82, 82}, {.records = 9, .bytes = 299}), ElementsAre(2, 2));
  EXPECT_THAT(*sizes({82, 282, 82, 82, 182}, {.records = 9, .bytes = 300}), ElementsAre(1, 1, 2, 1));
}

TEST(PartSizes, OfARecordThatIsTooLongAreRefused) {
  const auto refused = sizes({82, 83}, {.records = 9, .bytes = 100});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("record 8 of s has 101 bytes"));
  EXPECT_EQ(sizes({82}, {.records = 0, .bytes = 1000}).error().code, ErrorCode::kUnsupported);
}

TEST(PartSizes, OfALogThatIsTooShortAreRefused) {
  Records records{.log = std::make_unique<SizedLog>(std::vector<std::size_t>{82}), .end = 2, .source = "s"};
  EXPECT_EQ(part_sizes(records, {.records = 9, .bytes = 1000}).error().code, ErrorCode::kMalformed);
}

TEST(MayNeedParts, IfTheRecordsOrTheirBytesMayBeTooMany) {
  const PartLimits limits{.records = 10, .bytes = 5 * 4096};
  EXPECT_FALSE(may_need_parts(5, limits));
  EXPECT_TRUE(may_need_parts(6, limits));
  EXPECT_TRUE(may_need_parts(11, {.records = 10, .bytes = 1u << 30}));
}

}  // namespace part_sizes_test
}  // namespace imakeep::attester
