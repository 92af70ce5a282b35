#include "keeper/keeper.h"

#include <algorithm>

namespace imakeep::keeper {

Keeper::Keeper(ImaSource& source, archive::Archive& archive, tpm::PcrBanks* pcrs, Clock& clock, KeeperOptions options)
    : source_(source),
      archive_(archive),
      pcrs_(pcrs),
      clock_(clock),
      options_(std::move(options)),
      table_(options_.table) {}

// Those of a chain that begins now: what both the list and the PCRs have.
Result<std::vector<digest::Bank>> Keeper::banks() const {
  std::vector<digest::Bank> banks;
  for (const digest::Bank& bank : source_.banks()) {
    if (!digest::available(bank.algorithm)) continue;
    if (pcrs_ == nullptr ||
        std::ranges::find(pcrs_->banks(), bank.algorithm, &digest::Bank::algorithm) != pcrs_->banks().end()) {
      banks.push_back(bank);
    }
  }
  if (banks.empty()) {
    return fail(ErrorCode::kUnsupported, source_.name() + " has lists for " + digest::bank_names(source_.banks()) +
                                             ", but the PCRs are of " +
                                             (pcrs_ == nullptr ? "no bank" : digest::bank_names(pcrs_->banks())) +
                                             ": name the TPM that this list is measured into");
  }
  return banks;
}

// Those whose PCRs are compared: of the chain that is there, else of the one that would begin.
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

Result<Evidence> Keeper::read_evidence(const std::vector<digest::Bank>& banks) {
  const auto before = source_.count();
  if (!before) return unexpected(before.error());
  Evidence evidence{.pcrs = {}, .count_before = *before, .count_after = *before};
  if (banks.empty()) return evidence;
  const auto values = pcrs_->read(options_.pcr);
  if (!values) return unexpected(values.error());
  for (const digest::Bank& bank : banks) {
    const auto found = std::ranges::find(pcrs_->banks(), bank.algorithm, &digest::Bank::algorithm);
    evidence.pcrs.push_back({.bank = bank,
                             .pcr = options_.pcr,
                             .value = (*values)[static_cast<std::size_t>(found - pcrs_->banks().begin())]});
  }
  const auto after = source_.count();
  if (!after) return unexpected(after.error());
  evidence.count_after = *after;
  return evidence;
}

Result<Method> Keeper::method() const {
  const bool count = source_.takes_numbers() && table_ != TableMode::kFlushed;
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
      if (!source_.takes_numbers()) return unsupported(" takes no numbers: the kernel is older than Linux 7.2");
      if (!count)
        return unsupported(" takes no numbers, for its table is flushed (ima_flush_htable); use --method stage");
      return Method::kCount;
    case Method::kAuto:
      break;
  }
  // Where the table is kept both give back the same memory, and N holds the list for a moment only.
  if (count) return Method::kCount;
  if (source_.has_staging()) return Method::kStage;
  return unsupported(
      " gives no records back: the kernel is older than Linux 7.2, so the list is followed and archived only");
}

}  // namespace imakeep::keeper
