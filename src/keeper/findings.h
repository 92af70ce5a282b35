// SPDX-License-Identifier: Apache-2.0
// keeper/findings.h - words what a look at a list found, and updates the chain's counters of deletions.
// Threads: no shared state.
#pragma once

#include "keeper/chain_state.h"
#include "keeper/diagnosis.h"
#include "keeper/list_position.h"

namespace imakeep::keeper {

// "PCR 10, 11": bit P of `unread` is PCR P.
std::string unread_pcrs(std::uint32_t unread);

// Records that name PCRs that cannot be read are archived, but nothing proves them.
Finding nothing_proven_unread(const ChainState& state, const Evidence& evidence);

// Names the records that others or a kexec removed from the list since the keeper last saw it. Updates shape and
// counters of `state`: one deletion by others for the front of the list, and one for each stretch that the list lost
// after its head.
std::vector<Finding> deleted_by_others(ChainState& state, const ListPosition& position, std::int64_t now_unix_s);

// Names each record of `position.altered`.
std::vector<Finding> altered_records(archive::ChainId chain, const ListPosition& position);

archive::IncidentRow incident_of(const Finding& found, std::int64_t now_unix_s);

// The incidents to store for `found`. Each is stored once: an altered record, for example, stays altered, so every
// follow() finds it. Errors: the archive's.
Result<std::vector<archive::IncidentRow>> new_incidents(archive::Archive& archive, const std::vector<Finding>& found,
                                                        std::int64_t now_unix_s);

}  // namespace imakeep::keeper
