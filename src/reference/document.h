// SPDX-License-Identifier: Apache-2.0
// reference/document.h - the reference values of a policy in memory, as whoever makes and maintains a policy needs
// them.
//
// docs/reference/policy.md describes the document. This form keeps names and digests as text, sorted and unique.
// policy::Policy is the other form: it is checked, and made for look-ups. "Reference value" is the word of RFC 9334 for
// what evidence is compared with. Threads: plain values; the functions have no shared state.
#pragma once

#include <array>
#include <compare>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "policy/envelope.h"
#include "policy/policy.h"

namespace imakeep::reference {

using DigestSet = std::set<std::string>;                              // digests in hexadecimal, lower case
using DigestSets = std::map<std::string, DigestSet, std::less<>>;     // name -> its digests, at least one
using JsonMembers = std::map<std::string, std::string, std::less<>>;  // name of a member -> its value, JSON

struct PackageId {
  std::string name;
  std::string version;
  std::string architecture;  // may be empty

  friend auto operator<=>(const PackageId&, const PackageId&) = default;
};

struct Document {
  std::uint64_t release = 0;
  std::array<DigestSets, policy::kDigestMapCount> maps;  // by policy::DigestMap
  std::vector<std::string> excludes;                     // unique, in the order of the document
  std::set<std::string> ignored_keyrings;
  std::string log_hash_algorithm = "sha1";
  std::string verification_keys;
  // Of the member "imakeep".
  DigestSet any_path;
  DigestSet boot_aggregates;
  std::map<PackageId, DigestSet> packages;
  JsonMembers rules;  // its further members: algorithms, path_classes, violations, signatures, records, updates
  // Members of the document that neither Keylime nor imakeep knows.
  JsonMembers further;

  DigestSets& map(policy::DigestMap map) { return maps[static_cast<std::size_t>(map)]; }
  const DigestSets& map(policy::DigestMap map) const { return maps[static_cast<std::size_t>(map)]; }
  DigestSets& files() { return map(policy::DigestMap::kFiles); }
  const DigestSets& files() const { return map(policy::DigestMap::kFiles); }
};

// Adds the pattern unless the document has it.
void add_exclude(Document& document, std::string pattern);

// The member of the policy that holds this map: "digests", "keyrings", "ima-buf", "imakeep/verity_digests".
std::string_view member_of(policy::DigestMap map);

// Count of digests in all maps, and of names.
std::uint64_t digest_count(const Document& document);
std::uint64_t name_count(const Document& document);

// False for text that is not UTF-8, which JSON cannot hold.
bool fits_json(std::string_view text);

// Reads a policy, plain or in an envelope. It must be good in mode strict or in mode keylime; otherwise the error is
// that of policy::parse_policy() in mode strict. The same with `keys`, if there are any.
Result<Document> read_document(ByteView file, const std::vector<policy::PolicyKey>& keys = {});

// The text of the policy. Members, names and digests are sorted, so equal documents give equal bytes. The generator is
// 3, as Keylime's own maker writes; with less, Keylime's push mode does not look at the list. There is no timestamp.
// REQUIRES: every name fits_json().
std::string write_document(const Document& document);

}  // namespace imakeep::reference
