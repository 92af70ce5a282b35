// SPDX-License-Identifier: Apache-2.0
// Long increments in parts: what continues, what is refused, and that nothing moves before the quote matches.
#include <random>

#include "policy/test_support.h"
#include "support/test_verifier.h"
#include "verifier/host_state.h"
#include "verifier/provisional.h"
#include "vstore/checks.h"

namespace imakeep::verifier {
namespace parts_test {

using test::evidence_of;
using test::good;
using test::TestHost;
using test::TestVerifier;

std::string policy_of(const std::vector<std::string>& paths) {
  std::string digests;
  for (const std::string& path : paths) {
    const auto digest = digest::hash(digest::Algorithm::kSha256, as_bytes(path));  // as in imalog::test::ima_ng()
    digests += (digests.empty() ? "\"" : ", \"") + path + "\": [\"" + to_hex(digest.view()) + "\"]";
  }
  return policy::PolicyText{.digests = "{" + digests + "}"}.str();
}

// Another process on the store of a verifier, with nothing of the first one's memory.
struct OtherProcess {
  explicit OtherProcess(TestVerifier& first)
      : settings(first.settings),
        keys(first.store, first.random),
        policies(first.store, settings.mode),
        judge{.settings = settings,
              .store = first.store,
              .keys = keys,
              .policies = policies,
              .aks = aks,
              .random = first.random} {
    EXPECT_TRUE(keys.begin(first.now));
  }
  Settings settings;
  KeyRing keys;
  PolicyCache policies;
  AkCache aks;
  Judge judge;
};

class Parts : public testing::Test {
 protected:
  Parts() { begin(""); }

  // A host of which two records are proven, and seven more are measured.
  void begin(const std::string& list, std::uint32_t pcr = 10) {
    host = TestHost("web-" + std::to_string(++hosts));
    verifier.enrol(host, list);
    host.measure("/a");
    EXPECT_EQ(verifier.attest(host)->n, 2u);
    for (int i = 2; i < 9; ++i) host.measure("/" + std::to_string(i), i == 4 ? pcr : 10);
    header = host.header(*verifier.challenge(host), 2);
    before = verifier.row(host);
  }

  Bytes evidence(std::uint64_t first, std::uint64_t count, bool more) const {
    evidence::EvidenceHeader of = header;
    of.first = first;
    of.count = count;
    of.more = more;
    return evidence_of(of, std::span(host.list).subspan(first, count));
  }

  // "accepted", "next N" or the reason; for a wrong number the wanted one too.
  std::string give(const Judge& judge, ByteView bytes) {
    const auto refused = [](const Refusal& refusal) {
      last_detail = refusal.detail;
      return std::string(info(refusal.reason).name) + (refusal.first ? " " + std::to_string(*refusal.first) : "");
    };
    Attestation attestation(judge, verifier.now);
    if (const auto refusal = attestation.feed(bytes)) return refused(*refusal);
    const auto outcome = attestation.finish();
    if (!outcome) return refused(outcome.error());
    if (std::holds_alternative<Repeated>(*outcome)) return "repeated";
    if (const auto* const part = std::get_if<Part>(&*outcome)) {
      const auto receipt = take_part(judge, *part);
      if (!receipt) return refused(receipt.error());
      const auto read = good(evidence::read_part_receipt(*receipt));
      EXPECT_EQ(read.chain, 1u);
      return "next " + std::to_string(read.first);
    }
    const auto& accepted = std::get<Accepted>(*outcome);
    const auto moved = good(verifier.store.commit({&accepted.move, 1})).front();
    return moved == vstore::MoveResult::kMoved ? "accepted" : "not moved";
  }
  std::string give(std::uint64_t first, std::uint64_t count, bool more) {
    return give(verifier.judge, evidence(first, count, more));
  }
  // All rows but the provisional state are as they were.
  void expect_nothing_moved() {
    vstore::HostRow now = verifier.row(host);
    now.provisional.reset();
    EXPECT_EQ(now, before);
    EXPECT_EQ(findings().size(), findings_before);
    EXPECT_EQ(good(verifier.store.history(TestVerifier::key_of(host), 0, verifier.now + 1, 100)).size(), before.epoch);
  }
  std::vector<vstore::FindingRow> findings() {
    return good(verifier.store.findings({.tenant = "default", .host = host.name}));
  }

  static inline std::string last_detail;
  int hosts = 0;
  std::size_t findings_before = 0;
  TestVerifier verifier;
  TestHost host{"none"};
  evidence::EvidenceHeader header;
  vstore::HostRow before;
};

TEST_F(Parts, ProveTheirRecordsWithTheLastOne) {
  EXPECT_EQ(give(2, 3, true), "next 5");
  expect_nothing_moved();
  EXPECT_EQ(give(5, 2, true), "next 7");
  expect_nothing_moved();
  EXPECT_EQ(give(7, 2, false), "accepted");
  EXPECT_EQ(verifier.row(host).proven, 9u);
  EXPECT_EQ(verifier.row(host).epoch, 2u);
  EXPECT_FALSE(verifier.row(host).provisional);
  EXPECT_EQ(good(verifier.store.history(TestVerifier::key_of(host), 0, verifier.now + 1, 100)).back().first, 2u);
  host.measure("/b");
  EXPECT_EQ(verifier.attest(host)->n, 10u) << "the next increment follows";
}

TEST_F(Parts, EachGoesToAnotherProcess) {
  EXPECT_EQ(give(OtherProcess(verifier).judge, evidence(2, 3, true)), "next 5");
  EXPECT_EQ(give(OtherProcess(verifier).judge, evidence(5, 2, true)), "next 7");
  EXPECT_EQ(give(OtherProcess(verifier).judge, evidence(7, 2, false)), "accepted");
  EXPECT_EQ(verifier.row(host).proven, 9u);
}

TEST_F(Parts, OfAnotherBeginningAreToldTheWantedNumber) {
  EXPECT_EQ(give(5, 2, true), "first 2") << "no part came yet";
  EXPECT_EQ(give(2, 3, true), "next 5");
  for (const std::uint64_t first : {2u, 4u, 6u}) {
    const auto kept = verifier.row(host).provisional;
    EXPECT_EQ(give(first, 1, true), "first 5");
    EXPECT_EQ(give(first, 1, false), "first 5");
    EXPECT_EQ(verifier.row(host).provisional, kept);
  }
  EXPECT_EQ(give(5, 4, false), "accepted");
}

// The answer was lost: the host sends the part again, and goes on with the number that it is told.
TEST_F(Parts, ThatComeTwiceDoNoHarm) {
  EXPECT_EQ(give(2, 3, true), "next 5");
  EXPECT_EQ(give(2, 3, true), "first 5");
  EXPECT_EQ(give(5, 4, false), "accepted");
  EXPECT_EQ(give(5, 4, false), "repeated");
  EXPECT_EQ(give(2, 3, true), "repeated");
  EXPECT_EQ(verifier.row(host).epoch, 2u);
}

// Two processes judge the same part at once, and one of them is slow.
TEST_F(Parts, ThatAreTakenLateSetTheHostBackButMoveNothing) {
  Attestation slow(verifier.judge, verifier.now);
  EXPECT_FALSE(slow.feed(evidence(2, 3, true)));
  const auto late = slow.finish();
  ASSERT_TRUE(late);
  EXPECT_EQ(give(2, 3, true), "next 5");
  EXPECT_EQ(give(5, 2, true), "next 7");
  EXPECT_TRUE(take_part(verifier.judge, std::get<Part>(*late)));
  EXPECT_EQ(give(7, 2, false), "first 5");
  EXPECT_EQ(give(5, 4, false), "accepted");
  EXPECT_FALSE(take_part(verifier.judge, std::get<Part>(*late))) << "the epoch has moved";
  EXPECT_FALSE(verifier.row(host).provisional);
}

TEST_F(Parts, AreCutShortByAnotherQuoteThatIsAccepted) {
  EXPECT_EQ(give(2, 3, true), "next 5");
  EXPECT_EQ(verifier.attest(host)->n, 9u);
  EXPECT_EQ(give(5, 4, false), "nonce-foreign");
  EXPECT_EQ(give(5, 2, true), "nonce-foreign");
  EXPECT_EQ(verifier.row(host).epoch, 2u);
}

TEST_F(Parts, OfAnEarlierEpochAreNotContinuedWhateverTheRowSays) {
  EXPECT_EQ(give(2, 3, true), "next 5");
  const vstore::Provisional kept = *verifier.row(host).provisional;
  EXPECT_EQ(verifier.attest(host)->n, 9u);
  // As if the store had not removed it.
  EXPECT_TRUE(good(verifier.store.put_provisional(TestVerifier::key_of(host), 2, kept)));
  host.measure("/b");
  header = host.header(*verifier.challenge(host), 9);
  EXPECT_EQ(give(9, 1, false), "accepted");
}

TEST_F(Parts, GoOnFromNoStateOfAnotherEpoch) {
  EXPECT_EQ(give(2, 3, true), "next 5");
  vstore::Provisional other = *verifier.row(host).provisional;
  ProvisionalState state = good(load_provisional(other.bytes));
  state.epoch = 2;
  other.bytes = save(state);
  EXPECT_TRUE(good(verifier.store.put_provisional(TestVerifier::key_of(host), 1, other)));
  EXPECT_EQ(give(5, 4, false), "first 2");
}

TEST_F(Parts, OfTwoQuotesAreNotMixed) {
  const evidence::EvidenceHeader first = header;
  EXPECT_EQ(give(2, 3, true), "next 5");
  header = host.header(*verifier.challenge(host), 2);
  EXPECT_EQ(give(5, 4, false), "first 2");
  EXPECT_EQ(give(2, 2, true), "next 4");
  const evidence::EvidenceHeader second = header;
  header = first;
  EXPECT_EQ(give(5, 4, false), "first 2") << "the second quote's parts took its place";
  header = second;
  EXPECT_EQ(give(4, 5, false), "accepted");
}

TEST_F(Parts, WithOtherPcrValuesOrByteOrderBeginAnew) {
  EXPECT_EQ(give(2, 3, true), "next 5");
  const evidence::EvidenceHeader right = header;
  header.pcrs.pop_back();
  EXPECT_EQ(give(5, 4, false), "first 2");
  header = right;
  header.byte_order = ByteOrder::kBig;
  EXPECT_EQ(give(5, 4, false), "first 2");
  header = right;
  EXPECT_EQ(give(5, 4, false), "accepted");
}

TEST_F(Parts, AreCheckedLikeEvidenceBeforeTheirRecords) {
  const evidence::EvidenceHeader right = header;
  header.signature[20] ^= std::byte{1};
  EXPECT_EQ(give(2, 3, true), "quote-signature");
  header = right;
  header.token.back() ^= std::byte{1};
  EXPECT_EQ(give(2, 3, true), "nonce-foreign");
  header = right;
  EXPECT_EQ(give(2, 3, true), "next 5");
  header.signature[20] ^= std::byte{1};
  EXPECT_EQ(give(5, 4, false), "quote-signature");
  header = right;
  EXPECT_TRUE(verifier.store.set_status(TestVerifier::key_of(host), vstore::HostStatus::kDisabled, std::nullopt));
  EXPECT_EQ(give(5, 4, false), "disabled");
}

TEST_F(Parts, OfAHostThatIsDisabledMeanwhileAreNotKept) {
  Attestation attestation(verifier.judge, verifier.now);
  EXPECT_FALSE(attestation.feed(evidence(2, 3, true)));
  const auto judged = attestation.finish();
  EXPECT_TRUE(verifier.store.set_status(TestVerifier::key_of(host), vstore::HostStatus::kDisabled, std::nullopt));
  const auto taken = take_part(verifier.judge, std::get<Part>(*judged));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().reason, Reason::kStale);
}

TEST_F(Parts, WithATamperedRecordEndAsALogMismatchAndMoveNothing) {
  const test::Content kept = host.list[3];
  host.list[3] = imalog::test::ima_ng("/innocent");
  EXPECT_EQ(give(2, 3, true), "next 5");
  host.list[3] = kept;
  EXPECT_EQ(give(5, 4, false), "log-mismatch");
  expect_nothing_moved();
  header = host.header(*verifier.challenge(host), 2);
  EXPECT_EQ(give(2, 3, true), "next 5");
  EXPECT_EQ(give(5, 4, false), "accepted");
}

// An archive that is behind the kernel's list has the last records a little later.
TEST_F(Parts, MayBeFollowedByALongerLastPart) {
  EXPECT_EQ(give(2, 3, true), "next 5");
  EXPECT_EQ(give(5, 3, false), "log-mismatch");
  EXPECT_EQ(give(5, 4, false), "accepted");
}

TEST_F(Parts, OfANewBootBeginAtRecord0) {
  host.reboot();
  host.measure("/b");
  host.measure("/c");
  header = host.header(*verifier.challenge(host), 0);
  EXPECT_EQ(give(2, 1, true), "new-boot 0");
  Attestation attestation(verifier.judge, verifier.now);
  EXPECT_FALSE(attestation.feed(evidence(0, 2, true)));
  const auto judged = attestation.finish();
  ASSERT_TRUE(judged);
  const auto receipt = take_part(verifier.judge, std::get<Part>(*judged));
  EXPECT_EQ(good(evidence::read_part_receipt(*receipt)), (evidence::PartReceipt{.chain = 2, .first = 2}));
  EXPECT_EQ(give(2, 1, false), "accepted");
  EXPECT_EQ(good(load_host_state(verifier.row(host).state)).chain.chain, 2u);
  EXPECT_EQ(verifier.row(host).proven, 3u);
}

// ---- time and limits ------------------------------------------------------------------------------------------------

TEST_F(Parts, MayTakeLongerThanANonceLivesButNoLongerThanAnUpload) {
  const auto lifetime = static_cast<std::int64_t>(verifier.settings.nonce_lifetime_s);
  const auto upload = static_cast<std::int64_t>(verifier.settings.upload_lifetime_s);
  ASSERT_GT(upload, lifetime + 1);
  const std::int64_t begun = verifier.now;
  verifier.now = begun + lifetime;
  EXPECT_EQ(give(2, 3, true), "next 5") << "the first part within the nonce's lifetime";
  verifier.now = begun + upload - 1;
  EXPECT_EQ(give(5, 2, true), "next 7");
  verifier.now = begun + upload;
  EXPECT_EQ(give(7, 2, false), "nonce-expired") << "a part extends nothing";
  expect_nothing_moved();
}

TEST_F(Parts, ThatBeginAfterTheNoncesLifetimeAreRefused) {
  verifier.now += static_cast<std::int64_t>(verifier.settings.nonce_lifetime_s) + 1;
  EXPECT_EQ(give(2, 3, true), "nonce-expired");
  EXPECT_FALSE(verifier.row(host).provisional);
}

TEST_F(Parts, AreForgottenWhenTheirTimeIsOver) {
  EXPECT_EQ(give(2, 3, true), "next 5");
  EXPECT_TRUE(verifier.store.drop_provisional(verifier.now));
  EXPECT_TRUE(verifier.row(host).provisional);
  EXPECT_TRUE(
      verifier.store.drop_provisional(verifier.now + static_cast<std::int64_t>(verifier.settings.upload_lifetime_s)));
  EXPECT_FALSE(verifier.row(host).provisional);
  EXPECT_EQ(give(5, 4, false), "first 2");
}

TEST_F(Parts, AreLimitedTogether) {
  verifier.settings.most_upload_records = 6;
  EXPECT_EQ(give(2, 3, true), "next 5");
  EXPECT_EQ(give(5, 4, false), "unsupported");
  EXPECT_EQ(give(5, 3, true), "next 8");
  EXPECT_EQ(give(8, 1, false), "unsupported");
  verifier.settings.most_upload_records = 7;
  EXPECT_EQ(give(8, 1, false), "accepted");
}

// ---- what the database says -----------------------------------------------------------------------------------------

TEST_F(Parts, AfterADamagedStateBeginAnew) {
  EXPECT_EQ(give(2, 3, true), "next 5");
  const vstore::Provisional whole = *verifier.row(host).provisional;
  for (const std::size_t at : {std::size_t{7}, std::size_t{80}, std::size_t{88}, whole.bytes.size() - 1}) {
    vstore::Provisional damaged = whole;
    if (at + 1 == whole.bytes.size()) {
      damaged.bytes.pop_back();
    } else {
      damaged.bytes[at] ^= std::byte{1};
    }
    EXPECT_TRUE(good(verifier.store.put_provisional(TestVerifier::key_of(host), 1, damaged)));
    EXPECT_EQ(give(5, 4, false), "first 2") << at;
    EXPECT_NE(last_detail.find("cannot be used"), std::string::npos) << last_detail;
  }
  EXPECT_EQ(give(2, 3, true), "next 5") << "it is replaced";
  EXPECT_EQ(give(5, 4, false), "accepted");
}

// Then the quote is too old to begin with.
TEST_F(Parts, AfterADamagedStateAndTheNoncesLifetimeAreRefused) {
  EXPECT_EQ(give(2, 3, true), "next 5");
  vstore::Provisional damaged = *verifier.row(host).provisional;
  damaged.bytes[88] ^= std::byte{1};  // the next record's number
  EXPECT_TRUE(good(verifier.store.put_provisional(TestVerifier::key_of(host), 1, damaged)));
  verifier.now += static_cast<std::int64_t>(verifier.settings.nonce_lifetime_s) + 1;
  EXPECT_EQ(give(2, 3, true), "nonce-expired");
}

// No flipped bit of the row leads to a proof of other records.
TEST_F(Parts, AfterAnyFlippedBitProveWhatTheQuoteCoversOrNothing) {
  EXPECT_EQ(give(2, 3, true), "next 5");
  const vstore::Provisional whole = *verifier.row(host).provisional;
  const Bytes last = evidence(5, 4, false);
  for (std::size_t bit = 0; bit < whole.bytes.size() * 8; ++bit) {
    vstore::Provisional damaged = whole;
    damaged.bytes[bit / 8] ^= std::byte{1} << bit % 8;
    EXPECT_TRUE(good(verifier.store.put_provisional(TestVerifier::key_of(host), 1, damaged)));
    Attestation attestation(verifier.judge, verifier.now);
    if (attestation.feed(last)) continue;
    const auto outcome = attestation.finish();
    if (!outcome) continue;
    const auto& move = std::get<Accepted>(*outcome).move;
    ASSERT_EQ(move.proven, 9u) << bit;
    ASSERT_EQ(good(load_host_state(move.state)).chain.pcrs.value(0, 10), host.pcrs.value(0, 10)) << bit;
  }
}

// ---- policies and findings ------------------------------------------------------------------------------------------

TEST_F(Parts, AreRefusedIfThePoliciesChangeBetweenThem) {
  verifier.add_policy("servers", policy_of({"/a"}));
  begin("servers");
  EXPECT_EQ(give(2, 3, true), "next 5");
  verifier.add_policy("servers", policy_of({"/a", "/2"}));
  findings_before = findings().size();
  EXPECT_EQ(give(5, 4, false), "older-policy");
  EXPECT_EQ(give(2, 3, true), "older-policy");
  expect_nothing_moved();
  header = host.header(*verifier.challenge(host), 2);
  EXPECT_EQ(give(2, 3, true), "next 5");
  EXPECT_EQ(give(5, 4, false), "accepted");
}

TEST_F(Parts, AreRefusedByAProcessThatJudgesInAnotherWay) {
  EXPECT_EQ(give(2, 3, true), "next 5");
  OtherProcess other(verifier);
  other.settings.findings_hold_back = true;
  EXPECT_EQ(give(other.judge, evidence(5, 4, false)), "older-policy");
}

TEST_F(Parts, ReportTheirFindingsOnceWithTheLastOne) {
  verifier.add_policy("servers", policy_of({"/a", "/4"}));
  begin("servers");
  findings_before = findings().size();  // the boot aggregate, perhaps
  EXPECT_EQ(give(OtherProcess(verifier).judge, evidence(2, 3, true)), "next 5");
  expect_nothing_moved();
  EXPECT_EQ(give(OtherProcess(verifier).judge, evidence(5, 2, true)), "next 7");
  expect_nothing_moved();
  EXPECT_EQ(give(OtherProcess(verifier).judge, evidence(7, 2, false)), "accepted");
  std::vector<std::string> paths;
  for (const vstore::FindingRow& row : findings()) {
    EXPECT_EQ(row.count, 1u);
    paths.emplace_back(as_text(row.sighting.path));
  }
  std::ranges::sort(paths);
  EXPECT_EQ(paths, (std::vector<std::string>{"/2", "/3", "/5", "/6", "/7", "/8"}));
  EXPECT_EQ(good(load_host_state(verifier.row(host).state)).refused, 6u);
}

TEST_F(Parts, CloseAFindingWhoseFileIsAcceptedInTheFirstOne) {
  verifier.add_policy("servers", policy_of({}));
  begin("servers");
  ASSERT_EQ(findings().size(), 1u);  // of /a
  verifier.add_policy("servers", policy_of({"/a", "/b"}));
  host.measure("/a");
  host.measure("/b");
  header = host.header(*verifier.challenge(host), 2);
  EXPECT_EQ(give(2, 8, true), "next 10");
  EXPECT_EQ(give(10, 1, false), "accepted");
  const auto fixed =
      good(verifier.store.findings({.tenant = "default", .host = host.name, .state = vstore::FindingState::kFixed}));
  ASSERT_EQ(fixed.size(), 1u);
  EXPECT_EQ(as_text(fixed[0].sighting.path), "/a");
}

TEST_F(Parts, HoldBackAtAFindingOfTheFirstOneIfAskedTo) {
  verifier.settings.findings_hold_back = true;
  verifier.add_policy("servers", policy_of({"/a", "/2"}));
  begin("servers");
  EXPECT_EQ(give(2, 3, true), "next 5");
  EXPECT_EQ(give(5, 4, false), "accepted");
  EXPECT_EQ(verifier.row(host).proven, 3u);
}

TEST_F(Parts, EndBeforeARecordOfAPcrThatWasNotQuoted) {
  begin("", 11);
  EXPECT_EQ(give(2, 4, true), "next 6");
  EXPECT_EQ(give(6, 3, false), "accepted");
  EXPECT_EQ(verifier.row(host).proven, 4u);
  EXPECT_EQ(verifier.attest(host)->n, 9u);
}

// So many findings with long paths that they do not fit: they are counted, and the state stays within its limit.
TEST_F(Parts, WithMoreFindingsThanAreKeptStayWithinTheirLimitAndCountAll) {
  verifier.add_policy("servers", policy_of({"/a"}));
  begin("servers");
  for (int i = 0; i < 400; ++i) host.measure("/" + std::string(4000, 'x') + std::to_string(i));
  header = host.header(*verifier.challenge(host), 2);
  EXPECT_EQ(give(2, 300, true), "next 302");
  EXPECT_LT(verifier.row(host).provisional->bytes.size(), vstore::kMostProvisionalBytes);
  EXPECT_EQ(give(302, 107, false), "accepted");
  EXPECT_EQ(good(load_host_state(verifier.row(host).state)).refused, 407u);
  const auto history = good(verifier.store.history(TestVerifier::key_of(host), 0, verifier.now + 1, 100));
  EXPECT_EQ(history.back().findings, 407u);
  EXPECT_LT(findings().size(), 407u);
}

// ---- an oracle: in parts as in one request --------------------------------------------------------------------------

// All of the move but what is random: the token of the result and the interval.
std::string told(const vstore::Move& move) {
  std::string text = std::to_string(move.epoch) + " " + std::to_string(move.proven) + " " + to_hex(move.state) + " " +
                     move.policy_list + " " + std::to_string(move.policy_list_version) + "\n" + move.history.outcome +
                     " " + std::to_string(move.history.chain) + " " + std::to_string(move.history.first) + " " +
                     std::to_string(move.history.findings) + " " + to_hex(move.history.quote_digest) + "\n";
  for (const vstore::Sighting& one : move.sightings) {
    text += to_hex(one.identity) + " " + std::to_string(one.record) + " " + std::string(as_text(one.path)) + " " +
            std::string(as_text(one.digest)) + " " + one.reason + " " + std::string(as_text(one.rule)) + " " +
            to_hex(one.policy) + "\n";
  }
  std::vector<Bytes> sorted = move.fixed;
  std::ranges::sort(sorted);
  for (const Bytes& fixed : sorted) text += "fixed " + to_hex(fixed) + "\n";
  const auto verdict = good(evidence::read_verdict(as_text(move.answer.bytes)));
  text += std::to_string(verdict.n) + (verdict.again ? " again" : "");
  return text;
}

TEST(PartsOracle, GiveTheSameMoveAsOneRequest) {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto below = [&random](std::uint64_t end) { return random() % end; };
    TestVerifier verifier(Settings{.findings_hold_back = below(4) == 0});
    verifier.add_policy("servers", policy_of({"/0", "/1", "/2", "boot_aggregate"}));
    TestHost host("web-1");
    verifier.enrol(host, below(5) == 0 ? "" : "servers");
    if (below(2) == 0) {
      host.measure("/5");
      EXPECT_TRUE(verifier.attest(host));
      verifier.add_policy("servers", policy_of({"/0", "/1", "/5"}));
      if (below(3) == 0) host.reboot();
    }
    const std::uint64_t count = 3 + below(30);
    for (std::uint64_t i = 0; i < count; ++i) {
      test::Content content = imalog::test::ima_ng("/" + std::to_string(below(8)), below(15) == 0 ? 11 : 10);
      content.violation = below(10) == 0;
      host.measure(content);
    }
    const auto challenge = *verifier.challenge(host);
    const bool new_boot = challenge.reset_count && *challenge.reset_count != host.clock.reset_count;
    const std::uint64_t start = new_boot ? 0 : challenge.first;
    evidence::EvidenceHeader header = host.header(challenge, start);
    // Records after the quote are normal.
    for (std::uint64_t i = below(3); i > 0; --i) host.measure("/7");
    header.count = host.list.size() - start;
    const auto whole = verifier.judged(evidence_of(header, std::span(host.list).subspan(start)));
    ASSERT_TRUE(whole) << whole.error().detail;
    std::optional<Outcome> last;
    for (std::uint64_t first = start; !last;) {
      const std::uint64_t left = host.list.size() - first;
      header.first = first;
      header.count = std::min(1 + below(8), left);
      header.more = header.count < left || (left > 0 && below(3) == 0);
      OtherProcess process(verifier);
      Attestation attestation(process.judge, verifier.now);
      ASSERT_FALSE(attestation.feed(evidence_of(header, std::span(host.list).subspan(first, header.count))));
      auto outcome = attestation.finish();
      ASSERT_TRUE(outcome) << outcome.error().detail;
      if (const auto* const part = std::get_if<Part>(&*outcome)) {
        ASSERT_TRUE(take_part(process.judge, *part));
        first += header.count;
      } else {
        last = std::move(*outcome);
      }
    }
    EXPECT_EQ(told(std::get<Accepted>(*last).move), told(std::get<Accepted>(*whole).move));
  }
}

}  // namespace parts_test
}  // namespace imakeep::verifier
