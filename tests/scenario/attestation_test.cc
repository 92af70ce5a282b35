// SPDX-License-Identifier: Apache-2.0
// A host attests to a verifier: the real attester with a real swtpm, over HTTPS, to the real judge of src/verifier.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attester/session.h"
#include "imalog/test_support.h"
#include "support/small_verifier.h"
#include "support/swtpm.h"
#include "support/test_clock.h"
#include "tpm/esys/esys_attestation_tpm.h"

namespace imakeep::test {
namespace {

using attester::Records;
using imalog::test::Content;
using imalog::test::must;
using testing::ElementsAre;

// ---- the host -------------------------------------------------------------------------------------------------------

class MemoryLog : public attest::LogSource {
 public:
  explicit MemoryLog(std::vector<Content> contents) : contents_(std::move(contents)) {}
  Result<std::optional<attest::LoggedRecord>> next() override {
    if (at_ == contents_.size()) return std::nullopt;
    return attest::LoggedRecord{
        .content = contents_[at_++].view(), .bank = digest::bank_of(digest::Algorithm::kSha256), .shown = {}};
  }
  Result<void> rewind() override {
    at_ = 0;
    return {};
  }
  attest::Place place() const override { return {.source = "memory", .record = at_}; }

 private:
  const std::vector<Content> contents_;
  std::size_t at_ = 0;
};

class AttestedHost : public testing::Test {
 protected:
  void SetUp() override {
    if (!Swtpm::installed()) GTEST_SKIP() << Swtpm::kNotInstalled;
    swtpm_ = must(Swtpm::start());
    tpm_ = must(tpm::EsysAttestationTpm::open(swtpm_->tcti()));
    key_ = must(tpm_->make_key());
    verifier_.enrol(key_);
    client_ = http::test::client_of(*verifier_.server);
  }

  // Adds records to the list and extends them, as IMA does.
  void measure(int count, std::uint32_t pcr = 10) {
    for (int i = 0; i < count; ++i) {
      log_.push_back(imalog::test::ima_ng("/bin/" + std::to_string(log_.size()), pcr));
      std::vector<digest::Digest> digests;
      for (const digest::Bank& bank : tpm_->pcrs().banks()) {
        digests.push_back(imalog::extended_digest(bank, log_.back().view()));
      }
      must(tpm_->pcrs().extend(pcr, digests));
    }
  }
  void reboot() {
    tpm_.reset();
    must(swtpm_->restart());
    tpm_ = must(tpm::EsysAttestationTpm::open(swtpm_->tcti()));
    log_.clear();
  }
  Result<Records> open(std::uint64_t first) const {
    if (first > log_.size()) return fail(ErrorCode::kMismatch, "the list ends before");
    std::uint32_t named = 0;
    for (const Content& content : log_) named |= 1u << content.pcr;
    return Records{.log = std::make_unique<MemoryLog>(
                       std::vector<Content>(log_.begin() + static_cast<std::ptrdiff_t>(first), log_.end())),
                   .first = first,
                   .end = log_.size(),
                   .named_pcrs = named,
                   .order = ByteOrder::kLittle,
                   .source = "memory"};
  }
  Result<attester::Attestation> attest() {
    attester::Session session(*client_, *tpm_, clock_, {.host = kHost.host, .key = key_});
    return session.attest_once(
        [this](std::uint64_t first) { return open(first); },
        [this](std::optional<std::uint64_t>, std::uint64_t n, const evidence::EvidenceHeader&) -> Result<void> {
          proven_.push_back(n);
          return {};
        });
  }
  attester::Attested attested() {
    auto outcome = must(attest());
    if (const auto* const refused = std::get_if<attester::Refused>(&outcome)) {
      ADD_FAILURE() << refused->problem.reason << ": " << refused->problem.detail;
      return {};
    }
    return std::get<attester::Attested>(std::move(outcome));
  }
  std::string refused_reason() {
    auto outcome = must(attest());
    const auto* const refused = std::get_if<attester::Refused>(&outcome);
    return refused == nullptr ? "accepted" : refused->problem.reason;
  }

  std::unique_ptr<Swtpm> swtpm_;
  std::unique_ptr<tpm::EsysAttestationTpm> tpm_;
  tpm::SavedKey key_;
  SmallVerifier verifier_;
  std::unique_ptr<http::Client> client_;
  TestClock clock_;
  std::vector<Content> log_;
  std::vector<std::uint64_t> proven_;
};

TEST_F(AttestedHost, ProvesItsListIncrementByIncrement) {
  measure(12);
  const attester::Attested first = attested();
  EXPECT_EQ(first.n, 12u);
  EXPECT_EQ(first.sent, 12u);
  EXPECT_EQ(first.chain, 1u);
  measure(3);
  const attester::Attested second = attested();
  EXPECT_EQ(second.n, 15u);
  EXPECT_EQ(second.first, 12u);
  EXPECT_EQ(second.sent, 3u);
  const attester::Attested nothing_new = attested();
  EXPECT_EQ(nothing_new.n, 15u);
  EXPECT_EQ(nothing_new.sent, 0u);
  EXPECT_THAT(proven_, ElementsAre(12, 15, 15));
  EXPECT_EQ(verifier_.row().proven, 15u);
  EXPECT_EQ(verifier_.row().epoch, 3u);
}

TEST_F(AttestedHost, BeginsANewChainAfterATpmReset) {
  measure(6);
  EXPECT_EQ(attested().n, 6u);
  reboot();
  measure(4);
  const attester::Attested after = attested();
  EXPECT_EQ(after.chain, 2u);
  EXPECT_EQ(after.first, 0u);
  EXPECT_EQ(after.n, 4u);
  measure(1);
  EXPECT_EQ(attested().n, 5u);
}

TEST_F(AttestedHost, IsRefusedWithAnAlteredRecordAndNothingMoves) {
  measure(5);
  EXPECT_EQ(attested().n, 5u);
  measure(3);
  const vstore::HostRow before = verifier_.row();
  const Content kept = log_[6];
  log_[6] = imalog::test::ima_ng("/bin/innocent");
  EXPECT_EQ(refused_reason(), "log-mismatch");
  EXPECT_EQ(verifier_.row(), before);
  EXPECT_THAT(proven_, ElementsAre(5));
  log_[6] = kept;
  EXPECT_EQ(attested().n, 8u) << "the untouched log is accepted afterwards";
}

TEST_F(AttestedHost, IsRefusedWithALeftOutRecord) {
  measure(5);
  log_.erase(log_.begin() + 2);
  EXPECT_EQ(refused_reason(), "log-mismatch");
  EXPECT_EQ(verifier_.row().proven, 0u);
}

TEST_F(AttestedHost, LeavesRecordsAfterTheQuoteForTheNextTime) {
  measure(5);
  log_.push_back(imalog::test::ima_ng("/bin/in/flight"));
  EXPECT_EQ(attested().n, 5u);
}

TEST_F(AttestedHost, ProvesRecordsOfAPcrThatNobodyAskedForByASecondQuote) {
  measure(2);
  measure(1, 12);
  measure(2);
  const attester::Attested done = attested();
  EXPECT_EQ(done.n, 5u);
  EXPECT_THAT(proven_, ElementsAre(2, 5));
}

TEST_F(AttestedHost, SendsFirmwarePcrsThatAreNotZero) {
  std::vector<digest::Digest> digests;
  for (const digest::Bank& bank : tpm_->pcrs().banks()) {
    digests.push_back(digest::Digest::filled(bank.digest_bytes(), std::byte{0x42}));
  }
  for (const std::uint32_t pcr : {0u, 4u, 7u}) must(tpm_->pcrs().extend(pcr, digests));
  measure(3);
  EXPECT_EQ(attested().n, 3u);
  must(tpm_->pcrs().extend(9, digests));
  measure(1);
  EXPECT_EQ(attested().n, 4u);
}

// ---- in parts -------------------------------------------------------------------------------------------------------

TEST_F(AttestedHost, SendsALongListInParts) {
  verifier_.settings.most_records = 3;
  measure(10);
  const attester::Attested first = attested();
  EXPECT_EQ(first.n, 10u);
  EXPECT_EQ(first.sent, 10u);
  EXPECT_EQ(verifier_.requests, 4);
  EXPECT_EQ(verifier_.row().epoch, 1u);
  EXPECT_FALSE(verifier_.row().provisional);
  measure(2);
  EXPECT_EQ(attested().n, 12u);
  EXPECT_EQ(verifier_.requests, 5);
}

TEST_F(AttestedHost, SendsLongRecordsInParts) {
  verifier_.settings.most_bytes = 500;
  measure(20);
  EXPECT_EQ(attested().n, 20u);
  EXPECT_GT(verifier_.requests, 2);
}

TEST_F(AttestedHost, IsRefusedWithARecordThatWasAlteredInAnEarlierPart) {
  verifier_.settings.most_records = 3;
  measure(10);
  const Content kept = log_[1];
  log_[1] = imalog::test::ima_ng("/bin/innocent");
  EXPECT_EQ(refused_reason(), "log-mismatch");
  EXPECT_EQ(verifier_.row().proven, 0u);
  EXPECT_EQ(verifier_.row().epoch, 0u);
  EXPECT_THAT(proven_, ElementsAre());
  log_[1] = kept;
  EXPECT_EQ(attested().n, 10u);
}

TEST_F(AttestedHost, ProvesRecordsOfAnotherPcrThatComesInALaterPart) {
  verifier_.settings.most_records = 3;
  measure(7);
  measure(1, 12);
  measure(2);
  EXPECT_EQ(attested().n, 10u);
  EXPECT_THAT(proven_, ElementsAre(7, 10));
}

TEST_F(AttestedHost, SendsItsPartsThoughAnswersAreLost) {
  verifier_.settings.most_records = 4;
  std::mt19937 random(7);
  verifier_.fate = [&random] { return "---ab"[random() % 5]; };
  int whole = 0;
  for (int round = 0; round < 25; ++round) {
    measure(static_cast<int>(random() % 20));
    const auto outcome = must(attest());
    // An increment that is not in parts is not sent again before the next attestation.
    if (std::holds_alternative<attester::Later>(outcome)) continue;
    ASSERT_TRUE(std::holds_alternative<attester::Attested>(outcome));
    EXPECT_EQ(std::get<attester::Attested>(outcome).n, log_.size());
    EXPECT_EQ(verifier_.row().proven, log_.size());
    ++whole;
  }
  EXPECT_GT(whole, 10);
}

}  // namespace
}  // namespace imakeep::test
