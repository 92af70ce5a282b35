// SPDX-License-Identifier: Apache-2.0
// vstore/rows.h - the rows of a verifier: tenants, hosts, findings, policies, keys, tokens, history and events.
//
// Times are Unix seconds. Numbers are at most kMostNumber, because a store keeps them as signed 64-bit integers. Names
// (of tenants, hosts, lists and tokens) and short texts are UTF-8 that printable() (base/text.h) leaves unchanged.
// Members of type Bytes may hold any bytes. What a member means and its limit in bytes: docs/formats/verifier-store.md;
// checks.h tests the limits. Threads: plain values.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace imakeep::vstore {

inline constexpr std::uint64_t kMostNumber = std::numeric_limits<std::int64_t>::max();

// A customer of the verifier, or a part of a fleet with administrators of its own. All other rows but policies and keys
// belong to one tenant.
struct TenantRow {
  std::string tenant;
  std::int64_t created_unix_s = 0;
  bool disabled = false;  // if true, no state of its hosts moves

  friend bool operator==(const TenantRow&, const TenantRow&) = default;
};

// ---- hosts ----------------------------------------------------------------------------------------------------------

struct HostKey {
  std::string tenant;
  std::string host;

  friend auto operator<=>(const HostKey&, const HostKey&) = default;
};

// The numbers are those in the database and never change.
enum class HostStatus : std::uint8_t {
  kPending = 0,   // the host has not yet proven that it has the enrolment secret
  kWaiting = 1,   // the host has proven it; a person has to approve the host
  kEnrolled = 2,  // the host may attest
  kDisabled = 3,
};

// The last answer to a host, so that the host can ask for it again after a lost connection.
struct Answer {
  Bytes nonce_hash;  // of the nonce that the answered quote is over
  Bytes bytes;

  friend bool operator==(const Answer&, const Answer&) = default;
};

// The state after a part of a long increment. It counts only for the epoch in which it was put.
struct Provisional {
  Bytes bytes;
  std::int64_t until_unix_s = 0;  // nobody sees it from this time on

  friend bool operator==(const Provisional&, const Provisional&) = default;
};

struct HostRow {
  HostKey key;
  std::string name;  // for people; need not be unique
  HostStatus status = HostStatus::kPending;
  Bytes ak_public;  // TPM2B_PUBLIC
  Bytes ak_name;    // TPM2B_NAME without its size
  Bytes ek_hash;
  std::string ek_check;  // how the EK was checked: "certificate", "pinned", ...
  Bytes secret_hash;     // of the enrolment secret; empty unless the status is kPending
  std::int64_t secret_until_unix_s = 0;
  std::string policy_list;  // by which the host is judged; empty: none
  bool retains = false;     // the verifier keeps the records of this host
  std::int64_t created_unix_s = 0;
  std::int64_t seen_unix_s = 0;
  std::uint64_t epoch = 0;   // counts the accepted quotes
  std::uint64_t proven = 0;  // N: this many records of the chain are proven
  Bytes state;
  std::optional<Provisional> provisional;
  std::optional<Answer> answer;

  friend bool operator==(const HostRow&, const HostRow&) = default;
};

// The attestation key that replaces another one, and the status that the host then has.
struct ReplacementAk {
  Bytes ak_public;
  Bytes ak_name;
  HostStatus status = HostStatus::kPending;
  Bytes secret_hash = {};
  std::int64_t secret_until_unix_s = 0;
};

// ---- findings -------------------------------------------------------------------------------------------------------

// The numbers are those in the database and never change.
enum class FindingState : std::uint8_t {
  kOpen = 0,
  kAcknowledged = 1,  // a person has accepted it; it still counts up
  kFixed = 2,
};

// A refused record, as an attestation reports it.
struct Sighting {
  Bytes identity;  // equal for what counts as the same finding of a host
  std::uint64_t record = 0;
  Bytes path;  // as the record names it: any bytes
  Bytes digest;
  std::string reason;
  Bytes rule;
  Bytes policy;  // digest of the policy's text

  friend bool operator==(const Sighting&, const Sighting&) = default;
};

struct Acknowledgement {
  std::string who;
  std::int64_t at_unix_s = 0;
  std::string why;

  friend bool operator==(const Acknowledgement&, const Acknowledgement&) = default;
};

struct FindingRow {
  HostKey key;
  Sighting sighting;  // the first since the finding was opened
  FindingState state = FindingState::kOpen;
  std::uint64_t count = 0;  // sightings since it was opened
  std::int64_t first_seen_unix_s = 0;
  std::int64_t last_seen_unix_s = 0;
  std::optional<Acknowledgement> acknowledged;  // the last one; opening a fixed finding removes it

  friend bool operator==(const FindingRow&, const FindingRow&) = default;
};

// The place after which a listing continues.
struct FindingCursor {
  std::string host;
  Bytes identity;
};

struct FindingQuery {
  std::string tenant;
  std::optional<std::string> host = std::nullopt;
  std::optional<FindingState> state = std::nullopt;
  std::optional<FindingCursor> after = std::nullopt;
  std::size_t limit = 100;
};

// ---- policies -------------------------------------------------------------------------------------------------------

// A policy belongs to no tenant: its digest is its name.
struct PolicyRow {
  Bytes digest;                  // SHA-256 of the text
  std::uint64_t text_bytes = 0;  // the store sets it
  std::int64_t created_unix_s = 0;

  friend bool operator==(const PolicyRow&, const PolicyRow&) = default;
};

// A list of policies that hosts are judged by, in this order.
struct PolicyListRow {
  std::uint64_t version = 0;  // 1 for the first content; each change adds 1
  std::vector<Bytes> policies;

  friend bool operator==(const PolicyListRow&, const PolicyListRow&) = default;
};

// ---- keys and tokens ------------------------------------------------------------------------------------------------

// The numbers are those in the database and never change.
enum class KeyKind : std::uint8_t {
  kNonce = 0,   // the HMAC key of nonces
  kResult = 1,  // the key that signs results
};

struct KeyRow {
  KeyKind kind = KeyKind::kNonce;
  std::uint32_t id = 0;
  Bytes bytes;
  std::int64_t created_unix_s = 0;
  std::optional<std::int64_t> retires_unix_s = std::nullopt;  // nobody uses the key from this time on

  friend bool operator==(const KeyRow&, const KeyRow&) = default;
};

// The numbers are those in the database and never change.
enum class Role : std::uint8_t { kEnrol = 0, kAdmin = 1, kViewer = 2, kAuditor = 3 };

struct TokenRow {
  Bytes hash;
  std::string tenant;
  Role role = Role::kEnrol;
  std::string name;
  std::optional<std::int64_t> until_unix_s = std::nullopt;  // not valid from this time on
  std::optional<std::uint64_t> uses_left = std::nullopt;    // without one: any number of uses

  friend bool operator==(const TokenRow&, const TokenRow&) = default;
};

// ---- what a move adds -----------------------------------------------------------------------------------------------

// One accepted quote. `epoch` is that after the move.
struct HistoryRow {
  std::int64_t at_unix_s = 0;
  std::uint64_t epoch = 0;
  std::string outcome;  // "affirming", "warning", ...
  std::uint64_t chain = 0;
  std::uint64_t first = 0;   // the first record that was judged
  std::uint64_t proven = 0;  // N after the move
  std::uint64_t findings = 0;
  Bytes quote_digest;

  friend bool operator==(const HistoryRow&, const HistoryRow&) = default;
};

struct RetainedRecord {
  std::uint64_t chain = 0;
  std::uint64_t number = 0;
  Bytes bytes;

  friend bool operator==(const RetainedRecord&, const RetainedRecord&) = default;
};

struct Event {
  std::string kind;
  Bytes body;

  friend bool operator==(const Event&, const Event&) = default;
};

struct EventId {
  HostKey key;
  std::uint64_t epoch = 0;   // after the move that added the event
  std::uint64_t number = 0;  // position among the events of that move

  friend auto operator<=>(const EventId&, const EventId&) = default;
};

struct EventRow {
  EventId id;
  std::int64_t created_unix_s = 0;
  Event event;

  friend bool operator==(const EventRow&, const EventRow&) = default;
};

// What an accepted quote changes of one host.
struct Move {
  HostKey key;
  std::uint64_t epoch = 0;  // in which the quote was judged; afterwards it is one higher
  Bytes state;
  std::uint64_t proven = 0;
  std::int64_t seen_unix_s = 0;
  Answer answer;
  std::string policy_list;                // by which the quote was judged; empty: none
  std::uint64_t policy_list_version = 0;  // of that list; 0 if there is none
  HistoryRow history;                     // the store sets its epoch
  std::vector<Sighting> sightings;        // no identity twice
  std::vector<Bytes> fixed;               // identities; none that is among the sightings
  std::vector<RetainedRecord> records;    // the store drops them if the host does not retain
  std::vector<Event> events;
};

enum class MoveResult : std::uint8_t {
  kMoved,
  // The host has another epoch, is not enrolled or does not exist, or its tenant is disabled. Of several moves of one
  // host in one call, all but the first are stale.
  kStale,
  kOlderPolicy,  // the host is judged by another list now, or that list has another version
};

}  // namespace imakeep::vstore
