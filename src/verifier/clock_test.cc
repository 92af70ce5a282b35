// SPDX-License-Identifier: Apache-2.0
// The verifier's clock is set back or forth at any time. N, epochs and counts of the TPM do not depend on it; nonces,
// results, keys and enrolments do, and say so.
#include "ear/token.h"
#include "support/test_verifier.h"

namespace imakeep::verifier {
namespace clock_test {

using test::evidence_of;
using test::good;
using test::TestHost;
using test::TestVerifier;

constexpr std::int64_t kDay = 86'400;

class VerifierClock : public testing::Test {
 protected:
  VerifierClock() {
    verifier.enrol(host);
    host.measure("/a");
    EXPECT_EQ(verifier.attest(host)->n, 2u);
    host.measure("/b");
  }
  // The verdict, or the reason of the refusal, for a challenge of now after the clock has jumped.
  std::string after_jump(std::int64_t seconds) {
    const auto asked = verifier.challenge(host);
    EXPECT_TRUE(asked);
    verifier.now += seconds;
    const auto before = verifier.row(host);
    const auto verdict =
        verifier.submit(evidence_of(host.header(*asked, asked->first), std::span(host.list).subspan(asked->first)));
    if (verdict) return "n=" + std::to_string(verdict->n);
    EXPECT_EQ(verifier.row(host), before);
    return std::string(info(verdict.error().reason).name);
  }

  TestVerifier verifier;
  TestHost host{"web-1"};
};

TEST_F(VerifierClock, AJumpBetweenChallengeAndEvidenceCostsOneNonce) {
  const auto lifetime = static_cast<std::int64_t>(verifier.settings.nonce_lifetime_s);
  const auto skew = static_cast<std::int64_t>(evidence::kNonceSkewS);
  for (const std::int64_t jump : {lifetime + 1, kDay, 400 * kDay, -skew - 1, -kDay, -400 * kDay}) {
    EXPECT_EQ(after_jump(jump), "nonce-expired") << jump;
    // The next challenge is of the clock as it is.
    EXPECT_EQ(after_jump(0), "n=3") << jump;
  }
  for (const std::int64_t jump : {lifetime, -skew}) EXPECT_EQ(after_jump(jump), "n=3") << jump;
  EXPECT_EQ(verifier.row(host).proven, 3u);
}

TEST_F(VerifierClock, ANonceThatIsYoungAgainIsUsedUpAllTheSame) {
  const auto asked = verifier.challenge(host);
  const Bytes evidence = evidence_of(host.header(*asked, 2), std::span(host.list).subspan(2));
  ASSERT_EQ(verifier.submit(evidence)->n, 3u);
  host.measure("/c");
  ASSERT_EQ(verifier.attest(host)->n, 4u);
  const auto before = verifier.row(host);
  for (const std::int64_t jump : {10 * kDay, -10 * kDay}) {
    verifier.now += jump;
    EXPECT_EQ(info(verifier.submit(evidence).error().reason).name, "nonce-foreign") << jump;
  }
  EXPECT_EQ(verifier.row(host), before);
}

TEST_F(VerifierClock, ALostAnswerIsGivenAtAnyTime) {
  const auto asked = verifier.challenge(host);
  const Bytes evidence = evidence_of(host.header(*asked, 2), std::span(host.list).subspan(2));
  const auto first = verifier.submit(evidence);
  for (const std::int64_t jump : {kDay, -2 * kDay}) {
    verifier.now += jump;
    EXPECT_EQ(*verifier.submit(evidence), *first);
  }
}

TEST_F(VerifierClock, AResultLivesForTwoIntervalsAndItsLifetimeByTheClockOfItsIssue) {
  const auto lifetime =
      static_cast<std::int64_t>(2 * verifier.settings.interval_s + verifier.settings.result_lifetime_s);
  for (const std::int64_t jump : {std::int64_t{0}, kDay, -3 * kDay}) {
    verifier.now += jump;
    const auto verdict = verifier.attest(host);
    ASSERT_TRUE(verdict);
    const auto keys = good(ear::PublicKeys::parse(good(verifier.keys.published(verifier.now))));
    const auto at = [&](std::int64_t now_s) {
      return ear::verify_token(verdict->result, keys, {.now_s = now_s}).has_value();
    };
    EXPECT_TRUE(at(verifier.now));
    EXPECT_TRUE(at(verifier.now + lifetime - 1));
    EXPECT_FALSE(at(verifier.now + lifetime + kDay));
    EXPECT_FALSE(at(verifier.now - kDay));
  }
}

// The time of the next attestation is a span, so no clock of the host or of the verifier changes it.
TEST_F(VerifierClock, TheIntervalIsASpanWithinTheJitterWhateverTheClockSays) {
  const double interval = static_cast<double>(verifier.settings.interval_s);
  // The last one is that of a machine whose clock has no battery.
  for (const std::int64_t now :
       {verifier.now, verifier.now + 1000 * kDay, verifier.now - 1000 * kDay, std::int64_t{1}}) {
    verifier.now = now;
    const auto verdict = verifier.attest(host);
    ASSERT_TRUE(verdict);
    EXPECT_GE(static_cast<double>(verdict->interval_s), interval * (1 - verifier.settings.jitter) - 1);
    EXPECT_LE(static_cast<double>(verdict->interval_s), interval * (1 + verifier.settings.jitter) + 1);
  }
}

TEST_F(VerifierClock, TheHistoryKeepsTheOrderOfEpochsWhenTheClockGoesBack) {
  for (const std::int64_t jump : {kDay, -2 * kDay, kDay / 2}) {
    verifier.now += jump;
    ASSERT_TRUE(verifier.attest(host));
  }
  auto rows = good(verifier.store.history(TestVerifier::key_of(host), 0, verifier.now + 10 * kDay, 100));
  ASSERT_EQ(rows.size(), 4u);
  std::ranges::sort(rows, {}, &vstore::HistoryRow::epoch);
  std::uint64_t proven = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].epoch, i + 1);
    EXPECT_GE(rows[i].proven, proven);
    proven = rows[i].proven;
  }
}

TEST_F(VerifierClock, TheClockOfTheTpmDecidesWhichQuoteIsOlder) {
  const auto asked = verifier.challenge(host);
  ASSERT_EQ(verifier.attest(host)->n, 3u);
  verifier.now += kDay;
  host.clock.clock_ms -= 1;  // a snapshot of the machine
  const auto again = verifier.challenge(host);
  const auto refused = verifier.submit(evidence_of(host.header(*again, 3), {}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(info(refused.error().reason).name, "quote-older");
}

}  // namespace clock_test
}  // namespace imakeep::verifier
