// SPDX-License-Identifier: Apache-2.0
// A verifier whose answers are written down, on a real server; and a TPM in memory.
#include "attester/session.h"

#include <deque>
#include <mutex>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.h"
#include "ear/claims.h"
#include "evidence/evidence_reader.h"
#include "http/test_support.h"
#include "imalog/test_support.h"
#include "support/test_clock.h"

namespace imakeep::attester {
namespace session_test {

using imalog::test::Content;
using imalog::test::must;
using testing::ElementsAre;
using testing::HasSubstr;

const digest::Bank kSha256 = digest::bank_of(digest::Algorithm::kSha256);
const Bytes kTestNonce(32, std::byte{0x5a});
const Bytes kTestToken(28, std::byte{0x11});

// ---- a TPM ----------------------------------------------------------------------------------------------------------

class FakePcrs : public tpm::PcrBanks {
 public:
  const std::vector<digest::Bank>& banks() const override { return banks_; }
  Result<void> extend(std::uint32_t pcr, std::span<const digest::Digest> digests) override {
    state.extend(0, pcr, digests[0]);
    return {};
  }
  Result<std::vector<digest::Digest>> read(std::uint32_t pcr) override { return std::vector{state.value(0, pcr)}; }

  digest::PcrState state{{kSha256}};

 private:
  const std::vector<digest::Bank> banks_{kSha256};
};

class FakeTpm : public tpm::AttestationTpm {
 public:
  tpm::PcrBanks& pcrs() override { return fake; }
  Result<tpm::SavedKey> make_key() override { return tpm::SavedKey{.public_area = Bytes(9, std::byte{7})}; }
  Result<tpm::EndorsementKey> endorsement_key() override {
    return tpm::EndorsementKey{.public_area = Bytes(20, std::byte{1}), .certificate = Bytes(30, std::byte{2})};
  }
  Result<Bytes> activate(const tpm::SavedKey&, tpm::EkKind, const tpm::Credential& credential) override {
    return credential.id_object;
  }
  Result<tpm::SignedQuote> quote(const tpm::SavedKey& key, ByteView nonce,
                                 const std::vector<tpm::PcrSelection>& selections) override {
    if (!key.private_area.empty()) return fail(ErrorCode::kMismatch, "of another TPM");
    ++quotes;
    Bytes values;
    Bytes select(3);
    for (const std::uint32_t pcr : selections[0].pcrs) {
      append_bytes(values, fake.state.value(0, pcr).view());
      select[pcr / 8] |= std::byte{1} << (pcr % 8);
    }
    if (after_quote) after_quote();
    Bytes made;
    append_int<std::uint32_t>(made, 0xff544347, ByteOrder::kBig);
    append_int<std::uint16_t>(made, 0x8018, ByteOrder::kBig);
    sized(made, Bytes(34));
    sized(made, nonce);
    append_int<std::uint64_t>(made, 1000, ByteOrder::kBig);
    append_int<std::uint32_t>(made, resets, ByteOrder::kBig);
    append_int<std::uint32_t>(made, 0, ByteOrder::kBig);
    append_int<std::uint8_t>(made, 1);
    append_int<std::uint64_t>(made, 1, ByteOrder::kBig);
    append_int<std::uint32_t>(made, 1, ByteOrder::kBig);
    append_int<std::uint16_t>(made, 0x000b, ByteOrder::kBig);
    append_int<std::uint8_t>(made, 3);
    append_bytes(made, select);
    sized(made, digest::hash(digest::Algorithm::kSha256, values).view());
    return tpm::SignedQuote{.quote = made, .signature = Bytes(70, std::byte{3})};
  }

  FakePcrs fake;
  std::uint32_t resets = 4;
  int quotes = 0;
  std::function<void()> after_quote;

 private:
  static void sized(Bytes& out, ByteView bytes) {
    append_int(out, static_cast<std::uint16_t>(bytes.size()), ByteOrder::kBig);
    append_bytes(out, bytes);
  }
};

// ---- a verifier -----------------------------------------------------------------------------------------------------

struct Received {
  std::string path;
  Bytes body;

  evidence::EvidenceHeader header = {};   // of evidence
  std::vector<std::string> records = {};  // bodies
};

class ScriptedVerifier {
 public:
  // The answers of a path, in order; the last one is given again.
  void answer(const std::string& path, http::Response response) { answers_[path].push_back(std::move(response)); }

  http::Begun begin(const http::Head& head) {
    return {.request = http::answered(1u << 20, [this, path = head.path](const Bytes& body) {
              const std::lock_guard lock(mutex_);
              Received got{.path = path, .body = body};
              if (path == "/v1/evidence") read(got);
              received_.push_back(std::move(got));
              auto& answers = answers_[path];
              if (answers.empty()) return http::Response{.status = 404};
              http::Response response = answers.front();
              if (answers.size() > 1) answers.pop_front();
              return response;
            })};
  }
  std::vector<Received> of(const std::string& path) {
    const std::lock_guard lock(mutex_);
    std::vector<Received> some;
    for (const Received& one : received_) {
      if (one.path == path) some.push_back(one);
    }
    return some;
  }

 private:
  static void read(Received& got) {
    evidence::EvidenceReader reader(
        {},
        [&got](const evidence::EvidenceHeader& header) -> Result<void> { return got.header = header, Result<void>(); },
        [&got](const imalog::RecordContentView& record) -> Result<void> {
          got.records.emplace_back(as_text(record.body));
          return {};
        });
    EXPECT_TRUE(reader.feed(got.body));
    EXPECT_TRUE(reader.finish());
  }

  std::mutex mutex_;
  std::map<std::string, std::deque<http::Response>> answers_;
  std::vector<Received> received_;
};

std::string token_of(const std::string& host) {
  ear::Appraisal appraisal{.name = host};
  appraisal.vector.set(ear::Claim::kInstanceIdentity, ear::kAffirmed);
  appraisal.vector.set(ear::Claim::kExecutables, ear::kUnsafe);
  const ear::Ear made{.issued_at_s = 1'790'000'000,
                      .verifier = {.developer = "imakeep", .build = "test"},
                      .appraisals = {std::move(appraisal)}};
  return "e30." + to_base64url(as_bytes(must(ear::make_claims(made, ear::Profile::kVeraison)))) + ".c2ln";
}

http::Response json(std::string body, int status = 200) {
  return {.status = status, .content_type = "application/json", .body = std::move(body)};
}
http::Response challenge_from(std::uint64_t first, std::optional<std::uint64_t> resets = 4,
                              std::uint64_t most_records = 1000) {
  return json(must(evidence::make_challenge(
      {.nonce = kTestNonce,
       .token = kTestToken,
       .chain = 3,
       .first = first,
       .reset_count = resets,
       .pcrs = {{.bank = digest::Algorithm::kSha256, .pcrs = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}}},
       .most_records = most_records,
       .most_bytes = 1u << 20,
       .interval_s = 60})));
}
http::Response verdict_of(std::uint64_t n, bool again = false) {
  return json(
      evidence::make_verdict({.chain = 3, .n = n, .again = again, .interval_s = 55, .result = token_of("web-1")}));
}
http::Response problem(const std::string& reason, int status, std::optional<std::uint64_t> first = std::nullopt) {
  return {.status = status,
          .content_type = std::string(evidence::kProblemMediaType),
          .body = evidence::make_problem({.status = status, .reason = reason, .detail = "so it is", .first = first})};
}

// ---- a host ---------------------------------------------------------------------------------------------------------

class MemoryLog : public attest::LogSource {
 public:
  explicit MemoryLog(std::vector<Content> contents) : contents_(std::move(contents)) {}
  Result<std::optional<attest::LoggedRecord>> next() override {
    if (at_ == contents_.size()) return std::nullopt;
    return attest::LoggedRecord{.content = contents_[at_++].view(), .bank = kSha256, .shown = {}};
  }
  Result<void> rewind() override { return at_ = 0, Result<void>(); }
  attest::Place place() const override { return {.source = "memory", .record = at_}; }

 private:
  const std::vector<Content> contents_;
  std::size_t at_ = 0;
};

class Attesting : public testing::Test {
 protected:
  Attesting() {
    for (int i = 0; i < 5; ++i) log_.push_back(imalog::test::ima_ng("/bin/" + std::to_string(i)));
  }
  Result<Records> open(std::uint64_t first) {
    ++opened_;
    if (first > log_.size()) return fail(ErrorCode::kMismatch, "too short");
    return Records{.log = std::make_unique<MemoryLog>(
                       std::vector<Content>(log_.begin() + static_cast<std::ptrdiff_t>(first), log_.end())),
                   .first = first,
                   .end = log_.size(),
                   .named_pcrs = named_pcrs_,
                   .chain = chain_,
                   .source = "memory"};
  }
  Session session(tpm::SavedKey key = {.public_area = Bytes(9, std::byte{7})}) {
    return {*client_, tpm_, clock_, {.tenant = "blue", .host = "web-1", .key = std::move(key)}};
  }
  Result<Attestation> attest() {
    return session().attest_once([this](std::uint64_t first) { return open(first); },
                                 [this](std::optional<std::uint64_t> chain, std::uint64_t n,
                                        const evidence::EvidenceHeader& sent) -> Result<void> {
                                   proven_.emplace_back(chain.value_or(0), n);
                                   proven_by_.push_back(sent);
                                   return {};
                                 });
  }
  Attested attested() {
    const auto outcome = attest();
    EXPECT_TRUE(outcome) << describe(outcome.error());
    if (!outcome) return {};
    const auto* const refused = std::get_if<Refused>(&*outcome);
    EXPECT_EQ(refused, nullptr) << refused->problem.reason;
    const auto* const done = std::get_if<Attested>(&*outcome);
    return done == nullptr ? Attested{} : *done;
  }
  std::string refused_reason() {
    const auto outcome = attest();
    EXPECT_TRUE(outcome) << describe(outcome.error());
    if (!outcome || !std::holds_alternative<Refused>(*outcome)) return "not refused";
    return std::get<Refused>(*outcome).problem.reason;
  }
  std::vector<std::uint64_t> firsts() {
    std::vector<std::uint64_t> firsts;
    for (const Received& sent : verifier_.of("/v1/evidence")) firsts.push_back(sent.header.first);
    return firsts;
  }

  std::vector<Content> log_;
  std::uint32_t named_pcrs_ = 1u << 10;
  std::uint64_t chain_ = 7;
  int opened_ = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> proven_;
  std::vector<evidence::EvidenceHeader> proven_by_;
  FakeTpm tpm_;
  test::TestClock clock_;
  ScriptedVerifier verifier_;
  const std::unique_ptr<http::Server> server_ =
      http::test::start([this](const http::Head& head) { return verifier_.begin(head); }, {.requests_of_peer = 0});
  const std::unique_ptr<http::Client> client_ = http::test::client_of(*server_);
};

TEST_F(Attesting, SendsTheWantedRecordsWithTheQuoteAndGivesNToTheKeeper) {
  verifier_.answer("/v1/challenge", challenge_from(2));
  verifier_.answer("/v1/evidence", verdict_of(5));
  const Attested done = attested();
  EXPECT_EQ(done.n, 5u);
  EXPECT_EQ(done.first, 2u);
  EXPECT_EQ(done.sent, 3u);
  EXPECT_EQ(done.interval_s, 55u);
  EXPECT_EQ(done.status, ear::Tier::kWarning);
  EXPECT_THAT(proven_, ElementsAre(std::pair(7u, 5u)));
  ASSERT_EQ(proven_by_.size(), 1u);
  EXPECT_EQ(proven_by_[0], verifier_.of("/v1/evidence").at(0).header) << "the quote that was sent, with its PCR values";
  const auto asked = verifier_.of("/v1/challenge");
  ASSERT_EQ(asked.size(), 1u);
  const auto request = must(evidence::read_challenge_request(as_text(asked[0].body)));
  EXPECT_EQ(request.tenant, "blue");
  EXPECT_EQ(request.host, "web-1");
  EXPECT_THAT(request.banks, ElementsAre(digest::Algorithm::kSha256));
  const auto sent = verifier_.of("/v1/evidence");
  ASSERT_EQ(sent.size(), 1u);
  const evidence::EvidenceHeader& header = sent[0].header;
  EXPECT_EQ(header.tenant, "blue");
  EXPECT_EQ(header.host, "web-1");
  EXPECT_EQ(header.token, kTestToken);
  EXPECT_EQ(header.first, 2u);
  EXPECT_EQ(header.encoding, evidence::Encoding::kZstd);
  EXPECT_EQ(must(tpm::parse_quote(header.quote)).extra_data, kTestNonce);
  ASSERT_EQ(sent[0].records.size(), 3u);
  EXPECT_EQ(sent[0].records[0], as_text(log_[2].body));
  std::vector<std::uint32_t> given;
  for (const imalog::PcrValue& value : header.pcrs) given.push_back(value.pcr);
  EXPECT_THAT(given, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)) << "no value of a PCR that a record names";
}

TEST_F(Attesting, GivesNoValueOfAPcrThatARecordOfTheChainNames) {
  named_pcrs_ |= 1u << 3;
  verifier_.answer("/v1/challenge", challenge_from(2));
  verifier_.answer("/v1/evidence", verdict_of(5));
  attested();
  const auto sent = verifier_.of("/v1/evidence");
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].header.pcrs.size(), 9u);
}

TEST_F(Attesting, BeginsAtRecordZeroAfterATpmReset) {
  verifier_.answer("/v1/challenge", challenge_from(2, 3));
  verifier_.answer("/v1/evidence", verdict_of(5));
  EXPECT_EQ(attested().first, 0u);
}

TEST_F(Attesting, BeginsAgainWhereTheVerifierWantsTheRecords) {
  verifier_.answer("/v1/challenge", challenge_from(2));
  verifier_.answer("/v1/evidence", problem("first", 409, 1));
  verifier_.answer("/v1/evidence", verdict_of(5));
  EXPECT_EQ(attested().first, 1u);
  EXPECT_EQ(tpm_.quotes, 1) << "the quote is sent again";
  EXPECT_THAT(firsts(), ElementsAre(2, 1));
}

TEST_F(Attesting, GivesUpIfTheVerifierChangesItsMindTwice) {
  verifier_.answer("/v1/challenge", challenge_from(2));
  verifier_.answer("/v1/evidence", problem("new-boot", 409, 0));
  verifier_.answer("/v1/evidence", problem("first", 409, 4));
  EXPECT_EQ(refused_reason(), "first");
  EXPECT_THAT(firsts(), ElementsAre(2, 0));
}

TEST_F(Attesting, AsksForANewChallengeIfTheOldOneWasOvertaken) {
  verifier_.answer("/v1/challenge", challenge_from(2));
  for (const char* const reason : {"nonce-expired", "stale", "older-policy"}) {
    verifier_.answer("/v1/evidence", problem(reason, 409));
  }
  verifier_.answer("/v1/evidence", verdict_of(5));
  EXPECT_EQ(attested().n, 5u);
  EXPECT_EQ(verifier_.of("/v1/challenge").size(), 4u);
  EXPECT_EQ(tpm_.quotes, 4);
}

TEST_F(Attesting, AsksForANewChallengeThreeTimesAtMost) {
  verifier_.answer("/v1/challenge", challenge_from(2));
  verifier_.answer("/v1/evidence", problem("stale", 409));
  EXPECT_EQ(refused_reason(), "stale");
  EXPECT_EQ(verifier_.of("/v1/challenge").size(), 4u);
  EXPECT_TRUE(proven_.empty());
}

TEST_F(Attesting, SendsTheSameQuoteAgainOnceTheArchiveHasGrown) {
  verifier_.answer("/v1/challenge", challenge_from(2));
  verifier_.answer("/v1/evidence", problem("log-mismatch", 422));
  verifier_.answer("/v1/evidence", verdict_of(6));
  clock_.on_sleep = [this](std::int64_t) { log_.push_back(imalog::test::ima_ng("/bin/late")); };
  EXPECT_EQ(attested().sent, 4u);
  EXPECT_EQ(tpm_.quotes, 1);
}

TEST_F(Attesting, IsRefusedIfTheRecordsDoNotMatchAndTheArchiveStays) {
  verifier_.answer("/v1/challenge", challenge_from(2));
  verifier_.answer("/v1/evidence", problem("log-mismatch", 422));
  const auto outcome = attest();
  ASSERT_TRUE(outcome && std::holds_alternative<Refused>(*outcome));
  EXPECT_EQ(std::get<Refused>(*outcome).problem.reason, "log-mismatch");
  EXPECT_THAT(std::get<Refused>(*outcome).problem.detail, HasSubstr("check with `imakeep status`"));
  EXPECT_EQ(verifier_.of("/v1/evidence").size(), 1u);
}

TEST_F(Attesting, SaysWhenToComeBackIfTheVerifierIsBusy) {
  http::Response busy = problem("overloaded", 503);
  busy.headers.emplace_back("Retry-After", "17");
  verifier_.answer("/v1/challenge", busy);
  const auto outcome = attest();
  ASSERT_TRUE(outcome && std::holds_alternative<Later>(*outcome));
  EXPECT_EQ(std::get<Later>(*outcome).after.count(), 17);
  EXPECT_EQ(std::get<Later>(*outcome).why, "so it is");
}

TEST_F(Attesting, ReportsTheReasonOfARefusal) {
  verifier_.answer("/v1/challenge", problem("unknown-host", 404));
  EXPECT_EQ(refused_reason(), "unknown-host");
}

TEST_F(Attesting, DoesNotBelieveMoreRecordsThanItHas) {
  verifier_.answer("/v1/challenge", challenge_from(2));
  verifier_.answer("/v1/evidence", verdict_of(6));
  const auto outcome = attest();
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("6 records are proven"));
  EXPECT_TRUE(proven_.empty());
}

TEST_F(Attesting, AttestsAgainAtOnceIfAPcrWasNotQuoted) {
  verifier_.answer("/v1/challenge", challenge_from(0));
  verifier_.answer("/v1/challenge", challenge_from(2));
  verifier_.answer("/v1/evidence", verdict_of(2, true));
  verifier_.answer("/v1/evidence", verdict_of(5));
  const Attested done = attested();
  EXPECT_EQ(done.n, 5u);
  EXPECT_EQ(done.first, 0u);
  EXPECT_EQ(done.sent, 8u);
  EXPECT_THAT(proven_, ElementsAre(std::pair(7u, 2u), std::pair(7u, 5u)));
}

// ---- in parts

http::Response receipt_of(std::uint64_t first) {
  return json(evidence::make_part_receipt({.chain = 3, .first = first}), evidence::kPartTakenStatus);
}
http::Response later_of(const std::string& seconds) {
  http::Response response = problem("overloaded", 503);
  response.headers.emplace_back("Retry-After", seconds);
  return response;
}

TEST_F(Attesting, SendsMoreRecordsThanTheVerifierTakesInPartsWithOneQuote) {
  verifier_.answer("/v1/challenge", challenge_from(0, 4, 2));
  for (const std::uint64_t first : {2u, 4u}) verifier_.answer("/v1/evidence", receipt_of(first));
  verifier_.answer("/v1/evidence", verdict_of(5));
  const Attested done = attested();
  EXPECT_EQ(done.n, 5u);
  EXPECT_EQ(done.first, 0u);
  EXPECT_EQ(done.sent, 5u);
  EXPECT_EQ(tpm_.quotes, 1);
  EXPECT_THAT(proven_, ElementsAre(std::pair(7u, 5u)));
  const auto sent = verifier_.of("/v1/evidence");
  ASSERT_EQ(sent.size(), 3u);
  std::vector<std::string> records;
  for (std::size_t part = 0; part < 3; ++part) {
    const evidence::EvidenceHeader& header = sent[part].header;
    EXPECT_EQ(header.first, 2 * part);
    EXPECT_EQ(header.count, part < 2 ? 2u : 1u);
    EXPECT_EQ(header.more, part < 2);
    EXPECT_EQ(header.quote, sent[0].header.quote);
    EXPECT_EQ(header.signature, sent[0].header.signature);
    EXPECT_EQ(header.token, sent[0].header.token);
    EXPECT_EQ(header.pcrs, sent[0].header.pcrs);
    std::ranges::copy(sent[part].records, std::back_inserter(records));
  }
  ASSERT_EQ(records.size(), 5u);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(records[i], as_text(log_[i].body));
}

TEST_F(Attesting, SendsAPartAgainThatTheVerifierCannotTakeNow) {
  verifier_.answer("/v1/challenge", challenge_from(0, 4, 2));
  verifier_.answer("/v1/evidence", receipt_of(2));
  verifier_.answer("/v1/evidence", later_of("7"));
  verifier_.answer("/v1/evidence", receipt_of(4));
  verifier_.answer("/v1/evidence", verdict_of(5));
  std::vector<std::int64_t> pauses_ms;
  clock_.on_sleep = [&pauses_ms](std::int64_t ms) { pauses_ms.push_back(ms); };
  EXPECT_EQ(attested().sent, 5u);
  EXPECT_THAT(firsts(), ElementsAre(0, 2, 2, 4));
  EXPECT_THAT(pauses_ms, ElementsAre(7000));
}

TEST_F(Attesting, GivesUpPartsThatTheVerifierNeverTakes) {
  verifier_.answer("/v1/challenge", challenge_from(0, 4, 2));
  verifier_.answer("/v1/evidence", receipt_of(2));
  verifier_.answer("/v1/evidence", later_of("7"));
  const auto outcome = attest();
  ASSERT_TRUE(outcome && std::holds_alternative<Later>(*outcome));
  EXPECT_THAT(firsts(), ElementsAre(0, 2, 2, 2, 2, 2, 2));
}

TEST_F(Attesting, WaitsNoLongerThanAnUploadMayPause) {
  verifier_.answer("/v1/challenge", challenge_from(0, 4, 2));
  verifier_.answer("/v1/evidence", later_of("301"));
  const auto outcome = attest();
  ASSERT_TRUE(outcome && std::holds_alternative<Later>(*outcome));
  EXPECT_THAT(firsts(), ElementsAre(0));
}

TEST_F(Attesting, GoesOnWithTheNumberThatTheVerifierWantsBetweenParts) {
  verifier_.answer("/v1/challenge", challenge_from(0, 4, 2));
  verifier_.answer("/v1/evidence", receipt_of(2));
  verifier_.answer("/v1/evidence", problem("first", 409, 0));  // the verifier has forgotten the first part
  verifier_.answer("/v1/evidence", receipt_of(2));
  verifier_.answer("/v1/evidence", problem("first", 409, 4));  // or the second one came, and its answer was lost
  verifier_.answer("/v1/evidence", verdict_of(5));
  const Attested done = attested();
  EXPECT_EQ(done.first, 0u);
  EXPECT_EQ(done.sent, 5u);
  EXPECT_THAT(firsts(), ElementsAre(0, 2, 0, 2, 4));
}

TEST_F(Attesting, GivesUpIfTheVerifierTakesNoPartWhereItWantsIt) {
  verifier_.answer("/v1/challenge", challenge_from(0, 4, 2));
  verifier_.answer("/v1/evidence", receipt_of(2));
  verifier_.answer("/v1/evidence", problem("first", 409, 0));
  EXPECT_EQ(refused_reason(), "first");
  EXPECT_THAT(firsts(), ElementsAre(0, 2, 0));
}

TEST_F(Attesting, AsksForANewChallengeIfThePoliciesChangeBetweenParts) {
  verifier_.answer("/v1/challenge", challenge_from(0, 4, 2));
  verifier_.answer("/v1/evidence", receipt_of(2));
  verifier_.answer("/v1/evidence", problem("older-policy", 409));
  for (const std::uint64_t first : {2u, 4u}) verifier_.answer("/v1/evidence", receipt_of(first));
  verifier_.answer("/v1/evidence", verdict_of(5));
  EXPECT_EQ(attested().n, 5u);
  EXPECT_THAT(firsts(), ElementsAre(0, 2, 0, 2, 4));
  EXPECT_EQ(tpm_.quotes, 2);
}

TEST_F(Attesting, SendsTheLastPartAgainOnceTheArchiveHasGrown) {
  verifier_.answer("/v1/challenge", challenge_from(0, 4, 4));
  verifier_.answer("/v1/evidence", receipt_of(4));
  verifier_.answer("/v1/evidence", problem("log-mismatch", 422));
  verifier_.answer("/v1/evidence", verdict_of(6));
  clock_.on_sleep = [this](std::int64_t) { log_.push_back(imalog::test::ima_ng("/bin/late")); };
  EXPECT_EQ(attested().sent, 6u);
  EXPECT_THAT(firsts(), ElementsAre(0, 4, 4));
}

TEST_F(Attesting, SendsTheSamePcrValuesWithAllPartsThoughTheListGrows) {
  verifier_.answer("/v1/challenge", challenge_from(0, 4, 2));
  verifier_.answer("/v1/evidence", receipt_of(2));
  verifier_.answer("/v1/evidence", later_of("1"));
  verifier_.answer("/v1/evidence", receipt_of(4));
  verifier_.answer("/v1/evidence", verdict_of(5));
  clock_.on_sleep = [this](std::int64_t) { named_pcrs_ |= 1u << 3; };
  attested();
  const auto sent = verifier_.of("/v1/evidence");
  ASSERT_EQ(sent.size(), 4u);
  EXPECT_EQ(sent[3].header.pcrs, sent[0].header.pcrs);
}

TEST_F(Attesting, CutsIncrementsByTheirBytesIfTheVerifierRefusesThem) {
  // Long, and hard to compress in part, so that no limit of the server's is reached.
  std::mt19937 random(1);
  for (Content& content : log_) {
    content.body = Bytes(300'000);
    for (std::size_t i = 0; i < 100'000; ++i) content.body[i] = static_cast<std::byte>(random());
  }
  verifier_.answer("/v1/challenge", challenge_from(0));
  verifier_.answer("/v1/evidence", problem("unsupported", 400));
  verifier_.answer("/v1/evidence", receipt_of(3));
  verifier_.answer("/v1/evidence", verdict_of(5));
  EXPECT_EQ(attested().sent, 5u);
  EXPECT_THAT(firsts(), ElementsAre(0, 0, 3));
}

TEST_F(Attesting, EndsWithAnErrorIfTheReceiptOfAPartIsAnotherOne) {
  verifier_.answer("/v1/challenge", challenge_from(0, 4, 2));
  verifier_.answer("/v1/evidence", receipt_of(3));
  EXPECT_EQ(attest().error().code, ErrorCode::kMalformed);
}

TEST_F(Attesting, EndsWithAnErrorIfAWholeIncrementGetsAReceipt) {
  verifier_.answer("/v1/challenge", challenge_from(2));
  verifier_.answer("/v1/evidence", receipt_of(5));
  EXPECT_EQ(attest().error().code, ErrorCode::kMalformed);
  EXPECT_TRUE(proven_.empty());
}

TEST_F(Attesting, EndsWithAnErrorIfAnotherChainBeginsBetweenParts) {
  verifier_.answer("/v1/challenge", challenge_from(0, 4, 2));
  verifier_.answer("/v1/evidence", receipt_of(2));
  verifier_.answer("/v1/evidence", later_of("1"));
  clock_.on_sleep = [this](std::int64_t) { ++chain_; };
  EXPECT_EQ(attest().error().code, ErrorCode::kMismatch);
}

// The connection is lost before a request, or after it: then its answer does not come.
class UnreliableClient : public http::Client {
 public:
  UnreliableClient(http::Client& client, std::string losses) : client_(client), losses_(std::move(losses)) {}
  Result<http::Answer> send(const std::string& method, const std::string& path, const std::string& type,
                            http::BodySource body) override {
    const char loss = path == "/v1/evidence" && at_ < losses_.size() ? losses_[at_++] : '-';
    if (loss == 'b') return lost();
    auto answer = client_.send(method, path, type, std::move(body));
    return loss == 'a' ? lost() : std::move(answer);
  }

 private:
  static tl::unexpected<Error> lost() { return fail(ErrorCode::kEnvironment, "the connection is lost"); }
  http::Client& client_;
  const std::string losses_;
  std::size_t at_ = 0;
};

TEST_F(Attesting, SendsAPartAgainAfterALostConnection) {
  verifier_.answer("/v1/challenge", challenge_from(0, 4, 2));
  verifier_.answer("/v1/evidence", receipt_of(2));
  verifier_.answer("/v1/evidence", receipt_of(4));             // which is lost
  verifier_.answer("/v1/evidence", problem("first", 409, 4));  // to the second part again
  verifier_.answer("/v1/evidence", verdict_of(5));
  UnreliableClient client(*client_, "b-ab-b-");
  Session unreliable(client, tpm_, clock_, {.tenant = "blue", .host = "web-1", .key = {.public_area = Bytes(9)}});
  const auto outcome = unreliable.attest_once([this](std::uint64_t first) { return open(first); }, {});
  ASSERT_TRUE(outcome) << describe(outcome.error());
  EXPECT_EQ(std::get<Attested>(*outcome).sent, 5u);
  EXPECT_THAT(firsts(), ElementsAre(0, 2, 2, 4));
}

TEST_F(Attesting, GoesOnThoughEveryReceiptIsLost) {
  verifier_.answer("/v1/challenge", challenge_from(0, 4, 1));
  for (const std::uint64_t first : {1u, 2u, 3u, 4u}) verifier_.answer("/v1/evidence", problem("first", 409, first));
  verifier_.answer("/v1/evidence", verdict_of(5));
  EXPECT_EQ(attested().sent, 5u);
  EXPECT_THAT(firsts(), ElementsAre(0, 1, 2, 3, 4));
}

TEST_F(Attesting, GivesUpPartsIfNobodyAnswersAnyMore) {
  verifier_.answer("/v1/challenge", challenge_from(0, 4, 2));
  verifier_.answer("/v1/evidence", receipt_of(2));
  UnreliableClient client(*client_, "-bbbbbbbbbb");
  Session unreliable(client, tpm_, clock_, {.tenant = "blue", .host = "web-1", .key = {.public_area = Bytes(9)}});
  const auto outcome = unreliable.attest_once([this](std::uint64_t first) { return open(first); }, {});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(firsts(), ElementsAre(0));
}

TEST_F(Attesting, QuotesAgainIfAPcrChangedBeforeItWasRead) {
  verifier_.answer("/v1/challenge", challenge_from(2));
  verifier_.answer("/v1/evidence", verdict_of(5));
  tpm_.after_quote = [this] {
    if (tpm_.quotes == 1) tpm_.fake.state.extend(0, 4, digest::Digest::filled(32, std::byte{9}));
  };
  attested();
  EXPECT_EQ(tpm_.quotes, 2);
  tpm_.quotes = 0;
  tpm_.after_quote = [this] { tpm_.fake.state.extend(0, 10, digest::Digest::filled(32, std::byte{9})); };
  attested();
  EXPECT_EQ(tpm_.quotes, 3) << "goes on if IMA never rests";
}

TEST_F(Attesting, EndsWithAnErrorIfNobodyAnswers) {
  server_->stop(std::chrono::milliseconds(1000));
  const auto outcome = attest();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kEnvironment);
}

// ---- enrolment

Bytes credential_file() {
  Bytes file;
  append_int<std::uint32_t>(file, 0xbadcc0de, ByteOrder::kBig);
  append_int<std::uint32_t>(file, 1, ByteOrder::kBig);
  append_int<std::uint16_t>(file, 32, ByteOrder::kBig);
  append_bytes(file, Bytes(32, std::byte{0x77}));
  append_int<std::uint16_t>(file, 2, ByteOrder::kBig);
  append_bytes(file, Bytes(2));
  return file;
}

TEST_F(Attesting, EnrolsByTheSecretOfTheCredential) {
  verifier_.answer(
      "/v1/enrol",
      json(must(evidence::make_enrolment_credential({.enrolment = "e-1", .credential = credential_file()}))));
  verifier_.answer("/v1/enrol/proof",
                   json(must(evidence::make_enrolment_result(evidence::EnrolmentStatus::kWaitingForApproval))));
  const auto outcome = session().enrol("token-of-blue");
  ASSERT_TRUE(outcome) << outcome.error().message;
  ASSERT_TRUE(std::holds_alternative<evidence::EnrolmentStatus>(*outcome));
  EXPECT_EQ(std::get<evidence::EnrolmentStatus>(*outcome), evidence::EnrolmentStatus::kWaitingForApproval);
  const auto request = must(evidence::read_enrolment_request(as_text(verifier_.of("/v1/enrol").at(0).body)));
  EXPECT_EQ(request.tenant, "blue");
  EXPECT_EQ(request.host, "web-1");
  EXPECT_EQ(request.token, "token-of-blue");
  EXPECT_EQ(request.ak_public, Bytes(9, std::byte{7}));
  EXPECT_EQ(request.ek_public, Bytes(20, std::byte{1}));
  EXPECT_THAT(request.ek_certificates, ElementsAre(Bytes(30, std::byte{2})));
  const auto proof = must(evidence::read_enrolment_proof(as_text(verifier_.of("/v1/enrol/proof").at(0).body)));
  EXPECT_EQ(proof.enrolment, "e-1");
  EXPECT_EQ(proof.secret, Bytes(32, std::byte{0x77}));
}

TEST_F(Attesting, ReportsARefusedEnrolment) {
  verifier_.answer("/v1/enrol", problem("enrolment-tpm", 403));
  const auto outcome = session().enrol("");
  ASSERT_TRUE(outcome && std::holds_alternative<Refused>(*outcome));
  EXPECT_EQ(std::get<Refused>(*outcome).problem.reason, "enrolment-tpm");
}

TEST_F(Attesting, ReportsARefusedSecret) {
  verifier_.answer(
      "/v1/enrol",
      json(must(evidence::make_enrolment_credential({.enrolment = "e-1", .credential = credential_file()}))));
  verifier_.answer("/v1/enrol/proof", problem("enrolment-secret", 403));
  const auto outcome = session().enrol("");
  ASSERT_TRUE(outcome && std::holds_alternative<Refused>(*outcome));
  EXPECT_EQ(std::get<Refused>(*outcome).problem.reason, "enrolment-secret");
}

TEST_F(Attesting, KeepsAKeyThatTheTpmAccepts) {
  const tpm::SavedKey known{.parent = tpm::KeyParent::kEccPrimary, .public_area = Bytes(5)};
  EXPECT_EQ(must(usable_key(tpm_, known)), known);
  const tpm::SavedKey foreign{.public_area = Bytes(5), .private_area = Bytes(1)};
  EXPECT_EQ(must(usable_key(tpm_, foreign)).public_area.size(), 9u);
  EXPECT_EQ(must(usable_key(tpm_, std::nullopt)).public_area.size(), 9u);
}

}  // namespace session_test
}  // namespace imakeep::attester
