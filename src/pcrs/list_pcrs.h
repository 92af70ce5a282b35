// SPDX-License-Identifier: Apache-2.0
// pcrs/list_pcrs.h - the PCRs that a served list extends: those of a TPM, or PCRs in memory.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mlist/measurement_list.h"
#include "tpm/pcr_banks.h"

namespace imakeep::pcrs {

struct ListPcrsOptions {
  std::optional<std::string> tcti;  // the TPM; if not set, PCRs in memory
  std::string banks;                // names; empty: all banks of the TPM, or kSoftBanks in memory
  std::vector<std::string> extend;  // ALG=HOW: banks with another fill than the usual one
  std::string start_pcrs;           // file with the start values; in memory only
  std::uint32_t ima_pcr = 10;
};

class ListPcrs {
 public:
  static constexpr const char* kSoftBanks = "sha1,sha256";

  // Connects to the TPM if the options name one. kUsage for unknown banks; otherwise the errors of
  // EsysPcrBanks::open().
  static Result<ListPcrs> open(ListPcrsOptions options);

  // The banks that the list extends, with the fills of options.extend. Linux also shows sha1 files whether or not the
  // TPM has that bank, and so does MeasurementList.
  const std::vector<digest::Bank>& banks() const { return banks_; }

  // Prepares the PCRs for new records of `list`, which must hold only the restored records. PCRs in memory start with
  // the values of options.start_pcrs, or else with the replay of the restored records. A TPM is not changed. If its IMA
  // PCR cannot match the list, a line on standard error says so.
  Result<void> start(const mlist::MeasurementList& list);

  // REQUIRES: start() was called.
  tpm::PcrBanks& pcrs() { return *pcrs_; }
  std::uint32_t extended() const { return extended_; }  // bit P: PCR P does not have its reset value

 private:
  explicit ListPcrs(ListPcrsOptions options) : options_(std::move(options)) {}
  Result<void> start_tpm(const digest::PcrState& restored, bool any_restored);
  Result<void> start_soft(digest::PcrState restored);

  ListPcrsOptions options_;
  std::vector<digest::Bank> banks_;
  std::unique_ptr<tpm::PcrBanks> pcrs_;  // in memory: null before start()
  std::uint32_t extended_ = 0;
};

}  // namespace imakeep::pcrs
