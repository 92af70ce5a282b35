// SPDX-License-Identifier: Apache-2.0
#include "attest/proof.h"

#include <algorithm>

#include "imalog/extend_rule.h"

namespace imakeep::attest {
namespace {

bool rests_on_sha1(const digest::Bank& bank) {
  return imalog::strength_of(bank) == imalog::Strength::kSha1;
}

PcrProof prove_pcr(std::uint32_t pcr, const RecordCounts& counts, std::span<const Comparison> comparisons) {
  PcrProof proof{.pcr = pcr, .records = counts.of_pcr(pcr), .unreachable = counts.unreachable_of_pcr(pcr)};
  bool all_match = true;
  std::optional<Prefix> covered;
  for (const Comparison& comparison : comparisons) {
    if (comparison.pcr != pcr) continue;
    proof.banks.push_back(comparison.bank);
    all_match = all_match && comparison.matched;
    if (!comparison.matched) continue;
    if (!covered || comparison.matched->of_pcr < covered->of_pcr) covered = comparison.matched;
  }
  proof.matched = all_match && covered;
  if (!proof.matched) return proof;
  proof.proven = covered->of_pcr;
  proof.matched_at = covered->records;
  proof.first_unproven = covered->next;
  proof.weak = proof.proven > 0 && std::ranges::all_of(proof.banks, rests_on_sha1);
  return proof;
}

}  // namespace

void RecordCounts::add(std::uint32_t pcr) {
  if (records_ >= reachable_) ++unreachable_[pcr];
  ++of_pcrs_[pcr];
  ++records_;
}

std::vector<PcrProof> prove(const RecordCounts& counts, std::span<const Comparison> comparisons) {
  std::vector<PcrProof> proofs;
  for (std::uint32_t pcr = 0; pcr < digest::kPcrCount; ++pcr) {
    if (counts.of_pcr(pcr) > 0) proofs.push_back(prove_pcr(pcr, counts, comparisons));
  }
  return proofs;
}

ProofTotals totals(std::span<const PcrProof> proofs) {
  ProofTotals sum;
  for (const PcrProof& proof : proofs) {
    sum.proven += proof.proven;
    sum.after_match += proof.after_match();
    sum.unproven += proof.unproven();
  }
  return sum;
}

std::optional<PcrProof> between_proven(std::span<const PcrProof> proofs) {
  std::uint64_t proven_before = 0;
  for (const PcrProof& proof : proofs) {
    if (proof.proven > 0) proven_before = std::max(proven_before, proof.matched_at);
  }
  std::optional<PcrProof> first;
  for (const PcrProof& proof : proofs) {
    if (!proof.first_unproven || *proof.first_unproven >= proven_before) continue;
    if (!first || *proof.first_unproven < *first->first_unproven) first = proof;
  }
  return first;
}

}  // namespace imakeep::attest
