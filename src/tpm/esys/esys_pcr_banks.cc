// SPDX-License-Identifier: Apache-2.0
#include "tpm/esys/esys_pcr_banks.h"

#include <algorithm>

namespace imakeep::tpm {
namespace {

bool contains(const std::vector<digest::Bank>& banks, const digest::Bank& bank) {
  return std::find(banks.begin(), banks.end(), bank) != banks.end();
}

std::uint16_t tpm_alg(const digest::Bank& bank) {
  return digest::info(bank.algorithm).tpm_alg;
}

bool any_pcr(const TPMS_PCR_SELECTION& selection) {
  const auto* const end = selection.pcrSelect + std::min<std::size_t>(selection.sizeofSelect, TPM2_PCR_SELECT_MAX);
  return std::any_of(selection.pcrSelect, end, [](BYTE bits) { return bits != 0; });
}

bool selects(const TPMS_PCR_SELECTION& selection, std::uint32_t pcr) {
  return pcr / 8 < selection.sizeofSelect && (selection.pcrSelect[pcr / 8] >> (pcr % 8) & 1) != 0;
}

// Selects the PCR in each bank whose value is still missing.
TPML_PCR_SELECTION selection_of(const std::vector<digest::Bank>& banks, const std::vector<digest::Digest>& values,
                                std::uint32_t pcr) {
  TPML_PCR_SELECTION selection{};
  for (std::size_t i = 0; i < banks.size(); ++i) {
    if (values[i].size() != 0) continue;
    TPMS_PCR_SELECTION& bank = selection.pcrSelections[selection.count++];
    bank.hash = tpm_alg(banks[i]);
    bank.sizeofSelect = 3;  // 24 PCRs; a TPM refuses a shorter selection than its own
    bank.pcrSelect[pcr / 8] = static_cast<BYTE>(1u << (pcr % 8));
  }
  return selection;
}

struct PcrReadAnswer {
  EsysPtr<TPML_PCR_SELECTION> selection;
  EsysPtr<TPML_DIGEST> digests;
};

// Stores the values of the answer in `values`. Returns their count; empty if the answer contradicts itself.
std::optional<std::size_t> take_values(const PcrReadAnswer& answer, const std::vector<digest::Bank>& banks,
                                       std::uint32_t pcr, std::vector<digest::Digest>& values) {
  std::size_t taken = 0;
  for (std::size_t i = 0; i < answer.selection->count; ++i) {
    const TPMS_PCR_SELECTION& selected = answer.selection->pcrSelections[i];
    if (!selects(selected, pcr)) continue;
    const auto bank = std::find_if(banks.begin(), banks.end(),
                                   [&](const digest::Bank& known) { return tpm_alg(known) == selected.hash; });
    if (bank == banks.end() || taken >= answer.digests->count) return std::nullopt;
    const TPM2B_DIGEST& value = answer.digests->digests[taken];
    digest::Digest& slot = values[static_cast<std::size_t>(bank - banks.begin())];
    if (value.size != bank->digest_bytes() || slot.size() != 0) return std::nullopt;
    slot = digest::Digest(std::as_bytes(std::span(value.buffer, value.size)));
    ++taken;
  }
  if (taken != answer.digests->count) return std::nullopt;
  return taken;
}

}  // namespace

Result<std::unique_ptr<EsysPcrBanks>> EsysPcrBanks::open(const std::string& tcti, const EsysOptions& options) {
  return start(
      tcti, [tcti] { return open_tcti(tcti); }, options);
}

Result<std::unique_ptr<EsysPcrBanks>> EsysPcrBanks::open(Tcti tcti, const std::string& name,
                                                         const EsysOptions& options) {
  return start(
      name, [tcti = std::move(tcti)]() -> Result<Tcti> { return tcti; }, options);
}

Result<std::unique_ptr<EsysPcrBanks>> EsysPcrBanks::start(std::string name, Connection::OpenTcti open,
                                                          const EsysOptions& options) {
  IMAKEEP_TRY(auto connection, Connection::open(std::move(open), options.answer_limit));
  return on(std::move(connection), std::move(name), options.banks);
}

Result<std::unique_ptr<EsysPcrBanks>> EsysPcrBanks::on(std::shared_ptr<Connection> connection, std::string name,
                                                       const std::vector<digest::Bank>& banks) {
  std::unique_ptr<EsysPcrBanks> pcrs(new EsysPcrBanks(std::move(name), std::move(connection)));
  IMAKEEP_TRY(const auto& allocated, pcrs->allocated_banks());
  const std::string has = allocated.empty() ? "none that imakeep knows" : digest::bank_names(allocated);
  if (allocated.empty())
    return fail(ErrorCode::kEnvironment, "the TPM at " + pcrs->name_ + " has PCR banks, but " + has);
  for (const digest::Bank& bank : banks) {
    if (contains(allocated, bank)) continue;
    return fail(ErrorCode::kEnvironment,
                "the TPM at " + pcrs->name_ + " has no PCR bank " + bank.name() + "; name banks it has: " + has);
  }
  pcrs->banks_ = banks.empty() ? allocated : banks;
  return pcrs;
}

Result<std::vector<digest::Bank>> EsysPcrBanks::allocated_banks() {
  auto answer = std::make_shared<EsysPtr<TPMS_CAPABILITY_DATA>>();
  IMAKEEP_CHECK(connection_->run("asking the TPM for its PCR banks", [answer](ESYS_CONTEXT* esys) {
    TPMI_YES_NO more = 0;
    TPMS_CAPABILITY_DATA* data = nullptr;
    const TSS2_RC rc =
        Esys_GetCapability(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_PCRS, 0, 1, &more, &data);
    answer->reset(data);
    return rc;
  }));
  const TPML_PCR_SELECTION& allocation = (*answer)->data.assignedPCR;
  std::vector<digest::Bank> banks;
  for (std::size_t i = 0; i < allocation.count; ++i) {
    if (!any_pcr(allocation.pcrSelections[i])) continue;
    const auto bank = digest::bank_from_tpm_alg(allocation.pcrSelections[i].hash);
    if (bank && !contains(banks, *bank)) banks.push_back(*bank);
  }
  return banks;
}

Result<void> EsysPcrBanks::extend(std::uint32_t pcr, std::span<const digest::Digest> digests) {
  IMAKEEP_CHECK(check_pcr(pcr));
  IMAKEEP_CHECK(check_digests(banks_, digests));
  TPML_DIGEST_VALUES values{};
  for (std::size_t i = 0; i < banks_.size(); ++i) {
    TPMT_HA& value = values.digests[values.count++];
    value.hashAlg = tpm_alg(banks_[i]);
    std::memcpy(&value.digest, digests[i].view().data(), digests[i].size());
  }
  return connection_->run("extending PCR " + std::to_string(pcr), [values, pcr](ESYS_CONTEXT* esys) {
    return Esys_PCR_Extend(esys, ESYS_TR_PCR0 + pcr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &values);
  });
}

Result<std::vector<digest::Digest>> EsysPcrBanks::read(std::uint32_t pcr) {
  IMAKEEP_CHECK(check_pcr(pcr));
  const std::string doing = "reading PCR " + std::to_string(pcr);
  std::vector<digest::Digest> values(banks_.size());
  // A TPM returns only as many digests as its buffer holds, at most eight. So ask again for the missing ones.
  for (TPML_PCR_SELECTION wanted = selection_of(banks_, values, pcr); wanted.count > 0;
       wanted = selection_of(banks_, values, pcr)) {
    auto answer = std::make_shared<PcrReadAnswer>();
    IMAKEEP_CHECK(connection_->run(doing, [answer, wanted](ESYS_CONTEXT* esys) {
      UINT32 update_counter = 0;
      TPML_PCR_SELECTION* selection = nullptr;
      TPML_DIGEST* digests = nullptr;
      const TSS2_RC rc =
          Esys_PCR_Read(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &wanted, &update_counter, &selection, &digests);
      answer->selection.reset(selection);
      answer->digests.reset(digests);
      return rc;
    }));
    const auto taken = take_values(*answer, banks_, pcr, values);
    if (!taken) return fail(ErrorCode::kIo, doing + ": the TPM's answer names other PCRs or digests than requested");
    if (*taken == 0) {
      return fail(ErrorCode::kEnvironment, doing + ": the TPM at " + name_ + " has not allocated it in every bank of " +
                                               digest::bank_names(banks_) + "; leave out the bank that lacks it");
    }
  }
  return values;
}

Result<std::optional<ResetCounts>> EsysPcrBanks::reset_counts() {
  auto answer = std::make_shared<EsysPtr<TPMS_TIME_INFO>>();
  IMAKEEP_CHECK(connection_->run("reading the TPM's clock", [answer](ESYS_CONTEXT* esys) {
    TPMS_TIME_INFO* time = nullptr;
    const TSS2_RC rc = Esys_ReadClock(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &time);
    answer->reset(time);
    return rc;
  }));
  const TPMS_CLOCK_INFO& clock = (*answer)->clockInfo;
  return ResetCounts{.resets = clock.resetCount, .restarts = clock.restartCount};
}

}  // namespace imakeep::tpm
