// SPDX-License-Identifier: Apache-2.0
#include "vstore/faulty/faulty_store.h"

namespace imakeep::vstore {

void FaultyStore::fail_at(std::uint64_t call, FaultPoint point, Error error) {
  const MutexLock lock(mutex_);
  faults_.insert_or_assign(call, Fault{.point = point, .error = std::move(error)});
}

void FaultyStore::fail_from(std::uint64_t call) {
  const MutexLock lock(mutex_);
  gone_from_ = call;
}

void FaultyStore::fail_never() {
  const MutexLock lock(mutex_);
  faults_.clear();
  gone_from_ = std::numeric_limits<std::uint64_t>::max();
}

std::uint64_t FaultyStore::calls() const {
  const MutexLock lock(mutex_);
  return calls_;
}

std::optional<FaultyStore::Fault> FaultyStore::next_fault() {
  const MutexLock lock(mutex_);
  const std::uint64_t call = calls_++;
  if (call >= gone_from_) {
    return Fault{.point = FaultPoint::kBeforeEffect,
                 .error = {.code = ErrorCode::kEnvironment, .message = "the database is gone"}};
  }
  const auto found = faults_.find(call);
  if (found == faults_.end()) return std::nullopt;
  Fault fault = std::move(found->second);
  faults_.erase(found);
  return fault;
}

template <class Call>
auto FaultyStore::faultily(Call call) {
  using Returned = decltype(call());
  auto fault = next_fault();
  if (fault && fault->point == FaultPoint::kBeforeEffect) return Returned(unexpected(std::move(fault->error)));
  Returned returned = call();
  if (fault) return Returned(unexpected(std::move(fault->error)));
  return returned;
}

Result<void> FaultyStore::add_tenant(const TenantRow& row) {
  return faultily([&] { return inner_.add_tenant(row); });
}

Result<std::vector<TenantRow>> FaultyStore::tenants() {
  return faultily([&] { return inner_.tenants(); });
}

Result<void> FaultyStore::set_tenant_disabled(const std::string& tenant, bool disabled) {
  return faultily([&] { return inner_.set_tenant_disabled(tenant, disabled); });
}

Result<void> FaultyStore::add_host(const HostRow& row) {
  return faultily([&] { return inner_.add_host(row); });
}

Result<std::optional<HostRow>> FaultyStore::host(const HostKey& key, std::int64_t now_unix_s) {
  return faultily([&] { return inner_.host(key, now_unix_s); });
}

Result<std::vector<HostRow>> FaultyStore::hosts(const std::string& tenant, const std::string& after,
                                                std::size_t limit) {
  return faultily([&] { return inner_.hosts(tenant, after, limit); });
}

Result<void> FaultyStore::set_status(const HostKey& key, HostStatus status, std::optional<HostStatus> from) {
  return faultily([&] { return inner_.set_status(key, status, from); });
}

Result<void> FaultyStore::replace_ak(const HostKey& key, const ReplacementAk& ak) {
  return faultily([&] { return inner_.replace_ak(key, ak); });
}

Result<void> FaultyStore::remove_host(const HostKey& key) {
  return faultily([&] { return inner_.remove_host(key); });
}

Result<void> FaultyStore::assign_policies(const HostKey& key, const std::string& list) {
  return faultily([&] { return inner_.assign_policies(key, list); });
}

Result<std::vector<MoveResult>> FaultyStore::commit(std::span<const Move> moves) {
  return faultily([&] { return inner_.commit(moves); });
}

Result<bool> FaultyStore::put_provisional(const HostKey& key, std::uint64_t epoch, const Provisional& provisional) {
  return faultily([&] { return inner_.put_provisional(key, epoch, provisional); });
}

Result<void> FaultyStore::drop_provisional(std::int64_t now_unix_s) {
  return faultily([&] { return inner_.drop_provisional(now_unix_s); });
}

Result<std::vector<FindingRow>> FaultyStore::findings(const FindingQuery& query) {
  return faultily([&] { return inner_.findings(query); });
}

Result<void> FaultyStore::acknowledge(const HostKey& key, ByteView identity, const Acknowledgement& by) {
  return faultily([&] { return inner_.acknowledge(key, identity, by); });
}

Result<void> FaultyStore::put_policy(ByteView digest, ByteView text, std::int64_t now_unix_s) {
  return faultily([&] { return inner_.put_policy(digest, text, now_unix_s); });
}

Result<std::optional<Bytes>> FaultyStore::policy_text(ByteView digest) {
  return faultily([&] { return inner_.policy_text(digest); });
}

Result<std::vector<PolicyRow>> FaultyStore::policies() {
  return faultily([&] { return inner_.policies(); });
}

Result<void> FaultyStore::remove_policy(ByteView digest) {
  return faultily([&] { return inner_.remove_policy(digest); });
}

Result<std::uint64_t> FaultyStore::set_policy_list(const std::string& tenant, const std::string& list,
                                                   std::span<const Bytes> digests) {
  return faultily([&] { return inner_.set_policy_list(tenant, list, digests); });
}

Result<std::optional<PolicyListRow>> FaultyStore::policy_list(const std::string& tenant, const std::string& list) {
  return faultily([&] { return inner_.policy_list(tenant, list); });
}

Result<void> FaultyStore::add_key(const KeyRow& row) {
  return faultily([&] { return inner_.add_key(row); });
}

Result<std::vector<KeyRow>> FaultyStore::keys() {
  return faultily([&] { return inner_.keys(); });
}

Result<void> FaultyStore::retire_key(KeyKind kind, std::uint32_t id, std::int64_t at_unix_s) {
  return faultily([&] { return inner_.retire_key(kind, id, at_unix_s); });
}

Result<void> FaultyStore::add_token(const TokenRow& row) {
  return faultily([&] { return inner_.add_token(row); });
}

Result<std::optional<TokenRow>> FaultyStore::token(ByteView hash, std::int64_t now_unix_s) {
  return faultily([&] { return inner_.token(hash, now_unix_s); });
}

Result<std::optional<TokenRow>> FaultyStore::take_token(ByteView hash, std::int64_t now_unix_s) {
  return faultily([&] { return inner_.take_token(hash, now_unix_s); });
}

Result<void> FaultyStore::return_token(ByteView hash) {
  return faultily([&] { return inner_.return_token(hash); });
}

Result<std::vector<TokenRow>> FaultyStore::tokens(const std::string& tenant) {
  return faultily([&] { return inner_.tokens(tenant); });
}

Result<void> FaultyStore::remove_token(const std::string& tenant, ByteView hash) {
  return faultily([&] { return inner_.remove_token(tenant, hash); });
}

Result<std::vector<HistoryRow>> FaultyStore::history(const HostKey& key, std::int64_t from_unix_s,
                                                     std::int64_t to_unix_s, std::size_t limit) {
  return faultily([&] { return inner_.history(key, from_unix_s, to_unix_s, limit); });
}

Result<void> FaultyStore::drop_history(std::int64_t unix_s) {
  return faultily([&] { return inner_.drop_history(unix_s); });
}

Result<std::vector<RetainedRecord>> FaultyStore::records(const HostKey& key, std::uint64_t chain, std::uint64_t from,
                                                         std::uint64_t to) {
  return faultily([&] { return inner_.records(key, chain, from, to); });
}

Result<std::vector<EventRow>> FaultyStore::pending_events(std::size_t limit) {
  return faultily([&] { return inner_.pending_events(limit); });
}

Result<void> FaultyStore::done(std::span<const EventId> events) {
  return faultily([&] { return inner_.done(events); });
}

}  // namespace imakeep::vstore
