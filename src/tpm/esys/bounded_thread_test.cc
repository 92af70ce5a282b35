// SPDX-License-Identifier: Apache-2.0
#include "tpm/esys/bounded_thread.h"

#include <atomic>
#include <csignal>
#include <future>

#include <gtest/gtest.h>

namespace imakeep::tpm {
namespace bounded_thread_test {

using std::chrono::milliseconds;

constexpr milliseconds kLong{60'000};
constexpr milliseconds kShort{20};

TEST(BoundedThread, RunsJobsInTurnOnOneOtherThread) {
  BoundedThread thread;
  std::vector<std::thread::id> ids;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(thread.run([&] { ids.push_back(std::this_thread::get_id()); }, kLong));
  ASSERT_EQ(ids.size(), 100u);
  EXPECT_EQ(ids.front(), ids.back());
  EXPECT_NE(ids.front(), std::this_thread::get_id());
}

TEST(BoundedThread, GivesUpAJobThatNeverEndsAndEveryLaterOne) {
  auto release = std::make_shared<std::promise<void>>();
  auto ended = std::make_shared<std::promise<void>>();
  std::future<void> job_ended = ended->get_future();
  bool ran = false;
  {
    BoundedThread thread;
    EXPECT_FALSE(thread.run(
        [released = std::make_shared<std::future<void>>(release->get_future()), ended] {
          released->wait();
          ended->set_value();
        },
        kShort));
    EXPECT_FALSE(thread.run([&ran] { ran = true; }, kLong));
  }
  release->set_value();
  job_ended.wait();
  EXPECT_FALSE(ran);
}

TEST(BoundedThread, DestroysAJobBeforeItSaysThatItEnded) {
  BoundedThread thread;
  for (int i = 0; i < 100; ++i) {
    auto owned = std::make_shared<int>(i);
    const std::weak_ptr<int> watched = owned;
    ASSERT_TRUE(thread.run([owned = std::move(owned)] {}, kLong));
    EXPECT_TRUE(watched.expired());
  }
}

TEST(BoundedThread, TakesNoSignals) {
  BoundedThread thread;
  bool blocked = false;
  ASSERT_TRUE(thread.run(
      [&blocked] {
        sigset_t mask;
        pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        blocked = sigismember(&mask, SIGPIPE) == 1 && sigismember(&mask, SIGTERM) == 1;
      },
      kLong));
  EXPECT_TRUE(blocked);
  sigset_t mine;
  pthread_sigmask(SIG_SETMASK, nullptr, &mine);
  EXPECT_EQ(sigismember(&mine, SIGTERM), 0);
}

}  // namespace bounded_thread_test
}  // namespace imakeep::tpm
