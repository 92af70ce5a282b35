// SPDX-License-Identifier: Apache-2.0
#include "keeper/keeper.h"

#include <algorithm>

#include "imalog/extend_rule.h"
#include "keeper/place.h"

namespace imakeep::keeper {
namespace {

bool same_evidence(const Evidence& a, const Evidence& b) {
  return a.unread == b.unread && a.count_before == a.count_after && a.count_before == b.count_before &&
         b.count_before == b.count_after &&
         std::ranges::equal(a.pcrs, b.pcrs, {}, &imalog::PcrValue::value, &imalog::PcrValue::value);
}

}  // namespace

Keeper::Keeper(ImaSource& source, archive::Archive& archive, tpm::PcrBanks* pcrs, Clock& clock, KeeperOptions options)
    : source_(source),
      archive_(archive),
      pcrs_(pcrs),
      clock_(clock),
      options_(std::move(options)),
      table_(options_.table) {}

// The banks that both the list and the PCRs have. If the chain is of this boot, its padding applies, since its state
// depends on it. Otherwise that of a chain that begins now applies.
Result<std::vector<digest::Bank>> Keeper::banks(const std::optional<ChainState>& state) const {
  std::vector<digest::Bank> banks;
  for (const digest::Bank& bank : source_.banks()) {
    if (!digest::available(bank.algorithm)) continue;
    if (pcrs_ == nullptr || digest::find_bank(pcrs_->banks(), bank.algorithm) != nullptr) {
      banks.push_back(bank);
    }
  }
  if (banks.empty()) {
    return fail(ErrorCode::kUnsupported, source_.name() + " has lists for " + digest::bank_names(source_.banks()) +
                                             ", but the PCRs are of " +
                                             (pcrs_ == nullptr ? "no bank" : digest::bank_names(pcrs_->banks())) +
                                             ": name the TPM that this list is measured into");
  }
  if (state && (state->row.boot_id == source_.boot_id() || repadded_ == state->chain.chain)) {
    return digest::with_fills_of(std::move(banks), state->chain.banks);
  }
  return other_padding_ ? imalog::with_other_padding(std::move(banks)) : banks;
}

Result<digest::PcrState> Keeper::start_of_chain(const std::vector<digest::Bank>& banks) const {
  digest::PcrState start(banks);
  for (std::size_t bank = 0; bank < banks.size(); ++bank) {
    bool given = options_.start.empty() || pcrs_ == nullptr;
    for (const imalog::PcrValue& value : options_.start) {
      if (value.bank.algorithm != banks[bank].algorithm) continue;
      start.set(bank, value.pcr, value.value);
      given = true;
    }
    if (!given) {
      return fail(ErrorCode::kUsage, "the start has no value of bank " + banks[bank].name() + ", which is compared");
    }
  }
  return start;
}

// The banks whose PCRs are compared: those of `banks` that the chain has, or all of them before the first chain.
std::vector<digest::Bank> Keeper::compared_banks(const std::optional<ChainState>& state,
                                                 const std::vector<digest::Bank>& banks) const {
  if (pcrs_ == nullptr) return {};
  if (!state) return banks;
  std::vector<digest::Bank> compared;
  for (const digest::Bank& bank : banks) {
    if (state->chain.end_pcrs.index_of(bank)) compared.push_back(bank);
  }
  return compared;
}

Result<Evidence> Keeper::read_evidence(const std::vector<digest::Bank>& banks, std::uint32_t pcrs) {
  IMAKEEP_TRY(const auto& before, source_.count());
  Evidence evidence{.pcrs = {}, .count_before = before, .count_after = before};
  if (banks.empty()) return evidence;
  std::optional<Error> unread;
  for (std::uint32_t pcr = 0; pcr < digest::kPcrCount; ++pcr) {
    if ((pcrs >> pcr & 1) == 0) continue;
    const auto values = pcrs_->read(pcr);
    if (!values) {
      // The other PCRs tell where the list lies. If no PCR can be read, the TPM is gone.
      if (evidence.unread == 0) unread = values.error();
      evidence.unread |= 1u << pcr;
      continue;
    }
    for (const digest::Bank& bank : banks) {
      const auto found = std::ranges::find(pcrs_->banks(), bank.algorithm, &digest::Bank::algorithm);
      evidence.pcrs.push_back(
          {.bank = bank, .pcr = pcr, .value = (*values)[static_cast<std::size_t>(found - pcrs_->banks().begin())]});
    }
  }
  if (evidence.pcrs.empty() && unread) return unexpected(*unread);
  if (unread) evidence.why_unread = describe(*unread);
  IMAKEEP_TRY(const auto& after, source_.count());
  evidence.count_after = after;
  return evidence;
}

Result<Keeper::Look> Keeper::compare_list(ListStream& stream, const std::optional<KnownChain>& known,
                                          const digest::PcrState& start, const std::vector<digest::Bank>& compared,
                                          const Evidence* before) {
  const std::uint32_t of_chain = known ? known->chain.end_pcrs.touched_pcrs() : 0;
  std::uint32_t pcrs = of_chain != 0 ? of_chain : 1u << options_.pcr;
  const std::string boot_id = source_.boot_id();
  // The counts only identify the life of the PCRs. The keeper goes on without them.
  const auto resets = pcrs_ == nullptr ? Result<std::optional<tpm::ResetCounts>>(std::nullopt) : pcrs_->reset_counts();
  for (;;) {
    // The keeper reads PCRs before the list. Only a reading of the list tells which PCRs its records name.
    IMAKEEP_TRY(auto evidence, read_evidence(compared, pcrs));
    if (resets) evidence.resets = *resets;
    evidence.settled = before != nullptr && same_evidence(*before, evidence);
    IMAKEEP_TRY(
        auto placed,
        place({.stream = stream, .evidence = evidence, .start = start, .shown = source_.bank(), .boot_id = boot_id},
              archive_.store(), known));
    const std::uint32_t named = of_chain | stream.named_pcrs();
    if (pcrs_ == nullptr || named == 0 || named == pcrs) return Look{std::move(evidence), std::move(placed)};
    pcrs = named;
  }
}

Result<Method> Keeper::method() const {
  const bool count = may_count();
  const auto unsupported = [&](const std::string& what) {
    return fail(ErrorCode::kUnsupported, source_.name() + what);
  };
  switch (options_.method) {
    case Method::kStage:
      if (!source_.has_staging()) {
        return unsupported(" has no _staged files (CONFIG_IMA_STAGING is off); use --method count");
      }
      return Method::kStage;
    case Method::kCount:
      if (!source_.takes_numbers())
        return unsupported(" does not take the request N: the kernel is older than Linux 7.2");
      if (!count)
        return unsupported(" refuses the request N: its table is flushed (ima_flush_htable); use --method stage");
      return Method::kCount;
    case Method::kAuto:
      break;
  }
  // If the table is kept, both methods free the same memory, and N holds the list only for a moment.
  if (count) return Method::kCount;
  if (source_.has_staging()) return Method::kStage;
  return unsupported(
      " cannot be trimmed: the kernel is older than Linux 7.2, so the keeper only follows and archives the list");
}

}  // namespace imakeep::keeper
