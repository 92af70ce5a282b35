// SPDX-License-Identifier: Apache-2.0
// vstore/refusals.h - the errors of a store that depend on its rows, with the same words in every store.
//
// Each is kRefused with the errno that store.h names. Threads: no shared state.
#pragma once

#include "vstore/rows.h"

namespace imakeep::vstore {

using Refusal = tl::unexpected<Error>;

Refusal tenant_exists(const std::string& tenant);
Refusal no_tenant(const std::string& tenant);
Refusal tenant_is_disabled(const std::string& tenant);
Refusal host_exists(const HostKey& key);
Refusal no_host(const HostKey& key);
Refusal other_status(const HostKey& key);
Refusal no_finding(const HostKey& key, ByteView identity);
Refusal finding_is_fixed(const HostKey& key, ByteView identity);
Refusal no_policy(ByteView digest);
Refusal policy_is_assigned(ByteView digest, const std::string& tenant, const std::string& list);
Refusal no_policy_list(const std::string& tenant, const std::string& list);
Refusal key_exists(KeyKind kind, std::uint32_t id);
Refusal no_key(KeyKind kind, std::uint32_t id);
Refusal token_exists();
Refusal no_token(const std::string& tenant);

}  // namespace imakeep::vstore
