// SPDX-License-Identifier: Apache-2.0
#include "policy/superset.h"

#include <algorithm>
#include <map>

#include "digest/pcr_state.h"
#include "policy/json_value.h"
#include "policy/patterns.h"

namespace imakeep::policy {

const std::vector<digest::Algorithm> kDefaultAlgorithms = {digest::Algorithm::kSha1, digest::Algorithm::kSha256,
                                                           digest::Algorithm::kSha384, digest::Algorithm::kSha512};

namespace {

constexpr std::uint64_t kSupersetVersion = 1;
// Rule numbers of Policy::Entry are one byte: 1 + 2u and 2 + 2u for update u.
constexpr std::size_t kMostUpdates = 100;

using ClassIndexes = std::map<std::string, std::uint32_t, std::less<>>;

struct Superset {
  Policy& policy;
  PatternCheck& patterns;
  DigestIntake intake;
  ClassIndexes classes;
};

Error with_pointer(const JsonValue& value, Error error) {
  error.message = value.pointer() + ": " + error.message;
  return error;
}

// A name, which may not be empty.
Result<std::string> name_in(const JsonValue& value) {
  IMAKEEP_TRY(auto name, value.text());
  if (name.empty()) return value.bad("the text is empty", "write a name");
  return name;
}

Result<void> read_digests_at_any_path(const JsonValue& value, Superset& into) {
  IMAKEEP_TRY(const auto& elements, value.elements());
  for (const JsonValue& element : elements) {
    IMAKEEP_TRY(const auto& hex, element.text());
    const auto pooled = into.intake.pool(hex);
    if (!pooled) return unexpected(with_pointer(element, pooled.error()));
    if (*pooled) into.policy.any_path.push_back(**pooled);
  }
  return {};
}

Result<void> read_package(const JsonValue& value, Superset& into) {
  IMAKEEP_CHECK(value.only({"name", "version", "architecture", "digests"}));
  IMAKEEP_TRY(const auto& name, value.required("name"));
  IMAKEEP_TRY(const auto& version, value.required("version"));
  IMAKEEP_TRY(const auto& digests, value.required("digests"));
  Package package;
  IMAKEEP_TRY(package.name, name_in(name));
  IMAKEEP_TRY(package.version, name_in(version));
  if (const auto architecture = value.optional("architecture")) {
    IMAKEEP_TRY(package.architecture, name_in(*architecture));
  }
  const auto index = static_cast<std::uint32_t>(into.policy.rules.packages.size());
  into.policy.rules.packages.push_back(std::move(package));
  IMAKEEP_TRY(const auto& elements, digests.elements());
  for (const JsonValue& element : elements) {
    IMAKEEP_TRY(const auto& hex, element.text());
    auto pooled = into.intake.pool(hex);
    if (!pooled) return unexpected(with_pointer(element, std::move(pooled).error()));
    if (!*pooled) continue;
    (*pooled)->package = index;
    into.policy.packaged.push_back(**pooled);
  }
  return {};
}

// An object {NAME: [DIGEST, ...]}.
Result<void> read_map(const JsonValue& value, DigestMap map, std::uint8_t rule, Superset& into) {
  IMAKEEP_TRY(const auto& members, value.members());
  for (const auto& [name, digests] : members) {
    IMAKEEP_TRY(const auto& elements, digests.elements());
    if (elements.empty()) return digests.bad("the array is empty", "name a digest, or leave the member out");
    into.intake.add_name(map, name);
    for (const JsonValue& element : elements) {
      IMAKEEP_TRY(const auto& hex, element.text());
      auto added = into.intake.add_digest(hex, rule);
      if (!added) return unexpected(with_pointer(element, std::move(added).error()));
    }
  }
  return {};
}

Result<void> read_boot_aggregates(const JsonValue& value, Superset& into) {
  IMAKEEP_TRY(const auto& elements, value.elements());
  if (elements.empty()) return {};
  into.intake.add_name(DigestMap::kFiles, "boot_aggregate");
  for (const JsonValue& element : elements) {
    IMAKEEP_TRY(const auto& hex, element.text());
    auto added = into.intake.add_digest(hex);
    if (!added) return unexpected(with_pointer(element, std::move(added).error()));
  }
  return {};
}

Result<void> read_update(const JsonValue& value, std::size_t index, Superset& into) {
  IMAKEEP_CHECK(value.only({"name", "from_record", "to_record", "old", "new"}));
  constexpr std::uint64_t kMostRecords = std::uint64_t{1} << 53;  // JSON readers may lose digits beyond it
  Update update;
  IMAKEEP_TRY(const auto& name, value.required("name"));
  IMAKEEP_TRY(update.name, name_in(name));
  if (const auto from = value.optional("from_record")) {
    IMAKEEP_TRY(update.from_record, from->count(kMostRecords));
  }
  if (const auto to = value.optional("to_record")) {
    IMAKEEP_TRY(update.to_record, to->count(kMostRecords));
    if (update.from_record.value_or(0) > *update.to_record) {
      return to->bad("the update ends before it begins",
                     "write a number that is no smaller than from_record: between the two, old and new are accepted");
    }
  }
  for (const Update& other : into.policy.rules.updates) {
    if (other.name == update.name) return name.bad("another update has this name", "give each its own");
  }
  into.policy.rules.updates.push_back(std::move(update));
  const auto old_rule = static_cast<std::uint8_t>(1 + 2 * index);
  if (const auto old_map = value.optional("old")) {
    IMAKEEP_CHECK(read_map(*old_map, DigestMap::kFiles, old_rule, into));
  }
  if (const auto new_map = value.optional("new")) {
    IMAKEEP_CHECK(read_map(*new_map, DigestMap::kFiles, static_cast<std::uint8_t>(old_rule + 1), into));
  }
  return {};
}

Result<PathSet> read_path_set(const JsonValue& value, bool may_name_classes, Superset& into) {
  if (may_name_classes) {
    IMAKEEP_CHECK(value.only({"paths", "patterns", "classes"}));
  } else {
    IMAKEEP_CHECK(value.only({"paths", "patterns"}));
  }
  PathSet set;
  if (const auto paths = value.optional("paths")) {
    IMAKEEP_TRY(set.paths, paths->texts());
  }
  if (const auto patterns = value.optional("patterns")) {
    IMAKEEP_TRY(const auto& elements, patterns->elements());
    for (const JsonValue& element : elements) {
      IMAKEEP_TRY(auto pattern, element.text());
      IMAKEEP_CHECK(into.patterns.add(pattern, element.pointer(), Mode::kStrict));
      set.patterns.push_back(std::move(pattern));
    }
  }
  if (const auto classes = value.optional("classes")) {
    IMAKEEP_TRY(const auto& elements, classes->elements());
    for (const JsonValue& element : elements) {
      IMAKEEP_TRY(const auto& name, element.text());
      const auto found = into.classes.find(name);
      if (found == into.classes.end()) {
        return element.bad("no class of paths has this name", "define it in path_classes, or correct the name");
      }
      set.classes.push_back(found->second);
    }
  }
  return set;
}

Result<void> read_path_classes(const JsonValue& value, Superset& into) {
  IMAKEEP_TRY(const auto& members, value.members());
  for (const auto& [name, set] : members) {
    if (name.empty()) return set.bad("the name of the class is empty", "write a name");
    IMAKEEP_TRY(auto paths, read_path_set(set, false, into));
    into.classes.emplace(name, static_cast<std::uint32_t>(into.policy.rules.path_classes.size()));
    into.policy.rules.path_classes.push_back({.name = name, .set = std::move(paths)});
  }
  return {};
}

Result<void> read_signatures(const JsonValue& value, Superset& into) {
  IMAKEEP_TRY(const auto& elements, value.elements());
  for (const JsonValue& element : elements) {
    IMAKEEP_CHECK(element.only({"where", "keyrings"}));
    IMAKEEP_TRY(const auto& where, element.required("where"));
    RequiredSignature signature;
    IMAKEEP_TRY(signature.where, read_path_set(where, true, into));
    if (const auto keyrings = element.optional("keyrings")) {
      IMAKEEP_TRY(signature.keyrings, keyrings->texts());
    }
    into.policy.rules.signatures.push_back(std::move(signature));
  }
  return {};
}

Result<void> read_records(const JsonValue& value, Superset& into) {
  IMAKEEP_CHECK(value.only({"pcrs", "templates"}));
  if (const auto pcrs = value.optional("pcrs")) {
    IMAKEEP_TRY(const auto& elements, pcrs->elements());
    for (const JsonValue& element : elements) {
      IMAKEEP_TRY(const std::uint64_t pcr, element.count(digest::kPcrCount - 1));
      into.policy.rules.pcrs.push_back(static_cast<std::uint32_t>(pcr));
    }
    if (elements.empty()) return pcrs->bad("the array is empty", "name a PCR, or leave the member out to accept all");
  }
  if (const auto templates = value.optional("templates")) {
    IMAKEEP_TRY(into.policy.rules.templates, templates->texts());
    if (into.policy.rules.templates.empty()) {
      return templates->bad("the array is empty", "name a template, or leave the member out to accept all");
    }
  }
  return {};
}

Result<void> read_algorithms(const JsonValue& value, Superset& into) {
  IMAKEEP_TRY(const auto& elements, value.elements());
  std::vector<digest::Algorithm> algorithms;
  for (const JsonValue& element : elements) {
    IMAKEEP_TRY(const auto& name, element.text());
    const auto algorithm = digest::algorithm_from_name(name);
    if (!algorithm) {
      return element.unknown("no hash algorithm with this name is known", "write one of Linux's names, as sha256");
    }
    for (const digest::Algorithm other : algorithms) {
      if (digest::digest_bytes(other) != digest::digest_bytes(*algorithm)) continue;
      return element.bad("its digests are as long as those of " + std::string(digest::info(other).name) +
                             ", and a digest here does not name its algorithm",
                         "keep one of the two");
    }
    algorithms.push_back(*algorithm);
  }
  if (algorithms.empty()) return value.bad("the array is empty", "name an algorithm, or leave the member out");
  into.policy.rules.algorithms = std::move(algorithms);
  return {};
}

bool has_length(const std::vector<digest::Algorithm>& algorithms, std::size_t bytes) {
  return std::any_of(algorithms.begin(), algorithms.end(),
                     [&](digest::Algorithm a) { return digest::digest_bytes(a) == bytes; });
}

Error wrong_length(std::size_t digits, const std::vector<digest::Algorithm>& algorithms) {
  std::string lengths;
  for (const digest::Algorithm a : algorithms) {
    lengths += (lengths.empty() ? "" : ", ") + std::string(digest::info(a).name) + " (" +
               std::to_string(digest::digest_bytes(a) * 2) + ")";
  }
  return {.code = ErrorCode::kMalformed,
          .message = "the digest has " + std::to_string(digits) +
                     " digits, the length of no accepted algorithm; write " + "one of " + lengths +
                     ", or name its algorithm in /imakeep/algorithms"};
}

}  // namespace

Result<void> PatternCheck::add(std::string_view pattern, const std::string& pointer, Mode mode) {
  if (++patterns_ > limits_.most_patterns) {
    return unexpected(at_pointer(ErrorCode::kUnsupported, pointer,
                                 "the policy has more than " + std::to_string(limits_.most_patterns) + " patterns",
                                 "join several to one, or name paths instead"));
  }
  auto checked = check_pattern(pattern, mode, limits_);
  if (checked) return {};
  Error error = std::move(checked).error();
  error.message = pointer + ": " + error.message;
  return unexpected(std::move(error));
}

std::uint32_t DigestIntake::add_name(DigestMap map, std::string_view name) {
  policy_.name_table.push_back({.hash = name_hash(map, name),
                                .offset = static_cast<std::uint32_t>(policy_.names.size()),
                                .bytes = static_cast<std::uint32_t>(name.size()),
                                .map = map});
  policy_.names += name;
  return static_cast<std::uint32_t>(policy_.name_table.size() - 1);
}

Result<void> DigestIntake::add_digest(std::string_view hex, std::uint8_t rule) {
  IMAKEEP_TRY(const auto& pooled, pool(hex));
  if (!pooled) return {};
  policy_.entries.push_back({.name = static_cast<std::uint32_t>(policy_.name_table.size() - 1),
                             .digest_offset = pooled->digest_offset,
                             .digest_bytes = static_cast<std::uint8_t>(pooled->digest_bytes),
                             .rule = rule});
  return {};
}

Result<std::optional<Policy::DigestRef>> DigestIntake::pool(std::string_view hex) {
  constexpr std::size_t kLeastDigits = 40;
  constexpr std::size_t kMostDigits = 128;
  const auto bad_digit =
      std::find_if(hex.begin(), hex.end(), [](char c) { return !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')); });
  if (bad_digit != hex.end()) {
    const std::size_t at = static_cast<std::size_t>(bad_digit - hex.begin());
    return fail(ErrorCode::kMalformed, "character " + std::to_string(at + 1) +
                                           " of the digest is no hexadecimal digit in lower case; write only the "
                                           "digest, without the name of its algorithm, in the digits 0-9 and a-f");
  }
  if (hex.size() < kLeastDigits || hex.size() > kMostDigits) {
    return fail(ErrorCode::kMalformed, "the digest has " + std::to_string(hex.size()) +
                                           " digits; write one of 40 to 128, as sha1 (40) or sha256 (64)");
  }
  if (policy_.mode == Mode::kStrict) {
    if (hex.size() % 2 != 0) return unexpected(wrong_length(hex.size(), kDefaultAlgorithms));
    // The member that names other algorithms may come after the maps of digests; check_lengths() looks at those.
    const auto& algorithms = policy_.rules.algorithms;
    if (!algorithms.empty() && !has_length(algorithms, hex.size() / 2)) {
      return unexpected(wrong_length(hex.size(), algorithms));
    }
  }
  if (hex.size() % 2 != 0) return std::nullopt;
  const auto offset = static_cast<std::uint32_t>(policy_.digests.size());
  const auto value = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    policy_.digests.push_back(static_cast<std::byte>(value(hex[i]) << 4 | value(hex[i + 1])));
  }
  return Policy::DigestRef{.digest_offset = offset, .digest_bytes = static_cast<std::uint32_t>(hex.size() / 2)};
}

Result<void> check_lengths(const Policy& policy, std::size_t entry_count) {
  constexpr const char* kMembers[] = {"digests", "keyrings", "ima-buf"};
  std::size_t index = 0;  // in the array of the name
  for (std::size_t i = 0; i < entry_count; ++i) {
    const Policy::Entry& entry = policy.entries[i];
    index = i > 0 && policy.entries[i - 1].name == entry.name ? index + 1 : 0;
    if (has_length(policy.rules.algorithms, entry.digest_bytes)) continue;
    const Policy::Name& name = policy.name_table[entry.name];
    const std::string map = pointer_to("", std::string_view(kMembers[static_cast<std::size_t>(name.map)]));
    Error error = wrong_length(entry.digest_bytes * std::size_t{2}, policy.rules.algorithms);
    error.message = pointer_to(pointer_to(map, policy.name_of(name)), index) + ": " + error.message;
    return unexpected(std::move(error));
  }
  return {};
}

Result<void> read_superset(const nlohmann::json& object, const std::string& pointer, Policy& policy,
                           PatternCheck& patterns) {
  const JsonValue value(object, pointer);
  IMAKEEP_CHECK(value.only({"version", "algorithms", "packages", "any_path", "boot_aggregates", "verity_digests",
                            "path_classes", "violations", "signatures", "updates", "records"}));
  IMAKEEP_TRY(const auto& version, value.required("version"));
  if (version.json() != kSupersetVersion) {
    return version.unknown("this build reads version 1", "write 1, or use an imakeep that knows this version");
  }
  Superset into{.policy = policy, .patterns = patterns, .intake = DigestIntake(policy), .classes = {}};
  if (const auto algorithms = value.optional("algorithms")) IMAKEEP_CHECK(read_algorithms(*algorithms, into));
  if (policy.rules.algorithms.empty()) policy.rules.algorithms = kDefaultAlgorithms;
  if (const auto any = value.optional("any_path")) IMAKEEP_CHECK(read_digests_at_any_path(*any, into));
  if (const auto aggregates = value.optional("boot_aggregates")) {
    IMAKEEP_CHECK(read_boot_aggregates(*aggregates, into));
  }
  if (const auto verity = value.optional("verity_digests")) {
    IMAKEEP_CHECK(read_map(*verity, DigestMap::kVerity, 0, into));
  }
  if (const auto classes = value.optional("path_classes")) IMAKEEP_CHECK(read_path_classes(*classes, into));
  if (const auto violations = value.optional("violations")) {
    IMAKEEP_TRY(policy.rules.violations, read_path_set(*violations, true, into));
  }
  if (const auto signatures = value.optional("signatures")) IMAKEEP_CHECK(read_signatures(*signatures, into));
  if (const auto records = value.optional("records")) IMAKEEP_CHECK(read_records(*records, into));
  if (const auto updates = value.optional("updates")) {
    IMAKEEP_TRY(const auto& elements, updates->elements());
    if (elements.size() > kMostUpdates) {
      return updates->unknown("there are more than " + std::to_string(kMostUpdates) + " updates",
                              "leave out those that are over");
    }
    for (std::size_t i = 0; i < elements.size(); ++i) IMAKEEP_CHECK(read_update(elements[i], i, into));
  }
  if (const auto packages = value.optional("packages")) {
    IMAKEEP_TRY(const auto& elements, packages->elements());
    for (const JsonValue& element : elements) IMAKEEP_CHECK(read_package(element, into));
  }
  return {};
}

}  // namespace imakeep::policy
