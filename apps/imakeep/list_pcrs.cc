#include "list_pcrs.h"

#include <algorithm>
#include <cstdio>

#include "imalog/pcr_file.h"
#include "mlist/list_walk.h"
#include "tpm/esys/esys_pcr_banks.h"
#include "tpm/soft/soft_pcr_banks.h"

namespace imakeep::app {
namespace {

Result<void> set_pcrs(digest::PcrState& state, const std::string& file, std::uint32_t ima_pcr) {
  const auto values = imalog::read_pcr_file(file, ima_pcr);
  if (!values) return unexpected(values.error());
  for (const imalog::PcrValue& value : *values) {
    if (const auto bank = state.index_of(value.bank)) state.set(*bank, value.pcr, value.value);
  }
  return {};
}

}  // namespace

Result<ListPcrs> ListPcrs::open(ListPcrsOptions options) {
  ListPcrs opened(std::move(options));
  const bool soft = !opened.options_.tcti;
  if (soft && opened.options_.banks.empty()) opened.options_.banks = kSoftBanks;
  if (!opened.options_.banks.empty()) {
    auto banks = digest::parse_banks(opened.options_.banks);
    if (!banks) return unexpected(banks.error());
    opened.banks_ = std::move(*banks);
  }
  if (soft) return opened;
  auto tpm = tpm::EsysPcrBanks::open(*opened.options_.tcti, {.banks = opened.banks_});
  if (!tpm) return unexpected(tpm.error());
  opened.pcrs_ = std::move(*tpm);
  opened.banks_ = opened.pcrs_->banks();
  return opened;
}

Result<void> ListPcrs::start(const mlist::MeasurementList& list) {
  digest::PcrState restored(banks_);
  bool any_restored = false;
  mlist::ListWalk walk(list, list.snapshot(mlist::ListKind::kCurrent));
  while (const auto content = walk.next()) {
    imalog::extend(restored, *content);
    any_restored = true;
  }
  return pcrs_ ? start_tpm(restored, any_restored) : start_soft(std::move(restored));
}

Result<void> ListPcrs::start_tpm(const digest::PcrState& restored, bool any_restored) {
  extended_ = restored.touched_pcrs();
  const auto values = pcrs_->read(options_.ima_pcr);
  if (!values) return unexpected(values.error());
  const bool zero = std::all_of(values->begin(), values->end(),
                                [](const auto& value) { return value == digest::Digest(value.size()); });
  if (zero) return {};
  extended_ |= 1u << options_.ima_pcr;
  if (!any_restored) {
    std::fprintf(
        stderr,
        "imakeep: PCR %u of the TPM is not zero, and no records are restored: no replay of this list from zero "
        "will fit it; reset the TPM, or restore the records that it was extended with (--restore)\n",
        options_.ima_pcr);
  }
  return {};
}

Result<void> ListPcrs::start_soft(digest::PcrState restored) {
  // Without a TPM that lived through the kexec, the restored records are all that is known of it.
  digest::PcrState state = std::move(restored);
  if (!options_.start_pcrs.empty()) {
    state = digest::PcrState(banks_);
    IMAKEEP_CHECK(set_pcrs(state, options_.start_pcrs, options_.ima_pcr));
  }
  extended_ = state.touched_pcrs();
  pcrs_ = std::make_unique<tpm::SoftPcrBanks>(std::move(state));
  return {};
}

}  // namespace imakeep::app
