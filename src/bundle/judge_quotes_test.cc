// SPDX-License-Identifier: Apache-2.0
#include "bundle/judge_quotes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bundle/test_support.h"

namespace imakeep::bundle {
namespace judge_quotes_test {

using test::Content;
using test::MemoryTpm;
using test::must;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;

class MemoryLog : public attest::LogSource {
 public:
  explicit MemoryLog(std::vector<Content> contents) : contents_(std::move(contents)) {}
  Result<std::optional<attest::LoggedRecord>> next() override {
    if (at_ == contents_.size()) return std::nullopt;
    ++reads;
    return attest::LoggedRecord{.content = contents_[at_++].view(), .bank = MemoryTpm::kBank, .shown = {}};
  }
  Result<void> rewind() override { return at_ = 0, Result<void>(); }
  attest::Place place() const override { return {.source = "memory", .record = at_}; }

  std::uint64_t reads = 0;

 private:
  const std::vector<Content> contents_;
  std::size_t at_ = 0;
};

// A list whose TPM quotes after records 3, 5 and 8.
class JudgeQuotes : public testing::Test {
 protected:
  JudgeQuotes() {
    for (std::size_t i = 0; i < contents_.size(); ++i) {
      tpm_.measure(contents_[i]);
      if (i == 2 || i == 4 || i == 7) header_.quotes.push_back(tpm_.quote(i + 1, {0, 1, 10}));
    }
    header_.count = contents_.size();
  }
  JudgedQuotes judge(const std::vector<attest::VerificationKey>& keys = {}) {
    MemoryLog log(contents_);
    JudgedQuotes all = must(judge_quotes(log, header_, keys));
    EXPECT_LE(log.reads, contents_.size()) << "the records are read once";
    return all;
  }
  static std::vector<std::uint64_t> good(const JudgedQuotes& all) {
    std::vector<std::uint64_t> numbers;
    for (const JudgedQuote& judged : all.quotes) {
      if (judged.good()) numbers.push_back(judged.number);
    }
    return numbers;
  }
  static std::vector<attest::VerificationKey> key_of(const MemoryTpm& tpm) {
    return must(attest::VerificationKey::parse(tpm.public_area()));
  }

  std::vector<Content> contents_ = test::records(10);
  MemoryTpm tpm_;
  evidence::BundleHeader header_{.host = "web-1"};
};

TEST_F(JudgeQuotes, FindsWhereEachOneMatches) {
  const JudgedQuotes all = judge();
  EXPECT_THAT(good(all), ElementsAre(1, 2, 3));
  EXPECT_EQ(all.quotes[0].matched_at, 3u);
  EXPECT_EQ(all.quotes[1].matched_at, 5u);
  EXPECT_EQ(all.quotes[2].matched_at, 8u);
  EXPECT_THAT(all.last, Optional(2u));
  EXPECT_EQ(all.quotes[2].key, "ECDSA P-256");
}

TEST_F(JudgeQuotes, HasNoneInABundleWithoutQuotes) {
  header_.quotes.clear();
  EXPECT_TRUE(judge().quotes.empty());
  EXPECT_FALSE(judge().last);
}

TEST_F(JudgeQuotes, GoesByTheTpmsClockAndNotByTheOrderOfTheBundle) {
  std::swap(header_.quotes[0], header_.quotes[2]);
  const JudgedQuotes all = judge();
  EXPECT_THAT(good(all), ElementsAre(1, 2, 3));
  EXPECT_THAT(all.last, Optional(0u));
}

TEST_F(JudgeQuotes, ChecksSignaturesByTheKeysThatTheCallerNames) {
  EXPECT_THAT(good(judge(key_of(tpm_))), ElementsAre(1, 2, 3));
  const JudgedQuotes all = judge(key_of(MemoryTpm()));
  EXPECT_TRUE(good(all).empty());
  EXPECT_FALSE(all.last);
  EXPECT_THAT(all.quotes[1].problem->message, HasSubstr("quote 2: the signature is not by this key"));
  EXPECT_TRUE(all.quotes[1].key.empty());
}

TEST_F(JudgeQuotes, NamesTheQuoteThatWasAltered) {
  header_.quotes[1].statement.back() ^= std::byte{1};
  header_.quotes[2].signature.pop_back();
  const JudgedQuotes all = judge();
  EXPECT_THAT(good(all), ElementsAre(1));
  EXPECT_THAT(all.quotes[1].problem->message, HasSubstr("quote 2: "));
  EXPECT_THAT(all.quotes[2].problem->message, HasSubstr("quote 3: "));
  EXPECT_THAT(all.last, Optional(0u));
}

TEST_F(JudgeQuotes, TakesNoKeyOfTheBundleThatCouldSignAnything) {
  header_.quotes[0].ak_public[5] &= std::byte{0xfe};  // no longer restricted: bit 16 of the attributes
  header_.quotes[1].ak_public = imalog::test::bytes_of(std::string_view("-----BEGIN PUBLIC KEY-----"));
  EXPECT_THAT(good(judge()), ElementsAre(3));
}

TEST_F(JudgeQuotes, FindsThatRecordsWereAlteredAfterAQuote) {
  contents_[6].body.back() ^= std::byte{1};
  JudgedQuotes all = judge();
  EXPECT_THAT(good(all), ElementsAre(1, 2));
  EXPECT_THAT(all.last, Optional(1u));
  EXPECT_THAT(all.quotes[2].problem->message, HasSubstr("quote 3: the records do not match it"));
  EXPECT_FALSE(all.quotes[2].key.empty()) << "it is signed";
  contents_[0].body.back() ^= std::byte{1};
  EXPECT_TRUE(good(judge()).empty());
}

TEST_F(JudgeQuotes, AQuoteOfOtherRecordsIsRefusedAndTheLaterOnesAreNot) {
  header_.quotes[1] = tpm_.quote(5);
  header_.quotes.push_back(tpm_.quote(10));
  const JudgedQuotes all = judge();
  EXPECT_THAT(all.quotes[1].problem->message, HasSubstr("quote 2: the records do not match it"))
      << "it matches after 10 records, and is said to cover 5";
  EXPECT_THAT(good(all), ElementsAre(1, 3, 4));
}

TEST_F(JudgeQuotes, AQuoteThatDoesNotMatchTakesNoRecordFromTheNext) {
  MemoryTpm other = tpm_;
  other.state = digest::PcrState({MemoryTpm::kBank});
  other.clock_ms = 1001;  // as the second quote's, which comes after it in the bundle
  header_.quotes.insert(header_.quotes.begin() + 1, other.quote(5));
  const JudgedQuotes all = judge();
  EXPECT_THAT(good(all), ElementsAre(1, 3, 4));
}

TEST_F(JudgeQuotes, MayMatchBeforeTheNumberThatItIsSaidToCover) {
  header_.quotes[1].records = 7;
  EXPECT_THAT(good(judge()), ElementsAre(1, 2, 3));
}

// The verifier asks for a quote of the new PCR then; the first quote proves nothing from that record on.
TEST_F(JudgeQuotes, MayMatchLaterIfARecordNamesAPcrThatIsNotQuoted) {
  contents_ = test::records(6);
  contents_[2].pcr = 14;
  MemoryTpm tpm;
  for (const Content& content : contents_) tpm.measure(content);
  header_.quotes = {tpm.quote(2, {0, 10}), tpm.quote(6, {0, 10, 14})};
  const JudgedQuotes all = judge();
  EXPECT_THAT(good(all), ElementsAre(1, 2));
  EXPECT_EQ(all.quotes[0].matched_at, 6u);
  EXPECT_EQ(all.quotes[1].matched_at, 6u);
}

TEST_F(JudgeQuotes, OfAnotherBootWhoseListBeginsAlikeAreNoEvidence) {
  MemoryTpm& same_key = tpm_;
  same_key.state = digest::PcrState({MemoryTpm::kBank});
  same_key.resets = 3;
  for (std::size_t i = 0; i < 3; ++i) same_key.measure(contents_[i]);
  same_key.clock_ms = 1;
  header_.quotes.push_back(same_key.quote(3));
  const JudgedQuotes all = judge();
  EXPECT_THAT(good(all), ElementsAre(1, 2, 3));
  EXPECT_THAT(all.quotes[3].problem->message, HasSubstr("quote 4 is of another boot than quote 3"));
}

}  // namespace judge_quotes_test
}  // namespace imakeep::bundle
