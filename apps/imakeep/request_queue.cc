#include "request_queue.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

namespace imakeep::app {
namespace {

control::Message gone() {
  return refusal({.code = ErrorCode::kEnvironment, .message = "the keeper is ending; ask again once it runs"});
}

}  // namespace

control::Message refusal(const Error& error) {
  return {.head = {{"ok", false}, {"error", control::error_to_json(error)}}};
}

Result<std::unique_ptr<RequestQueue>> RequestQueue::make() {
  UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event.valid()) return fail_errno(errno, "cannot make an eventfd");
  return std::unique_ptr<RequestQueue>(new RequestQueue(std::move(event)));
}

control::Message RequestQueue::ask(control::Message request) {
  std::future<control::Message> answer;
  {
    const MutexLock lock(mutex_);
    if (closed_) return gone();
    waiting_.push_back({.request = std::move(request), .answer = {}});
    answer = waiting_.back().answer.get_future();
    ::eventfd_write(event_.get(), 1);
  }
  return answer.get();
}

std::deque<RequestQueue::Waiting> RequestQueue::take() {
  const MutexLock lock(mutex_);
  eventfd_t ignored = 0;
  ::eventfd_read(event_.get(), &ignored);
  return std::exchange(waiting_, {});
}

void RequestQueue::close() {
  std::deque<Waiting> left;
  {
    const MutexLock lock(mutex_);
    closed_ = true;
    left.swap(waiting_);
  }
  for (Waiting& waiting : left) waiting.answer.set_value(gone());
}

}  // namespace imakeep::app
