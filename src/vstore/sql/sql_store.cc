// SPDX-License-Identifier: Apache-2.0
#include "vstore/sql/sql_store.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "vstore/checks.h"
#include "vstore/refusals.h"
#include "vstore/sql/attempt.h"
#include "vstore/sql/columns.h"

namespace imakeep::vstore {
namespace {

constexpr const char* kOneTenant = "SELECT disabled FROM tenant WHERE tenant_id = $1 [FOR SHARE|]";
constexpr const char* kOneList = "SELECT version FROM policy_list WHERE tenant_id = $1 AND list = $2";
constexpr const char* kHostExists = "SELECT status FROM host WHERE tenant_id = $1 AND host_id = $2";

HostRow take_host(Columns& columns) {
  HostRow row;
  row.key = {.tenant = columns.text(), .host = columns.text()};
  row.name = columns.text();
  row.status = columns.kind<HostStatus>();
  row.ak_public = columns.bytes();
  row.ak_name = columns.bytes();
  row.ek_hash = columns.bytes();
  row.ek_check = columns.text();
  row.secret_hash = columns.bytes();
  row.secret_until_unix_s = columns.number();
  row.policy_list = columns.text();
  row.retains = columns.flag();
  row.created_unix_s = columns.number();
  row.seen_unix_s = columns.number();
  row.epoch = columns.count();
  row.proven = columns.count();
  return row;
}

std::vector<Statement> one(Statement statement) {
  std::vector<Statement> statements;
  statements.push_back(std::move(statement));
  return statements;
}

}  // namespace

// ---- sessions -------------------------------------------------------------------------------------------------------

SqlStore::SqlStore(std::unique_ptr<Database> database, const SqlOptions& options)
    : database_(std::move(database)), options_(options) {}

Result<std::unique_ptr<Store>> SqlStore::open(std::unique_ptr<Database> database, const SqlOptions& options) {
  std::unique_ptr<SqlStore> store(new SqlStore(std::move(database), options));
  IMAKEEP_CHECK(store->attempt(Work::kSettles, [&](Session& session, bool) -> Outcome<void> {
    // An upgrade of large tables lasts as long as it lasts.
    session.set_deadline(Deadline::max());
    return store->database_->migrate(session);
  }));
  return store;
}

Deadline SqlStore::deadline_of_call() const {
  if (options_.call_timeout.count() == 0) return Deadline::max();
  return std::chrono::steady_clock::now() + options_.call_timeout;
}

Outcome<std::unique_ptr<Session>> SqlStore::take_session(Deadline deadline) {
  std::vector<std::unique_ptr<Session>> broken;  // closed without the lock
  {
    const MutexLock lock(mutex_);
    while (in_use_ >= options_.most_sessions) {
      if (deadline == Deadline::max()) {
        fewer_in_use_.wait(mutex_);
      } else if (fewer_in_use_.wait_until(mutex_, deadline) == std::cv_status::timeout) {
        return give_up(Error{.code = ErrorCode::kEnvironment,
                             .message = database_->name() + ": all " + std::to_string(options_.most_sessions) +
                                        " connections are in use; try again later"});
      }
    }
    ++in_use_;
    while (!idle_.empty()) {
      auto session = std::move(idle_.back());
      idle_.pop_back();
      if (session->usable()) return session;
      broken.push_back(std::move(session));
    }
  }
  auto session = database_->connect(deadline);
  if (!session) give_back(nullptr);
  return session;
}

bool SqlStore::may_try() {
  const MutexLock lock(mutex_);
  return !silent_ || !std::exchange(probing_, true);
}

void SqlStore::has_tried(bool in_time) {
  const MutexLock lock(mutex_);
  silent_ = !in_time;
  probing_ = false;
}

void SqlStore::give_back(std::unique_ptr<Session> session) {
  const bool usable = session && session->usable();
  {
    const MutexLock lock(mutex_);
    --in_use_;
    if (usable) idle_.push_back(std::move(session));
  }
  fewer_in_use_.notify_one();
}

// The pauses double from 10 ms to 640 ms. Each is lengthened by a different part of itself, so that two calls that
// disturbed each other do not meet again.
bool SqlStore::pause(int attempt, Deadline deadline) {
  constexpr std::uint32_t kGolden = 0x9e3779b9;  // spreads consecutive numbers over 32 bits
  const std::uint64_t base_us = std::uint64_t{10'000} << std::min(attempt - 1, 6);
  const std::uint64_t part = (pauses_++ * kGolden) >> 16;
  const std::chrono::microseconds length(base_us + ((base_us * part) >> 16));
  if (deadline - std::chrono::steady_clock::now() < length) return false;
  std::this_thread::sleep_for(length);
  return true;
}

Result<std::vector<Row>> SqlStore::read(const Statement& statement) {
  return attempt(Work::kReads, [&](Session& session, bool) -> Outcome<std::vector<Row>> {
    IMAKEEP_VSTORE_TRY(auto replies, session.run(std::span(&statement, 1)));
    return std::move(replies[0].rows);
  });
}

Result<std::uint64_t> SqlStore::write(const Statement& statement) {
  return attempt(Work::kWrites, [&](Session& session, bool) -> Outcome<std::uint64_t> {
    IMAKEEP_VSTORE_TRY(const auto& replies, session.run(std::span(&statement, 1), Finish::kCommit));
    return replies[0].changed;
  });
}

// ---- tenants --------------------------------------------------------------------------------------------------------

Result<void> SqlStore::add_tenant(const TenantRow& row) {
  IMAKEEP_CHECK(check(row));
  IMAKEEP_TRY(const std::uint64_t added,
              write(statement("INSERT INTO tenant (tenant_id, created_unix_s, disabled) VALUES ($1, $2, $3) "
                              "ON CONFLICT DO NOTHING",
                              "tii", row.tenant, row.created_unix_s, row.disabled)));
  if (added == 0) return tenant_exists(row.tenant);
  return {};
}

Result<std::vector<TenantRow>> SqlStore::tenants() {
  IMAKEEP_TRY(auto rows,
              read(statement("SELECT tenant_id, created_unix_s, disabled FROM tenant ORDER BY tenant_id", "")));
  std::vector<TenantRow> result;
  for (Row& row : rows) {
    Columns columns(row);
    TenantRow& tenant = result.emplace_back();
    tenant.tenant = columns.text();
    tenant.created_unix_s = columns.number();
    tenant.disabled = columns.flag();
  }
  return result;
}

Result<void> SqlStore::set_tenant_disabled(const std::string& tenant, bool disabled) {
  IMAKEEP_CHECK(check_name("the tenant's name", tenant));
  IMAKEEP_TRY(const std::uint64_t changed,
              write(statement("UPDATE tenant SET disabled = $2 WHERE tenant_id = $1", "ti", tenant, disabled)));
  if (changed == 0) return no_tenant(tenant);
  return {};
}

// ---- hosts ----------------------------------------------------------------------------------------------------------

Result<void> SqlStore::add_host(const HostRow& row) {
  IMAKEEP_CHECK(check(row));
  std::vector<Statement> statements = one(statement(kOneTenant, "t", row.key.tenant));
  statements.push_back(statement(kOneList, "tt", row.key.tenant, row.policy_list));
  const Answer* const answer = row.answer ? &*row.answer : nullptr;
  statements.push_back(statement(
      "INSERT INTO host (tenant_id, host_id, name, status, ak_public, ak_name, ek_hash, ek_check, secret_hash, "
      "secret_until_unix_s, policy_list, retains, created_unix_s, seen_unix_s, epoch, proven, state, nonce_hash, "
      "answer) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) "
      "ON CONFLICT DO NOTHING",
      "tttibbbtbitiiiiibbb", row.key.tenant, row.key.host, row.name, row.status, row.ak_public, row.ak_name,
      row.ek_hash, row.ek_check, row.secret_hash, row.secret_until_unix_s, row.policy_list, row.retains,
      row.created_unix_s, row.seen_unix_s, row.epoch, row.proven, row.state));
  statements.back().arguments.push_back(answer == nullptr ? Param() : param(answer->nonce_hash));
  statements.back().arguments.push_back(answer == nullptr ? Param() : param(answer->bytes));
  return attempt(Work::kWrites, [&](Session& session, bool) -> Outcome<void> {
    IMAKEEP_VSTORE_TRY(auto replies, session.run(statements));
    if (replies[0].rows.empty()) return give_up(no_tenant(row.key.tenant));
    if (Columns(replies[0].rows[0]).flag()) return give_up(tenant_is_disabled(row.key.tenant));
    if (!row.policy_list.empty() && replies[1].rows.empty()) {
      return give_up(no_policy_list(row.key.tenant, row.policy_list));
    }
    if (replies[2].changed == 0) return give_up(host_exists(row.key));
    IMAKEEP_VSTORE_CHECK(session.run({}, Finish::kCommit));
    return {};
  });
}

Result<std::optional<HostRow>> SqlStore::host(const HostKey& key, std::int64_t now_unix_s) {
  IMAKEEP_CHECK(check(key));
  IMAKEEP_TRY(
      auto rows,
      read(statement("SELECT h.tenant_id, h.host_id, h.name, h.status, h.ak_public, h.ak_name, h.ek_hash, h.ek_check, "
                     "h.secret_hash, h.secret_until_unix_s, h.policy_list, h.retains, h.created_unix_s, h.seen_unix_s, "
                     "h.epoch, h.proven, h.state, h.nonce_hash, h.answer, p.bytes, p.until_unix_s "
                     "FROM host h LEFT JOIN provisional p ON p.tenant_id = h.tenant_id AND p.host_id = h.host_id "
                     "AND p.epoch = h.epoch AND p.until_unix_s > $3 WHERE h.tenant_id = $1 AND h.host_id = $2",
                     "tti", key.tenant, key.host, now_unix_s)));
  if (rows.empty()) return std::nullopt;
  Columns columns(rows[0]);
  std::optional<HostRow> row = take_host(columns);
  row->state = columns.bytes();
  if (columns.null()) {
    columns.skip();
  } else {
    row->answer.emplace();
    row->answer->nonce_hash = columns.bytes();
    row->answer->bytes = columns.bytes();
  }
  if (columns.null()) return row;
  row->provisional.emplace();
  row->provisional->bytes = columns.bytes();
  row->provisional->until_unix_s = columns.number();
  return row;
}

Result<std::vector<HostRow>> SqlStore::hosts(const std::string& tenant, const std::string& after, std::size_t limit) {
  IMAKEEP_TRY(auto rows,
              read(statement("SELECT tenant_id, host_id, name, status, ak_public, ak_name, ek_hash, ek_check, "
                             "secret_hash, secret_until_unix_s, policy_list, retains, created_unix_s, seen_unix_s, "
                             "epoch, proven FROM host WHERE tenant_id = $1 AND host_id > $2 "
                             "ORDER BY tenant_id, host_id LIMIT $3",
                             "tti", tenant, after, row_limit(limit))));
  std::vector<HostRow> result;
  for (Row& row : rows) {
    Columns columns(row);
    result.push_back(take_host(columns));
  }
  return result;
}

Result<void> SqlStore::set_status(const HostKey& key, HostStatus status, std::optional<HostStatus> from) {
  IMAKEEP_CHECK(check(key));
  static const Bytes no_secret;
  std::vector<Statement> statements;
  if (status == HostStatus::kPending) {
    statements.push_back(
        statement("UPDATE host SET status = $3 WHERE tenant_id = $1 AND host_id = $2 "
                  "AND ($4 IS NULL OR status = $4)",
                  "ttii", key.tenant, key.host, status, from));
  } else {
    statements.push_back(
        statement("UPDATE host SET status = $3, secret_hash = $5, secret_until_unix_s = 0 "
                  "WHERE tenant_id = $1 AND host_id = $2 AND ($4 IS NULL OR status = $4)",
                  "ttiib", key.tenant, key.host, status, from, no_secret));
  }
  statements.push_back(statement(kHostExists, "tt", key.tenant, key.host));
  return attempt(Work::kWrites, [&](Session& session, bool) -> Outcome<void> {
    IMAKEEP_VSTORE_TRY(const auto& replies, session.run(statements, Finish::kCommit));
    if (replies[0].changed > 0) return {};
    return replies[1].rows.empty() ? give_up(no_host(key)) : give_up(other_status(key));
  });
}

Result<void> SqlStore::replace_ak(const HostKey& key, const ReplacementAk& ak) {
  IMAKEEP_CHECK(check(key));
  IMAKEEP_CHECK(check(ak));
  IMAKEEP_TRY(const std::uint64_t changed,
              write(statement("UPDATE host SET ak_public = $3, ak_name = $4, status = $5, secret_hash = $6, "
                              "secret_until_unix_s = $7, epoch = epoch + 1, nonce_hash = NULL, answer = NULL "
                              "WHERE tenant_id = $1 AND host_id = $2",
                              "ttbbibi", key.tenant, key.host, ak.ak_public, ak.ak_name, ak.status, ak.secret_hash,
                              ak.secret_until_unix_s)));
  if (changed == 0) return no_host(key);
  return {};
}

// The host comes first: its row's lock makes a move wait, and the move then finds no host.
Result<void> SqlStore::remove_host(const HostKey& key) {
  IMAKEEP_CHECK(check(key));
  std::vector<Statement> statements;
  for (const char* const sql : {"DELETE FROM host WHERE tenant_id = $1 AND host_id = $2",
                                "DELETE FROM provisional WHERE tenant_id = $1 AND host_id = $2",
                                "DELETE FROM finding WHERE tenant_id = $1 AND host_id = $2",
                                "DELETE FROM history WHERE tenant_id = $1 AND host_id = $2",
                                "DELETE FROM host_record WHERE tenant_id = $1 AND host_id = $2",
                                "DELETE FROM event WHERE tenant_id = $1 AND host_id = $2"}) {
    statements.push_back(statement(sql, "tt", key.tenant, key.host));
  }
  return attempt(Work::kWrites, [&](Session& session, bool) -> Outcome<void> {
    IMAKEEP_VSTORE_TRY(const auto& replies, session.run(statements, Finish::kCommit));
    if (replies[0].changed == 0) return give_up(no_host(key));
    return {};
  });
}

Result<void> SqlStore::assign_policies(const HostKey& key, const std::string& list) {
  IMAKEEP_CHECK(check(key));
  std::vector<Statement> statements = one(statement(kOneList, "tt", key.tenant, list));
  statements.push_back(statement("UPDATE host SET policy_list = $3 WHERE tenant_id = $1 AND host_id = $2", "ttt",
                                 key.tenant, key.host, list));
  return attempt(Work::kWrites, [&](Session& session, bool) -> Outcome<void> {
    IMAKEEP_VSTORE_TRY(const auto& replies, session.run(statements));
    if (replies[1].changed == 0) return give_up(no_host(key));
    if (!list.empty() && replies[0].rows.empty()) return give_up(no_policy_list(key.tenant, list));
    IMAKEEP_VSTORE_CHECK(session.run({}, Finish::kCommit));
    return {};
  });
}

}  // namespace imakeep::vstore
