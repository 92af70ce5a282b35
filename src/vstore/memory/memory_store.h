// SPDX-License-Identifier: Apache-2.0
// vstore/memory/memory_store.h - the rows of a verifier in memory, for tests and for callers without a file.
//
// Nothing outlives the object. Threads: as vstore::Store.
#pragma once

#include <map>

#include "base/mutex.h"
#include "vstore/store.h"

namespace imakeep::vstore {

class MemoryStore : public Store {
 public:
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
  // A host with all rows that belong to it.
  struct Host {
    HostRow row;
    std::map<Bytes, FindingRow> findings;
    std::map<std::pair<std::int64_t, std::uint64_t>, HistoryRow> history;       // by time and epoch
    std::map<std::pair<std::uint64_t, std::uint64_t>, RetainedRecord> records;  // by chain and number
    std::map<std::pair<std::uint64_t, std::uint64_t>, EventRow> events;         // by epoch and number
  };
  struct Policy {
    PolicyRow row;
    Bytes text;
  };

  bool is_enabled(const std::string& tenant) const IMAKEEP_REQUIRES(mutex_);
  bool has_list(const std::string& tenant, const std::string& list) const IMAKEEP_REQUIRES(mutex_);
  // A null pointer: no such host.
  Host* find_host(const HostKey& key) IMAKEEP_REQUIRES(mutex_);
  TokenRow* find_token(ByteView hash, std::int64_t now_unix_s) IMAKEEP_REQUIRES(mutex_);  // one that counts, or null
  MoveResult move(const Move& move) IMAKEEP_REQUIRES(mutex_);

  Mutex mutex_;
  std::map<std::string, TenantRow> tenants_ IMAKEEP_GUARDED_BY(mutex_);
  std::map<HostKey, Host> hosts_ IMAKEEP_GUARDED_BY(mutex_);
  std::map<Bytes, Policy> policies_ IMAKEEP_GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::string>, PolicyListRow> lists_ IMAKEEP_GUARDED_BY(mutex_);
  std::map<std::pair<KeyKind, std::uint32_t>, KeyRow> keys_ IMAKEEP_GUARDED_BY(mutex_);
  std::map<Bytes, TokenRow> tokens_ IMAKEEP_GUARDED_BY(mutex_);
};

}  // namespace imakeep::vstore
