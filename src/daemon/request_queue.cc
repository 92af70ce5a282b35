// SPDX-License-Identifier: Apache-2.0
#include "daemon/request_queue.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "control/message.h"

namespace imakeep::daemon {
namespace {

control::Message gone() {
  return refusal({.code = ErrorCode::kEnvironment, .message = "the keeper is ending; ask again when it runs"});
}

}  // namespace

control::Message refusal(const Error& error) {
  return {.head = {{"ok", false}, {"error", control::error_to_json(error)}}};
}

struct RequestQueue::Waiting {
  control::Message request;
  // The queue's mutex guards these two.
  bool begun = false;
  std::optional<control::Message> answer;
};

RequestQueue::RequestQueue(UniqueFd event, const Activity& activity, RequestLimits limits)
    : event_(std::move(event)), activity_(activity), limits_(limits) {}

RequestQueue::~RequestQueue() {
  close();
}

Result<std::unique_ptr<RequestQueue>> RequestQueue::make(const Activity& activity, RequestLimits limits) {
  UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event.valid()) return fail_errno(errno, "cannot make an eventfd");
  return std::unique_ptr<RequestQueue>(new RequestQueue(std::move(event), activity, limits));
}

control::Message RequestQueue::ask(control::Message request) {
  const auto mine = std::make_shared<Waiting>();
  mine->request = std::move(request);
  const MutexLock lock(mutex_);
  if (closed_) return gone();
  waiting_.push_back(mine);
  ::eventfd_write(event_.get(), 1);
  const auto asked = std::chrono::steady_clock::now();
  while (!mine->answer && !mine->begun) {
    if (changed_.wait_until(mutex_, asked + limits_.to_begin) != std::cv_status::timeout) continue;
    if (mine->answer || mine->begun) break;
    std::erase(waiting_, mine);
    return too_late(false);
  }
  const auto begun = std::chrono::steady_clock::now();
  while (!mine->answer) {
    if (changed_.wait_until(mutex_, begun + limits_.to_answer) != std::cv_status::timeout) continue;
    if (!mine->answer) return too_late(true);
  }
  return std::move(*mine->answer);
}

control::Message RequestQueue::too_late(bool begun) const {
  const std::string doing = activity_.text();
  const auto limit = std::chrono::duration_cast<std::chrono::seconds>(begun ? limits_.to_answer : limits_.to_begin);
  return refusal({.code = ErrorCode::kEnvironment,
                  .message = "the keeper has not answered for " + std::to_string(limit.count()) + " s" +
                             (doing.empty() ? "" : ": it has been " + doing) +
                             (begun ? "; it continues with the request" : "; nothing was done, ask again")});
}

void RequestQueue::answer_all(const std::function<control::Message(const control::Message&)>& answer) {
  // Answer only the requests that wait now, so that a caller that repeats its request does not keep the thread from
  // other work.
  for (std::size_t left = begin_answering(); left > 0; --left) {
    const auto next = take();
    if (!next) break;
    auto made = answer(next->request);
    const MutexLock lock(mutex_);
    next->answer = std::move(made);
    changed_.notify_all();
  }
}

// Clears the event and counts in one step, so that the event stays for each request that is not counted, and for no
// other.
std::size_t RequestQueue::begin_answering() {
  const MutexLock lock(mutex_);
  eventfd_t ignored = 0;
  ::eventfd_read(event_.get(), &ignored);
  return waiting_.size();
}

std::shared_ptr<RequestQueue::Waiting> RequestQueue::take() {
  const MutexLock lock(mutex_);
  if (waiting_.empty()) return nullptr;
  auto first = std::move(waiting_.front());
  waiting_.pop_front();
  first->begun = true;
  changed_.notify_all();
  return first;
}

void RequestQueue::close() {
  const MutexLock lock(mutex_);
  closed_ = true;
  for (const auto& waiting : waiting_) waiting->answer = gone();
  waiting_.clear();
  changed_.notify_all();
}

}  // namespace imakeep::daemon
