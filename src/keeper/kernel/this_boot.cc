// SPDX-License-Identifier: Apache-2.0
#include "keeper/kernel/this_boot.h"

#include "keeper/kernel/kernel_ima_source.h"

namespace imakeep::keeper {

Result<bool> is_of_this_boot(archive::Archive& archive, archive::ChainId chain) {
  IMAKEEP_TRY(const auto& last, archive.host_chain());
  IMAKEEP_TRY(const auto& list, archive.list(chain));
  IMAKEEP_TRY(const auto& boot_id, keeper::KernelImaSource::boot_id_in(keeper::KernelImaSource::kBootIdFile));
  return last && last->chain == chain && list && !boot_id.empty() && list->boot_id == boot_id;
}

}  // namespace imakeep::keeper
