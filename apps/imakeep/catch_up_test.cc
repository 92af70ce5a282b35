#include "catch_up.h"

#include <poll.h>

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

namespace imakeep::app {
namespace {

// Who is woken is so in no time; who is not waits longer than anybody looks.
constexpr int kSoonMs = 10'000;
constexpr std::int64_t kLongMs = 30'000;

// Of a list of so many records.
std::function<Result<std::uint64_t>()> counts(std::uint64_t count) {
  return [count] { return Result<std::uint64_t>(count); };
}

bool somebody_waits(const CatchUp& catch_up, int wait_ms = kSoonMs) {
  pollfd event{.fd = catch_up.descriptor(), .events = POLLIN, .revents = 0};
  return ::poll(&event, 1, wait_ms) == 1;
}

class Reader {
 public:
  explicit Reader(CatchUp& catch_up)
      : catch_up_(catch_up), thread_([this] {
          catch_up_.wait_for_news();
          back_ = true;
        }) {}
  ~Reader() {
    catch_up_.end();
    thread_.join();
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  bool is_back() const { return back_; }
  bool comes_back() const {
    for (int waited_ms = 0; waited_ms < kSoonMs && !back_; ++waited_ms) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return back_;
  }

 private:
  CatchUp& catch_up_;
  std::atomic<bool> back_ = false;
  std::thread thread_;
};

TEST(CatchUp, NobodyWaitsForAListThatIsAsItWasSeen) {
  CatchUp catch_up(counts(7), kLongMs);
  catch_up.looked(7);
  const Reader reader(catch_up);
  EXPECT_TRUE(reader.comes_back());
  EXPECT_FALSE(somebody_waits(catch_up, 0));
}

TEST(CatchUp, ReadersOfAListWithNewsWaitForTheNextLook) {
  CatchUp catch_up(counts(8), kLongMs);
  catch_up.looked(7);
  const Reader first(catch_up);
  const Reader second(catch_up);
  std::uint64_t taken = 0;
  while (taken < 2) {
    ASSERT_TRUE(somebody_waits(catch_up));
    taken = catch_up.take();
  }
  EXPECT_FALSE(somebody_waits(catch_up, 0)) << "the keeper was told";
  EXPECT_FALSE(first.is_back() || second.is_back()) << "the look is not over yet";
  catch_up.looked(8);
  catch_up.done(taken);
  EXPECT_TRUE(first.comes_back());
  EXPECT_TRUE(second.comes_back());
}

TEST(CatchUp, ALookThatBeganBeforeIsNotEnough) {
  CatchUp catch_up(counts(8), kLongMs);
  const std::uint64_t before = catch_up.take();
  const Reader reader(catch_up);
  ASSERT_TRUE(somebody_waits(catch_up));
  catch_up.done(before);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(reader.is_back());
  catch_up.done(catch_up.take());
  EXPECT_TRUE(reader.comes_back());
}

TEST(CatchUp, AListThatBecameShorterHasNews) {
  CatchUp catch_up(counts(3), kLongMs);
  catch_up.looked(7);
  const Reader reader(catch_up);
  EXPECT_TRUE(somebody_waits(catch_up));
}

TEST(CatchUp, AListOfWhichThereMayBeMoreIsWaitedForWhateverItsCount) {
  CatchUp catch_up(counts(7), kLongMs);
  catch_up.looked(7);
  catch_up.looked(std::nullopt);
  const Reader reader(catch_up);
  EXPECT_TRUE(somebody_waits(catch_up));
}

TEST(CatchUp, NobodyWaitsForAKeeperThatEnds) {
  CatchUp catch_up(counts(1), kLongMs);
  const Reader reader(catch_up);
  ASSERT_TRUE(somebody_waits(catch_up));
  catch_up.end();
  EXPECT_TRUE(reader.comes_back());
  const Reader late(catch_up);
  EXPECT_TRUE(late.comes_back());
}

TEST(CatchUp, WhenNobodyLooksAReaderIsShownWhatThereIsInTheEnd) {
  CatchUp catch_up(counts(1), 1);
  const Reader reader(catch_up);
  EXPECT_TRUE(reader.comes_back());
  EXPECT_TRUE(somebody_waits(catch_up));
}

TEST(CatchUp, AListThatCannotBeCountedIsNotWaitedFor) {
  CatchUp catch_up([]() -> Result<std::uint64_t> { return fail(ErrorCode::kEnvironment, "gone"); }, kLongMs);
  const Reader reader(catch_up);
  EXPECT_TRUE(reader.comes_back());
  EXPECT_FALSE(somebody_waits(catch_up, 0));
}

}  // namespace
}  // namespace imakeep::app
