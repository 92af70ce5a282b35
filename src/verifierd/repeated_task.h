// SPDX-License-Identifier: Apache-2.0
// verifierd/repeated_task.h - does something again and again, in a thread of its own, until the object is destroyed.
//
// Threads: the task runs in the object's thread. Construct and destroy the object in one thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

namespace imakeep::verifierd {

class RepeatedTask {
 public:
  // For the first time after one interval. The task must not throw.
  RepeatedTask(std::chrono::milliseconds interval, std::function<void()> task)
      : thread_([this, interval, task = std::move(task)](const std::stop_token& stop) {
          std::unique_lock lock(mutex_);
          while (!wake_.wait_for(lock, stop, interval, [&stop] { return stop.stop_requested(); })) task();
        }) {}

 private:
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // the last member: it ends before the others do
};

}  // namespace imakeep::verifierd
