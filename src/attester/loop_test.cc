// SPDX-License-Identifier: Apache-2.0
#include "attester/loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/test_clock.h"

namespace imakeep::attester {
namespace loop_test {

using testing::ElementsAre;

Result<Attestation> verdict(std::uint64_t interval_s) {
  return Attestation(Attested{.interval_s = interval_s});
}
Result<Attestation> unreachable() {
  return fail(ErrorCode::kEnvironment, "no route");
}
Result<Attestation> refusal() {
  return Attestation(Refused{.problem = {.status = 422, .reason = "log-mismatch"}});
}
Result<Attestation> later(std::int64_t seconds) {
  return Attestation(Later{.after = std::chrono::seconds(seconds)});
}

TEST(Loop, WaitsAsLongAsTheVerdictSaysWithinLimits) {
  test::TestClock clock;
  Loop loop(clock);
  EXPECT_EQ(loop.pause_ms(verdict(47)), 47'000);
  EXPECT_EQ(loop.pause_ms(verdict(0)), 1000);
  EXPECT_EQ(loop.pause_ms(verdict(~std::uint64_t{0})), kMostIntervalMs);
  EXPECT_EQ(loop.pause_ms(later(9)), 9000);
  EXPECT_EQ(loop.pause_ms(later(-1)), 1000);
}

TEST(Loop, BacksOffFromOneSecondToFiveMinutesUntilAVerdict) {
  test::TestClock clock;
  Loop loop(clock);
  std::vector<std::int64_t> pauses;
  for (int i = 0; i < 11; ++i) pauses.push_back(loop.pause_ms(i % 2 == 0 ? unreachable() : refusal()));
  EXPECT_THAT(pauses, ElementsAre(1000, 2000, 4000, 8000, 16'000, 32'000, 64'000, 128'000, 256'000, 300'000, 300'000));
  EXPECT_EQ(loop.pause_ms(later(5)), 5000) << "does not end the back-off";
  EXPECT_EQ(loop.pause_ms(unreachable()), 300'000);
  EXPECT_EQ(loop.pause_ms(verdict(60)), 60'000);
  EXPECT_EQ(loop.pause_ms(unreachable()), 1000);
}

// The wall clock decides nothing: pauses are spans.
TEST(Loop, PausesAsLongWhenTheWallClockIsSet) {
  test::TestClock clock;
  std::vector<std::int64_t> slept;
  clock.on_sleep = [&](std::int64_t ms) {
    slept.push_back(ms);
    clock.set_unix_s(slept.size() % 2 == 0 ? 2'000'000'000 : 1);
  };
  int attested = 0;
  Loop(clock).run(
      [&]() -> Result<Attestation> {
        clock.set_unix_s(++attested == 2 ? 0 : 4'000'000'000);
        return attested == 3 ? unreachable() : verdict(60);
      },
      [&](const Result<Attestation>&, std::int64_t) { return attested < 5; });
  EXPECT_THAT(slept, ElementsAre(60'000, 60'000, 1000, 60'000));
}

TEST(Loop, GoesOnWhileTheVerifierCannotBeReached) {
  test::TestClock clock;
  std::vector<std::int64_t> slept;
  clock.on_sleep = [&slept](std::int64_t ms) { slept.push_back(ms); };
  int attested = 0;
  int heard = 0;
  Loop(clock).run([&attested]() -> Result<Attestation> { return ++attested < 4 ? unreachable() : verdict(60); },
                  [&heard](const Result<Attestation>& outcome, std::int64_t) {
                    ++heard;
                    return !outcome.has_value();
                  });
  EXPECT_EQ(attested, 4);
  EXPECT_EQ(heard, 4);
  EXPECT_THAT(slept, ElementsAre(1000, 2000, 4000));
}

}  // namespace loop_test
}  // namespace imakeep::attester
