// SPDX-License-Identifier: Apache-2.0
#include "verifier/attestation.h"

#include "attest/expected.h"
#include "ear/claims.h"
#include "ear/token.h"
#include "policy/test_support.h"
#include "support/test_verifier.h"
#include "verifier/host_state.h"
#include "vstore/checks.h"

namespace imakeep::verifier {
namespace attestation_test {

using test::evidence_of;
using test::good;
using test::TestHost;
using test::TestVerifier;

std::string reason_of(const Judged<evidence::Verdict>& verdict) {
  return verdict ? "accepted" : std::string(info(verdict.error().reason).name);
}

// What a relying party reads in the verdict's token.
ear::Ear result_of(TestVerifier& verifier, const evidence::Verdict& verdict) {
  const auto keys = good(ear::PublicKeys::parse(good(verifier.keys.published(verifier.now))));
  return good(ear::verify_token(verdict.result, keys, {.now_s = verifier.now}));
}

TEST(Attestation, ProvesEachIncrementAndCountsOn) {
  TestVerifier verifier;
  TestHost host("web-1");
  verifier.enrol(host);
  host.measure("/a");
  const auto first = verifier.attest(host);
  ASSERT_TRUE(first) << first.error().detail;
  EXPECT_EQ(first->n, 2u);
  EXPECT_EQ(first->chain, 1u);
  for (int i = 0; i < 3; ++i) host.measure("/b" + std::to_string(i));
  EXPECT_EQ(verifier.attest(host)->n, 5u);
  EXPECT_EQ(verifier.attest(host)->n, 5u);  // nothing new
  EXPECT_EQ(verifier.row(host).proven, 5u);
  EXPECT_EQ(verifier.row(host).epoch, 3u);
}

TEST(Attestation, SignsAResultOfWhatIsProven) {
  TestVerifier verifier;
  TestHost host("web-1");
  verifier.enrol(host);
  const auto verdict = verifier.attest(host);
  ASSERT_TRUE(verdict);
  const ear::Ear result = result_of(verifier, *verdict);
  const ear::Appraisal& of_host = result.appraisals.at(0);
  EXPECT_EQ(of_host.name, "web-1");
  EXPECT_EQ(of_host.proof->n, 1u);
  EXPECT_EQ(of_host.proof->pcrs.at(0).pcr, 10u);
  EXPECT_EQ(of_host.vector[ear::Claim::kInstanceIdentity], ear::kAffirmed);
  EXPECT_EQ(of_host.vector[ear::Claim::kHardware], ear::kAffirmed);
  // Without a policy nothing is said of the files.
  EXPECT_EQ(of_host.vector[ear::Claim::kExecutables], ear::kNoClaim);
}

TEST(Attestation, OfANewBootBeginsAChainAtRecord0) {
  TestVerifier verifier;
  TestHost host("web-1");
  verifier.enrol(host);
  host.measure("/a");
  EXPECT_EQ(verifier.attest(host)->n, 2u);
  host.reboot();
  const auto verdict = verifier.attest(host);
  ASSERT_TRUE(verdict) << verdict.error().detail;
  EXPECT_EQ(verdict->chain, 2u);
  EXPECT_EQ(verdict->n, 1u);
}

TEST(Attestation, TellsAHostAfterANewBootWhereToBegin) {
  TestVerifier verifier;
  TestHost host("web-1");
  verifier.enrol(host);
  EXPECT_EQ(verifier.attest(host)->n, 1u);
  host.reboot();
  host.measure("/a");
  const auto asked = verifier.challenge(host);
  const auto refused = verifier.submit(evidence_of(host.header(*asked, 1), std::span(host.list).subspan(1)));
  EXPECT_EQ(reason_of(refused), "new-boot");
  EXPECT_EQ(refused.error().first, 0u);
  // The nonce is still good.
  EXPECT_EQ(verifier.submit(evidence_of(host.header(*asked, 0), host.list))->n, 2u);
}

TEST(Attestation, EndsBeforeARecordOfAPcrThatWasNotQuotedAndAsksForIt) {
  TestVerifier verifier;
  TestHost host("web-1");
  verifier.enrol(host);
  host.measure("/a", 11);
  host.measure("/b");
  const auto first = verifier.attest(host);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->n, 1u);
  EXPECT_TRUE(first->again);
  const auto second = verifier.attest(host);
  ASSERT_TRUE(second) << second.error().detail;
  EXPECT_EQ(second->n, 3u);
  EXPECT_FALSE(second->again);
}

// The records that the verifier retains of the host, by their content.
void expect_retained(TestVerifier& verifier, const TestHost& host, std::uint64_t chain, std::size_t count) {
  const auto records = good(verifier.store.records(TestVerifier::key_of(host), chain, 0, 1000));
  ASSERT_EQ(records.size(), count);
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_EQ(records[i].number, i);
    const auto record = good(imalog::decode_record(records[i].bytes, {.digest_bytes = 32}));
    EXPECT_EQ(record.content(), host.list[i].view());
    EXPECT_TRUE(imalog::digest_matches(digest::bank_of(digest::Algorithm::kSha256), record.content(), record.digest));
  }
}

TEST(Attestation, RetainsTheProvenRecordsOfAHostThatAskedForIt) {
  TestVerifier verifier;
  TestHost host("small-1");
  verifier.enrol(host, "", true);
  host.measure("/a");
  EXPECT_TRUE(verifier.challenge(host)->retains);
  EXPECT_EQ(verifier.attest(host)->n, 2u);
  expect_retained(verifier, host, 1, 2);
  host.measure("/b");
  const auto asked = verifier.challenge(host);
  const auto header = host.header(*asked, 2);
  host.list.push_back(imalog::test::ima_ng("/not/extended/yet"));
  auto with_more = header;
  with_more.count = 2;
  EXPECT_EQ(verifier.submit(evidence_of(with_more, std::span(host.list).subspan(2)))->n, 3u);
  expect_retained(verifier, host, 1, 3);
}

TEST(Attestation, RetainsNothingOfOtherHosts) {
  TestVerifier verifier;
  TestHost host("web-1");
  verifier.enrol(host);
  EXPECT_FALSE(verifier.challenge(host)->retains);
  EXPECT_EQ(verifier.attest(host)->n, 1u);
  expect_retained(verifier, host, 1, 0);
}

TEST(Attestation, ProvesNoMoreThanItRetainsAtOnce) {
  Settings settings;
  settings.most_retained_bytes = 250;
  TestVerifier verifier(settings);
  TestHost host("small-1");
  verifier.enrol(host, "", true);
  for (int i = 0; i < 5; ++i) host.measure("/a" + std::to_string(i));
  const auto first = verifier.attest(host);
  ASSERT_TRUE(first);
  EXPECT_GT(first->n, 0u);
  EXPECT_LT(first->n, 6u);
  EXPECT_TRUE(first->again);
  expect_retained(verifier, host, 1, first->n);
  for (int i = 0; i < 6; ++i) {
    if (!verifier.attest(host)->again) break;
  }
  EXPECT_EQ(verifier.row(host).proven, 6u);
  expect_retained(verifier, host, 1, 6);
}

TEST(Attestation, RetainsNothingOfARefusedIncrement) {
  TestVerifier verifier;
  TestHost host("small-1");
  verifier.enrol(host, "", true);
  host.measure("/a");
  host.list.erase(host.list.begin());
  const auto asked = verifier.challenge(host);
  EXPECT_EQ(reason_of(verifier.submit(evidence_of(host.header(*asked, 0), host.list))), "log-mismatch");
  expect_retained(verifier, host, 1, 0);
}

TEST(Attestation, GivesTheSameVerdictIfItsAnswerWasLost) {
  TestVerifier verifier;
  TestHost host("web-1");
  verifier.enrol(host);
  const auto asked = verifier.challenge(host);
  const Bytes evidence = evidence_of(host.header(*asked, 0), host.list);
  const auto first = verifier.submit(evidence);
  const auto second = verifier.submit(evidence);
  ASSERT_TRUE(first);
  ASSERT_TRUE(second);
  EXPECT_EQ(*first, *second);
  EXPECT_EQ(verifier.row(host).epoch, 1u);
}

TEST(Attestation, LetsOneOfTwoQuotesForOneEpochMove) {
  TestVerifier verifier;
  TestHost host("web-1");
  verifier.enrol(host);
  const auto one = verifier.challenge(host);
  const auto other = verifier.challenge(host);
  const auto judged_one = verifier.judged(evidence_of(host.header(*one, 0), host.list));
  const auto judged_other = verifier.judged(evidence_of(host.header(*other, 0), host.list));
  ASSERT_TRUE(judged_one);
  ASSERT_TRUE(judged_other);
  const vstore::Move moves[] = {std::get<Accepted>(*judged_one).move, std::get<Accepted>(*judged_other).move};
  const auto results = good(verifier.store.commit(moves));
  EXPECT_EQ(results, (std::vector{vstore::MoveResult::kMoved, vstore::MoveResult::kStale}));
}

// ---- findings -------------------------------------------------------------------------------------------------------

std::string policy_of(const std::vector<std::string>& paths) {
  std::string digests;
  for (const std::string& path : paths) {
    const auto digest = digest::hash(digest::Algorithm::kSha256, as_bytes(path));  // as in imalog::test::ima_ng()
    digests += (digests.empty() ? "\"" : ", \"") + path + "\": [\"" + to_hex(digest.view()) + "\"]";
  }
  return policy::PolicyText{.digests = "{" + digests + "}"}.str();
}

std::vector<vstore::FindingRow> findings(TestVerifier& verifier, vstore::FindingState state) {
  return good(verifier.store.findings({.tenant = "default", .state = state}));
}

TEST(Attestation, ReportsARefusedRecordOnceAndMovesOn) {
  TestVerifier verifier;
  verifier.add_policy("servers", policy_of({"/a", "/b"}));
  TestHost host("web-1");
  verifier.enrol(host, "servers");
  host.measure("/a");
  EXPECT_EQ(verifier.attest(host)->n, 2u);
  EXPECT_TRUE(findings(verifier, vstore::FindingState::kOpen).empty());
  host.measure("/evil");
  EXPECT_EQ(verifier.attest(host)->n, 3u);
  const auto open = findings(verifier, vstore::FindingState::kOpen);
  ASSERT_EQ(open.size(), 1u);
  EXPECT_EQ(as_text(open[0].sighting.path), "/evil");
  EXPECT_EQ(open[0].sighting.record, 2u);
  EXPECT_EQ(open[0].sighting.reason, "unknown-path");
  host.measure("/b");
  EXPECT_EQ(verifier.attest(host)->n, 4u);
  EXPECT_EQ(findings(verifier, vstore::FindingState::kOpen).at(0).count, 1u);
}

// The store bounds the answer, which names every policy of the list and the first findings.
TEST(Attestation, HasRoomForTheLongestAnswer) {
  TestVerifier verifier;
  std::vector<Bytes> digests;
  for (std::size_t i = 0; i < vstore::kMostPoliciesOfList; ++i) {
    const std::string text = policy_of({"/usr/bin/" + std::to_string(i)});
    const digest::Digest digest = digest::hash(digest::Algorithm::kSha256, as_bytes(text));
    ASSERT_TRUE(verifier.store.put_policy(digest.view(), as_bytes(text), verifier.now));
    digests.emplace_back(digest.view().begin(), digest.view().end());
  }
  ASSERT_TRUE(verifier.store.set_policy_list("default", "servers", digests));
  TestHost host("web-1");
  verifier.enrol(host, "servers");
  for (std::size_t i = 0; i < 2 * ear::kMostFindings; ++i) {
    host.measure("/" + std::to_string(i) + std::string(4000, i % 2 == 0 ? 'x' : '\\'));
  }
  EXPECT_EQ(verifier.attest(host)->n, host.list.size());
}

TEST(Attestation, RemembersARefusedRecordInTheResultsOfTheChain) {
  TestVerifier verifier;
  verifier.add_policy("servers", policy_of({}));
  TestHost host("web-1");
  verifier.enrol(host, "servers");
  host.measure("/evil");
  EXPECT_TRUE(verifier.attest(host));
  const auto later = verifier.attest(host);
  const ear::Ear result = result_of(verifier, *later);
  EXPECT_EQ(result.appraisals[0].vector[ear::Claim::kExecutables], ear::kUnrecognizedExecutables);
  EXPECT_EQ(result.appraisals[0].proof->failed, 1u);
}

TEST(Attestation, SaysIfTheBootAggregateIsNotThatOfTheQuotedPcrs) {
  TestVerifier verifier;
  verifier.add_policy("servers", policy_of({}));
  TestHost host("web-1");
  host.list.clear();
  host.pcrs = digest::PcrState(host.pcrs.banks());
  host.measure("boot_aggregate");
  verifier.enrol(host, "servers");
  const auto verdict = verifier.attest(host);
  const ear::Ear result = result_of(verifier, *verdict);
  EXPECT_EQ(result.appraisals[0].vector[ear::Claim::kConfiguration], ear::kContraindicatedValue);
  EXPECT_EQ(findings(verifier, vstore::FindingState::kOpen).at(0).sighting.reason, "boot-aggregate-pcrs");
}

TEST(Attestation, ClosesAFindingWhoseFileIsAcceptedAgain) {
  TestVerifier verifier;
  TestHost host("web-1");
  verifier.add_policy("servers", policy_of({}));
  verifier.enrol(host, "servers");
  host.measure("/a");
  EXPECT_EQ(verifier.attest(host)->n, 2u);
  EXPECT_EQ(findings(verifier, vstore::FindingState::kOpen).size(), 1u);
  verifier.add_policy("servers", policy_of({"/a"}));
  host.measure("/a");
  EXPECT_EQ(verifier.attest(host)->n, 3u);
  EXPECT_TRUE(findings(verifier, vstore::FindingState::kOpen).empty());
  EXPECT_EQ(findings(verifier, vstore::FindingState::kFixed).size(), 1u);
}

TEST(Attestation, ClosesAFindingOfAnEarlierBoot) {
  TestVerifier verifier;
  TestHost host("web-1");
  verifier.add_policy("servers", policy_of({}));
  verifier.enrol(host, "servers");
  host.measure("/a");
  EXPECT_EQ(verifier.attest(host)->n, 2u);
  host.reboot();
  EXPECT_EQ(verifier.attest(host)->n, 1u);
  EXPECT_EQ(findings(verifier, vstore::FindingState::kOpen).size(), 1u);
  verifier.add_policy("servers", policy_of({"/a"}));
  host.measure("/a");
  EXPECT_EQ(verifier.attest(host)->n, 2u);
  EXPECT_TRUE(findings(verifier, vstore::FindingState::kOpen).empty());
}

TEST(Attestation, CountsAFindingThatIsSeenAgainOnce) {
  TestVerifier verifier;
  TestHost host("web-1");
  verifier.add_policy("servers", policy_of({}));
  verifier.enrol(host, "servers");
  for (int i = 0; i < 3; ++i) {
    host.measure("/a");
    EXPECT_EQ(verifier.attest(host)->n, host.list.size());
    EXPECT_EQ(good(load_host_state(verifier.row(host).state)).open_findings, 1u);
  }
}

TEST(Attestation, HoldsBackAtAFindingIfAskedTo) {
  TestVerifier verifier(Settings{.findings_hold_back = true});
  verifier.add_policy("servers", policy_of({"/a"}));
  TestHost host("web-1");
  verifier.enrol(host, "servers");
  host.measure("/a");
  host.measure("/evil");
  host.measure("/a2");
  EXPECT_EQ(verifier.attest(host)->n, 2u);
  EXPECT_EQ(verifier.attest(host)->n, 2u);
  EXPECT_EQ(findings(verifier, vstore::FindingState::kOpen).size(), 1u);
}

TEST(Attestation, ByAnEmptyListOfPoliciesSaysNothingOfTheFiles) {
  TestVerifier verifier;
  EXPECT_TRUE(verifier.store.set_policy_list("default", "servers", {}));
  TestHost host("web-1");
  verifier.enrol(host, "servers");
  const auto verdict = verifier.attest(host);
  ASSERT_TRUE(verdict);
  const ear::Ear result = result_of(verifier, *verdict);
  EXPECT_EQ(result.appraisals[0].vector[ear::Claim::kExecutables], ear::kNoClaim);
  EXPECT_EQ(result.appraisals[0].proof->failed, 0u);
}

TEST(Attestation, UnderAPolicyThatChangedMeanwhileIsRefused) {
  TestVerifier verifier;
  verifier.add_policy("servers", policy_of({}));
  TestHost host("web-1");
  verifier.enrol(host, "servers");
  const auto asked = verifier.challenge(host);
  const auto judged = verifier.judged(evidence_of(host.header(*asked, 0), host.list));
  ASSERT_TRUE(judged);
  verifier.add_policy("servers", policy_of({"/new"}));
  EXPECT_EQ(good(verifier.store.commit({&std::get<Accepted>(*judged).move, 1})).front(),
            vstore::MoveResult::kOlderPolicy);
}

// ---- what is refused, with the proof that nothing moved -------------------------------------------------------------

class Refused : public testing::Test {
 protected:
  Refused() {
    verifier.enrol(host);
    verifier.enrol(other);
    host.measure("/a");
    EXPECT_EQ(verifier.attest(host)->n, 2u);
    host.measure("/b");
    host.measure("/c");
    before = verifier.row(host);
    asked = *verifier.challenge(host);
    header = host.header(asked, 2);
  }
  std::span<const test::Content> records() const { return std::span(host.list).subspan(2); }
  std::string sent(const evidence::EvidenceHeader& with, std::span<const test::Content> contents) {
    evidence::EvidenceHeader counted = with;
    counted.count = contents.size();
    const std::string reason = reason_of(verifier.submit(evidence_of(counted, contents)));
    if (reason != "accepted") {
      EXPECT_EQ(verifier.row(host), before);
    }
    return reason;
  }
  // With another statement, signed again by the host's key.
  std::string sent_quote(const Bytes& statement) {
    header.quote = statement;
    header.signature = host.key.sign(statement);
    return sent(header, records());
  }

  TestVerifier verifier;
  TestHost host{"web-1"};
  TestHost other{"web-2"};
  vstore::HostRow before;
  evidence::Challenge asked;
  evidence::EvidenceHeader header;
};

TEST_F(Refused, NothingOfTheUntouchedEvidence) {
  EXPECT_EQ(sent(header, records()), "accepted");
}

TEST_F(Refused, RecordsAlteredDroppedRepeatedReorderedInserted) {
  std::vector<test::Content> altered(records().begin(), records().end());
  altered[0] = imalog::test::ima_ng("/x");
  EXPECT_EQ(sent(header, altered), "log-mismatch");
  EXPECT_EQ(sent(header, records().first(1)), "log-mismatch");
  EXPECT_EQ(sent(header, {}), "log-mismatch");
  std::vector<test::Content> repeated(records().begin(), records().end());
  repeated.insert(repeated.begin(), repeated.front());
  EXPECT_EQ(sent(header, repeated), "log-mismatch");
  std::vector<test::Content> reordered(records().begin(), records().end());
  std::swap(reordered[0], reordered[1]);
  EXPECT_EQ(sent(header, reordered), "log-mismatch");
  std::vector<test::Content> inserted(records().begin(), records().end());
  inserted.insert(inserted.begin() + 1, imalog::test::ima_ng("/x"));
  EXPECT_EQ(sent(header, inserted), "log-mismatch");
}

TEST_F(Refused, QuoteThatWasUsed) {
  EXPECT_EQ(sent(header, records()), "accepted");
  before = verifier.row(host);
  // Not the answer that was lost: the records are others, but so is the signature.
  evidence::EvidenceHeader again = header;
  again.signature = host.key.sign(again.quote);
  again.first = 4;
  EXPECT_EQ(sent(again, {}), "nonce-foreign");
}

TEST_F(Refused, NonceOfAnotherHostTenantOrStranger) {
  EXPECT_TRUE(verifier.store.add_tenant({.tenant = "blue"}));
  TestHost same_name("web-1", "blue");
  verifier.enrol(same_name);
  for (const evidence::Challenge& foreign : {*verifier.challenge(other), *verifier.challenge(same_name)}) {
    EXPECT_EQ(sent(host.header(foreign, 2), records()), "nonce-foreign");
  }
  evidence::Challenge invented = asked;
  invented.nonce.assign(32, std::byte{0});
  EXPECT_EQ(sent(host.header(invented, 2), records()), "nonce-foreign");
  evidence::Challenge other_token = asked;
  other_token.token.back() ^= std::byte{1};
  EXPECT_EQ(sent(host.header(other_token, 2), records()), "nonce-foreign");
  evidence::Challenge other_key = asked;
  other_key.token[3] ^= std::byte{8};
  EXPECT_EQ(sent(host.header(other_key, 2), records()), "nonce-unknown");
}

TEST_F(Refused, NonceTooOldOrFromTheFuture) {
  verifier.now += static_cast<std::int64_t>(verifier.settings.nonce_lifetime_s);
  EXPECT_EQ(reason_of(verifier.judged(evidence_of(header, records())) ? Judged<evidence::Verdict>(evidence::Verdict{})
                                                                      : refuse(Reason::kNonceExpired, "")),
            "accepted");
  verifier.now += 1;
  EXPECT_EQ(sent(header, records()), "nonce-expired");
  verifier.now -= 3600;
  EXPECT_EQ(sent(header, records()), "nonce-expired");
}

TEST_F(Refused, QuoteByAnotherKey) {
  header.signature = other.key.sign(header.quote);
  EXPECT_EQ(sent(header, records()), "quote-signature");
  header.host = "web-2";
  header.signature = host.key.sign(header.quote);
  EXPECT_EQ(sent(header, records()), "quote-signature");
}

TEST_F(Refused, QuoteWithOlderClockOrCounters) {
  const tpm::ClockInfo right = host.clock;
  host.clock.clock_ms = 1;
  EXPECT_EQ(sent_quote(host.quote(asked.nonce, asked.pcrs)), "quote-older");
  host.clock = right;
  host.clock.reset_count = 0;
  EXPECT_EQ(sent_quote(host.quote(asked.nonce, asked.pcrs)), "quote-older");
}

TEST_F(Refused, StatementThatIsNoQuoteOfATpm) {
  Bytes statement = header.quote;
  statement[0] = std::byte{0};
  EXPECT_EQ(sent_quote(statement), "quote-malformed");
  statement = header.quote;
  statement[5] = std::byte{0x17};  // TPM_ST_ATTEST_CERTIFY
  EXPECT_EQ(sent_quote(statement), "quote-malformed");
}

TEST_F(Refused, OtherPcrsThanAskedFor) {
  std::vector<evidence::PcrChoice> choice = asked.pcrs;
  choice[0].pcrs = {10};
  EXPECT_EQ(sent_quote(host.quote(asked.nonce, choice)), "quote-pcrs");
  choice[0].pcrs.clear();
  EXPECT_EQ(sent_quote(host.quote(asked.nonce, choice)), "quote-pcrs");
  EXPECT_EQ(sent_quote(host.quote(asked.nonce, {})), "quote-pcrs");
  choice = asked.pcrs;
  choice[0].pcrs.push_back(11);
  EXPECT_EQ(sent_quote(host.quote(asked.nonce, choice)), "quote-pcrs");
}

TEST_F(Refused, BankThatWasNotAskedFor) {
  host.pcrs = attest::with_banks(host.pcrs, {digest::bank_of(digest::Algorithm::kSha384)});
  std::vector<evidence::PcrChoice> choice = asked.pcrs;
  choice[0].bank = digest::Algorithm::kSha384;
  header.pcrs.clear();
  EXPECT_EQ(sent_quote(host.quote(asked.nonce, choice)), "quote-pcrs");
}

TEST_F(Refused, ValuesThatTheQuoteDoesNotCover) {
  header.pcrs[3].value = digest::Digest(Bytes(32, std::byte{0}));
  EXPECT_EQ(sent(header, records()), "log-mismatch");
  // The value of PCR 10 itself: then no record is replayed into what the quote covers.
  header.pcrs = host.header(asked, 2).pcrs;
  header.pcrs.push_back({.bank = host.pcrs.banks()[0], .pcr = 10, .value = host.pcrs.value(0, 10)});
  EXPECT_EQ(sent(header, records()), "quote-pcrs");
}

TEST_F(Refused, IncrementsThatSkipOrOverlap) {
  for (const std::uint64_t first : {0u, 1u, 3u}) {
    header.first = first;
    EXPECT_EQ(sent(header, std::span(host.list).subspan(first)), "first") << first;
  }
}

TEST_F(Refused, UnknownDisabledAndWaitingHosts) {
  header.host = "web-9";
  EXPECT_EQ(sent(header, records()), "unknown-host");
  header.host = "web-1";
  for (const auto& [status, reason] : {std::pair{vstore::HostStatus::kDisabled, "disabled"},
                                       std::pair{vstore::HostStatus::kWaiting, "not-enrolled"}}) {
    EXPECT_TRUE(verifier.store.set_status(TestVerifier::key_of(host), status, std::nullopt));
    before = verifier.row(host);
    EXPECT_EQ(sent(header, records()), reason);
  }
}

TEST_F(Refused, TooManyRecordsAndParts) {
  verifier.settings.most_records = 1;
  EXPECT_EQ(sent(header, records()), "unsupported");
}

// ---- an oracle: of all evidence that differs in a bit, only the untouched one is accepted ---------------------------

TEST_F(Refused, EveryFlippedBit) {
  const Bytes evidence = evidence_of(header, records());
  for (std::size_t bit = 0; bit < evidence.size() * 8; ++bit) {
    Bytes flipped = evidence;
    flipped[bit / 8] ^= std::byte{1} << bit % 8;
    const auto judged = verifier.judged(flipped);
    // Evidence that became a part moves nothing.
    if (!judged || std::holds_alternative<Part>(*judged)) continue;
    ASSERT_TRUE(std::holds_alternative<Accepted>(*judged));
    // The template's name is covered by no PCR: then N and the values are the same as those of the untouched evidence.
    const auto& move = std::get<Accepted>(*judged).move;
    EXPECT_EQ(move.proven, 4u);
    EXPECT_EQ(good(load_host_state(move.state)).chain.pcrs.value(0, 10), host.pcrs.value(0, 10)) << bit;
  }
  EXPECT_EQ(verifier.row(host), before);
}

}  // namespace attestation_test
}  // namespace imakeep::verifier
