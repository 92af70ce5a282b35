// SPDX-License-Identifier: Apache-2.0
#include "ear/proof_claim.h"

#include <algorithm>
#include <limits>

#include "base/base64.h"
#include "base/text.h"
#include "jsontext/json_text.h"

namespace imakeep::ear {
namespace {

using jsontext::Members;
using nlohmann::json;
using nlohmann::ordered_json;

// At most kMostFindingTextBytes, without half a character at the end.
std::string cut(std::string text) {
  if (text.size() <= kMostFindingTextBytes) return text;
  std::size_t end = kMostFindingTextBytes - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
  return text + "...";
}

ordered_json made_pcrs(const std::vector<ProvenPcr>& pcrs) {
  ordered_json banks = ordered_json::object();
  for (const ProvenPcr& pcr : pcrs) banks[pcr.bank][std::to_string(pcr.pcr)] = to_base64url(pcr.value);
  return banks;
}

Result<std::vector<ProvenPcr>> read_pcrs(const json& banks, const std::string& where) {
  std::vector<ProvenPcr> pcrs;
  const Members members(banks, where);
  for (const auto& [bank, values] : banks.items()) {
    if (!values.is_object()) return members.bad(bank, "is no object");
    for (const auto& [number, value] : values.items()) {
      const bool digits = !number.empty() && number.size() <= 2 &&
                          std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
      if (!digits) return members.bad(bank, "has a PCR whose name is no number");
      auto bytes = value.is_string() ? from_base64url(value.get_ref<const std::string&>()) : Result<Bytes>(Bytes());
      if (!bytes || bytes->empty()) return members.bad(bank, "has a PCR whose value is no base64url");
      pcrs.push_back({.bank = bank, .pcr = static_cast<std::uint32_t>(std::stoul(number)), .value = std::move(*bytes)});
    }
  }
  std::sort(pcrs.begin(), pcrs.end(),
            [](const ProvenPcr& a, const ProvenPcr& b) { return a.bank != b.bank ? a.bank < b.bank : a.pcr < b.pcr; });
  return pcrs;
}

Result<std::uint32_t> read_counter(const Members& members, std::string_view name) {
  IMAKEEP_TRY(const auto value, members.count(name));
  if (value > std::numeric_limits<std::uint32_t>::max()) return members.bad(name, "has more than 32 bits");
  return static_cast<std::uint32_t>(value);
}

Result<PolicyUse> read_policy(const Members& of) {
  PolicyUse use;
  IMAKEEP_TRY(use.id, of.text("id"));
  IMAKEEP_TRY(use.digest, of.text("digest"));
  IMAKEEP_TRY(use.from, of.count("from"));
  IMAKEEP_TRY(use.to, of.count("to"));
  return use;
}

Result<ReportedFinding> read_finding(const Members& of) {
  ReportedFinding finding;
  IMAKEEP_TRY(finding.index, of.count("index"));
  IMAKEEP_TRY(finding.path, of.text("path"));
  IMAKEEP_TRY(finding.reason, of.text("reason"));
  IMAKEEP_TRY(finding.rule, of.text("rule"));
  return finding;
}

// The objects of an array, each read by `read_one`.
template <class T>
Result<std::vector<T>> read_objects(const Members& members, const std::string& where, const std::string& name,
                                    Result<T> (*read_one)(const Members& of)) {
  std::vector<T> objects;
  IMAKEEP_TRY(const json* const array, members.array(name));
  for (const json& element : *array) {
    if (!element.is_object()) return members.bad(name, "has an element that is no object");
    IMAKEEP_TRY(auto object, read_one(Members(element, where + '/' + name)));
    objects.push_back(std::move(object));
  }
  return objects;
}

}  // namespace

ordered_json made_proof(const Proof& proof) {
  ordered_json object = {{"chain", proof.chain}, {"first", proof.first}};
  if (proof.n) object["n"] = *proof.n;
  object["pcrs"] = made_pcrs(proof.pcrs);
  object["reset_count"] = proof.reset_count;
  object["restart_count"] = proof.restart_count;
  object["clock"] = proof.clock_ms;
  object["quote_digest"] = proof.quote_digest;
  ordered_json policies = ordered_json::array();
  for (const PolicyUse& use : proof.policies) {
    policies.push_back({{"id", use.id}, {"digest", use.digest}, {"from", use.from}, {"to", use.to}});
  }
  object["policies"] = std::move(policies);
  object["failed"] = proof.failed;
  ordered_json findings = ordered_json::array();
  for (const ReportedFinding& finding : proof.findings) {
    if (findings.size() == kMostFindings) break;
    findings.push_back({{"index", finding.index},
                        {"path", cut(printable(finding.path))},
                        {"reason", cut(printable(finding.reason))},
                        {"rule", cut(printable(finding.rule))}});
  }
  object["findings"] = std::move(findings);
  if (proof.deletable) object["deletable"] = *proof.deletable;
  return object;
}

Result<Proof> read_proof(const json& object, const std::string& where) {
  const Members members(object, where);
  Proof proof;
  IMAKEEP_TRY(proof.chain, members.count("chain"));
  IMAKEEP_TRY(proof.first, members.count("first"));
  IMAKEEP_TRY(proof.n, members.optional_count("n"));
  IMAKEEP_TRY(const json* const banks, members.object("pcrs"));
  IMAKEEP_TRY(proof.pcrs, read_pcrs(*banks, where + "/pcrs"));
  IMAKEEP_TRY(proof.reset_count, read_counter(members, "reset_count"));
  IMAKEEP_TRY(proof.restart_count, read_counter(members, "restart_count"));
  IMAKEEP_TRY(proof.clock_ms, members.count("clock"));
  IMAKEEP_TRY(proof.quote_digest, members.text("quote_digest"));
  IMAKEEP_TRY(proof.policies, read_objects(members, where, "policies", read_policy));
  IMAKEEP_TRY(proof.failed, members.count("failed"));
  IMAKEEP_TRY(proof.findings, read_objects(members, where, "findings", read_finding));
  IMAKEEP_TRY(proof.deletable, members.optional_count("deletable"));
  return proof;
}

}  // namespace imakeep::ear
