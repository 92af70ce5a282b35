// SPDX-License-Identifier: Apache-2.0
#include "vstore/memory/memory_store.h"

#include <algorithm>
#include <set>

#include "vstore/checks.h"
#include "vstore/refusals.h"

namespace imakeep::vstore {
namespace {

Bytes owned(ByteView bytes) {
  return {bytes.begin(), bytes.end()};
}

// Adds a sighting at `now` to the findings of a host.
void see(FindingRow& row, bool is_new, const HostKey& key, const Sighting& sighting, std::int64_t now) {
  if (is_new || row.state == FindingState::kFixed) {
    row = {.key = key, .sighting = sighting, .count = 0, .first_seen_unix_s = now};
  }
  ++row.count;
  row.last_seen_unix_s = now;
}

}  // namespace

bool MemoryStore::is_enabled(const std::string& tenant) const {
  const auto at = tenants_.find(tenant);
  return at != tenants_.end() && !at->second.disabled;
}

bool MemoryStore::has_list(const std::string& tenant, const std::string& list) const {
  return list.empty() || lists_.contains({tenant, list});
}

MemoryStore::Host* MemoryStore::find_host(const HostKey& key) {
  const auto at = hosts_.find(key);
  return at == hosts_.end() ? nullptr : &at->second;
}

// ---- tenants --------------------------------------------------------------------------------------------------------

Result<void> MemoryStore::add_tenant(const TenantRow& row) {
  IMAKEEP_CHECK(check(row));
  const MutexLock lock(mutex_);
  if (!tenants_.emplace(row.tenant, row).second) return tenant_exists(row.tenant);
  return {};
}

Result<std::vector<TenantRow>> MemoryStore::tenants() {
  const MutexLock lock(mutex_);
  std::vector<TenantRow> rows;
  rows.reserve(tenants_.size());
  for (const auto& [key, row] : tenants_) rows.push_back(row);
  return rows;
}

Result<void> MemoryStore::set_tenant_disabled(const std::string& tenant, bool disabled) {
  const MutexLock lock(mutex_);
  const auto at = tenants_.find(tenant);
  if (at == tenants_.end()) return no_tenant(tenant);
  at->second.disabled = disabled;
  return {};
}

// ---- hosts ----------------------------------------------------------------------------------------------------------

Result<void> MemoryStore::add_host(const HostRow& row) {
  IMAKEEP_CHECK(check(row));
  const MutexLock lock(mutex_);
  if (!tenants_.contains(row.key.tenant)) return no_tenant(row.key.tenant);
  if (!is_enabled(row.key.tenant)) return tenant_is_disabled(row.key.tenant);
  if (!has_list(row.key.tenant, row.policy_list)) return no_policy_list(row.key.tenant, row.policy_list);
  if (!hosts_.emplace(row.key, Host{.row = row}).second) return host_exists(row.key);
  return {};
}

Result<std::optional<HostRow>> MemoryStore::host(const HostKey& key, std::int64_t now_unix_s) {
  const MutexLock lock(mutex_);
  const Host* const host = find_host(key);
  if (host == nullptr) return std::nullopt;
  std::optional<HostRow> row = host->row;
  if (row->provisional && row->provisional->until_unix_s <= now_unix_s) row->provisional.reset();
  return row;
}

Result<std::vector<HostRow>> MemoryStore::hosts(const std::string& tenant, const std::string& after,
                                                std::size_t limit) {
  const MutexLock lock(mutex_);
  std::vector<HostRow> rows;
  for (auto at = hosts_.upper_bound({tenant, after}); at != hosts_.end() && at->first.tenant == tenant; ++at) {
    if (rows.size() == limit) break;
    HostRow& row = rows.emplace_back(at->second.row);
    row.state.clear();
    row.provisional.reset();
    row.answer.reset();
  }
  return rows;
}

Result<void> MemoryStore::set_status(const HostKey& key, HostStatus status, std::optional<HostStatus> from) {
  const MutexLock lock(mutex_);
  Host* const host = find_host(key);
  if (host == nullptr) return no_host(key);
  if (from && host->row.status != *from) return other_status(key);
  host->row.status = status;
  if (status != HostStatus::kPending) {
    host->row.secret_hash.clear();
    host->row.secret_until_unix_s = 0;
  }
  return {};
}

Result<void> MemoryStore::replace_ak(const HostKey& key, const ReplacementAk& ak) {
  IMAKEEP_CHECK(check(ak));
  const MutexLock lock(mutex_);
  Host* const host = find_host(key);
  if (host == nullptr) return no_host(key);
  HostRow& row = host->row;
  row.ak_public = ak.ak_public;
  row.ak_name = ak.ak_name;
  row.status = ak.status;
  row.secret_hash = ak.secret_hash;
  row.secret_until_unix_s = ak.secret_until_unix_s;
  ++row.epoch;
  row.provisional.reset();
  row.answer.reset();
  return {};
}

Result<void> MemoryStore::remove_host(const HostKey& key) {
  const MutexLock lock(mutex_);
  if (hosts_.erase(key) == 0) return no_host(key);
  return {};
}

Result<void> MemoryStore::assign_policies(const HostKey& key, const std::string& list) {
  const MutexLock lock(mutex_);
  Host* const host = find_host(key);
  if (host == nullptr) return no_host(key);
  if (!has_list(key.tenant, list)) return no_policy_list(key.tenant, list);
  host->row.policy_list = list;
  return {};
}

// ---- moves ----------------------------------------------------------------------------------------------------------

MoveResult MemoryStore::move(const Move& move) {
  Host* const host = find_host(move.key);
  if (host == nullptr || !is_enabled(move.key.tenant)) return MoveResult::kStale;
  HostRow& row = host->row;
  if (row.status != HostStatus::kEnrolled || row.epoch != move.epoch) return MoveResult::kStale;
  const auto list = lists_.find({move.key.tenant, row.policy_list});
  const std::uint64_t version = list == lists_.end() ? 0 : list->second.version;
  if (row.policy_list != move.policy_list || version != move.policy_list_version) return MoveResult::kOlderPolicy;
  ++row.epoch;
  row.state = move.state;
  row.proven = move.proven;
  row.seen_unix_s = move.seen_unix_s;
  row.answer = move.answer;
  row.provisional.reset();
  HistoryRow& history = host->history[{move.history.at_unix_s, row.epoch}];
  history = move.history;
  history.epoch = row.epoch;
  for (const Bytes& identity : move.fixed) {
    const auto at = host->findings.find(identity);
    if (at != host->findings.end()) at->second.state = FindingState::kFixed;
  }
  for (const Sighting& sighting : move.sightings) {
    const auto [at, is_new] = host->findings.try_emplace(sighting.identity);
    see(at->second, is_new, move.key, sighting, move.seen_unix_s);
  }
  if (row.retains) {
    for (const RetainedRecord& record : move.records) {
      host->records.try_emplace({record.chain, record.number}, record);
    }
  }
  std::uint64_t number = 0;
  for (const Event& event : move.events) {
    const EventId id{.key = move.key, .epoch = row.epoch, .number = number++};
    host->events[{id.epoch, id.number}] = {.id = id, .created_unix_s = move.seen_unix_s, .event = event};
  }
  return MoveResult::kMoved;
}

Result<std::vector<MoveResult>> MemoryStore::commit(std::span<const Move> moves) {
  for (const Move& move : moves) IMAKEEP_CHECK(check(move));
  const MutexLock lock(mutex_);
  std::set<HostKey> seen;
  std::vector<MoveResult> results;
  for (const Move& one : moves) {
    results.push_back(seen.insert(one.key).second ? move(one) : MoveResult::kStale);
  }
  return results;
}

Result<bool> MemoryStore::put_provisional(const HostKey& key, std::uint64_t epoch, const Provisional& provisional) {
  IMAKEEP_CHECK(check(provisional));
  const MutexLock lock(mutex_);
  Host* const host = find_host(key);
  if (host == nullptr || !is_enabled(key.tenant)) return false;
  if (host->row.status != HostStatus::kEnrolled || host->row.epoch != epoch) return false;
  host->row.provisional = provisional;
  return true;
}

Result<void> MemoryStore::drop_provisional(std::int64_t now_unix_s) {
  const MutexLock lock(mutex_);
  for (auto& [key, host] : hosts_) {
    auto& provisional = host.row.provisional;
    if (provisional && provisional->until_unix_s <= now_unix_s) provisional.reset();
  }
  return {};
}

// ---- findings -------------------------------------------------------------------------------------------------------

Result<std::vector<FindingRow>> MemoryStore::findings(const FindingQuery& query) {
  const MutexLock lock(mutex_);
  std::vector<FindingRow> rows;
  for (const auto& [key, host] : hosts_) {
    if (key.tenant != query.tenant || (query.host && key.host != *query.host)) continue;
    for (const auto& [identity, row] : host.findings) {
      if (query.state && row.state != *query.state) continue;
      if (query.after && std::tie(key.host, identity) <= std::tie(query.after->host, query.after->identity)) continue;
      if (rows.size() == query.limit) return rows;
      rows.push_back(row);
    }
  }
  return rows;
}

Result<void> MemoryStore::acknowledge(const HostKey& key, ByteView identity, const Acknowledgement& by) {
  IMAKEEP_CHECK(check(by));
  const MutexLock lock(mutex_);
  Host* const host = find_host(key);
  if (host == nullptr) return no_finding(key, identity);
  const auto at = host->findings.find(owned(identity));
  if (at == host->findings.end()) return no_finding(key, identity);
  if (at->second.state == FindingState::kFixed) return finding_is_fixed(key, identity);
  at->second.state = FindingState::kAcknowledged;
  at->second.acknowledged = by;
  return {};
}

// ---- policies -------------------------------------------------------------------------------------------------------

Result<void> MemoryStore::put_policy(ByteView digest, ByteView text, std::int64_t now_unix_s) {
  IMAKEEP_CHECK(check_policy(digest, text));
  IMAKEEP_CHECK(check_time("the time at which the policy was made", now_unix_s));
  const MutexLock lock(mutex_);
  const PolicyRow row{.digest = owned(digest), .text_bytes = text.size(), .created_unix_s = now_unix_s};
  policies_.try_emplace(row.digest, Policy{.row = row, .text = owned(text)});
  return {};
}

Result<std::optional<Bytes>> MemoryStore::policy_text(ByteView digest) {
  const MutexLock lock(mutex_);
  const auto at = policies_.find(owned(digest));
  if (at == policies_.end()) return std::nullopt;
  return at->second.text;
}

Result<std::vector<PolicyRow>> MemoryStore::policies() {
  const MutexLock lock(mutex_);
  std::vector<PolicyRow> rows;
  rows.reserve(policies_.size());
  for (const auto& [digest, policy] : policies_) rows.push_back(policy.row);
  return rows;
}

Result<void> MemoryStore::remove_policy(ByteView digest) {
  const MutexLock lock(mutex_);
  const auto at = policies_.find(owned(digest));
  if (at == policies_.end()) return no_policy(digest);
  for (const auto& [key, list] : lists_) {
    if (std::count(list.policies.begin(), list.policies.end(), at->first) > 0) {
      return policy_is_assigned(digest, key.first, key.second);
    }
  }
  policies_.erase(at);
  return {};
}

Result<std::uint64_t> MemoryStore::set_policy_list(const std::string& tenant, const std::string& list,
                                                   std::span<const Bytes> digests) {
  IMAKEEP_CHECK(check_name("the policy list's name", list));
  IMAKEEP_CHECK(check_policies(digests));
  const MutexLock lock(mutex_);
  if (!tenants_.contains(tenant)) return no_tenant(tenant);
  for (const Bytes& digest : digests) {
    if (!policies_.contains(digest)) return no_policy(digest);
  }
  PolicyListRow& row = lists_[{tenant, list}];
  if (row.version > 0 && std::equal(row.policies.begin(), row.policies.end(), digests.begin(), digests.end())) {
    return row.version;
  }
  row.policies.assign(digests.begin(), digests.end());
  return ++row.version;
}

Result<std::optional<PolicyListRow>> MemoryStore::policy_list(const std::string& tenant, const std::string& list) {
  const MutexLock lock(mutex_);
  const auto at = lists_.find({tenant, list});
  if (at == lists_.end()) return std::nullopt;
  return at->second;
}

// ---- keys and tokens ------------------------------------------------------------------------------------------------

Result<void> MemoryStore::add_key(const KeyRow& row) {
  IMAKEEP_CHECK(check(row));
  const MutexLock lock(mutex_);
  if (!keys_.emplace(std::pair(row.kind, row.id), row).second) return key_exists(row.kind, row.id);
  return {};
}

Result<std::vector<KeyRow>> MemoryStore::keys() {
  const MutexLock lock(mutex_);
  std::vector<KeyRow> rows;
  rows.reserve(keys_.size());
  for (const auto& [key, row] : keys_) rows.push_back(row);
  return rows;
}

Result<void> MemoryStore::retire_key(KeyKind kind, std::uint32_t id, std::int64_t at_unix_s) {
  IMAKEEP_CHECK(check_time("the time at which a key retires", at_unix_s));
  const MutexLock lock(mutex_);
  const auto at = keys_.find({kind, id});
  if (at == keys_.end()) return no_key(kind, id);
  at->second.retires_unix_s = at_unix_s;
  return {};
}

Result<void> MemoryStore::add_token(const TokenRow& row) {
  IMAKEEP_CHECK(check(row));
  const MutexLock lock(mutex_);
  if (!tenants_.contains(row.tenant)) return no_tenant(row.tenant);
  if (!tokens_.emplace(row.hash, row).second) return token_exists();
  return {};
}

TokenRow* MemoryStore::find_token(ByteView hash, std::int64_t now_unix_s) {
  const auto at = tokens_.find(owned(hash));
  if (at == tokens_.end() || !is_enabled(at->second.tenant)) return nullptr;
  TokenRow& row = at->second;
  const bool over = row.until_unix_s && *row.until_unix_s <= now_unix_s;
  return over || row.uses_left == 0u ? nullptr : &row;
}

Result<std::optional<TokenRow>> MemoryStore::token(ByteView hash, std::int64_t now_unix_s) {
  const MutexLock lock(mutex_);
  const TokenRow* const row = find_token(hash, now_unix_s);
  return row == nullptr ? std::nullopt : std::optional(*row);
}

Result<std::optional<TokenRow>> MemoryStore::take_token(ByteView hash, std::int64_t now_unix_s) {
  const MutexLock lock(mutex_);
  TokenRow* const row = find_token(hash, now_unix_s);
  if (row == nullptr) return std::nullopt;
  if (row->uses_left) --*row->uses_left;
  return *row;
}

Result<void> MemoryStore::return_token(ByteView hash) {
  const MutexLock lock(mutex_);
  const auto at = tokens_.find(owned(hash));
  if (at != tokens_.end() && at->second.uses_left) ++*at->second.uses_left;
  return {};
}

Result<std::vector<TokenRow>> MemoryStore::tokens(const std::string& tenant) {
  const MutexLock lock(mutex_);
  std::vector<TokenRow> rows;
  for (const auto& [hash, row] : tokens_) {
    if (row.tenant == tenant) rows.push_back(row);
  }
  return rows;
}

Result<void> MemoryStore::remove_token(const std::string& tenant, ByteView hash) {
  const MutexLock lock(mutex_);
  const auto at = tokens_.find(owned(hash));
  if (at == tokens_.end() || at->second.tenant != tenant) return no_token(tenant);
  tokens_.erase(at);
  return {};
}

// ---- history, records, events ---------------------------------------------------------------------------------------

Result<std::vector<HistoryRow>> MemoryStore::history(const HostKey& key, std::int64_t from_unix_s,
                                                     std::int64_t to_unix_s, std::size_t limit) {
  const MutexLock lock(mutex_);
  std::vector<HistoryRow> rows;
  const Host* const host = find_host(key);
  if (host == nullptr) return rows;
  for (const auto& [at, row] : host->history) {
    if (rows.size() < limit && row.at_unix_s >= from_unix_s && row.at_unix_s < to_unix_s) rows.push_back(row);
  }
  return rows;
}

Result<void> MemoryStore::drop_history(std::int64_t unix_s) {
  IMAKEEP_CHECK(check_time("the time before which history is dropped", unix_s));
  const std::int64_t first_kept = unix_s / kHistoryPeriodSeconds * kHistoryPeriodSeconds;
  const MutexLock lock(mutex_);
  for (auto& [key, host] : hosts_) {
    std::erase_if(host.history, [&](const auto& entry) { return entry.second.at_unix_s < first_kept; });
  }
  return {};
}

Result<std::vector<RetainedRecord>> MemoryStore::records(const HostKey& key, std::uint64_t chain, std::uint64_t from,
                                                         std::uint64_t to) {
  const MutexLock lock(mutex_);
  std::vector<RetainedRecord> rows;
  const Host* const host = find_host(key);
  if (host == nullptr) return rows;
  for (const auto& [at, row] : host->records) {
    if (row.chain == chain && row.number >= from && row.number < to) rows.push_back(row);
  }
  return rows;
}

Result<std::vector<EventRow>> MemoryStore::pending_events(std::size_t limit) {
  const MutexLock lock(mutex_);
  std::vector<EventRow> rows;
  for (const auto& [key, host] : hosts_) {
    for (const auto& [at, row] : host.events) rows.push_back(row);
  }
  std::sort(rows.begin(), rows.end(), [](const EventRow& a, const EventRow& b) {
    return std::tie(a.created_unix_s, a.id) < std::tie(b.created_unix_s, b.id);
  });
  if (rows.size() > limit) rows.resize(limit);
  return rows;
}

Result<void> MemoryStore::done(std::span<const EventId> events) {
  const MutexLock lock(mutex_);
  for (const EventId& id : events) {
    if (Host* const host = find_host(id.key)) host->events.erase({id.epoch, id.number});
  }
  return {};
}

}  // namespace imakeep::vstore
