// SPDX-License-Identifier: Apache-2.0
#include "policy/policy.h"

#include <algorithm>
#include <array>

#include "policy/envelope.h"
#include "policy/json_value.h"
#include "policy/superset.h"

namespace imakeep::policy {
namespace {

// Offsets into the pools are 32 bits wide, whatever the caller allows.
constexpr std::size_t kMostPolicyBytes = std::size_t{1} << 30;
constexpr std::uint64_t kMostNumber = std::uint64_t{1} << 53;  // JSON readers may lose digits beyond it
constexpr std::uint64_t kMostGenerator = 3;
constexpr const char* kMemberOfMap[] = {"digests", "keyrings", "ima-buf"};

std::optional<DigestMap> map_of(std::string_view member) {
  for (std::size_t i = 0; i < std::size(kMemberOfMap); ++i) {
    if (member == kMemberOfMap[i]) return static_cast<DigestMap>(i);
  }
  return std::nullopt;
}

bool is_kept(std::string_view member) {
  constexpr std::array<std::string_view, 9> kKept = {
      "meta", "release", "excludes", "ima", "verification-keys", "imakeep", "payload", "payloadType", "signatures"};
  return std::find(kKept.begin(), kKept.end(), member) != kKept.end();
}

MemberPlan keep_everything() {
  return {.use_of = [](std::string_view) { return MemberUse::kKeep; }};
}

// ---- envelope -------------------------------------------------------------------------------------------------------

Result<Bytes> base64_of(const JsonValue& value) {
  IMAKEEP_TRY(auto text, value.text());
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  while (text.size() % 4 != 0 && text.size() % 4 != 1) text += '=';
  auto bytes = from_base64(text);
  if (!bytes) return value.bad("no base64", "sign the policy again");
  return bytes;
}

Result<Envelope> read_envelope(const JsonValue& document) {
  IMAKEEP_TRY(const auto& type, document.required("payloadType"));
  IMAKEEP_TRY(const auto& payload, document.required("payload"));
  IMAKEEP_TRY(const auto& signatures, document.required("signatures"));
  Envelope envelope;
  IMAKEEP_TRY(envelope.payload_type, type.text());
  if (envelope.payload_type != kPolicyPayloadType) {
    return type.unknown("the payload is of another type", "sign a policy as " + std::string(kPolicyPayloadType));
  }
  IMAKEEP_TRY(envelope.payload, base64_of(payload));
  IMAKEEP_TRY(const auto& elements, signatures.elements());
  if (elements.empty()) return signatures.bad("the array is empty", "sign the policy");
  if (elements.size() > kMostSignatures) {
    return signatures.unknown("there are more than " + std::to_string(kMostSignatures) + " signatures",
                              "leave out those that nobody checks");
  }
  for (const JsonValue& element : elements) {
    IMAKEEP_TRY(const auto& signature, element.required("sig"));
    IMAKEEP_TRY(auto bytes, base64_of(signature));
    envelope.signatures.push_back(std::move(bytes));
    if (const auto key_id = element.optional("keyid")) IMAKEEP_CHECK(key_id->text());
  }
  return envelope;
}

// ---- Keylime's members ----------------------------------------------------------------------------------------------

Result<void> read_meta(const JsonValue& document, Rules& rules) {
  IMAKEEP_TRY(const auto& meta, document.required("meta"));
  IMAKEEP_TRY(const auto& version, meta.required("version"));
  IMAKEEP_CHECK(version.count(kMostNumber));
  IMAKEEP_TRY(const auto& generator, meta.required("generator"));
  IMAKEEP_TRY(rules.generator, generator.count(kMostGenerator));
  if (const auto timestamp = meta.optional("timestamp")) IMAKEEP_CHECK(timestamp->text());
  IMAKEEP_TRY(const auto& release, document.required("release"));
  IMAKEEP_TRY(rules.release, release.count(kMostNumber));
  return {};
}

Result<void> read_ima(const JsonValue& document, Rules& rules) {
  IMAKEEP_TRY(const auto& ima, document.required("ima"));
  IMAKEEP_TRY(const auto& ignored, ima.required("ignored_keyrings"));
  IMAKEEP_TRY(rules.ignored_keyrings, ignored.texts());
  IMAKEEP_TRY(const auto& hash, ima.required("log_hash_alg"));
  IMAKEEP_TRY(const auto& name, hash.text());
  const auto algorithm = digest::algorithm_from_name(name);
  if (!algorithm ||
      std::find(kDefaultAlgorithms.begin(), kDefaultAlgorithms.end(), *algorithm) == kDefaultAlgorithms.end()) {
    return hash.bad("an algorithm that Keylime does not know", "write sha1, sha256, sha384 or sha512");
  }
  rules.log_hash_algorithm = *algorithm;
  IMAKEEP_TRY(const auto& dm_policy, ima.required("dm_policy"));
  if (!dm_policy.json().is_null()) {
    return dm_policy.bad("Keylime's schema accepts only null here", "write null");
  }
  return {};
}

Result<void> read_excludes(const JsonValue& document, Mode mode, PatternCheck& patterns, Rules& rules) {
  IMAKEEP_TRY(const auto& excludes, document.required("excludes"));
  IMAKEEP_TRY(const auto& elements, excludes.elements());
  for (const JsonValue& element : elements) {
    IMAKEEP_TRY(auto pattern, element.text());
    IMAKEEP_CHECK(patterns.add(pattern, element.pointer(), mode));
    rules.excludes.push_back(std::move(pattern));
  }
  return {};
}

// The member is a text that holds JSON of its own.
Result<void> read_file_keys(const JsonValue& document, const Limits& limits, Rules& rules) {
  IMAKEEP_TRY(const auto& member, document.required("verification-keys"));
  IMAKEEP_TRY(const auto& text, member.text());
  if (text.empty()) return {};
  IMAKEEP_TRY(const auto& tree, read_json(as_bytes(text), keep_everything(), limits, member.pointer()));
  const JsonValue keys(tree, member.pointer());
  IMAKEEP_TRY(const auto& ids, keys.required("keyids"));
  IMAKEEP_TRY(const auto& id_elements, ids.elements());
  IMAKEEP_TRY(const auto& public_keys, keys.required("pubkeys"));
  IMAKEEP_TRY(const auto& key_elements, public_keys.elements());
  if (id_elements.size() != key_elements.size()) {
    return public_keys.bad("it has " + std::to_string(key_elements.size()) + " keys, and keyids has " +
                               std::to_string(id_elements.size()) + " numbers",
                           "give each key one number");
  }
  for (std::size_t i = 0; i < id_elements.size(); ++i) {
    FileKey key;
    IMAKEEP_TRY(const std::uint64_t id, id_elements[i].count(0xffff'ffff));
    key.key_id = static_cast<std::uint32_t>(id);
    IMAKEEP_TRY(key.public_key, base64_of(key_elements[i]));
    if (key.public_key.empty()) return key_elements[i].bad("the key is empty", "write a public key");
    rules.file_keys.push_back(std::move(key));
  }
  return {};
}

// ---- names ----------------------------------------------------------------------------------------------------------

Result<void> check_unique(const Policy& policy) {
  const std::vector<std::uint32_t> order = sorted_names(policy);
  for (std::size_t i = 1; i < order.size(); ++i) {
    const Policy::Name& one = policy.name_table[order[i - 1]];
    const Policy::Name& two = policy.name_table[order[i]];
    if (!same_name(policy, one, two)) continue;
    const std::string map = pointer_to("", std::string_view(kMemberOfMap[static_cast<std::size_t>(one.map)]));
    return unexpected(at_pointer(ErrorCode::kMalformed, pointer_to(map, policy.name_of(one)),
                                 "the member is there twice", "leave one out"));
  }
  return {};
}

// Leaves of the member "imakeep" only what changes no verdict.
void drop_superset(Policy& policy, std::size_t name_count, std::size_t entry_count) {
  policy.name_table.resize(name_count);
  policy.entries.resize(entry_count);
  policy.any_path.clear();
  policy.rules.path_classes.clear();
  policy.rules.violations.reset();
  policy.rules.signatures.clear();
  policy.rules.updates.clear();
  policy.rules.pcrs.clear();
  policy.rules.templates.clear();
}

// ---- the whole ------------------------------------------------------------------------------------------------------

Result<void> read_members(const JsonValue& document, const Limits& limits, Policy& policy) {
  for (const char* map : kMemberOfMap) IMAKEEP_CHECK(document.required(map));
  PatternCheck patterns(limits);
  IMAKEEP_CHECK(read_meta(document, policy.rules));
  IMAKEEP_CHECK(read_ima(document, policy.rules));
  IMAKEEP_CHECK(read_excludes(document, policy.mode, patterns, policy.rules));
  IMAKEEP_CHECK(read_file_keys(document, limits, policy.rules));
  IMAKEEP_CHECK(check_unique(policy));
  const std::size_t name_count = policy.name_table.size();
  const std::size_t entry_count = policy.entries.size();
  if (const auto superset = document.optional("imakeep")) {
    IMAKEEP_CHECK(read_superset(superset->json(), superset->pointer(), policy, patterns));
  }
  if (policy.rules.algorithms.empty()) policy.rules.algorithms = kDefaultAlgorithms;
  if (policy.mode == Mode::kStrict) return check_lengths(policy, entry_count);
  drop_superset(policy, name_count, entry_count);
  return {};
}

struct Read {
  Policy policy;
  nlohmann::json tree;
};

// The text's maps are in the policy afterwards, everything else is in the tree.
Result<Read> read_text(ByteView text, Mode mode, const Limits& limits) {
  Read read;
  read.policy.mode = mode;
  DigestIntake intake(read.policy);
  std::vector<std::string> maps;
  const MemberPlan plan = {
      .use_of =
          [&](std::string_view member) {
            if (map_of(member)) {
              maps.emplace_back(member);
              return MemberUse::kMap;
            }
            return is_kept(member) ? MemberUse::kKeep : MemberUse::kSkip;
          },
      .on_name = [&](std::string_view member, const std::string& name) { intake.add_name(*map_of(member), name); },
      .on_text = [&](std::string_view, const std::string& hex) { return intake.add_digest(hex); }};
  IMAKEEP_TRY(read.tree, read_json(text, plan, limits));
  // What was handed over is there, for whoever asks which members are missing.
  for (const std::string& map : maps) read.tree[map] = nullptr;
  return read;
}

Error too_large(std::size_t bytes, std::size_t most_bytes) {
  return {.code = ErrorCode::kUnsupported,
          .message = "the policy has " + std::to_string(bytes) + " bytes, and " + std::to_string(most_bytes) +
                     " are allowed; divide it, or leave out what no host needs"};
}

}  // namespace

std::vector<std::uint32_t> sorted_names(const Policy& policy) {
  // The hashes lie next to each other, since a sort that looks into the table waits for memory.
  struct Key {
    std::uint64_t hash;
    std::uint32_t index;
  };
  std::vector<Key> keys;
  keys.reserve(policy.name_table.size());
  for (const Policy::Name& name : policy.name_table) {
    keys.push_back({.hash = name.hash, .index = static_cast<std::uint32_t>(keys.size())});
  }
  std::sort(keys.begin(), keys.end(), [&](const Key& a, const Key& b) {
    if (a.hash != b.hash) return a.hash < b.hash;
    const Policy::Name& left = policy.name_table[a.index];
    const Policy::Name& right = policy.name_table[b.index];
    if (left.map != right.map) return left.map < right.map;
    return policy.name_of(left) < policy.name_of(right);
  });
  std::vector<std::uint32_t> order;
  order.reserve(keys.size());
  for (const Key& key : keys) order.push_back(key.index);
  return order;
}

std::uint64_t name_hash(DigestMap map, std::string_view name) {
  // FNV-1a by eight bytes, then the end of MurmurHash3, whose bits all depend on all bits.
  std::uint64_t hash = 0xcbf29ce484222325u ^ static_cast<std::uint64_t>(map);
  const std::byte* at = as_bytes(name).data();
  std::size_t left = name.size();
  for (; left >= sizeof hash; left -= sizeof hash, at += sizeof hash) {
    hash = (hash ^ load<std::uint64_t>(at, ByteOrder::kLittle)) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 32;
  }
  for (; left > 0; --left, ++at) hash = (hash ^ std::to_integer<std::uint64_t>(*at)) * 0x100000001b3u;
  hash ^= name.size();
  hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdu;
  hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53u;
  return hash ^ hash >> 33;
}

Result<Policy> parse_policy(ByteView file, Mode mode, const std::vector<PolicyKey>& keys, const Limits& limits) {
  const std::size_t most_bytes = std::min(limits.most_bytes, kMostPolicyBytes);
  // An envelope has four characters for three bytes, and its signatures.
  constexpr std::size_t kEnvelopeBytes = 1 << 20;
  if (file.size() > most_bytes / 3 * 4 + kEnvelopeBytes) return unexpected(too_large(file.size(), most_bytes));
  IMAKEEP_TRY(auto read, read_text(file, mode, limits));
  ByteView source = file;
  Envelope envelope;
  if (read.tree.contains("payload")) {
    IMAKEEP_TRY(envelope, read_envelope(JsonValue(read.tree, "")));
    if (!keys.empty()) IMAKEEP_CHECK(check_envelope(envelope, keys));
    source = envelope.payload;
    if (source.size() > most_bytes) return unexpected(too_large(source.size(), most_bytes));
    IMAKEEP_TRY(read, read_text(source, mode, limits));
    if (read.tree.contains("payload")) {
      return unexpected(at_pointer(ErrorCode::kMalformed, "/payload", "an envelope in an envelope", "sign the policy"));
    }
  } else if (!keys.empty()) {
    return unexpected(at_pointer(ErrorCode::kMismatch, "", "the policy is not signed, and keys were given",
                                 "sign it, or give no keys to accept it as it is"));
  } else if (source.size() > most_bytes) {
    return unexpected(too_large(source.size(), most_bytes));
  }
  IMAKEEP_CHECK(read_members(JsonValue(read.tree, ""), limits, read.policy));
  read.policy.source = digest::hash(digest::Algorithm::kSha256, source);
  read.policy.payload = std::move(envelope.payload);
  return std::move(read.policy);
}

Result<Policy> parse_policy(ByteView file, Mode mode, const Limits& limits) {
  return parse_policy(file, mode, {}, limits);
}

}  // namespace imakeep::policy
