// SPDX-License-Identifier: Apache-2.0
#include "reference/explain.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "reference/document.h"

namespace imakeep::reference {
namespace {

using policy::CompiledPolicy;
using policy::DigestMap;
using policy::Policy;

constexpr std::size_t kMostNames = 100;
constexpr std::size_t kMostSimilar = 5;

std::string map_place(DigestMap map) {
  return "/" + std::string(member_of(map));
}

std::string package_of(const CompiledPolicy& policy, ByteView digest) {
  const policy::Package* const package = policy.package_of(digest);
  if (package == nullptr) return {};
  std::string text = ", of package " + package->name + " " + package->version;
  if (!package->architecture.empty()) text += " " + package->architecture;
  return printable(text);
}

std::string span_of(const Policy& source, std::uint8_t rule) {
  if (rule == 0) return {};
  const policy::Update& update = source.rules.updates[(rule - 1u) / 2];
  const bool is_old = rule % 2 == 1;
  std::string text = ", by update \"" + printable(update.name) + "\"";
  if (is_old) return text + (update.to_record ? " for records below " + std::to_string(*update.to_record) : "");
  return text + (update.from_record ? " for records from " + std::to_string(*update.from_record) : "");
}

class Explainer {
 public:
  Explainer(const CompiledPolicy& policy, const Policy& source) : policy_(policy), source_(source) {}

  Explanation name(std::string_view name) {
    exclusion(name);
    digests(name);
    rules(name);
    if (excluded_) {
      explained_.verdict = "accepted whatever its digest is: an exclude matches";
    } else if (known_) {
      explained_.verdict = "accepted with the digests below, and no others";
    } else {
      explained_.verdict = "not accepted: no member of the policy has this name";
      similar(name);
    }
    explained_.accepted = excluded_ || known_;
    return std::move(explained_);
  }

  Explanation digest(ByteView digest) {
    for (const policy::KnownName& known : policy_.names_of(digest, kMostNames)) {
      say(map_place(known.map), printable(known.name) + spans(known.map, known.name, digest));
    }
    if (policy_.accepted_at_any_path(digest)) say("/imakeep/any_path", "at any path");
    explained_.accepted = !explained_.statements.empty();
    const std::string package = package_of(policy_, digest);
    if (!package.empty()) say("/imakeep/packages", package.substr(2));
    explained_.verdict = explained_.accepted ? "accepted for the names below"
                         : package.empty()   ? "not accepted: no member of the policy has this digest"
                                             : "not accepted: only a package has it, which alone accepts nothing";
    return std::move(explained_);
  }

 private:
  void say(std::string place, std::string text) {
    explained_.statements.push_back({.place = std::move(place), .text = std::move(text)});
  }

  void exclusion(std::string_view name) {
    const CompiledPolicy::Exclusion exclusion = policy_.excluded(name);
    if (exclusion.given_up) say("/excludes", "a pattern needed too many steps, so it does not match");
    if (!exclusion.index) return;
    excluded_ = true;
    say("/excludes/" + std::to_string(*exclusion.index), printable(policy_.rules().excludes[*exclusion.index]));
  }

  void digests(std::string_view name) {
    for (const Policy::Entry& entry : source_.entries) {
      const Policy::Name& known = source_.name_table[entry.name];
      if (source_.name_of(known) != name) continue;
      known_ = true;
      const ByteView digest = ByteView(source_.digests).subspan(entry.digest_offset, entry.digest_bytes);
      say(map_place(known.map), to_hex(digest) + package_of(policy_, digest) + span_of(source_, entry.rule));
    }
  }

  std::string spans(DigestMap map, std::string_view name, ByteView digest) const {
    for (const Policy::Entry& entry : source_.entries) {
      const Policy::Name& known = source_.name_table[entry.name];
      if (known.map != map || source_.name_of(known) != name) continue;
      if (!equal(ByteView(source_.digests).subspan(entry.digest_offset, entry.digest_bytes), digest)) continue;
      return span_of(source_, entry.rule);
    }
    return {};
  }

  void rules(std::string_view name) {
    for (const policy::PathClass* const of : policy_.classes_of(name)) {
      say("/imakeep/path_classes/" + printable(of->name), "the name is in this class");
    }
    for (const policy::RequiredSignature* const required : policy_.required_signatures(name)) {
      std::string keyrings;
      for (const std::string& keyring : required->keyrings) keyrings += (keyrings.empty() ? "" : ", ") + keyring;
      say("/imakeep/signatures",
          "it must be signed by a key of " + printable(keyrings.empty() ? "any keyring" : keyrings));
    }
    if (source_.rules.violations && policy_.violation_accepted(name)) {
      say("/imakeep/violations", "violations of this name are accepted");
    }
  }

  // Names with the same last part: an alias of merged /usr, another version's directory.
  void similar(std::string_view name) {
    const std::string_view last = name.substr(name.rfind('/') + 1);
    std::size_t said = 0;
    for (const Policy::Name& known : source_.name_table) {
      const std::string_view other = source_.name_of(known);
      if (last.empty() || other.substr(other.rfind('/') + 1) != last) continue;
      say(map_place(known.map), "a similar name: " + printable(other));
      if (++said == kMostSimilar) return;
    }
  }

  const CompiledPolicy& policy_;
  const Policy& source_;
  Explanation explained_;
  bool excluded_ = false;
  bool known_ = false;
};

}  // namespace

bool is_digest(std::string_view text) {
  constexpr std::size_t kLeastDigits = 40;
  constexpr std::size_t kMostDigits = 128;
  return text.size() >= kLeastDigits && text.size() <= kMostDigits && from_hex(text).has_value();
}

Explanation explain(const policy::CompiledPolicy& policy, const policy::Policy& source, std::string_view what) {
  const std::string_view hex = what.substr(what.rfind(':') + 1);  // npos + 1 is 0
  Explainer explainer(policy, source);
  if (is_digest(hex)) return explainer.digest(*from_hex(hex));
  return explainer.name(what);
}

std::string explanation_text(const Explanation& explanation) {
  std::string out = explanation.verdict + "\n";
  for (const Statement& statement : explanation.statements) {
    out.append("  ").append(statement.place).append(": ").append(statement.text).append("\n");
  }
  return out;
}

nlohmann::ordered_json explanation_json(const Explanation& explanation) {
  nlohmann::ordered_json statements = nlohmann::ordered_json::array();
  for (const Statement& statement : explanation.statements) {
    statements.push_back({{"place", statement.place}, {"text", statement.text}});
  }
  return {{"accepted", explanation.accepted}, {"verdict", explanation.verdict}, {"statements", statements}};
}

}  // namespace imakeep::reference
