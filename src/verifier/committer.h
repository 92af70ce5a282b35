// SPDX-License-Identifier: Apache-2.0
// verifier/committer.h - commits the moves of many hosts in one transaction, and tells each request the outcome after
// it.
//
// A transaction costs much more than a move. So the committer waits a few milliseconds for further moves, and commits
// them together. A request is answered after the commit that holds its move, never before.
// Threads: submit() is safe from any thread; callbacks are called by the committer's own.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "vstore/store.h"

namespace imakeep::verifier {

struct CommitterOptions {
  std::chrono::milliseconds window{3};  // from the first move of a batch to its commit
  std::size_t moves_at_once = 512;      // a batch of so many is committed at once
  std::size_t moves_waiting = 20'000;   // more are refused
};

class Committer {
 public:
  // The outcome of the move; the store's error if the transaction failed; kEnvironment with os_errno EAGAIN if too many
  // moves wait or the committer has stopped: the move was not tried.
  using Done = std::function<void(Result<vstore::MoveResult>)>;

  Committer(vstore::Store& store, CommitterOptions options = {});
  // Commits what was submitted, then ends.
  ~Committer();

  void submit(vstore::Move move, Done done);
  void stop();

 private:
  class Running;
  std::unique_ptr<Running> running_;
};

}  // namespace imakeep::verifier
