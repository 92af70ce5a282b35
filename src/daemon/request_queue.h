// SPDX-License-Identifier: Apache-2.0
// daemon/request_queue.h - passes requests from the control socket's threads to the one thread that may answer them.
//
// A caller waits no longer than the limits. After that it gets an error that says what occupies the answering thread.
// Threads: ask() and close() from any; the rest from the answering thread.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>

#include "base/file.h"
#include "base/mutex.h"
#include "daemon/activity.h"

namespace imakeep::control {
struct Message;
}

namespace imakeep::daemon {

struct RequestLimits {
  std::chrono::milliseconds to_begin{10'000};   // until answering begins; after that, the request is withdrawn
  std::chrono::milliseconds to_answer{60'000};  // from then on; after that, the keeper still finishes the work
};

class RequestQueue {
 public:
  // Keeps a reference to `activity`, which is the answering thread's. kEnvironment if no descriptor is available.
  static Result<std::unique_ptr<RequestQueue>> make(const Activity& activity, RequestLimits limits = {});
  ~RequestQueue();

  // Waits for the answer. Returns an error message if a limit is exceeded, or after close().
  control::Message ask(control::Message request) IMAKEEP_EXCLUDES(mutex_);

  // Readable, for poll(2), while a request waits.
  int descriptor() const { return event_.get(); }
  // Answers all requests that wait at the time of the call, in order of arrival.
  void answer_all(const std::function<control::Message(const control::Message&)>& answer) IMAKEEP_EXCLUDES(mutex_);
  // Answers all waiting and all later requests with the error that the keeper is ending.
  void close() IMAKEEP_EXCLUDES(mutex_);

 private:
  struct Waiting;

  RequestQueue(UniqueFd event, const Activity& activity, RequestLimits limits);
  std::shared_ptr<Waiting> take() IMAKEEP_EXCLUDES(mutex_);
  std::size_t begin_answering() IMAKEEP_EXCLUDES(mutex_);
  control::Message too_late(bool begun) const;

  const UniqueFd event_;
  const Activity& activity_;
  const RequestLimits limits_;
  Mutex mutex_;
  ConditionVariable changed_;
  std::deque<std::shared_ptr<Waiting>> waiting_ IMAKEEP_GUARDED_BY(mutex_);
  bool closed_ IMAKEEP_GUARDED_BY(mutex_) = false;
};

// An answer that reports the error.
control::Message refusal(const Error& error);

}  // namespace imakeep::daemon
