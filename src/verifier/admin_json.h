// SPDX-License-Identifier: Apache-2.0
// verifier/admin_json.h - the rows of a store as administrators see them, as JSON: docs/reference/openapi.json.
//
// Digests, hashes and identities are lower-case hex. A path, a rule and a finding's digest may hold any bytes: they
// are texts as printable() makes them. Secrets (of an enrolment, a token or a key) are never shown.
// Threads: no shared state.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "vstore/rows.h"

namespace imakeep::verifier {

std::string tenants_json(std::span<const vstore::TenantRow> rows);
// `next`: the listing goes on after this host.
std::string hosts_json(std::span<const vstore::HostRow> rows, const std::optional<std::string>& next);
// Also shows what the host's state says of its records. A state that cannot be read is left out.
std::string host_json(const vstore::HostRow& row);
std::string policies_json(std::span<const vstore::PolicyRow> rows);
std::string policy_json(const vstore::PolicyRow& row);
std::string policy_list_json(const std::string& list, const vstore::PolicyListRow& row);
std::string findings_json(std::span<const vstore::FindingRow> rows, const std::optional<std::string>& next);
// `next`: the listing goes on from this time.
std::string history_json(std::span<const vstore::HistoryRow> rows, const std::optional<std::int64_t>& next);
// The records of a chain; `next`: the number after the last one, if more may follow.
std::string records_json(std::uint64_t chain, std::span<const vstore::RetainedRecord> rows,
                         const std::optional<std::uint64_t>& next);
std::string tokens_json(std::span<const vstore::TokenRow> rows);
// A token that was just made, with its text.
std::string new_token_json(const vstore::TokenRow& row, const std::string& token);

std::string_view name_of(vstore::HostStatus status);
std::string_view name_of(vstore::Role role);
std::optional<vstore::Role> role_named(std::string_view name);
std::optional<vstore::FindingState> finding_state_named(std::string_view name);

}  // namespace imakeep::verifier
