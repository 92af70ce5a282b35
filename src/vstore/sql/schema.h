// SPDX-License-Identifier: Apache-2.0
// vstore/sql/schema.h - the tables of a verifier's store, as the steps that upgrade each version to the next.
//
// Version 0 has no tables. Format page: docs/formats/verifier-store.md. Threads: no shared state.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace imakeep::vstore {

// steps[v] upgrades version v to version v + 1. All steps of an upgrade and the new version are one transaction. The
// text is that of dialect.h.
const std::vector<std::string>& schema_steps();

// Whether a database of `version` can be opened by a build with so many steps. kUnsupported: it is newer; kMalformed:
// no version is negative. `name` begins the message.
Result<void> check_version(const std::string& name, std::int64_t version, std::size_t steps);

}  // namespace imakeep::vstore
