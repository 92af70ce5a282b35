// SPDX-License-Identifier: Apache-2.0
#include "http/peer_rates.h"

#include <gtest/gtest.h>

namespace imakeep::http {
namespace peer_rates_test {

const PeerRates::Time kStart{};

int taken(PeerRates& rates, std::string_view peer, PeerRates::Time at, int tries) {
  int count = 0;
  for (int i = 0; i < tries; ++i) count += rates.take(peer, at) ? 1 : 0;
  return count;
}

TEST(PeerRates, AllowABurstAndThenTheRate) {
  PeerRates rates(2, 5);
  EXPECT_EQ(taken(rates, "a", kStart, 100), 10);
  EXPECT_EQ(taken(rates, "a", kStart + std::chrono::seconds(3), 100), 6);
  EXPECT_EQ(taken(rates, "a", kStart + std::chrono::hours(3), 100), 10);
}

TEST(PeerRates, OfOnePeerDoNotCountForAnother) {
  PeerRates rates(1, 1);
  EXPECT_EQ(taken(rates, "a", kStart, 5), 1);
  EXPECT_EQ(taken(rates, "b", kStart, 5), 1);
}

TEST(PeerRates, OfZeroAllowAnyNumber) {
  PeerRates rates(0);
  EXPECT_EQ(taken(rates, "a", kStart, 1000), 1000);
}

TEST(PeerRates, AClockThatGoesBackGivesNothing) {
  PeerRates rates(1, 1);
  EXPECT_EQ(taken(rates, "a", kStart + std::chrono::seconds(10), 5), 1);
  EXPECT_EQ(taken(rates, "a", kStart, 5), 0);
}

TEST(PeerRates, ForgetThePeerThatWasIdleForLongest) {
  PeerRates rates(1, 1, 2);
  EXPECT_EQ(taken(rates, "a", kStart, 1), 1);
  EXPECT_EQ(taken(rates, "b", kStart, 1), 1);
  EXPECT_EQ(taken(rates, "a", kStart, 1), 0);  // b is now idle for longest
  EXPECT_EQ(taken(rates, "c", kStart, 1), 1);
  EXPECT_EQ(taken(rates, "a", kStart, 1), 0);
  EXPECT_EQ(taken(rates, "b", kStart, 1), 1);
}

}  // namespace peer_rates_test
}  // namespace imakeep::http
