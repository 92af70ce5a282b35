// tpm/esys/esys_pcr_banks.h - the PCRs of a TPM 2.0, by tpm2-tss's ESYS over any TCTI.
//
// Banks are those the TPM has allocated, as TPM2_GetCapability(TPM_CAP_PCRS) lists them: a bank without a single PCR is
// none, which is how Linux counts too. A bank of an algorithm that imakeep does not know is left alone, where Linux
// would extend it with padded sha1. Nothing notices a TPM that is reset between two calls, as Linux notices none: its
// PCRs start anew. Waits are bounded; see connection.h.
// Source: tpm2_get_pcr_allocation() and tpm2_pcr_extend() in drivers/char/tpm/tpm2-cmd.c of Linux 7.3; TPM 2.0 Library,
// part 3, sections 22.2 (TPM2_PCR_Extend), 22.4 (TPM2_PCR_Read) and 30.2 (TPM2_GetCapability).
// Threads: safe from any thread.
#pragma once

#include "tpm/esys/connection.h"
#include "tpm/pcr_banks.h"

namespace imakeep::tpm {

struct EsysOptions {
  std::vector<digest::Bank> banks = {};  // empty: every bank that the TPM has and imakeep knows
  std::chrono::milliseconds answer_limit{30'000};
};

class EsysPcrBanks : public PcrBanks {
 public:
  // Opens the TPM that a TCTI string names. Errors: open_tcti()'s; kEnvironment when the TPM lacks a bank of
  // options.banks (the message says which it has), has none that imakeep knows, or was not started; kIo when it fails.
  static Result<std::unique_ptr<EsysPcrBanks>> open(const std::string& tcti, const EsysOptions& options = {});
  // Over a TCTI that was opened already. `name` is for messages.
  static Result<std::unique_ptr<EsysPcrBanks>> open(Tcti tcti, const std::string& name,
                                                    const EsysOptions& options = {});

  const std::vector<digest::Bank>& banks() const override { return banks_; }
  // One TPM2_PCR_Extend for all banks.
  Result<void> extend(std::uint32_t pcr, std::span<const digest::Digest> digests) override;
  // kEnvironment for a PCR that is not allocated in every bank.
  Result<std::vector<digest::Digest>> read(std::uint32_t pcr) override;

 private:
  EsysPcrBanks(std::string name, std::unique_ptr<Connection> connection)
      : name_(std::move(name)), connection_(std::move(connection)) {}
  static Result<std::unique_ptr<EsysPcrBanks>> start(std::string name, Connection::OpenTcti open,
                                                     const EsysOptions& options);
  Result<std::vector<digest::Bank>> allocated_banks();

  const std::string name_;
  const std::unique_ptr<Connection> connection_;
  std::vector<digest::Bank> banks_;  // const once open() has returned
};

}  // namespace imakeep::tpm
