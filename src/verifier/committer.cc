// SPDX-License-Identifier: Apache-2.0
#include "verifier/committer.h"

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace imakeep::verifier {

class Committer::Running {
 public:
  Running(vstore::Store& store, CommitterOptions options)
      : store_(store), options_(options), thread_([this] { run(); }) {}
  ~Running() { stop(); }

  void submit(vstore::Move move, Done done) {
    {
      const std::lock_guard lock(mutex_);
      if (!stopping_ && moves_.size() < options_.moves_waiting) {
        if (moves_.empty()) first_at_ = Clock::now();
        moves_.push_back(std::move(move));
        dones_.push_back(std::move(done));
        changed_.notify_all();
        return;
      }
    }
    done(unexpected(Error{.code = ErrorCode::kEnvironment,
                          .message = "too many verdicts wait for the database; ask again later",
                          .os_errno = EAGAIN}));
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
  }

 private:
  using Clock = std::chrono::steady_clock;

  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stopping_ || !moves_.empty(); });
      if (moves_.empty()) return;
      changed_.wait_until(lock, first_at_ + options_.window,
                          [this] { return stopping_ || moves_.size() >= options_.moves_at_once; });
      std::vector<vstore::Move> moves;
      std::vector<Done> dones;
      take(moves, dones);
      lock.unlock();
      commit(moves, dones);
      lock.lock();
    }
  }

  void take(std::vector<vstore::Move>& moves, std::vector<Done>& dones) {
    const auto count = static_cast<std::ptrdiff_t>(std::min(moves_.size(), options_.moves_at_once));
    moves.assign(std::make_move_iterator(moves_.begin()), std::make_move_iterator(moves_.begin() + count));
    dones.assign(std::make_move_iterator(dones_.begin()), std::make_move_iterator(dones_.begin() + count));
    moves_.erase(moves_.begin(), moves_.begin() + count);
    dones_.erase(dones_.begin(), dones_.begin() + count);
    first_at_ = Clock::now();
  }

  void commit(const std::vector<vstore::Move>& moves, const std::vector<Done>& dones) {
    const auto results = store_.commit(moves);
    // One move that the store refuses must not be the ruin of the others.
    if (!results && results.error().code == ErrorCode::kUsage && moves.size() > 1) {
      for (std::size_t i = 0; i < moves.size(); ++i) {
        const auto alone = store_.commit(std::span(moves).subspan(i, 1));
        dones[i](alone ? Result<vstore::MoveResult>(alone->front()) : unexpected(alone.error()));
      }
      return;
    }
    for (std::size_t i = 0; i < moves.size(); ++i) {
      dones[i](results ? Result<vstore::MoveResult>((*results)[i]) : unexpected(results.error()));
    }
  }

  vstore::Store& store_;
  const CommitterOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  Clock::time_point first_at_;
  std::vector<vstore::Move> moves_;
  std::vector<Done> dones_;  // of the moves
  std::thread thread_;
};

Committer::Committer(vstore::Store& store, CommitterOptions options)
    : running_(std::make_unique<Running>(store, options)) {}
Committer::~Committer() = default;

void Committer::submit(vstore::Move move, Done done) {
  running_->submit(std::move(move), std::move(done));
}

void Committer::stop() {
  running_->stop();
}

}  // namespace imakeep::verifier
