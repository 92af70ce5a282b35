// SPDX-License-Identifier: Apache-2.0
// vstore/sql/sql_store.h - the verifier's rows in a SQL database, over the seam of session.h.
//
// The store keeps connections for reuse. It repeats a transaction that did not take effect (a conflict with another
// one, a lost connection), `attempts` times with growing pauses. If the connection is lost during COMMIT, commit()
// looks whether its moves are there; any other call that writes ends with kIo. A call that has lasted for
// `call_timeout` is not repeated any more, and waits no longer for a database that does not answer. After that, one
// call at a time waits, and all others fail at once, until a call is answered: a program has more to do than to wait.
// Threads: as vstore::Store.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

#include "base/mutex.h"
#include "vstore/sql/session.h"
#include "vstore/store.h"

namespace imakeep::vstore {

struct SqlOptions {
  std::size_t most_sessions = 8;  // a call waits while so many others are under way
  int attempts = 8;
  std::chrono::milliseconds call_timeout{0};  // 0: none
};

class SqlStore : public Store {
 public:
  // Connects and upgrades the schema. Errors: kEnvironment, kUnsupported, kMalformed.
  static Result<std::unique_ptr<Store>> open(std::unique_ptr<Database> database, const SqlOptions& options);

  Result<void> add_tenant(const TenantRow& row) override;
  Result<std::vector<TenantRow>> tenants() override;
  Result<void> set_tenant_disabled(const std::string& tenant, bool disabled) override;
  Result<void> add_host(const HostRow& row) override;
  Result<std::optional<HostRow>> host(const HostKey& key, std::int64_t now_unix_s) override;
  Result<std::vector<HostRow>> hosts(const std::string& tenant, const std::string& after, std::size_t limit) override;
  Result<void> set_status(const HostKey& key, HostStatus status, std::optional<HostStatus> from) override;
  Result<void> replace_ak(const HostKey& key, const ReplacementAk& ak) override;
  Result<void> remove_host(const HostKey& key) override;
  Result<void> assign_policies(const HostKey& key, const std::string& list) override;
  Result<std::vector<MoveResult>> commit(std::span<const Move> moves) override;
  Result<bool> put_provisional(const HostKey& key, std::uint64_t epoch, const Provisional& provisional) override;
  Result<void> drop_provisional(std::int64_t now_unix_s) override;
  Result<std::vector<FindingRow>> findings(const FindingQuery& query) override;
  Result<void> acknowledge(const HostKey& key, ByteView identity, const Acknowledgement& by) override;
  Result<void> put_policy(ByteView digest, ByteView text, std::int64_t now_unix_s) override;
  Result<std::optional<Bytes>> policy_text(ByteView digest) override;
  Result<std::vector<PolicyRow>> policies() override;
  Result<void> remove_policy(ByteView digest) override;
  Result<std::uint64_t> set_policy_list(const std::string& tenant, const std::string& list,
                                        std::span<const Bytes> digests) override;
  Result<std::optional<PolicyListRow>> policy_list(const std::string& tenant, const std::string& list) override;
  Result<void> add_key(const KeyRow& row) override;
  Result<std::vector<KeyRow>> keys() override;
  Result<void> retire_key(KeyKind kind, std::uint32_t id, std::int64_t at_unix_s) override;
  Result<void> add_token(const TokenRow& row) override;
  Result<std::optional<TokenRow>> token(ByteView hash, std::int64_t now_unix_s) override;
  Result<std::optional<TokenRow>> take_token(ByteView hash, std::int64_t now_unix_s) override;
  Result<void> return_token(ByteView hash) override;
  Result<std::vector<TokenRow>> tokens(const std::string& tenant) override;
  Result<void> remove_token(const std::string& tenant, ByteView hash) override;
  Result<std::vector<HistoryRow>> history(const HostKey& key, std::int64_t from_unix_s, std::int64_t to_unix_s,
                                          std::size_t limit) override;
  Result<void> drop_history(std::int64_t unix_s) override;
  Result<std::vector<RetainedRecord>> records(const HostKey& key, std::uint64_t chain, std::uint64_t from,
                                              std::uint64_t to) override;
  Result<std::vector<EventRow>> pending_events(std::size_t limit) override;
  Result<void> done(std::span<const EventId> events) override;

 private:
  enum class Work : std::uint8_t {
    kReads,
    kWrites,   // attempt() begins the transaction
    kSettles,  // the body begins it, and finds out itself whether an earlier attempt took effect
  };
  // Calls body(session, maybe_done) until it succeeds or nothing more can be tried. Returns a Result of the body's
  // value. `maybe_done`: an earlier attempt may have taken effect. Defined in attempt.h.
  template <class Body>
  auto attempt(Work work, Body&& body);
  class Lease;
  Result<std::vector<Row>> read(const Statement& statement);
  // Runs one statement that writes. Returns the count of changed rows.
  Result<std::uint64_t> write(const Statement& statement);

  SqlStore(std::unique_ptr<Database> database, const SqlOptions& options);
  Deadline deadline_of_call() const;
  Outcome<std::unique_ptr<Session>> take_session(Deadline deadline) IMAKEEP_EXCLUDES(mutex_);
  void give_back(std::unique_ptr<Session> session) IMAKEEP_EXCLUDES(mutex_);
  // False: a call before this one has waited in vain, and another call finds out now whether the database answers.
  bool may_try() IMAKEEP_EXCLUDES(mutex_);
  // How the call ended: with an answer, or with any other error than that there was none.
  void has_tried(bool in_time) IMAKEEP_EXCLUDES(mutex_);
  // False: the pause would end after the deadline.
  bool pause(int attempt, Deadline deadline);

  const std::unique_ptr<Database> database_;
  const SqlOptions options_;
  std::atomic<std::uint32_t> pauses_ = 0;
  Mutex mutex_;
  ConditionVariable fewer_in_use_;
  std::size_t in_use_ IMAKEEP_GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<Session>> idle_ IMAKEEP_GUARDED_BY(mutex_);
  bool silent_ IMAKEEP_GUARDED_BY(mutex_) = false;   // the last call that ended has waited in vain
  bool probing_ IMAKEEP_GUARDED_BY(mutex_) = false;  // while silent_: a call waits
};

}  // namespace imakeep::vstore
