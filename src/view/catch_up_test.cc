// SPDX-License-Identifier: Apache-2.0
#include "view/catch_up.h"

#include <poll.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace imakeep::view {
namespace catch_up_test {

// A reader that is woken returns within kSoonMs. A reader that is not woken would wait for kLongMs.
constexpr int kSoonMs = 10'000;
constexpr std::int64_t kLongMs = 30'000;

bool somebody_waits(const CatchUp& catch_up, int wait_ms = kSoonMs) {
  pollfd event{.fd = catch_up.descriptor(), .events = POLLIN, .revents = 0};
  return ::poll(&event, 1, wait_ms) == 1;
}

class Reader {
 public:
  explicit Reader(CatchUp& catch_up) {
    catch_up.wait([back = back_] { ++*back; });
  }

  // How often `go_on` was called.
  int came_back() const { return *back_; }
  bool comes_back() const {
    for (int waited_ms = 0; waited_ms < kSoonMs && *back_ == 0; ++waited_ms) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return *back_ == 1;
  }

 private:
  const std::shared_ptr<std::atomic<int>> back_ = std::make_shared<std::atomic<int>>(0);
};

TEST(CatchUp, OneLookServesAllWhoWait) {
  CatchUp catch_up(kLongMs);
  const Reader first(catch_up);
  const Reader second(catch_up);
  ASSERT_TRUE(somebody_waits(catch_up));
  const std::uint64_t taken = catch_up.take();
  EXPECT_FALSE(somebody_waits(catch_up, 0)) << "the keeper was told";
  EXPECT_EQ(first.came_back() + second.came_back(), 0) << "the look is not over yet";
  catch_up.done(taken);
  EXPECT_EQ(first.came_back(), 1);
  EXPECT_EQ(second.came_back(), 1);
}

TEST(CatchUp, ALookThatBeganBeforeIsNotEnough) {
  CatchUp catch_up(kLongMs);
  const std::uint64_t before = catch_up.take();
  const Reader reader(catch_up);
  ASSERT_TRUE(somebody_waits(catch_up));
  catch_up.done(before);
  EXPECT_EQ(reader.came_back(), 0);
  catch_up.done(catch_up.take());
  EXPECT_EQ(reader.came_back(), 1);
}

TEST(CatchUp, KnowsWhichListHasNothingNew) {
  CatchUp catch_up(kLongMs);
  EXPECT_FALSE(catch_up.has_seen(0)) << "no look yet";
  catch_up.looked(7);
  EXPECT_TRUE(catch_up.has_seen(7));
  EXPECT_FALSE(catch_up.has_seen(8));
  EXPECT_FALSE(catch_up.has_seen(3)) << "new records may have followed the deleted ones";
  catch_up.looked(std::nullopt);
  EXPECT_FALSE(catch_up.has_seen(7)) << "the list may have new records all the same";
}

TEST(CatchUp, NobodyWaitsForAKeeperThatEnds) {
  CatchUp catch_up(kLongMs);
  const Reader reader(catch_up);
  ASSERT_TRUE(somebody_waits(catch_up));
  catch_up.end();
  EXPECT_TRUE(reader.comes_back());
  const Reader late(catch_up);
  EXPECT_EQ(late.came_back(), 1) << "at once";
}

TEST(CatchUp, AWaitingReaderContinuesWhenTheObjectIsDestroyed) {
  std::optional<Reader> reader;
  {
    CatchUp catch_up(kLongMs);
    reader.emplace(catch_up);
  }
  EXPECT_EQ(reader->came_back(), 1);
}

TEST(CatchUp, WaitersGoOnAfterTheLimitIfNobodyLooks) {
  CatchUp catch_up(50);
  const auto begun = std::chrono::steady_clock::now();
  std::vector<Reader> readers;
  for (int i = 0; i < 100; ++i) readers.emplace_back(catch_up);
  for (const Reader& reader : readers) EXPECT_TRUE(reader.comes_back());
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(50)) << "not before their time";
  EXPECT_TRUE(somebody_waits(catch_up)) << "the keeper was told";
  catch_up.done(catch_up.take());
  for (const Reader& reader : readers) EXPECT_EQ(reader.came_back(), 1) << "once";
}

}  // namespace catch_up_test
}  // namespace imakeep::view
