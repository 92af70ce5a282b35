// SPDX-License-Identifier: Apache-2.0
// reference/merge.h - makes one policy of several, and a policy for the time of an update.
//
// What a policy accepts adds up: digests, excludes, path classes, accepted violations, updates. What it demands adds up
// too: required signatures, and the PCRs and templates that records may have, if only one of the two names some.
// Threads: no shared state.
#pragma once

#include <optional>
#include <string>

#include "reference/document.h"

namespace imakeep::reference {

// Adds `other` to `into`. kUsage, with the member, if both say different things of one thing: log_hash_alg, a path
// class or an update of one name, algorithms whose digests have one length, or a further member. `into` is then
// undefined.
Result<void> merge(Document& into, const Document& other);

struct UpdateSpan {
  std::string name;
  std::optional<std::uint64_t> from_record;  // first record for which digests of `after` alone are accepted
  std::optional<std::uint64_t> to_record;    // first record for which digests of `before` alone are refused
};

// The merge of both, in which the digests of files that only one of them has stand in an update. Other maps have no
// updates: there, the digests of both are accepted always. kUsage also if the span ends before it begins.
Result<Document> merge_update(const Document& before, const Document& after, const UpdateSpan& span);

}  // namespace imakeep::reference
