// SPDX-License-Identifier: Apache-2.0
#include "keeper/kernel/this_boot.h"

#include "keeper/kernel/kernel_ima_source.h"

namespace imakeep::keeper {

Result<bool> is_of_this_boot(archive::Archive& archive, std::uint64_t chain) {
  const auto last = archive.host_chain();
  if (!last) return unexpected(last.error());
  const auto list = archive.list(chain);
  if (!list) return unexpected(list.error());
  const auto boot_id = keeper::KernelImaSource::boot_id_in(keeper::KernelImaSource::kBootIdFile);
  if (!boot_id) return unexpected(boot_id.error());
  return *last && (*last)->chain == chain && *list && !boot_id->empty() && (*list)->boot_id == *boot_id;
}

}  // namespace imakeep::keeper
