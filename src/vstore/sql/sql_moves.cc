// SPDX-License-Identifier: Apache-2.0
// What an attestation changes: moves, provisional states, findings, history, records and events.
#include <algorithm>
#include <map>
#include <set>

#include "vstore/checks.h"
#include "vstore/refusals.h"
#include "vstore/sql/attempt.h"
#include "vstore/sql/columns.h"
#include "vstore/sql/sql_store.h"

namespace imakeep::vstore {
namespace {

// A list that is shared-locked keeps its version until the move is committed.
constexpr const char* kLockLists =
    "SELECT l.version FROM {of_tenant, of_list} JOIN policy_list l ON l.tenant_id = r.of_tenant AND l.list = r.of_list "
    "[ORDER BY l.tenant_id, l.list FOR SHARE OF l|]";

// The compare-and-swap.
constexpr const char* kMoveHosts =
    "UPDATE host SET epoch = host.epoch + 1, state = r.to_state, proven = r.to_proven, seen_unix_s = r.at_unix_s, "
    "nonce_hash = r.of_nonce, answer = r.to_answer "
    "FROM {of_tenant, of_host, of_epoch, to_state, to_proven, at_unix_s, of_nonce, to_answer, of_list, of_version} "
    "WHERE host.tenant_id = r.of_tenant AND host.host_id = r.of_host AND host.epoch = r.of_epoch AND host.status = 2 "
    "AND host.policy_list = r.of_list AND r.of_version = COALESCE((SELECT l.version FROM policy_list l "
    "WHERE l.tenant_id = host.tenant_id AND l.list = host.policy_list), 0) "
    "AND EXISTS (SELECT 1 FROM tenant t WHERE t.tenant_id = host.tenant_id AND t.disabled = 0) "
    "RETURNING tenant_id, host_id, retains";

constexpr const char* kWhyNotMoved =
    "SELECT h.tenant_id, h.host_id, h.epoch, h.status, t.disabled, h.state, h.nonce_hash, h.answer "
    "FROM {of_tenant, of_host} JOIN host h ON h.tenant_id = r.of_tenant AND h.host_id = r.of_host "
    "JOIN tenant t ON t.tenant_id = h.tenant_id";

constexpr const char* kDropProvisional =
    "DELETE FROM provisional WHERE (tenant_id, host_id) IN (SELECT of_tenant, of_host FROM {of_tenant, of_host})";

constexpr const char* kAddHistory =
    "INSERT INTO history (tenant_id, host_id, at_unix_s, epoch, outcome, chain, first, proven, findings, quote_digest) "
    "SELECT c1, c2, c3, c4, c5, c6, c7, c8, c9, c10 FROM {c1, c2, c3, c4, c5, c6, c7, c8, c9, c10}";

constexpr const char* kFixFindings =
    "UPDATE finding SET state = 2 FROM {of_tenant, of_host, of_identity} "
    "WHERE finding.tenant_id = r.of_tenant AND finding.host_id = r.of_host AND finding.identity = r.of_identity";

// State 2 is fixed: such a finding begins anew.
constexpr const char* kSeeFindings =
    "INSERT INTO finding (tenant_id, host_id, identity, state, count, record, path, digest, reason, rule, policy, "
    "first_seen_unix_s, last_seen_unix_s) "
    "SELECT c1, c2, c3, 0, 1, c4, c5, c6, c7, c8, c9, c10, c10 FROM {c1, c2, c3, c4, c5, c6, c7, c8, c9, c10} WHERE "
    "true "
    "ON CONFLICT (tenant_id, host_id, identity) DO UPDATE SET "
    "state = CASE WHEN finding.state = 2 THEN 0 ELSE finding.state END, "
    "count = CASE WHEN finding.state = 2 THEN 1 ELSE finding.count + 1 END, "
    "record = CASE WHEN finding.state = 2 THEN excluded.record ELSE finding.record END, "
    "path = CASE WHEN finding.state = 2 THEN excluded.path ELSE finding.path END, "
    "digest = CASE WHEN finding.state = 2 THEN excluded.digest ELSE finding.digest END, "
    "reason = CASE WHEN finding.state = 2 THEN excluded.reason ELSE finding.reason END, "
    "rule = CASE WHEN finding.state = 2 THEN excluded.rule ELSE finding.rule END, "
    "policy = CASE WHEN finding.state = 2 THEN excluded.policy ELSE finding.policy END, "
    "first_seen_unix_s = CASE WHEN finding.state = 2 THEN excluded.first_seen_unix_s "
    "ELSE finding.first_seen_unix_s END, "
    "acknowledged_by = CASE WHEN finding.state = 2 THEN NULL ELSE finding.acknowledged_by END, "
    "acknowledged_unix_s = CASE WHEN finding.state = 2 THEN NULL ELSE finding.acknowledged_unix_s END, "
    "acknowledged_why = CASE WHEN finding.state = 2 THEN NULL ELSE finding.acknowledged_why END, "
    "last_seen_unix_s = excluded.last_seen_unix_s";

constexpr const char* kAddRecords =
    "INSERT INTO host_record (tenant_id, host_id, chain, number, bytes) "
    "SELECT c1, c2, c3, c4, c5 FROM {c1, c2, c3, c4, c5} WHERE true ON CONFLICT DO NOTHING";

constexpr const char* kAddEvents =
    "INSERT INTO event (tenant_id, host_id, epoch, number, created_unix_s, kind, body) "
    "SELECT c1, c2, c3, c4, c5, c6, c7 FROM {c1, c2, c3, c4, c5, c6, c7}";

using Retains = std::map<HostKey, bool>;

// The first move of each host, by host; the others are stale. Two processes with moves of the same hosts then lock
// them in the same order.
std::vector<const Move*> first_moves(std::span<const Move> moves) {
  std::vector<const Move*> first;
  std::set<HostKey> seen;
  for (const Move& move : moves) {
    if (seen.insert(move.key).second) first.push_back(&move);
  }
  std::sort(first.begin(), first.end(), [](const Move* a, const Move* b) { return a->key < b->key; });
  return first;
}

std::vector<Statement> statements_that_move(std::span<const Move* const> moves) {
  Statement lists = batch(kLockLists, "tt");
  Statement hosts = batch(kMoveHosts, "ttibiibbti");
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (const Move* const move : moves) {
    if (!move->policy_list.empty() && seen.emplace(move->key.tenant, move->policy_list).second) {
      add_arguments(lists, move->key.tenant, move->policy_list);
    }
    add_arguments(hosts, move->key.tenant, move->key.host, move->epoch, move->state, move->proven, move->seen_unix_s,
                  move->answer.nonce_hash, move->answer.bytes, move->policy_list, move->policy_list_version);
  }
  std::vector<Statement> statements;
  statements.push_back(std::move(lists));
  statements.push_back(std::move(hosts));
  return statements;
}

// The statements for everything that comes with the moves of `moved`.
std::vector<Statement> statements_that_add(std::span<const Move* const> moves, const Retains& moved) {
  Statement provisional = batch(kDropProvisional, "tt");
  Statement history = batch(kAddHistory, "ttiitiiiib");
  Statement fixed = batch(kFixFindings, "ttb");
  Statement seen = batch(kSeeFindings, "ttbibbtbbi");
  Statement records = batch(kAddRecords, "ttiib");
  Statement events = batch(kAddEvents, "ttiiitb");
  for (const Move* const move : moves) {
    const auto found = moved.find(move->key);
    if (found == moved.end()) continue;
    const auto& [tenant, host] = move->key;
    const std::uint64_t epoch = move->epoch + 1;
    const HistoryRow& row = move->history;
    add_arguments(provisional, tenant, host);
    add_arguments(history, tenant, host, row.at_unix_s, epoch, row.outcome, row.chain, row.first, row.proven,
                  row.findings, row.quote_digest);
    for (const Bytes& identity : move->fixed) add_arguments(fixed, tenant, host, identity);
    for (const Sighting& one : move->sightings) {
      add_arguments(seen, tenant, host, one.identity, one.record, one.path, one.digest, one.reason, one.rule,
                    one.policy, move->seen_unix_s);
    }
    if (found->second) {
      for (const RetainedRecord& one : move->records) {
        add_arguments(records, tenant, host, one.chain, one.number, one.bytes);
      }
    }
    std::uint64_t number = 0;
    for (const Event& event : move->events) {
      add_arguments(events, tenant, host, epoch, number++, move->seen_unix_s, event.kind, event.body);
    }
  }
  std::vector<Statement> statements;
  for (Statement* const statement : {&provisional, &history, &fixed, &seen, &records, &events}) {
    if (!statement->arguments.empty()) statements.push_back(std::move(*statement));
  }
  return statements;
}

// Why a move of a host did not happen. `row` is of kWhyNotMoved, after the host's key.
MoveResult why_not_moved(Columns& row, const Move& move, bool maybe_done) {
  const std::uint64_t epoch = row.count();
  const auto status = row.kind<HostStatus>();
  const bool disabled = row.flag();
  if (epoch == move.epoch && status == HostStatus::kEnrolled && !disabled) return MoveResult::kOlderPolicy;
  if (!maybe_done || epoch != move.epoch + 1) return MoveResult::kStale;
  // An earlier attempt of this very move took effect if all that it writes is there. An answer has a signature, so no
  // other process has made the same one.
  if (row.bytes() != move.state || row.null()) return MoveResult::kStale;
  const bool is_ours = row.bytes() == move.answer.nonce_hash && row.bytes() == move.answer.bytes;
  return is_ours ? MoveResult::kMoved : MoveResult::kStale;
}

Outcome<std::map<HostKey, MoveResult>> results_of_others(Session& session, std::span<const Move* const> moves,
                                                         const Retains& moved, bool maybe_done) {
  std::map<HostKey, MoveResult> results;
  std::map<HostKey, const Move*> others;
  Statement why = batch(kWhyNotMoved, "tt");
  for (const Move* const move : moves) {
    if (moved.contains(move->key)) continue;
    others.emplace(move->key, move);
    add_arguments(why, move->key.tenant, move->key.host);
  }
  if (others.empty()) return results;
  IMAKEEP_VSTORE_TRY(auto replies, session.run(std::span(&why, 1)));
  for (Row& row : replies[0].rows) {
    Columns columns(row);
    HostKey key{.tenant = columns.text(), .host = {}};
    key.host = columns.text();
    results[key] = why_not_moved(columns, *others.at(key), maybe_done);
  }
  return results;
}

}  // namespace

Result<std::vector<MoveResult>> SqlStore::commit(std::span<const Move> moves) {
  for (const Move& move : moves) IMAKEEP_CHECK(check(move));
  std::vector<MoveResult> results(moves.size(), MoveResult::kStale);
  if (moves.empty()) return results;
  const std::vector<const Move*> first = first_moves(moves);
  const std::vector<Statement> moving = statements_that_move(first);
  std::vector<std::int64_t> times_unix_s;
  times_unix_s.reserve(first.size());
  for (const Move* const move : first) times_unix_s.push_back(move->history.at_unix_s);
  using Results = std::map<HostKey, MoveResult>;
  IMAKEEP_TRY(const Results& by_host,
              attempt(Work::kSettles, [&](Session& session, bool maybe_done) -> Outcome<Results> {
                IMAKEEP_VSTORE_CHECK(database_->prepare_history(session, times_unix_s));
                IMAKEEP_VSTORE_CHECK(session.begin());
                IMAKEEP_VSTORE_TRY(auto replies, session.run(moving));
                Retains moved;
                for (Row& row : replies[1].rows) {
                  Columns columns(row);
                  HostKey key{.tenant = columns.text(), .host = {}};
                  key.host = columns.text();
                  moved[key] = columns.flag();
                }
                IMAKEEP_VSTORE_TRY(auto others, results_of_others(session, first, moved, maybe_done));
                IMAKEEP_VSTORE_CHECK(session.run(statements_that_add(first, moved), Finish::kCommit));
                for (const auto& [key, retains] : moved) others[key] = MoveResult::kMoved;
                return others;
              }));
  for (const Move* const move : first) {
    const auto found = by_host.find(move->key);
    if (found != by_host.end()) results[static_cast<std::size_t>(move - moves.data())] = found->second;
  }
  return results;
}

Result<bool> SqlStore::put_provisional(const HostKey& key, std::uint64_t epoch, const Provisional& provisional) {
  IMAKEEP_CHECK(check(key));
  IMAKEEP_CHECK(check_number("the epoch", epoch));
  IMAKEEP_CHECK(check(provisional));
  IMAKEEP_TRY(const std::uint64_t changed,
              write(statement("INSERT INTO provisional (tenant_id, host_id, epoch, bytes, until_unix_s) "
                              "SELECT h.tenant_id, h.host_id, h.epoch, $4, $5 FROM host h "
                              "WHERE h.tenant_id = $1 AND h.host_id = $2 AND h.epoch = $3 AND h.status = 2 "
                              "AND EXISTS (SELECT 1 FROM tenant t WHERE t.tenant_id = h.tenant_id AND t.disabled = 0) "
                              "[FOR SHARE OF h|] ON CONFLICT (tenant_id, host_id) DO UPDATE SET "
                              "epoch = excluded.epoch, bytes = excluded.bytes, until_unix_s = excluded.until_unix_s",
                              "ttibi", key.tenant, key.host, epoch, provisional.bytes, provisional.until_unix_s)));
  return changed > 0;
}

Result<void> SqlStore::drop_provisional(std::int64_t now_unix_s) {
  IMAKEEP_CHECK(
      write(statement("DELETE FROM provisional WHERE until_unix_s <= $1 OR epoch < "
                      "(SELECT h.epoch FROM host h WHERE h.tenant_id = provisional.tenant_id "
                      "AND h.host_id = provisional.host_id)",
                      "i", now_unix_s)));
  return {};
}

// ---- findings -------------------------------------------------------------------------------------------------------

Result<std::vector<FindingRow>> SqlStore::findings(const FindingQuery& query) {
  static const std::string no_host;
  static const Bytes no_identity;
  const std::string& after_host = query.after ? query.after->host : no_host;
  const Bytes& after_identity = query.after ? query.after->identity : no_identity;
  IMAKEEP_TRY(
      auto rows,
      read(statement("SELECT tenant_id, host_id, identity, record, path, digest, reason, rule, policy, state, count, "
                     "first_seen_unix_s, last_seen_unix_s, acknowledged_by, acknowledged_unix_s, acknowledged_why "
                     "FROM finding WHERE tenant_id = $1 AND (host_id, identity) > ($2, $3) "
                     "AND ($4 IS NULL OR host_id = $4) AND ($5 IS NULL OR state = $5) "
                     "ORDER BY tenant_id, host_id, identity LIMIT $6",
                     "ttbtii", query.tenant, after_host, after_identity, query.host, query.state,
                     row_limit(query.limit))));
  std::vector<FindingRow> result;
  for (Row& row : rows) {
    Columns columns(row);
    FindingRow& finding = result.emplace_back();
    finding.key.tenant = columns.text();
    finding.key.host = columns.text();
    finding.sighting.identity = columns.bytes();
    finding.sighting.record = columns.count();
    finding.sighting.path = columns.bytes();
    finding.sighting.digest = columns.bytes();
    finding.sighting.reason = columns.text();
    finding.sighting.rule = columns.bytes();
    finding.sighting.policy = columns.bytes();
    finding.state = columns.kind<FindingState>();
    finding.count = columns.count();
    finding.first_seen_unix_s = columns.number();
    finding.last_seen_unix_s = columns.number();
    if (columns.null()) continue;
    finding.acknowledged.emplace();
    finding.acknowledged->who = columns.text();
    finding.acknowledged->at_unix_s = columns.number();
    finding.acknowledged->why = columns.text();
  }
  return result;
}

Result<void> SqlStore::acknowledge(const HostKey& key, ByteView identity, const Acknowledgement& by) {
  IMAKEEP_CHECK(check(key));
  IMAKEEP_CHECK(check(by));
  std::vector<Statement> statements;
  statements.push_back(
      statement("UPDATE finding SET state = 1, acknowledged_by = $4, acknowledged_unix_s = $5, "
                "acknowledged_why = $6 WHERE tenant_id = $1 AND host_id = $2 AND identity = $3 "
                "AND state <> 2",
                "ttbtit", key.tenant, key.host, identity, by.who, by.at_unix_s, by.why));
  statements.push_back(statement("SELECT state FROM finding WHERE tenant_id = $1 AND host_id = $2 AND identity = $3",
                                 "ttb", key.tenant, key.host, identity));
  return attempt(Work::kWrites, [&](Session& session, bool) -> Outcome<void> {
    IMAKEEP_VSTORE_TRY(const auto& replies, session.run(statements, Finish::kCommit));
    if (replies[0].changed > 0) return {};
    return replies[1].rows.empty() ? give_up(no_finding(key, identity)) : give_up(finding_is_fixed(key, identity));
  });
}

// ---- history, records, events ---------------------------------------------------------------------------------------

Result<std::vector<HistoryRow>> SqlStore::history(const HostKey& key, std::int64_t from_unix_s, std::int64_t to_unix_s,
                                                  std::size_t limit) {
  IMAKEEP_TRY(
      auto rows,
      read(statement("SELECT at_unix_s, epoch, outcome, chain, first, proven, findings, quote_digest "
                     "FROM history WHERE tenant_id = $1 AND host_id = $2 AND at_unix_s >= $3 AND at_unix_s < $4 "
                     "ORDER BY at_unix_s, epoch LIMIT $5",
                     "ttiii", key.tenant, key.host, from_unix_s, to_unix_s, row_limit(limit))));
  std::vector<HistoryRow> result;
  for (Row& row : rows) {
    Columns columns(row);
    HistoryRow& history = result.emplace_back();
    history.at_unix_s = columns.number();
    history.epoch = columns.count();
    history.outcome = columns.text();
    history.chain = columns.count();
    history.first = columns.count();
    history.proven = columns.count();
    history.findings = columns.count();
    history.quote_digest = columns.bytes();
  }
  return result;
}

Result<void> SqlStore::drop_history(std::int64_t unix_s) {
  IMAKEEP_CHECK(check_time("the time before which history is dropped", unix_s));
  const std::int64_t first_kept = unix_s / kHistoryPeriodSeconds * kHistoryPeriodSeconds;
  return attempt(Work::kSettles,
                 [&](Session& session, bool) -> Outcome<void> { return database_->drop_history(session, first_kept); });
}

Result<std::vector<RetainedRecord>> SqlStore::records(const HostKey& key, std::uint64_t chain, std::uint64_t from,
                                                      std::uint64_t to) {
  const std::uint64_t end = std::min(to, kMostNumber);
  IMAKEEP_CHECK(check_number("the chain", chain));
  IMAKEEP_CHECK(check_number("the first record", from));
  IMAKEEP_TRY(auto rows, read(statement("SELECT chain, number, bytes FROM host_record WHERE tenant_id = $1 "
                                        "AND host_id = $2 AND chain = $3 AND number >= $4 AND number < $5 "
                                        "ORDER BY number",
                                        "ttiii", key.tenant, key.host, chain, from, end)));
  std::vector<RetainedRecord> result;
  for (Row& row : rows) {
    Columns columns(row);
    RetainedRecord& record = result.emplace_back();
    record.chain = columns.count();
    record.number = columns.count();
    record.bytes = columns.bytes();
  }
  return result;
}

Result<std::vector<EventRow>> SqlStore::pending_events(std::size_t limit) {
  IMAKEEP_TRY(auto rows,
              read(statement("SELECT tenant_id, host_id, epoch, number, created_unix_s, kind, body FROM event "
                             "ORDER BY created_unix_s, tenant_id, host_id, epoch, number LIMIT $1",
                             "i", row_limit(limit))));
  std::vector<EventRow> result;
  for (Row& row : rows) {
    Columns columns(row);
    EventRow& event = result.emplace_back();
    event.id.key.tenant = columns.text();
    event.id.key.host = columns.text();
    event.id.epoch = columns.count();
    event.id.number = columns.count();
    event.created_unix_s = columns.number();
    event.event.kind = columns.text();
    event.event.body = columns.bytes();
  }
  return result;
}

Result<void> SqlStore::done(std::span<const EventId> events) {
  if (events.empty()) return {};
  Statement statement = batch(
      "DELETE FROM event WHERE (tenant_id, host_id, epoch, number) IN (SELECT c1, c2, c3, c4 FROM {c1, c2, c3, c4})",
      "ttii");
  for (const EventId& id : events) add_arguments(statement, id.key.tenant, id.key.host, id.epoch, id.number);
  IMAKEEP_CHECK(write(statement));
  return {};
}

}  // namespace imakeep::vstore
