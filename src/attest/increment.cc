// SPDX-License-Identifier: Apache-2.0
#include "attest/increment.h"

#include <algorithm>

#include "attest/pcr_bytes.h"
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

constexpr std::string_view kIncrementMagic = "imkincr1";
constexpr const char* kSavedIncrement = "the saved state of an increment";
enum SavedBits : std::uint8_t { kHasMatch = 1, kHasOpenAt = 2, kHasOpenPcr = 4 };

tl::unexpected<Error> damaged_increment(const std::string& what) {
  return fail(ErrorCode::kMalformed, std::string(kSavedIncrement) + " is damaged: " + what);
}

}  // namespace

Result<Increment> Increment::make(const PcrState& start, const QuotedPcrs& quote,
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
  increment.start_ = start;
  increment.composite_ = composite;
  increment.ways_ = std::move(ways);
  increment.covered_ = covered;
  return increment;
}

Result<void> Increment::look_from(PcrState state) {
  replay_ = imalog::Replay(std::move(state));
  for (const std::vector<Bank>& way : ways_) IMAKEEP_CHECK(replay_.expect(in_banks(composite_, way)));
  return {};
}

Result<Increment> Increment::begin(const PcrState& start, const QuotedPcrs& quote,
                                   const std::vector<imalog::PcrValue>& given) {
  auto increment = make(start, quote, given);
  if (!increment) return increment;
  IMAKEEP_CHECK(increment->look_from(increment->replay_.state()));
  increment->note_match();
  return increment;
}

Bytes Increment::save() const {
  const ByteView magic = as_bytes(kIncrementMagic);
  Bytes saved(magic.begin(), magic.end());
  const auto number = [&saved](auto value) { append_int(saved, value, ByteOrder::kLittle); };
  number(added_);
  number(static_cast<std::uint8_t>((matched_at_ ? kHasMatch : 0) | (open_at_ ? kHasOpenAt : 0) |
                                   (open_pcr_ ? kHasOpenPcr : 0)));
  if (matched_at_) {
    number(*matched_at_);
    number(static_cast<std::uint32_t>(way_));
  }
  if (open_at_) number(*open_at_);
  if (open_pcr_) number(*open_pcr_);
  if (!matched_at_) append_pcrs(saved, replay_.state());
  if (matched_at_ || open_at_) append_pcrs(saved, after_candidates_);
  return saved;
}

Result<Increment> Increment::resume(ByteView saved, const PcrState& start, const QuotedPcrs& quote,
                                    const std::vector<imalog::PcrValue>& given) {
  auto increment = make(start, quote, given);
  if (!increment) return increment;
  IMAKEEP_CHECK(increment->load(saved));
  return increment;
}

Result<void> Increment::load(ByteView saved) {
  ByteReader reader(saved, kSavedIncrement);
  IMAKEEP_TRY(const ByteView magic, reader.take(kIncrementMagic.size()));
  if (as_text(magic) != kIncrementMagic) return damaged_increment("it does not begin as one");
  IMAKEEP_TRY(added_, reader.number<std::uint64_t>());
  IMAKEEP_TRY(const auto bits, reader.number<std::uint8_t>());
  if ((bits & ~(kHasMatch | kHasOpenAt | kHasOpenPcr)) != 0) return damaged_increment("it has unknown bits");
  if ((bits & kHasMatch) != 0) {
    IMAKEEP_TRY(matched_at_, reader.number<std::uint64_t>());
    IMAKEEP_TRY(way_, reader.number<std::uint32_t>());
    if (*matched_at_ > added_ || way_ >= ways_.size()) return damaged_increment("its match is impossible");
  }
  if ((bits & kHasOpenAt) != 0) {
    IMAKEEP_TRY(open_at_, reader.number<std::uint64_t>());
    if (*open_at_ > matched_at_.value_or(added_)) return damaged_increment("its candidates end after its records");
  }
  if ((bits & kHasOpenPcr) != 0) {
    IMAKEEP_TRY(open_pcr_, reader.number<std::uint32_t>());
    if (!open_at_ || *open_pcr_ >= digest::kPcrCount || holds(covered_, *open_pcr_)) {
      return damaged_increment("the PCR that ends its candidates is impossible");
    }
  }
  const std::vector<Bank> banks = replay_.state().banks();
  if (!matched_at_) {
    IMAKEEP_TRY(auto now, take_pcrs(reader, kSavedIncrement));
    if (now.banks() != banks) return damaged_increment("it was replayed in other banks");
    IMAKEEP_CHECK(look_from(std::move(now)));
  }
  if (matched_at_ || open_at_) {
    IMAKEEP_TRY(after_candidates_, take_pcrs(reader, kSavedIncrement));
    if (after_candidates_.banks() != banks) return damaged_increment("its candidates were replayed in other banks");
  }
  if (!reader.at_end()) return damaged_increment("bytes follow its end");
  return {};
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
