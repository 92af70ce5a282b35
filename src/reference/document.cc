// SPDX-License-Identifier: Apache-2.0
#include "reference/document.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace imakeep::reference {
namespace {

using Json = nlohmann::json;  // its objects are sorted

constexpr std::array<policy::DigestMap, 3> kTopMaps = {policy::DigestMap::kFiles, policy::DigestMap::kKeyrings,
                                                       policy::DigestMap::kBuffers};

// ---- reading --------------------------------------------------------------------------------------------------------

DigestSet digest_set(const Json& array) {
  DigestSet digests;
  for (const Json& digest : array) digests.insert(digest.get<std::string>());
  return digests;
}

void read_map(const Json& object, DigestSets& into) {
  for (const auto& [name, digests] : object.items()) into.emplace(name, digest_set(digests));
}

void read_superset(const Json& imakeep, Document& document) {
  for (const auto& [member, value] : imakeep.items()) {
    if (member == "version") continue;
    if (member == "any_path") {
      document.any_path = digest_set(value);
    } else if (member == "boot_aggregates") {
      document.boot_aggregates = digest_set(value);
    } else if (member == "verity_digests") {
      read_map(value, document.map(policy::DigestMap::kVerity));
    } else if (member == "packages") {
      for (const Json& package : value) {
        const PackageId id{
            .name = package["name"], .version = package["version"], .architecture = package.value("architecture", "")};
        document.packages[id].merge(digest_set(package["digests"]));
      }
    } else {
      document.rules.emplace(member, value.dump());
    }
  }
}

Document document_of(const Json& tree) {
  Document document;
  document.release = tree["release"];
  for (const policy::DigestMap map : kTopMaps) read_map(tree[std::string(member_of(map))], document.map(map));
  for (const Json& pattern : tree["excludes"]) add_exclude(document, pattern);
  for (const Json& keyring : tree["ima"]["ignored_keyrings"]) document.ignored_keyrings.insert(keyring);
  document.log_hash_algorithm = tree["ima"]["log_hash_alg"];
  document.verification_keys = tree["verification-keys"];
  if (const auto imakeep = tree.find("imakeep"); imakeep != tree.end()) read_superset(*imakeep, document);
  constexpr std::array<std::string_view, 9> kKnown = {"meta", "release", "digests",           "excludes", "keyrings",
                                                      "ima",  "ima-buf", "verification-keys", "imakeep"};
  for (const auto& [member, value] : tree.items()) {
    if (std::find(kKnown.begin(), kKnown.end(), member) == kKnown.end()) document.further.emplace(member, value.dump());
  }
  return document;
}

// ---- writing --------------------------------------------------------------------------------------------------------

std::string json_text(std::string_view text) {
  return Json(text).dump();
}

// Digests need no escapes.
void append_digests(std::string& out, const DigestSet& digests) {
  out += '[';
  const char* separator = "";
  for (const std::string& digest : digests) {
    out.append(separator).append("\"").append(digest).append("\"");
    separator = ", ";
  }
  out += ']';
}

void append_map(std::string& out, const DigestSets& map, const std::string& indent) {
  out += '{';
  const char* separator = "\n";
  for (const auto& [name, digests] : map) {
    out.append(separator).append(indent).append(" ").append(json_text(name)).append(": ");
    append_digests(out, digests);
    separator = ",\n";
  }
  if (!map.empty()) out.append("\n").append(indent);
  out += '}';
}

void append_packages(std::string& out, const std::map<PackageId, DigestSet>& packages) {
  out += '[';
  const char* separator = "\n";
  for (const auto& [id, digests] : packages) {
    out.append(separator).append("   {\"name\": ").append(json_text(id.name));
    out.append(", \"version\": ").append(json_text(id.version));
    if (!id.architecture.empty()) out.append(", \"architecture\": ").append(json_text(id.architecture));
    out.append(", \"digests\": ");
    append_digests(out, digests);
    out += '}';
    separator = ",\n";
  }
  out += "\n  ]";
}

// The members of "imakeep" but "version", as text. They are few, so a map sorts them.
JsonMembers superset_members(const Document& document) {
  JsonMembers members = document.rules;
  if (!document.any_path.empty()) append_digests(members["any_path"], document.any_path);
  if (!document.boot_aggregates.empty()) append_digests(members["boot_aggregates"], document.boot_aggregates);
  const DigestSets& verity = document.map(policy::DigestMap::kVerity);
  if (!verity.empty()) append_map(members["verity_digests"], verity, "  ");
  if (!document.packages.empty()) append_packages(members["packages"], document.packages);
  return members;
}

void append_members(std::string& out, const JsonMembers& members, const std::string& indent) {
  for (const auto& [member, value] : members) {
    out.append(",\n").append(indent).append(json_text(member)).append(": ").append(value);
  }
}

}  // namespace

void add_exclude(Document& document, std::string pattern) {
  auto& excludes = document.excludes;
  if (std::find(excludes.begin(), excludes.end(), pattern) == excludes.end()) excludes.push_back(std::move(pattern));
}

std::string_view member_of(policy::DigestMap map) {
  switch (map) {
    case policy::DigestMap::kFiles:
      return "digests";
    case policy::DigestMap::kKeyrings:
      return "keyrings";
    case policy::DigestMap::kBuffers:
      return "ima-buf";
    case policy::DigestMap::kVerity:
      return "imakeep/verity_digests";
  }
  return "";
}

std::uint64_t digest_count(const Document& document) {
  std::uint64_t count = 0;
  for (const DigestSets& map : document.maps) {
    for (const auto& [name, digests] : map) count += digests.size();
  }
  return count;
}

std::uint64_t name_count(const Document& document) {
  std::uint64_t count = 0;
  for (const DigestSets& map : document.maps) count += map.size();
  return count;
}

bool fits_json(std::string_view text) {
  // nlohmann's parser refuses what its writer would throw on.
  const auto plain = [](char c) { return c >= ' ' && static_cast<signed char>(c) >= 0; };
  if (std::all_of(text.begin(), text.end(), plain)) return true;
  const std::string written = Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  const Json again = Json::parse(written, nullptr, false);
  return again.is_string() && again.get_ref<const std::string&>() == text;
}

Result<Document> read_document(ByteView file, const std::vector<policy::PolicyKey>& keys) {
  auto checked = policy::parse_policy(file, policy::Mode::kStrict, keys);
  if (!checked) {
    auto keylime = policy::parse_policy(file, policy::Mode::kKeylime, keys);
    if (!keylime) return unexpected(std::move(checked).error());
    checked = std::move(keylime);
  }
  const ByteView text = checked->payload.empty() ? file : ByteView(checked->payload);
  // parse_policy() has refused everything that would make this throw.
  return document_of(Json::parse(as_text(text)));
}

std::string write_document(const Document& document) {
  std::string out = "{\n \"meta\": {\"version\": 1, \"generator\": 3},\n \"release\": ";
  out += std::to_string(document.release);
  for (const policy::DigestMap map : kTopMaps) {
    out.append(",\n ").append(json_text(member_of(map))).append(": ");
    append_map(out, document.map(map), " ");
  }
  out.append(",\n \"excludes\": ").append(Json(document.excludes).dump());
  out.append(",\n \"ima\": {\"ignored_keyrings\": ").append(Json(document.ignored_keyrings).dump());
  out.append(", \"log_hash_alg\": ").append(json_text(document.log_hash_algorithm)).append(", \"dm_policy\": null}");
  out.append(",\n \"verification-keys\": ").append(json_text(document.verification_keys));
  if (const JsonMembers members = superset_members(document); !members.empty()) {
    out += ",\n \"imakeep\": {\n  \"version\": 1";
    append_members(out, members, "  ");
    out += "\n }";
  }
  append_members(out, document.further, " ");
  out += "\n}\n";
  return out;
}

}  // namespace imakeep::reference
