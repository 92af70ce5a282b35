#include "request_queue.h"

#include <poll.h>

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

namespace imakeep::app {
namespace {

control::Message numbered(int number) {
  return {.head = {{"number", number}}};
}

bool readable(const RequestQueue& queue, int wait_ms) {
  pollfd event{.fd = queue.descriptor(), .events = POLLIN, .revents = 0};
  return ::poll(&event, 1, wait_ms) == 1;
}

TEST(RequestQueue, WhoAsksGetsTheAnswerToTheirOwnRequest) {
  const auto queue = RequestQueue::make().value();
  EXPECT_FALSE(readable(*queue, 0));
  std::vector<std::thread> askers;
  std::atomic<int> right = 0;
  for (int i = 0; i < 8; ++i) {
    askers.emplace_back([&queue, &right, i] { right += queue->ask(numbered(i)).head["number"] == i * 10 ? 1 : 0; });
  }
  for (int answered = 0; answered < 8;) {
    ASSERT_TRUE(readable(*queue, 10'000));
    for (RequestQueue::Waiting& waiting : queue->take()) {
      waiting.answer.set_value(numbered(waiting.request.head["number"].get<int>() * 10));
      ++answered;
    }
  }
  for (std::thread& asker : askers) asker.join();
  EXPECT_EQ(right, 8);
  EXPECT_FALSE(readable(*queue, 0));
}

TEST(RequestQueue, ClosingAnswersWhoWaitsAndWhoComes) {
  const auto queue = RequestQueue::make().value();
  std::thread asker([&] { EXPECT_FALSE(queue->ask(numbered(1)).head["ok"].get<bool>()); });
  ASSERT_TRUE(readable(*queue, 10'000));
  queue->close();
  asker.join();
  EXPECT_FALSE(queue->ask(numbered(2)).head["ok"].get<bool>());
}

}  // namespace
}  // namespace imakeep::app
