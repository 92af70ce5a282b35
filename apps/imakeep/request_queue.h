// request_queue.h - hands requests from the control socket's threads to the one thread that may answer them.
//
// Threads: ask() and close() from any; the rest from the answering one.
#pragma once

#include <deque>
#include <future>
#include <memory>

#include "base/file.h"
#include "base/mutex.h"
#include "control/message.h"

namespace imakeep::app {

class RequestQueue {
 public:
  struct Waiting {
    control::Message request;
    std::promise<control::Message> answer;
  };

  // kEnvironment if there is no descriptor to be had.
  static Result<std::unique_ptr<RequestQueue>> make();
  ~RequestQueue() { close(); }

  // Waits until it is answered. After close(): an answer that says so.
  control::Message ask(control::Message request) IMAKEEP_EXCLUDES(mutex_);

  // Readable, for poll(2), while something waits.
  int descriptor() const { return event_.get(); }
  // Everything that waits; each is to be answered.
  std::deque<Waiting> take() IMAKEEP_EXCLUDES(mutex_);
  // Answers whatever waits, and all that comes, that nobody is there any more.
  void close() IMAKEEP_EXCLUDES(mutex_);

 private:
  explicit RequestQueue(UniqueFd event) : event_(std::move(event)) {}

  const UniqueFd event_;
  Mutex mutex_;
  std::deque<Waiting> waiting_ IMAKEEP_GUARDED_BY(mutex_);
  bool closed_ IMAKEEP_GUARDED_BY(mutex_) = false;
};

// An answer that is an error.
control::Message refusal(const Error& error);

}  // namespace imakeep::app
