// list_pcrs.h - the PCRs that a served list extends: those of a TPM, or its own in memory.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "mlist/measurement_list.h"
#include "tpm/pcr_banks.h"

namespace imakeep::app {

struct ListPcrsOptions {
  std::optional<std::string> tcti;  // the TPM; without: in memory
  std::string banks;                // their names; empty: all that the TPM has, or kSoftBanks in memory
  std::string start_pcrs;           // file of the values to start with; in memory only
  std::uint32_t ima_pcr = 10;
};

class ListPcrs {
 public:
  static constexpr const char* kSoftBanks = "sha1,sha256";

  // Connects to the TPM, if there is to be one. kUsage for banks that nobody knows; otherwise EsysPcrBanks::open()'s.
  static Result<ListPcrs> open(ListPcrsOptions options);

  // The banks that the list extends. Linux shows files of sha1 besides, whatever the TPM has; so does MeasurementList.
  const std::vector<digest::Bank>& banks() const { return banks_; }

  // Makes the PCRs ready for what is added to `list`, which holds the restored records and no others. In memory they
  // start where options.start_pcrs or the restored records left them. A TPM stays as it is; when its IMA PCR cannot fit
  // the list a line on standard error says so.
  Result<void> start(const mlist::MeasurementList& list);

  // After start().
  tpm::PcrBanks& pcrs() { return *pcrs_; }
  std::uint32_t extended() const { return extended_; }  // PCRs that are not as a reset leaves them, a bit each

 private:
  explicit ListPcrs(ListPcrsOptions options) : options_(std::move(options)) {}
  Result<void> start_tpm(const digest::PcrState& restored, bool any_restored);
  Result<void> start_soft(digest::PcrState restored);

  ListPcrsOptions options_;
  std::vector<digest::Bank> banks_;
  std::unique_ptr<tpm::PcrBanks> pcrs_;  // null in memory before start()
  std::uint32_t extended_ = 0;
};

}  // namespace imakeep::app
