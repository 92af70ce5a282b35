// SPDX-License-Identifier: Apache-2.0
// vstore/faulty/faulty_store.h - a store that fails on demand, for tests of code that uses Store.
//
// There are two kinds of faults, as with a database whose answer is lost: the call took effect, or it did not. The
// caller sees the same error. Threads: safe from any thread.
#pragma once

#include <limits>
#include <map>

#include "base/mutex.h"
#include "vstore/store.h"

namespace imakeep::vstore {

enum class FaultPoint : std::uint8_t { kBeforeEffect, kAfterEffect };

class FaultyStore : public Store {
 public:
  // Keeps a reference to `inner`, which carries out the calls without a planned fault.
  explicit FaultyStore(Store& inner) : inner_(inner) {}

  // Call number `call` fails with `error`. All calls are counted together, from 0.
  void fail_at(std::uint64_t call, FaultPoint point,
               Error error = {.code = ErrorCode::kIo, .message = "planned fault"});
  // Every call from number `call` on fails before its effect, as if the database were gone.
  void fail_from(std::uint64_t call);
  // Forgets all planned faults.
  void fail_never();
  std::uint64_t calls() const;

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
  struct Fault {
    FaultPoint point;
    Error error;
  };
  // The planned fault of the call that begins now, if any.
  std::optional<Fault> next_fault();
  template <class Call>
  auto faultily(Call call);

  Store& inner_;
  mutable Mutex mutex_;
  std::uint64_t calls_ IMAKEEP_GUARDED_BY(mutex_) = 0;
  std::uint64_t gone_from_ IMAKEEP_GUARDED_BY(mutex_) = std::numeric_limits<std::uint64_t>::max();
  std::map<std::uint64_t, Fault> faults_ IMAKEEP_GUARDED_BY(mutex_);
};

}  // namespace imakeep::vstore
