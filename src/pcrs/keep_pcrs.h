// SPDX-License-Identifier: Apache-2.0
// pcrs/keep_pcrs.h - opens the PCRs that prove a list, as --pcrs names them. Threads: no shared state.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "keeper/keeper.h"
#include "tpm/pcr_banks.h"

namespace imakeep::pcrs {

inline constexpr const char* kPcrSpecHelp =
    "PCRs that prove the records: auto (this machine's TPM), sysfs, sysfs:DIR, tcti:TCTI, memory:SOCK (of "
    "`list serve`), none (default: auto)";

// kUsage if `spec` has none of the forms that kPcrSpecHelp names.
Result<void> check_pcr_spec(const std::string& spec);

struct KeepPcrs {
  std::unique_ptr<tpm::PcrBanks> banks;                   // null for "none"; reconnects by itself
  keeper::TableMode table = keeper::TableMode::kUnknown;  // of the PCRs' list, if they tell it
};

// Keeps a reference to `clock`. Errors: those of check_pcr_spec(), and those of opening the named PCRs.
Result<KeepPcrs> open_keep_pcrs(const std::string& spec, Clock& clock);

}  // namespace imakeep::pcrs
