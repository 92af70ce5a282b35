// keep_pcrs.h - the PCRs that prove a list, as --pcrs names them. Threads: no shared state.
#pragma once

#include <memory>
#include <string>

#include "keeper/keeper.h"
#include "tpm/pcr_banks.h"

namespace imakeep::app {

inline constexpr const char* kPcrSpecHelp =
    "PCRs that prove the records: auto (this machine's TPM), sysfs, sysfs:DIR, tcti:TCTI, memory:SOCK (of `list "
    "serve`), "
    "none (default: auto)";

// kUsage for what is none of these.
Result<void> check_pcr_spec(const std::string& spec);

struct KeepPcrs {
  std::unique_ptr<tpm::PcrBanks> banks;                   // null for "none"
  keeper::TableMode table = keeper::TableMode::kUnknown;  // of the list they belong to, where they tell
};

// Errors: check_pcr_spec()'s, and those of the one that was named.
Result<KeepPcrs> open_keep_pcrs(const std::string& spec);

}  // namespace imakeep::app
