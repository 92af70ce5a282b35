// SPDX-License-Identifier: Apache-2.0
// evidence/names.h - the names of tenants and hosts in messages.
//
//   name := 1 or more of A-Z a-z 0-9 . _ - :        a host's at most 255 bytes, a tenant's at most 64
// No name needs an escape in JSON, in a log or in a path of a URL. Names are compared byte by byte. Threads: no shared
// state.
#pragma once

#include <string_view>

#include "base/result.h"

namespace imakeep::evidence {

inline constexpr std::size_t kMostTenantBytes = 64;
inline constexpr std::size_t kMostHostBytes = 255;

// kMalformed if the name has another form. The message names `host` or `tenant`.
Result<void> check_host(std::string_view name);
// An empty name stands for the verifier's default tenant.
Result<void> check_tenant(std::string_view name);

}  // namespace imakeep::evidence
