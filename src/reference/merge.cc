// SPDX-License-Identifier: Apache-2.0
#include "reference/merge.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace imakeep::reference {
namespace {

using Json = nlohmann::json;

unexpected<Error> conflict(const std::string& member, const std::string& remedy) {
  return fail(ErrorCode::kUsage, member + ": the policies differ; " + remedy);
}

void add_sets(DigestSets& into, const DigestSets& other) {
  for (const auto& [name, digests] : other) into[name].insert(digests.begin(), digests.end());
}

// The elements of both arrays, each once, in their order.
Json joined(const Json& one, const Json& other) {
  Json all = one;
  for (const Json& element : other) {
    if (std::find(all.begin(), all.end(), element) == all.end()) all.push_back(element);
  }
  return all;
}

// Objects of arrays, such as path sets: the arrays of equal names are joined.
Json joined_members(const Json& one, const Json& other) {
  Json all = one;
  for (const auto& [name, array] : other.items()) {
    all[name] = all.contains(name) ? joined(all[name], array) : array;
  }
  return all;
}

// ---- rules of the member "imakeep" ----------------------------------------------------------------------------------

Result<Json> merged_classes(const Json& one, const Json& other) {
  Json all = one;
  for (const auto& [name, set] : other.items()) {
    if (all.contains(name) && all[name] != set) {
      return conflict("/imakeep/path_classes/" + name, "give one of the classes another name");
    }
    all[name] = set;
  }
  return all;
}

Result<Json> merged_updates(const Json& one, const Json& other) {
  Json all = one;
  for (const Json& update : other) {
    const auto same_name = [&](const Json& known) { return known["name"] == update["name"]; };
    const auto found = std::find_if(all.begin(), all.end(), same_name);
    if (found == all.end()) {
      all.push_back(update);
    } else if (*found != update) {
      return conflict("/imakeep/updates, \"" + update["name"].get<std::string>() + "\"",
                      "give one of the updates another name");
    }
  }
  return all;
}

Result<Json> merged_rule(const std::string& member, const Json& one, const Json& other) {
  if (member == "path_classes") return merged_classes(one, other);
  if (member == "updates") return merged_updates(one, other);
  if (member == "violations" || member == "records") return joined_members(one, other);
  return joined(one, other);  // signatures
}

const Json kAlgorithmsToldByLength = {"sha1", "sha256", "sha384", "sha512"};

Result<void> merge_algorithms(Document& into, const Document& other) {
  const auto algorithms_of = [](const Document& document) {
    const auto found = document.rules.find("algorithms");
    return found == document.rules.end() ? kAlgorithmsToldByLength : Json::parse(found->second);
  };
  const Json all = joined(algorithms_of(into), algorithms_of(other));
  std::set<std::size_t> lengths;
  for (const Json& name : all) {
    const auto algorithm = digest::algorithm_from_name(name.get<std::string>());
    if (algorithm && !lengths.insert(digest::digest_bytes(*algorithm)).second) {
      return conflict("/imakeep/algorithms", "a policy cannot hold digests of one length by two algorithms");
    }
  }
  into.rules.erase("algorithms");
  if (all.size() != kAlgorithmsToldByLength.size() || joined(all, kAlgorithmsToldByLength).size() != all.size()) {
    into.rules["algorithms"] = all.dump();
  }
  return {};
}

Result<void> merge_rules(Document& into, const Document& other) {
  if (into.rules.contains("algorithms") || other.rules.contains("algorithms")) {
    IMAKEEP_CHECK(merge_algorithms(into, other));
  }
  for (const auto& [member, value] : other.rules) {
    if (member == "algorithms") continue;
    const auto known = into.rules.find(member);
    if (known == into.rules.end()) {
      into.rules.emplace(member, value);
      continue;
    }
    IMAKEEP_TRY(const auto& merged, merged_rule(member, Json::parse(known->second), Json::parse(value)));
    known->second = merged.dump();
  }
  return {};
}

// ---- Keylime's members ----------------------------------------------------------------------------------------------

// Both texts hold JSON: {"keyids": [NUMBER], "pubkeys": [BASE64]}, keys and ids in the same order.
std::string merged_keys(const std::string& one, const std::string& other) {
  if (one.empty() || other.empty() || one == other) return one.empty() ? other : one;
  Json all = Json::parse(one);
  const Json more = Json::parse(other);
  for (std::size_t i = 0; i < more["pubkeys"].size(); ++i) {
    const auto same = std::find(all["pubkeys"].begin(), all["pubkeys"].end(), more["pubkeys"][i]);
    if (same != all["pubkeys"].end()) continue;
    all["pubkeys"].push_back(more["pubkeys"][i]);
    all["keyids"].push_back(more["keyids"][i]);
  }
  return all.dump();
}

// Takes the digests of files that only one of both has out of `merged`, into an object of names.
Json only_in(const DigestSets& one, const DigestSets& other, DigestSets& merged) {
  Json map = Json::object();
  for (const auto& [name, digests] : one) {
    const auto counterpart = other.find(name);
    for (const std::string& digest : digests) {
      if (counterpart != other.end() && counterpart->second.contains(digest)) continue;
      map[name].push_back(digest);
      const auto in_merged = merged.find(name);
      in_merged->second.erase(digest);
      if (in_merged->second.empty()) merged.erase(in_merged);
    }
  }
  return map;
}

}  // namespace

Result<void> merge(Document& into, const Document& other) {
  if (into.log_hash_algorithm != other.log_hash_algorithm) {
    return conflict("/ima/log_hash_alg", "write the same algorithm in both");
  }
  into.release = std::max(into.release, other.release);
  for (std::size_t i = 0; i < into.maps.size(); ++i) add_sets(into.maps[i], other.maps[i]);
  for (const std::string& pattern : other.excludes) add_exclude(into, pattern);
  into.ignored_keyrings.insert(other.ignored_keyrings.begin(), other.ignored_keyrings.end());
  into.verification_keys = merged_keys(into.verification_keys, other.verification_keys);
  into.any_path.insert(other.any_path.begin(), other.any_path.end());
  into.boot_aggregates.insert(other.boot_aggregates.begin(), other.boot_aggregates.end());
  for (const auto& [id, digests] : other.packages) into.packages[id].insert(digests.begin(), digests.end());
  for (const auto& [member, value] : other.further) {
    if (into.further.emplace(member, value).first->second != value) {
      return conflict("/" + member, "imakeep does not know this member; remove it from one of the policies");
    }
  }
  return merge_rules(into, other);
}

Result<Document> merge_update(const Document& before, const Document& after, const UpdateSpan& span) {
  if (span.to_record && span.from_record.value_or(0) > *span.to_record) {
    return fail(ErrorCode::kUsage,
                "the update ends before it begins; give --to-record a number that is no smaller "
                "than that of --from-record");
  }
  if (span.name.empty() || !fits_json(span.name)) return fail(ErrorCode::kUsage, "the name of an update is UTF-8 text");
  Document merged = before;
  IMAKEEP_CHECK(merge(merged, after));
  Json update = {{"name", span.name}};
  update["old"] = only_in(before.files(), after.files(), merged.files());
  update["new"] = only_in(after.files(), before.files(), merged.files());
  if (span.from_record) update["from_record"] = *span.from_record;
  if (span.to_record) update["to_record"] = *span.to_record;
  Document bracket;
  bracket.rules.emplace("updates", Json::array({update}).dump());
  bracket.log_hash_algorithm = merged.log_hash_algorithm;
  IMAKEEP_CHECK(merge_rules(merged, bracket));
  return merged;
}

}  // namespace imakeep::reference
