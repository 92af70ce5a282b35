// SPDX-License-Identifier: Apache-2.0
#include "reference/difference.h"

#include <algorithm>
#include <iterator>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace imakeep::reference {
namespace {

using OrderedJson = nlohmann::ordered_json;

DigestSet minus(const DigestSet& one, const DigestSet& other) {
  DigestSet left;
  std::set_difference(one.begin(), one.end(), other.begin(), other.end(), std::inserter(left, left.end()));
  return left;
}

void compare_maps(policy::DigestMap map, const Document& before, const Document& after, std::vector<Change>& changes) {
  const std::string member(member_of(map));
  std::set<std::string_view> names;
  for (const auto& [name, digests] : before.map(map)) names.insert(name);
  for (const auto& [name, digests] : after.map(map)) names.insert(name);
  const DigestSet none;
  for (const std::string_view name : names) {
    const auto old = before.map(map).find(name);
    const auto now = after.map(map).find(name);
    const bool had = old != before.map(map).end();
    const bool has = now != after.map(map).end();
    Change change{.member = member,
                  .name = std::string(name),
                  .kind = !had   ? ChangeKind::kAdded
                          : !has ? ChangeKind::kRemoved
                                 : ChangeKind::kChanged,
                  .removed = minus(had ? old->second : none, has ? now->second : none),
                  .added = minus(has ? now->second : none, had ? old->second : none)};
    if (!change.removed.empty() || !change.added.empty()) changes.push_back(std::move(change));
  }
}

using Texts = std::vector<std::string>;

void compare_texts(const std::string& member, Texts before, Texts after, std::vector<MemberChange>& changes) {
  std::sort(before.begin(), before.end());
  std::sort(after.begin(), after.end());
  MemberChange change{.member = member};
  std::set_difference(before.begin(), before.end(), after.begin(), after.end(), std::back_inserter(change.removed));
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(), std::back_inserter(change.added));
  if (!change.removed.empty() || !change.added.empty()) changes.push_back(std::move(change));
}

Texts texts_of(const std::set<std::string>& set) {
  return {set.begin(), set.end()};
}

std::string package_text(const PackageId& id) {
  return id.name + " " + id.version + (id.architecture.empty() ? "" : " " + id.architecture);
}

Texts packages_of(const Document& document) {
  Texts texts;
  for (const auto& [id, digests] : document.packages) texts.push_back(package_text(id));
  return texts;
}

void compare_members(const std::string& prefix, const JsonMembers& before, const JsonMembers& after,
                     std::vector<MemberChange>& changes) {
  std::set<std::string> names;
  for (const auto& [name, value] : before) names.insert(name);
  for (const auto& [name, value] : after) names.insert(name);
  for (const std::string& name : names) {
    const auto old = before.find(name);
    const auto now = after.find(name);
    compare_texts(prefix + name, old == before.end() ? Texts() : Texts{old->second},
                  now == after.end() ? Texts() : Texts{now->second}, changes);
  }
}

using Packages = std::map<std::string_view, const PackageId*>;

Packages packages_by_digest(const Document& document) {
  Packages packages;
  for (const auto& [id, digests] : document.packages) {
    for (const std::string& digest : digests) packages.emplace(digest, &id);
  }
  return packages;
}

void append_lines(std::string& out, char sign, const Change& change, const DigestSet& digests,
                  const Packages& packages) {
  for (const std::string& digest : digests) {
    out.append(1, sign).append(" ").append(change.member).append(" ").append(printable(change.name));
    out.append(" ").append(digest);
    if (const auto found = packages.find(digest); found != packages.end()) {
      out.append(" (").append(printable(package_text(*found->second))).append(")");
    }
    out += '\n';
  }
}

const char* kind_name(ChangeKind kind) {
  return kind == ChangeKind::kAdded ? "added" : kind == ChangeKind::kRemoved ? "removed" : "changed";
}

}  // namespace

std::uint64_t Difference::count(ChangeKind kind) const {
  return static_cast<std::uint64_t>(
      std::count_if(changes.begin(), changes.end(), [&](const Change& change) { return change.kind == kind; }));
}

Difference difference(const Document& before, const Document& after) {
  Difference found;
  for (std::size_t i = 0; i < policy::kDigestMapCount; ++i) {
    compare_maps(static_cast<policy::DigestMap>(i), before, after, found.changes);
  }
  compare_texts("release", {std::to_string(before.release)}, {std::to_string(after.release)}, found.members);
  compare_texts("excludes", before.excludes, after.excludes, found.members);
  compare_texts("ima/ignored_keyrings", texts_of(before.ignored_keyrings), texts_of(after.ignored_keyrings),
                found.members);
  compare_texts("ima/log_hash_alg", {before.log_hash_algorithm}, {after.log_hash_algorithm}, found.members);
  compare_texts("verification-keys", {before.verification_keys}, {after.verification_keys}, found.members);
  compare_texts("imakeep/any_path", texts_of(before.any_path), texts_of(after.any_path), found.members);
  compare_texts("imakeep/boot_aggregates", texts_of(before.boot_aggregates), texts_of(after.boot_aggregates),
                found.members);
  compare_texts("imakeep/packages", packages_of(before), packages_of(after), found.members);
  compare_members("imakeep/", before.rules, after.rules, found.members);
  compare_members("", before.further, after.further, found.members);
  return found;
}

std::string difference_text(const Difference& difference, const Document& before, const Document& after) {
  const Packages old_packages = packages_by_digest(before);
  const Packages new_packages = packages_by_digest(after);
  std::string out;
  for (const MemberChange& change : difference.members) {
    for (const std::string& text : change.removed) out += "- " + change.member + " " + printable(text) + "\n";
    for (const std::string& text : change.added) out += "+ " + change.member + " " + printable(text) + "\n";
  }
  for (const Change& change : difference.changes) {
    append_lines(out, '-', change, change.removed, old_packages);
    append_lines(out, '+', change, change.added, new_packages);
  }
  return out + std::to_string(difference.count(ChangeKind::kAdded)) + " names added, " +
         std::to_string(difference.count(ChangeKind::kRemoved)) + " removed, " +
         std::to_string(difference.count(ChangeKind::kChanged)) + " with other digests, " +
         std::to_string(difference.members.size()) + " other members changed\n";
}

nlohmann::ordered_json difference_json(const Difference& difference) {
  OrderedJson changes = OrderedJson::array();
  for (const Change& change : difference.changes) {
    changes.push_back({{"member", change.member},
                       {"name", change.name},
                       {"change", kind_name(change.kind)},
                       {"removed", change.removed},
                       {"added", change.added}});
  }
  OrderedJson members = OrderedJson::array();
  for (const MemberChange& change : difference.members) {
    members.push_back({{"member", change.member}, {"removed", change.removed}, {"added", change.added}});
  }
  return {{"added", difference.count(ChangeKind::kAdded)},
          {"removed", difference.count(ChangeKind::kRemoved)},
          {"changed", difference.count(ChangeKind::kChanged)},
          {"names", changes},
          {"members", members}};
}

}  // namespace imakeep::reference
