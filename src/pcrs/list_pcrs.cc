// SPDX-License-Identifier: Apache-2.0
#include "pcrs/list_pcrs.h"

#include <algorithm>
#include <cstdio>

#include "imalog/pcr_file.h"
#include "mlist/list_walk.h"
#include "tpm/esys/esys_pcr_banks.h"
#include "tpm/soft/soft_pcr_banks.h"

namespace imakeep::pcrs {
namespace {

Result<void> set_pcrs(digest::PcrState& state, const std::string& file, std::uint32_t ima_pcr) {
  IMAKEEP_TRY(const auto& values, imalog::read_pcr_file(file, ima_pcr));
  for (const imalog::PcrValue& value : values) {
    for (std::size_t bank = 0; bank < state.banks().size(); ++bank) {
      if (state.banks()[bank].algorithm == value.bank.algorithm) state.set(bank, value.pcr, value.value);
    }
  }
  return {};
}

// `how` has the form ALG=HOW.
Result<void> set_fill(std::vector<digest::Bank>& banks, const std::string& how) {
  const auto equals = how.find('=');
  if (equals == std::string::npos) {
    return fail(ErrorCode::kUsage, "--extend " + how + ": write ALG=HOW, such as sha256=padded-short");
  }
  IMAKEEP_TRY(const auto& named, digest::parse_bank(how.substr(0, equals)));
  IMAKEEP_TRY(const auto& fill, digest::parse_fill(how.substr(equals + 1)));
  for (digest::Bank& bank : banks) {
    if (bank.algorithm != named.algorithm) continue;
    IMAKEEP_TRY(const auto& filled, digest::with_fill(bank, fill));
    bank = filled;
    return {};
  }
  return fail(ErrorCode::kUsage, "--extend " + how + ": the list extends no such bank; see --banks");
}

}  // namespace

Result<ListPcrs> ListPcrs::open(ListPcrsOptions options) {
  ListPcrs opened(std::move(options));
  const bool soft = !opened.options_.tcti;
  if (soft && opened.options_.banks.empty()) opened.options_.banks = kSoftBanks;
  if (!opened.options_.banks.empty()) {
    IMAKEEP_TRY(auto banks, digest::parse_banks(opened.options_.banks));
    opened.banks_ = std::move(banks);
  }
  if (!soft) {
    IMAKEEP_TRY(auto tpm, tpm::EsysPcrBanks::open(*opened.options_.tcti, {.banks = opened.banks_}));
    opened.pcrs_ = std::move(tpm);
    opened.banks_ = opened.pcrs_->banks();
  }
  for (const std::string& how : opened.options_.extend) IMAKEEP_CHECK(set_fill(opened.banks_, how));
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
  IMAKEEP_TRY(const auto& values, pcrs_->read(options_.ima_pcr));
  const bool zero = std::all_of(values.begin(), values.end(),
                                [](const auto& value) { return value == digest::Digest(value.size()); });
  if (zero) return {};
  extended_ |= 1u << options_.ima_pcr;
  if (!any_restored) {
    std::fprintf(
        stderr,
        "imakeep: PCR %u of the TPM is not zero, and no records are restored: no replay of this list from zero "
        "will match it; reset the TPM, or restore the records that it was extended with (--restore)\n",
        options_.ima_pcr);
  }
  return {};
}

Result<void> ListPcrs::start_soft(digest::PcrState restored) {
  // No TPM carried the PCR values through the kexec, so only the restored records tell them.
  digest::PcrState state = std::move(restored);
  if (!options_.start_pcrs.empty()) {
    state = digest::PcrState(banks_);
    IMAKEEP_CHECK(set_pcrs(state, options_.start_pcrs, options_.ima_pcr));
  }
  extended_ = state.touched_pcrs();
  pcrs_ = std::make_unique<tpm::SoftPcrBanks>(std::move(state));
  return {};
}

}  // namespace imakeep::pcrs
