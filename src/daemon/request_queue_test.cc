// SPDX-License-Identifier: Apache-2.0
#include "daemon/request_queue.h"

#include <poll.h>

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "control/message.h"

namespace imakeep::daemon {
namespace request_queue_test {

const Activity idle;

control::Message numbered(int number) {
  return {.head = {{"number", number}}};
}

bool readable(const RequestQueue& queue, int wait_ms) {
  pollfd event{.fd = queue.descriptor(), .events = POLLIN, .revents = 0};
  return ::poll(&event, 1, wait_ms) == 1;
}

TEST(RequestQueue, EveryAskerGetsTheAnswerToItsOwnRequest) {
  const auto queue = RequestQueue::make(idle).value();
  EXPECT_FALSE(readable(*queue, 0));
  std::vector<std::thread> askers;
  std::atomic<int> right = 0;
  for (int i = 0; i < 8; ++i) {
    askers.emplace_back([&queue, &right, i] { right += queue->ask(numbered(i)).head["number"] == i * 10 ? 1 : 0; });
  }
  for (int answered = 0; answered < 8;) {
    ASSERT_TRUE(readable(*queue, 10'000));
    queue->answer_all([&answered](const control::Message& request) {
      ++answered;
      return numbered(request.head["number"].get<int>() * 10);
    });
  }
  for (std::thread& asker : askers) asker.join();
  EXPECT_EQ(right, 8);
  EXPECT_FALSE(readable(*queue, 0));
}

TEST(RequestQueue, AnAskerThatAsksAgainAtOnceDoesNotKeepTheThread) {
  const auto queue = RequestQueue::make(idle).value();
  std::atomic<bool> enough = false;
  std::thread asker([&] {
    while (!enough) queue->ask(numbered(1));
  });
  ASSERT_TRUE(readable(*queue, 10'000));
  int answered = 0;
  queue->answer_all([&](const control::Message& request) {
    ++answered;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return request;
  });
  EXPECT_EQ(answered, 1);
  enough = true;
  queue->close();
  asker.join();
}

TEST(RequestQueue, ClosingAnswersWaitingAndLaterAskers) {
  const auto queue = RequestQueue::make(idle).value();
  std::thread asker([&] { EXPECT_FALSE(queue->ask(numbered(1)).head["ok"].get<bool>()); });
  ASSERT_TRUE(readable(*queue, 10'000));
  queue->close();
  asker.join();
  EXPECT_FALSE(queue->ask(numbered(2)).head["ok"].get<bool>());
}

std::string error_of(const control::Message& answer) {
  return answer.head["ok"].get<bool>() ? "" : answer.head["error"]["message"].get<std::string>();
}

TEST(RequestQueue, AnAskerIsToldAfterTheLimitWhatTheKeeperDoesAndTheRequestIsWithdrawn) {
  Activity activity;
  activity.begin("reading the list /x");
  const auto queue = RequestQueue::make(activity, {.to_begin = std::chrono::milliseconds(20)}).value();
  const std::string error = error_of(queue->ask(numbered(1)));
  EXPECT_NE(error.find("it has been reading the list /x for 0 s; nothing was done"), std::string::npos) << error;
  int answered = 0;
  queue->answer_all([&](const control::Message& request) {
    ++answered;
    return request;
  });
  EXPECT_EQ(answered, 0) << "it was withdrawn";
}

TEST(RequestQueue, AnAskerIsToldAfterTheLimitThatTheRequestGoesOn) {
  Activity activity;
  const auto queue = RequestQueue::make(activity, {.to_answer = std::chrono::milliseconds(20)}).value();
  std::string error;
  std::atomic<bool> told = false;
  std::thread asker([&] {
    error = error_of(queue->ask(numbered(1)));
    told = true;
  });
  ASSERT_TRUE(readable(*queue, 10'000));
  queue->answer_all([&](const control::Message& request) {
    const ActivityScope trimming(activity, "trimming the list /x");
    while (!told) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return request;
  });
  asker.join();
  EXPECT_NE(error.find("it has been trimming the list /x for 0 s; it continues with the request"), std::string::npos)
      << error;
}

}  // namespace request_queue_test
}  // namespace imakeep::daemon
