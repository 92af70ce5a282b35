// SPDX-License-Identifier: Apache-2.0
// Random schedules: hosts that measure, reboot, ask, answer late, twice, in parts in any order or with altered
// evidence; two processes on one store, which crash before and after the commit; time that passes; two verifiers at
// different positions; and a keeper that trims by the least N of them. $IMAKEEP_SCHEDULES gives another count of
// schedules, $IMAKEEP_FIRST_SEED another first seed.
//
// What must hold: no record is trimmed that is not proven by every verifier; N never moves back within a chain; what a
// row says is proven is what the host measured.
#include <random>

#include "support/test_verifier.h"
#include "verifier/host_state.h"

namespace imakeep::verifier {
namespace schedule_test {

using test::TestHost;
using test::TestVerifier;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// A second process on the store of a verifier.
struct SecondProcess {
  explicit SecondProcess(TestVerifier& first)
      : keys(first.store, first.random),
        policies(first.store, policy::Mode::kStrict),
        judge{.settings = first.settings,
              .store = first.store,
              .keys = keys,
              .policies = policies,
              .aks = aks,
              .random = first.random} {
    EXPECT_TRUE(keys.begin(first.now));
  }
  KeyRing keys;
  PolicyCache policies;
  AkCache aks;
  Judge judge;
};

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed), host_("web-1"), second_(verifiers_[0]) {
    for (TestVerifier& verifier : verifiers_) verifier.enrol(host_);
  }

  void step() {
    switch (below(10)) {
      case 0:
      case 1:
        host_.measure("/" + std::to_string(measured_++), below(8) == 0 ? 11 : 10);
        break;
      case 2:
      case 3:
        ask();
        break;
      case 4:
      case 5:
        deliver(false);
        break;
      case 6:
        deliver(true);
        break;
      case 7:
        trim();
        break;
      case 8:
        if (below(6) == 0) reboot();
        break;
      case 9:
        if (below(10) == 0) pass_time();
        break;
    }
  }

  std::uint64_t accepted() const { return accepted_; }
  std::uint64_t accepted_in_parts() const { return accepted_in_parts_; }
  std::uint64_t trimmed() const { return all_trimmed_; }

 private:
  struct Sent {
    std::size_t verifier;
    Bytes evidence;
    std::uint64_t boot;
    bool further;  // a part after the first
  };

  std::uint64_t below(std::uint64_t end) { return random_() % end; }
  const Judge& process_of(std::size_t verifier) {
    return verifier == 0 && below(2) == 0 ? second_.judge : verifiers_[verifier].judge;
  }

  void ask() {
    const std::size_t verifier = below(2);
    const auto asked = challenge(process_of(verifier), {.host = host_.name}, verifiers_[verifier].now);
    ASSERT_TRUE(asked) << asked.error().detail;
    const bool new_boot = asked->reset_count && *asked->reset_count != host_.clock.reset_count;
    std::uint64_t first = new_boot ? 0 : asked->first;
    // A host whose list is shorter than what the verifier knows has rebooted.
    if (first > host_.list.size()) return;
    // In parts of any size.
    evidence::EvidenceHeader header = host_.header(*asked, first);
    for (const std::uint64_t start = first;;) {
      const std::uint64_t left = host_.list.size() - first;
      header.first = first;
      header.count = left < 2 || below(3) > 0 ? left : 1 + below(left - 1);
      header.more = header.count < left;
      sent_.push_back({.verifier = verifier,
                       .evidence = test::evidence_of(header, std::span(host_.list).subspan(first, header.count)),
                       .boot = host_.clock.reset_count,
                       .further = first > start});
      first += header.count;
      if (!header.more) return;
    }
  }

  // The evidence arrives, perhaps not for the first time, perhaps altered; the process may crash around the commit.
  void deliver(bool altered) {
    if (sent_.empty()) return;
    // Often the one after the last: otherwise the parts would seldom come in order.
    at_ = below(3) > 0 && at_ + 1 < sent_.size() ? at_ + 1 : below(sent_.size());
    const Sent& sent = sent_[at_];
    Bytes evidence = sent.evidence;
    if (altered) evidence[below(evidence.size())] ^= std::byte{1} << below(8);
    TestVerifier& verifier = verifiers_[sent.verifier];
    const vstore::HostRow before = verifier.row(host_);
    Attestation attestation(process_of(sent.verifier), verifier.now);
    if (attestation.feed(evidence)) return;
    const auto judged = attestation.finish();
    if (!judged) {
      ASSERT_EQ(verifier.row(host_), before);
      return;
    }
    if (const auto* const repeated = std::get_if<Repeated>(&*judged)) return learn(sent, repeated->verdict);
    if (const auto* const part = std::get_if<Part>(&*judged)) return take(sent, *part);
    const auto& accepted = std::get<Accepted>(*judged);
    const std::uint64_t fate = below(4);
    if (fate == 0) return;  // crash before the commit
    const auto moved = test::good(verifier.store.commit({&accepted.move, 1})).front();
    check_row(sent.verifier);
    if (moved != vstore::MoveResult::kMoved) {
      ASSERT_EQ(verifier.row(host_), before);
      return;
    }
    ++accepted_;
    accepted_in_parts_ += sent.further ? 1 : 0;
    if (fate == 1) return;  // crash after the commit: the answer is lost
    learn(sent, accepted.verdict);
  }

  // A part changes nothing but the provisional state; the process may crash before it is kept.
  void take(const Sent& sent, const Part& part) {
    if (below(6) == 0) return;
    TestVerifier& verifier = verifiers_[sent.verifier];
    vstore::HostRow before = verifier.row(host_);
    static_cast<void>(take_part(process_of(sent.verifier), part));
    vstore::HostRow after = verifier.row(host_);
    before.provisional.reset();
    after.provisional.reset();
    ASSERT_EQ(after, before);
  }

  void pass_time() {
    for (TestVerifier& verifier : verifiers_) {
      verifier.now += static_cast<std::int64_t>(below(400));
      ASSERT_TRUE(verifier.store.drop_provisional(verifier.now));
    }
  }

  // The host gets a verdict, which may belong to an earlier boot.
  void learn(const Sent& sent, const std::string& text) {
    const auto verdict = test::good(evidence::read_verdict(text));
    if (sent.boot != host_.clock.reset_count) return;
    std::uint64_t& known = known_n_[sent.verifier];
    // Verdicts may arrive in another order. The keeper takes the greatest.
    known = std::max(known, verdict.n);
    ASSERT_LE(verdict.n, host_.list.size());
  }

  void trim() {
    const std::uint64_t least = std::min(known_n_[0], known_n_[1]);
    if (least <= trimmed_) return;
    for (std::size_t verifier = 0; verifier < 2; ++verifier) {
      const HostState state = state_of(verifier);
      ASSERT_EQ(state.chain.reset_count, host_.clock.reset_count);
      ASSERT_LE(least, state.chain.proven) << "a record is trimmed that is not proven";
    }
    all_trimmed_ += least - trimmed_;
    trimmed_ = least;
  }

  void reboot() {
    host_.reboot();
    known_n_ = {};
    trimmed_ = 0;
    proven_ = {};
  }

  HostState state_of(std::size_t verifier) {
    return test::good(load_host_state(verifiers_[verifier].row(host_).state));
  }

  // What the row says is proven is what the host measured, and it never goes back within a chain.
  void check_row(std::size_t verifier) {
    const HostState state = state_of(verifier);
    if (state.chain.reset_count != host_.clock.reset_count) return;
    ASSERT_GE(state.chain.proven, proven_[verifier]);
    proven_[verifier] = state.chain.proven;
    ASSERT_LE(state.chain.proven, host_.list.size());
    digest::PcrState replayed({digest::bank_of(digest::Algorithm::kSha256)});
    for (std::uint64_t i = 0; i < state.chain.proven; ++i) imalog::extend(replayed, host_.list[i].view());
    if (state.chain.proven > 0) {
      ASSERT_EQ(state.chain.pcrs, replayed);
    }
  }

  std::mt19937_64 random_;
  std::array<TestVerifier, 2> verifiers_;
  TestHost host_;
  SecondProcess second_;
  std::vector<Sent> sent_;
  std::size_t at_ = 0;  // in sent_: what was delivered last
  std::uint64_t measured_ = 0, accepted_ = 0, accepted_in_parts_ = 0, trimmed_ = 0, all_trimmed_ = 0;
  std::array<std::uint64_t, 2> known_n_{};  // what the host was told, of this boot
  std::array<std::uint64_t, 2> proven_{};   // what the rows said, of this boot
};

TEST(VerifierSchedule, NothingIsTrimmedThatIsNotProvenByEveryVerifier) {
  const std::uint64_t schedules = from_environment("IMAKEEP_SCHEDULES", 150);
  const std::uint64_t first = from_environment("IMAKEEP_FIRST_SEED", 1);
  std::uint64_t accepted = 0;
  std::uint64_t accepted_in_parts = 0;
  std::uint64_t trimmed = 0;
  for (std::uint64_t seed = first; seed < first + schedules; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed);
    for (int i = 0; i < 80 && !testing::Test::HasFatalFailure(); ++i) world.step();
    if (testing::Test::HasFatalFailure()) return;
    accepted += world.accepted();
    accepted_in_parts += world.accepted_in_parts();
    trimmed += world.trimmed();
  }
  // Schedules in which nothing happens prove nothing.
  EXPECT_GT(accepted, schedules);
  EXPECT_GT(accepted_in_parts, schedules / 10);
  EXPECT_GT(trimmed, schedules);
}

}  // namespace schedule_test
}  // namespace imakeep::verifier
