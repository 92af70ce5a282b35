// SPDX-License-Identifier: Apache-2.0
// vstore/sql/attempt.h - how SqlStore lends a connection to a call, and repeats what did not take effect.
//
// For the sources of SqlStore only. Threads: as SqlStore.
#pragma once

#include <type_traits>
#include <utility>

#include "vstore/sql/sql_store.h"

namespace imakeep::vstore {

// Gives the session back to the store.
class SqlStore::Lease {
 public:
  Lease(SqlStore& store, std::unique_ptr<Session> session) : store_(store), session_(std::move(session)) {}
  ~Lease() { store_.give_back(std::move(session_)); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  Session& session() { return *session_; }

 private:
  SqlStore& store_;
  std::unique_ptr<Session> session_;
};

template <class Body>
auto SqlStore::attempt(Work work, Body&& body) {
  using Tried = std::invoke_result_t<Body, Session&, bool>;
  using Final = Result<typename Tried::value_type>;
  bool maybe_done = false;
  const Deadline deadline = deadline_of_call();
  const auto once = [&]() -> Tried {
    IMAKEEP_VSTORE_TRY(auto session, take_session(deadline));
    Lease lease(*this, std::move(session));
    lease.session().set_deadline(deadline);
    Tried tried = [&]() -> Tried {
      if (work == Work::kWrites) IMAKEEP_VSTORE_CHECK(lease.session().begin());
      return body(lease.session(), maybe_done);
    }();
    if (!tried) lease.session().rollback();
    return tried;
  };
  if (!may_try()) {
    return Final(
        unexpected(Error{.code = ErrorCode::kEnvironment,
                         .message = database_->name() + " did not answer a call before this one; check that the "
                                                        "server runs, then try again"}));
  }
  for (int attempts = 1;; ++attempts) {
    Tried tried = once();
    if (tried) {
      has_tried(true);
      if constexpr (std::is_void_v<typename Tried::value_type>) {
        return Final();
      } else {
        return Final(*std::move(tried));
      }
    }
    Failure failure = std::move(tried).error();
    if (failure.then == Failure::Then::kUnknown) {
      maybe_done = true;
      failure.error.code = ErrorCode::kIo;
      failure.error.message +=
          "; the connection was lost while the change was committed, so look whether it took effect before you repeat "
          "it";
    }
    const bool again =
        failure.then == Failure::Then::kAgain || (failure.then == Failure::Then::kUnknown && work == Work::kSettles);
    if (!again || attempts >= options_.attempts || !pause(attempts, deadline)) {
      has_tried(std::chrono::steady_clock::now() < deadline);
      return Final(unexpected(std::move(failure.error)));
    }
  }
}

}  // namespace imakeep::vstore
