#include "catch_up.h"

#include <poll.h>

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

namespace imakeep::app {
namespace {

bool readable(int fd) {
  pollfd event{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&event, 1, 0) == 1;
}

TEST(CatchUp, NobodyWaitsForAListThatIsAsItWasSeen) {
  CatchUp catch_up([] { return Result<std::uint64_t>(7); });
  catch_up.looked(7);
  catch_up.wait_for_news();
  EXPECT_FALSE(readable(catch_up.descriptor()));
}

TEST(CatchUp, ReadersOfAListWithNewsWaitForTheNextLook) {
  std::atomic<std::uint64_t> count = 8;
  CatchUp catch_up([&count] { return Result<std::uint64_t>(count.load()); });
  catch_up.looked(7);
  std::atomic<int> back = 0;
  std::thread reader([&] {
    catch_up.wait_for_news();
    ++back;
  });
  while (!readable(catch_up.descriptor())) std::this_thread::yield();
  EXPECT_EQ(back, 0);
  const std::uint64_t taken = catch_up.take();
  EXPECT_FALSE(readable(catch_up.descriptor()));
  EXPECT_EQ(back, 0) << "the look is not over yet";
  catch_up.looked(8);
  catch_up.done(taken);
  reader.join();
  EXPECT_EQ(back, 1);
}

TEST(CatchUp, ALookThatBeganBeforeIsNotEnough) {
  CatchUp catch_up([] { return Result<std::uint64_t>(8); });
  const std::uint64_t before = catch_up.take();
  std::atomic<bool> back = false;
  std::thread reader([&] {
    catch_up.wait_for_news();
    back = true;
  });
  while (!readable(catch_up.descriptor())) std::this_thread::yield();
  catch_up.done(before);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(back);
  catch_up.done(catch_up.take());
  reader.join();
}

TEST(CatchUp, NobodyWaitsForAKeeperThatEnds) {
  CatchUp catch_up([] { return Result<std::uint64_t>(1); });
  std::thread reader([&] { catch_up.wait_for_news(); });
  while (!readable(catch_up.descriptor())) std::this_thread::yield();
  catch_up.end();
  reader.join();
  catch_up.wait_for_news();
}

TEST(CatchUp, AListThatCannotBeCountedIsNotWaitedFor) {
  CatchUp catch_up([]() -> Result<std::uint64_t> { return fail(ErrorCode::kEnvironment, "gone"); });
  catch_up.wait_for_news();
  EXPECT_FALSE(readable(catch_up.descriptor()));
}

}  // namespace
}  // namespace imakeep::app
