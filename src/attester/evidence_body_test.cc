// SPDX-License-Identifier: Apache-2.0
#include "attester/evidence_body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "evidence/test_support.h"

namespace imakeep::attester {
namespace evidence_body_test {

using testing::HasSubstr;

class ListedLog : public attest::LogSource {
 public:
  explicit ListedLog(std::vector<imalog::test::Content> contents) : contents_(std::move(contents)) {}
  Result<std::optional<attest::LoggedRecord>> next() override {
    if (at_ == contents_.size()) return std::nullopt;
    return attest::LoggedRecord{.content = contents_[at_++].view(), .bank = {}, .shown = {}};
  }
  Result<void> rewind() override {
    at_ = 0;
    return {};
  }
  attest::Place place() const override { return {.source = "listed", .record = at_}; }

 private:
  const std::vector<imalog::test::Content> contents_;
  std::size_t at_ = 0;
};

Records records(std::size_t there, std::uint64_t counted) {
  return {.log = std::make_unique<ListedLog>(evidence::sample_records(there)), .end = counted, .source = "listed"};
}

// The whole body, pulled in pieces of at most `room_bytes`.
Result<Bytes> pulled(Records& from, const evidence::EvidenceHeader& header, std::size_t room_bytes) {
  IMAKEEP_TRY(const auto body, evidence_body(header, from));
  Bytes all;
  Bytes room(room_bytes);
  for (;;) {
    IMAKEEP_TRY(const std::size_t bytes, body(room));
    if (bytes == 0) return all;
    append_bytes(all, ByteView(room).first(bytes));
  }
}

TEST(EvidenceBody, IsTheSameEvidenceInPiecesOfAnySize) {
  for (const evidence::Encoding encoding : {evidence::Encoding::kPlain, evidence::Encoding::kZstd}) {
    evidence::EvidenceHeader header = evidence::sample_header(2000);
    header.encoding = encoding;
    for (const std::size_t room_bytes : {1u, 1000u, 200'000u}) {
      Records from = records(2000, 2000);
      const auto body = pulled(from, header, room_bytes);
      ASSERT_TRUE(body) << body.error().message;
      EXPECT_EQ(*body, evidence::written(header, evidence::sample_records(2000)));
    }
  }
}

TEST(EvidenceBody, TakesNoRecordAfterThoseThatAreCounted) {
  Records from = records(7, 5);
  const auto body = pulled(from, evidence::sample_header(5), 4096);
  ASSERT_TRUE(body);
  EXPECT_EQ(evidence::read_evidence(*body).records.size(), 5u);
}

TEST(EvidenceBody, FailsIfTheLogHasFewerRecordsThanCounted) {
  Records from = records(5, 7);
  const auto body = pulled(from, evidence::sample_header(7), 4096);
  ASSERT_FALSE(body);
  EXPECT_EQ(body.error().code, ErrorCode::kMalformed);
  EXPECT_THAT(body.error().message, HasSubstr("listed has 2 records fewer"));
}

}  // namespace evidence_body_test
}  // namespace imakeep::attester
