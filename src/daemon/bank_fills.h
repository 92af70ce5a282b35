// SPDX-License-Identifier: Apache-2.0
// daemon/bank_fills.h - finds out how the running kernel extends the banks of its list, so that the keeper compares
// accordingly.
//
// A chain stores its banks with their fills ("sha256:padded-short"), so a result stays with the chain. If the list was
// trimmed and no longer tells the fills, the keeper takes them from the chain. A bank that the kernel invalidated
// proves nothing and is left out. Threads: no shared state.
#pragma once

#include <vector>

#include "archive/archive.h"
#include "keeper/kernel/kernel_ima_source.h"
#include "tpm/pcr_banks.h"

namespace imakeep::daemon {

// Returns the banks of the source's list, each with the fill that the kernel uses. The first of these that knows a fill
// decides: the archive's chain of this boot, the list together with the PCRs, the archive's last chain, the usual fill.
// If the list is needed, the function reads it through files of its own. Errors: the archive's, and
// keeper::is_of_this_boot()'s.
Result<std::vector<digest::Bank>> banks_as_extended(const keeper::KernelImaSource& source, tpm::PcrBanks& pcrs,
                                                    archive::Archive& archive);

// Returns the list's banks with the fills that the chain's banks have. Leaves out banks that the kernel invalidated,
// unless no other bank is left.
std::vector<digest::Bank> telling_banks(std::vector<digest::Bank> banks, const std::vector<digest::Bank>& chain_banks);

}  // namespace imakeep::daemon
