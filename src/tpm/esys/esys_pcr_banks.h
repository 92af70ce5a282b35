// SPDX-License-Identifier: Apache-2.0
// tpm/esys/esys_pcr_banks.h - the PCRs of a TPM 2.0, through tpm2-tss's ESYS over any TCTI.
//
// The banks are those that the TPM has allocated, as TPM2_GetCapability(TPM_CAP_PCRS) lists them. A bank without a PCR
// does not count; Linux counts in the same way. This class leaves alone a bank whose algorithm imakeep does not know;
// Linux would extend it with padded sha1. A TPM reset between two calls goes unnoticed, as in Linux: the PCRs start
// again. Waits are bounded; see connection.h.
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
  // Opens the TPM that a TCTI string names. Errors: those of open_tcti(); kEnvironment if the TPM lacks a bank of
  // options.banks (the message lists its banks), has no bank that imakeep knows, or was not started; kIo if the TPM
  // fails.
  static Result<std::unique_ptr<EsysPcrBanks>> open(const std::string& tcti, const EsysOptions& options = {});
  // Uses a TCTI that is open already. `name` is for messages.
  static Result<std::unique_ptr<EsysPcrBanks>> open(Tcti tcti, const std::string& name,
                                                    const EsysOptions& options = {});
  // Shares an open connection with others. `name` is for messages. Empty `banks`: as in EsysOptions.
  static Result<std::unique_ptr<EsysPcrBanks>> on(std::shared_ptr<Connection> connection, std::string name,
                                                  const std::vector<digest::Bank>& banks = {});

  const std::vector<digest::Bank>& banks() const override { return banks_; }
  // Sends one TPM2_PCR_Extend for all banks.
  Result<void> extend(std::uint32_t pcr, std::span<const digest::Digest> digests) override;
  // kEnvironment for a PCR that is not allocated in every bank.
  Result<std::vector<digest::Digest>> read(std::uint32_t pcr) override;
  // Uses TPM2_ReadClock, whose counts are not obfuscated.
  Result<std::optional<ResetCounts>> reset_counts() override;

 private:
  EsysPcrBanks(std::string name, std::shared_ptr<Connection> connection)
      : name_(std::move(name)), connection_(std::move(connection)) {}
  static Result<std::unique_ptr<EsysPcrBanks>> start(std::string name, Connection::OpenTcti open,
                                                     const EsysOptions& options);
  Result<std::vector<digest::Bank>> allocated_banks();

  const std::string name_;
  const std::shared_ptr<Connection> connection_;
  std::vector<digest::Bank> banks_;  // const after open() has returned
};

}  // namespace imakeep::tpm
