// SPDX-License-Identifier: Apache-2.0
// verifieradmin/retained.h - the records that a verifier retains of a host, as a binary measurement list of bank
// sha256. Threads: no shared state.
#pragma once

#include <functional>
#include <optional>

#include "base/bytes.h"
#include "verifieradmin/admin_client.h"

namespace imakeep::verifieradmin {

// Hands over the list's bytes, piece by piece, from record `from` of the chain on; without a chain, of the current one.
// Errors: those of AdminClient::ask() and of `write`; kMalformed if a record is missing or the answer is none.
Result<void> copy_retained(AdminClient& client, const std::string& host, std::optional<std::uint64_t> chain,
                           std::uint64_t from, const std::function<Result<void>(ByteView piece)>& write);

}  // namespace imakeep::verifieradmin
