// SPDX-License-Identifier: Apache-2.0
// vstore/store.h - the seam to the verifier's rows. rows.h has the rows, docs/formats/verifier-store.md their meaning.
//
// Each call is one transaction: it takes effect as a whole and durably, or not at all. Several processes may use one
// database, and none keeps anything outside it. A call that changes rows and fails has changed nothing, unless its code
// is kIo: then the connection or the disk failed at the end, and the change may have taken effect. Errors of all calls:
//   kUsage        an argument breaks a rule of rows.h or is too large; the message names it
//   kRefused      os_errno is EEXIST (a row with this key exists), ENOENT (no such row), EBUSY (in use) or EPERM (the
//                 row's state forbids the change)
//   kEnvironment  the database cannot be reached, is read-only, full or busy; mend that, then call again
//   kIo           as above; read before you call again
//   kMalformed    the database is damaged
// Listings are sorted by key, byte by byte, and hold at most `limit` rows. The last row is the cursor for the next
// call. Threads: safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "vstore/rows.h"

namespace imakeep::vstore {

// drop_history() forgets whole periods of seven days. Period P begins at P * kHistoryPeriodSeconds.
inline constexpr std::int64_t kHistoryPeriodSeconds = std::int64_t{7} * 86'400;

class Store {
 public:
  virtual ~Store() = default;

  // ---- tenants ----
  virtual Result<void> add_tenant(const TenantRow& row) = 0;  // EEXIST
  virtual Result<std::vector<TenantRow>> tenants() = 0;
  virtual Result<void> set_tenant_disabled(const std::string& tenant, bool disabled) = 0;  // ENOENT

  // ---- hosts ----
  // Stores all members but `provisional`, which must be empty. The epoch of a host that was removed before must be
  // higher than the old one, so that no old nonce fits. EEXIST; ENOENT: no such tenant or policy list; EPERM: the
  // tenant is disabled.
  virtual Result<void> add_host(const HostRow& row) = 0;
  // `now_unix_s` decides whether the provisional state is still there. No value: no such host.
  virtual Result<std::optional<HostRow>> host(const HostKey& key, std::int64_t now_unix_s) = 0;
  // The tenant's hosts after the host `after`. Without `state`, `provisional` and `answer`.
  virtual Result<std::vector<HostRow>> hosts(const std::string& tenant, const std::string& after,
                                             std::size_t limit) = 0;
  // Any status but kPending forgets the enrolment secret. EPERM: the host's status is not `from`; ENOENT.
  virtual Result<void> set_status(const HostKey& key, HostStatus status,
                                  std::optional<HostStatus> from = std::nullopt) = 0;
  // Also moves the epoch, and forgets the provisional state and the last answer. ENOENT.
  virtual Result<void> replace_ak(const HostKey& key, const ReplacementAk& ak) = 0;
  // Removes the host with its findings, history, records and events. ENOENT.
  virtual Result<void> remove_host(const HostKey& key) = 0;
  // `list` may be empty. ENOENT: no such host or list.
  virtual Result<void> assign_policies(const HostKey& key, const std::string& list) = 0;

  // Moves each host whose epoch and policy list are still those of its move, in one transaction for all. A host that
  // does not move keeps all its rows unchanged. Returns one result for each move, in the order of `moves`.
  virtual Result<std::vector<MoveResult>> commit(std::span<const Move> moves) = 0;

  // Replaces the provisional state of an enrolled host of an enabled tenant, if the host's epoch is `epoch`. False: it
  // is not, and nothing has changed.
  virtual Result<bool> put_provisional(const HostKey& key, std::uint64_t epoch, const Provisional& provisional) = 0;
  // Removes provisional states whose time is over, and those of earlier epochs.
  virtual Result<void> drop_provisional(std::int64_t now_unix_s) = 0;

  // ---- findings ----
  virtual Result<std::vector<FindingRow>> findings(const FindingQuery& query) = 0;
  // ENOENT; EPERM: the finding is fixed.
  virtual Result<void> acknowledge(const HostKey& key, ByteView identity, const Acknowledgement& by) = 0;

  // ---- policies ----
  // `digest` is the SHA-256 of `text`; the caller computes it. A policy that exists stays as it is.
  virtual Result<void> put_policy(ByteView digest, ByteView text, std::int64_t now_unix_s) = 0;
  // No value: no such policy.
  virtual Result<std::optional<Bytes>> policy_text(ByteView digest) = 0;
  virtual Result<std::vector<PolicyRow>> policies() = 0;
  // ENOENT; EBUSY: a list of some tenant has it.
  virtual Result<void> remove_policy(ByteView digest) = 0;
  // Returns the list's version. A list that has this content keeps its version. ENOENT: no such tenant or policy.
  virtual Result<std::uint64_t> set_policy_list(const std::string& tenant, const std::string& list,
                                                std::span<const Bytes> digests) = 0;
  // No value: no such list.
  virtual Result<std::optional<PolicyListRow>> policy_list(const std::string& tenant, const std::string& list) = 0;

  // ---- keys ----
  virtual Result<void> add_key(const KeyRow& row) = 0;  // EEXIST
  virtual Result<std::vector<KeyRow>> keys() = 0;
  virtual Result<void> retire_key(KeyKind kind, std::uint32_t id, std::int64_t at_unix_s) = 0;  // ENOENT

  // ---- tokens ----
  virtual Result<void> add_token(const TokenRow& row) = 0;  // EEXIST; ENOENT: no such tenant
  // A token as it is now. No value: there is no such token, its time is over, it is used up, or its tenant is disabled.
  virtual Result<std::optional<TokenRow>> token(ByteView hash, std::int64_t now_unix_s) = 0;
  // Uses a token once: `uses_left` of the returned row is after this use. No value: as for token().
  virtual Result<std::optional<TokenRow>> take_token(ByteView hash, std::int64_t now_unix_s) = 0;
  // Gives back one use of a token that was taken for nothing. A token that is not there, or has no number of uses, is
  // no error.
  virtual Result<void> return_token(ByteView hash) = 0;
  virtual Result<std::vector<TokenRow>> tokens(const std::string& tenant) = 0;
  virtual Result<void> remove_token(const std::string& tenant, ByteView hash) = 0;  // ENOENT

  // ---- history, records, events ----
  // The rows of [from_unix_s, to_unix_s), oldest first.
  virtual Result<std::vector<HistoryRow>> history(const HostKey& key, std::int64_t from_unix_s, std::int64_t to_unix_s,
                                                  std::size_t limit) = 0;
  // Forgets the periods that are over at `unix_s`.
  virtual Result<void> drop_history(std::int64_t unix_s) = 0;
  // The retained records [from, to) of a chain, in ascending order.
  virtual Result<std::vector<RetainedRecord>> records(const HostKey& key, std::uint64_t chain, std::uint64_t from,
                                                      std::uint64_t to) = 0;
  // Events that nobody has declared done, oldest first. An event can be returned to several callers.
  virtual Result<std::vector<EventRow>> pending_events(std::size_t limit) = 0;
  // Forgets the events. An event that does not exist is no error.
  virtual Result<void> done(std::span<const EventId> events) = 0;
};

}  // namespace imakeep::vstore
