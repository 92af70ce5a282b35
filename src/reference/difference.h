// SPDX-License-Identifier: Apache-2.0
// reference/difference.h - what a new policy has that an old one has not, and the other way round.
// Threads: plain values; the functions have no shared state.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "reference/document.h"

namespace imakeep::reference {

enum class ChangeKind : std::uint8_t { kAdded, kRemoved, kChanged };

// One name whose digests differ. A name that one of the policies lacks has been added or removed.
struct Change {
  std::string member;  // "digests", "keyrings", "ima-buf", "imakeep/verity_digests"
  std::string name;
  ChangeKind kind = ChangeKind::kChanged;
  DigestSet removed;
  DigestSet added;
};

// Elements of another member: patterns, keyrings, digests, packages as "NAME VERSION ARCHITECTURE", rules as JSON.
struct MemberChange {
  std::string member;
  std::vector<std::string> removed;
  std::vector<std::string> added;
};

struct Difference {
  std::vector<Change> changes;  // by member, then by name
  std::vector<MemberChange> members;

  bool empty() const { return changes.empty() && members.empty(); }
  std::uint64_t count(ChangeKind kind) const;
};

// The member "release" is compared too; generator and timestamp are not.
Difference difference(const Document& before, const Document& after);

// Lines for people: "+ digests NAME DIGEST (PACKAGE)", "- ...", and a last line with the counts. Names are printable.
std::string difference_text(const Difference& difference, const Document& before, const Document& after);
nlohmann::ordered_json difference_json(const Difference& difference);

}  // namespace imakeep::reference
