// SPDX-License-Identifier: Apache-2.0
#include "attest/increment.h"

#include <algorithm>

#include "imalog/extend_rule.h"

namespace imakeep::attest {
namespace {

using digest::Bank;
using digest::PcrState;
using Ways = std::vector<std::vector<Bank>>;

bool proves_nothing(const std::vector<Bank>& banks) {
  return std::ranges::any_of(banks,
                             [](const Bank& bank) { return imalog::strength_of(bank) == imalog::Strength::kNone; });
}

std::vector<Bank> replayed_banks_of(const imalog::PcrComposite& composite) {
  std::vector<Bank> banks;
  for (const auto& part : composite.parts) {
    if (!part.given && std::ranges::find(banks, part.bank) == banks.end()) banks.push_back(part.bank);
  }
  return banks;
}

// The ways in which the kernel may have extended these banks, seen from the start state.
Ways ways_of(const std::vector<Bank>& banks, const PcrState& start) {
  Ways all{banks};
  std::ranges::move(imalog::other_fills_together(banks), std::back_inserter(all));
  std::erase_if(all, proves_nothing);
  if (start.banks().empty()) return all;
  std::erase_if(all, [&](const std::vector<Bank>& way) {
    return std::ranges::any_of(way, [&](const Bank& bank) { return !start.index_of(bank); });
  });
  // Until the first violation both paddings have the same values, so the state does not tell which the kernel uses.
  if (all.size() == 1) {
    if (auto other = imalog::with_other_padding(all.front()); other != all.front()) all.push_back(std::move(other));
  }
  return all;
}

// The values of these banks alone.
PcrState only(const PcrState& state, const std::vector<Bank>& banks) {
  PcrState reduced(banks);
  for (std::size_t i = 0; i < banks.size(); ++i) {
    for (std::uint32_t pcr = 0; pcr < digest::kPcrCount; ++pcr) {
      if (state.touched(pcr)) reduced.set(i, pcr, state.value(*state.index_of(banks[i]), pcr));
    }
  }
  return reduced;
}

}  // namespace

Result<Increment> Increment::begin(const PcrState& start, const QuotedPcrs& quote,
                                   const std::vector<imalog::PcrValue>& given) {
  PcrSet covered = 0;
  for (const tpm::PcrSelection& selection : quote.selections) {
    for (const std::uint32_t pcr : selection.pcrs) {
      if (!value_given(given, selection.bank, pcr)) covered |= PcrSet{1} << pcr;
    }
  }
  const imalog::PcrComposite composite = composite_of(quote, given, covered);
  IMAKEEP_CHECK(check_composite(composite, covered));
  const std::vector<Bank> banks = replayed_banks_of(composite);
  Ways ways = ways_of(banks, start);
  if (ways.empty()) {
    return fail(ErrorCode::kMismatch,
                "the quote covers " + digest::bank_names(banks) + ", but the proven records were " + "replayed in " +
                    digest::bank_names(start.banks()) + " only; quote the banks that the challenge asks for");
  }
  std::vector<Bank> all;
  for (const std::vector<Bank>& way : ways) {
    std::ranges::copy_if(way, std::back_inserter(all),
                         [&](const Bank& bank) { return std::ranges::find(all, bank) == all.end(); });
  }
  Increment increment{imalog::Replay(only(with_banks(start, all), all))};
  for (const std::vector<Bank>& way : ways) IMAKEEP_CHECK(increment.replay_.expect(in_banks(composite, way)));
  increment.start_ = start;
  increment.ways_ = std::move(ways);
  increment.covered_ = covered;
  increment.note_match();
  return increment;
}

void Increment::note_match() {
  for (std::size_t i = 0; i < ways_.size() && !matched_at_; ++i) {
    if (!replay_.found_at(i)) continue;
    matched_at_ = added_;
    way_ = i;
    if (!open_at_) after_candidates_ = replay_.state();
  }
}

bool Increment::add(const imalog::RecordContentView& content) {
  if (!matched_at_ && !open_at_ && !holds(covered_, content.pcr)) {
    end_candidates();
    open_pcr_ = content.pcr;
  }
  ++added_;
  if (matched_at_) return false;
  replay_.add(content);
  note_match();
  return !open_at_;
}

void Increment::end_candidates() {
  if (matched_at_ || open_at_) return;
  open_at_ = added_;
  after_candidates_ = replay_.state();
}

Increment::Outcome Increment::finish() const {
  Outcome outcome{.records = added_, .matched_at = matched_at_, .open_pcr = open_pcr_, .pcrs = start_};
  if (!matched_at_) return outcome;
  outcome.proven = open_at_.value_or(*matched_at_);
  outcome.pcrs = only(after_candidates_, ways_[way_]);
  outcome.weak = std::ranges::all_of(
      ways_[way_], [](const Bank& bank) { return imalog::strength_of(bank) == imalog::Strength::kSha1; });
  return outcome;
}

}  // namespace imakeep::attest
