// SPDX-License-Identifier: Apache-2.0
// A verifier process that loses its database, or dies, at each call of the store from the challenge to the answer,
// before and after the call took effect. Then the host asks again, of the same process or of its successor.
//
// What must hold: the row is that before the quote or that after it; each accepted quote has one row of the history
// and its findings once; no N is answered that the row does not prove; the host gets the N that it would have got.
#include "policy/test_support.h"
#include "support/test_service.h"
#include "verifier/host_state.h"

namespace imakeep::verifier {
namespace crash_test {

using test::evidence_of;
using test::good;
using test::TestHost;
using test::TestVerifier;
using vstore::FaultPoint;

// A process on the store of a verifier. What it knows besides the store is gone with it.
struct Process {
  explicit Process(TestVerifier& of)
      : settings(of.settings), store(of.store), keys(store, of.random), random(of.random) {
    EXPECT_TRUE(keys.begin(of.now));
  }

  Judged<evidence::Challenge> challenge(const TestHost& host, std::int64_t now) {
    return verifier::challenge(judge, {.host = host.name}, now);
  }
  // Judges and commits.
  Judged<evidence::Verdict> submit(const Bytes& evidence, std::int64_t now) {
    Attestation attestation(judge, now);
    if (auto refused = attestation.feed(evidence)) return unexpected(*refused);
    auto judged = attestation.finish();
    if (!judged) return unexpected(judged.error());
    if (const auto* const repeated = std::get_if<Repeated>(&*judged)) {
      return good(evidence::read_verdict(repeated->verdict));
    }
    const auto& accepted = std::get<Accepted>(*judged);
    const auto moved = store.commit({&accepted.move, 1});
    if (!moved) return unexpected(store_refusal(moved.error()));
    if (moved->front() != vstore::MoveResult::kMoved) return refuse(Reason::kStale, "");
    return good(evidence::read_verdict(accepted.verdict));
  }

  const Settings settings;
  vstore::FaultyStore store;
  KeyRing keys;
  PolicyCache policies{store, policy::Mode::kStrict};
  AkCache aks;
  const Random random;
  const Judge judge{
      .settings = settings, .store = store, .keys = keys, .policies = policies, .aks = aks, .random = random};
};

enum class Then : std::uint8_t { kLives, kDies };

struct Case {
  FaultPoint point;
  ErrorCode code;
  Then then;
};

class VerifierCrash : public testing::TestWithParam<Case> {
 protected:
  VerifierCrash() {
    verifier.add_policy("servers",
                        policy::PolicyText{.digests = R"({"/other": [")" + std::string(64, '0') + "\"]}"}.str());
    verifier.enrol(host, "servers");
    host.measure("/a");
    EXPECT_EQ(verifier.attest(host)->n, 2u);
    for (const char* const path : {"/b", "/c", "/d"}) host.measure(path);
    before = verifier.row(host);
  }

  Bytes evidence(const evidence::Challenge& asked) const {
    return evidence_of(host.header(asked, asked.first), std::span(host.list).subspan(asked.first));
  }
  std::vector<vstore::HistoryRow> history() {
    return good(verifier.store.history(TestVerifier::key_of(host), 0, verifier.now + 1, 100));
  }
  std::uint64_t proven() { return good(load_host_state(verifier.row(host).state)).chain.proven; }

  // The row is as before, or as after one more quote that proves all records.
  void check_rows() {
    const auto row = verifier.row(host);
    EXPECT_EQ(row.proven, proven());
    if (row.epoch == before.epoch) {
      EXPECT_EQ(row, before);
    } else {
      EXPECT_GT(row.epoch, before.epoch);
      EXPECT_EQ(row.proven, host.list.size());
    }
    const auto rows = history();
    ASSERT_EQ(rows.size(), row.epoch);
    for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i].epoch, i + 1);
    for (const auto& finding : good(verifier.store.findings({.tenant = "default"}))) EXPECT_EQ(finding.count, 1u);
  }

  // An answer counts only if the row proves what it says.
  void check_answer(const Judged<evidence::Verdict>& verdict) {
    if (verdict) {
      EXPECT_LE(verdict->n, proven());
    } else {
      EXPECT_EQ(verdict.error().reason, Reason::kStore) << verdict.error().detail;
    }
  }

  // One attestation whose store fails at this call. False: it has no such call.
  bool attest_with_fault_at(std::uint64_t call) {
    auto process = std::make_unique<Process>(verifier);
    const std::uint64_t at = process->store.calls() + call;
    process->store.fail_at(at, GetParam().point, {.code = GetParam().code, .message = "planned fault"});
    const auto asked = process->challenge(host, verifier.now);
    std::optional<Bytes> sent;
    if (asked) {
      sent = evidence(*asked);
      const auto verdict = process->submit(*sent, verifier.now);
      check_answer(verdict);
    } else {
      EXPECT_EQ(asked.error().reason, Reason::kStore) << asked.error().detail;
    }
    const bool reached = process->store.calls() > at;
    check_rows();
    if (GetParam().then == Then::kDies) process = std::make_unique<Process>(verifier);
    process->store.fail_never();
    ask_again(*process, sent);
    return reached;
  }

  void ask_again(Process& process, const std::optional<Bytes>& sent) {
    if (sent) {
      const auto committed = verifier.row(host).answer;
      const auto again = process.submit(*sent, verifier.now);
      ASSERT_TRUE(again) << again.error().detail;
      EXPECT_EQ(again->n, host.list.size());
      // What was committed before is answered as it was then.
      if (verifier.row(host).answer == committed) {
        EXPECT_EQ(*again, good(evidence::read_verdict(as_text(committed->bytes))));
      }
      check_rows();
    }
    const auto asked = process.challenge(host, verifier.now);
    ASSERT_TRUE(asked) << asked.error().detail;
    const auto verdict = process.submit(evidence(*asked), verifier.now);
    ASSERT_TRUE(verdict) << verdict.error().detail;
    EXPECT_EQ(verdict->n, host.list.size());
    check_rows();
  }

  TestVerifier verifier;
  TestHost host{"web-1"};
  vstore::HostRow before;
};

constexpr std::uint64_t kMostCalls = 50;

// Call 0 is the first after the start of the process. Each case is a world of its own.
TEST_P(VerifierCrash, AtAnyCallLeavesOneQuoteOrNone) {
  std::uint64_t call = 0;
  for (bool reached = true; reached && call < kMostCalls; ++call) {
    SCOPED_TRACE("call " + std::to_string(call));
    before = verifier.row(host);
    host.measure("/more" + std::to_string(call));
    reached = attest_with_fault_at(call);
    if (HasFailure()) return;
  }
  // Two reads for the challenge, the host, its list, the policy and the findings for the evidence, and the commit.
  EXPECT_GE(call, 7u);
  EXPECT_LT(call, kMostCalls);
}

std::string name_of(const testing::TestParamInfo<Case>& info) {
  return std::string(info.param.point == FaultPoint::kBeforeEffect ? "Before" : "After") +
         (info.param.code == ErrorCode::kIo ? "Io" : "Away") + (info.param.then == Then::kDies ? "Dies" : "Lives");
}

// After the effect a store reports kIo and nothing else: vstore/store.h.
INSTANTIATE_TEST_SUITE_P(EachFault, VerifierCrash,
                         testing::Values(Case{FaultPoint::kBeforeEffect, ErrorCode::kEnvironment, Then::kLives},
                                         Case{FaultPoint::kBeforeEffect, ErrorCode::kEnvironment, Then::kDies},
                                         Case{FaultPoint::kBeforeEffect, ErrorCode::kIo, Then::kLives},
                                         Case{FaultPoint::kBeforeEffect, ErrorCode::kIo, Then::kDies},
                                         Case{FaultPoint::kAfterEffect, ErrorCode::kIo, Then::kLives},
                                         Case{FaultPoint::kAfterEffect, ErrorCode::kIo, Then::kDies}),
                         name_of);

}  // namespace crash_test
}  // namespace imakeep::verifier
