// SPDX-License-Identifier: Apache-2.0
// vstore/checks.h - the rules for rows that every store applies before it writes: sizes, texts and numbers.
//
// Each check returns kUsage, and its message names the member and the limit. Threads: no shared state.
#pragma once

#include <span>

#include "vstore/rows.h"

namespace imakeep::vstore {

inline constexpr std::size_t kMostNameBytes = 255;         // names of tenants, hosts, lists and tokens; event kinds
inline constexpr std::size_t kMostTextBytes = 4096;        // other texts
inline constexpr std::size_t kMostHashBytes = 64;          // hashes, digests, identities
inline constexpr std::size_t kMostKeyBytes = 4096;         // public areas, key material
inline constexpr std::size_t kMostStateBytes = 64 << 10;   // the state of a host
inline constexpr std::size_t kMostAnswerBytes = 64 << 10;  // the last answer to a host
inline constexpr std::size_t kMostProvisionalBytes = 1 << 20;
inline constexpr std::size_t kMostPathBytes = 8 << 10;  // path, digest and rule of a finding
inline constexpr std::size_t kMostEventBytes = 64 << 10;
inline constexpr std::size_t kMostRecordBytes = 16 << 20;
inline constexpr std::size_t kMostPolicyBytes = 256 << 20;
inline constexpr std::size_t kMostPoliciesOfList = 64;

Result<void> check(const TenantRow& row);
Result<void> check(const HostKey& key);
Result<void> check(const HostRow& row);
Result<void> check(const ReplacementAk& ak);
// Also: the identities among sightings and fixed findings are distinct.
Result<void> check(const Move& move);
Result<void> check(const Provisional& provisional);
Result<void> check(const Acknowledgement& by);
Result<void> check(const KeyRow& row);
Result<void> check(const TokenRow& row);
// `what` begins the message: "the tenant's name".
Result<void> check_name(const char* what, const std::string& name);
Result<void> check_hash(const char* what, ByteView hash);
Result<void> check_number(const char* what, std::uint64_t number);
Result<void> check_time(const char* what, std::int64_t unix_s);
Result<void> check_policy(ByteView digest, ByteView text);
// Also: no digest twice.
Result<void> check_policies(std::span<const Bytes> digests);

}  // namespace imakeep::vstore
