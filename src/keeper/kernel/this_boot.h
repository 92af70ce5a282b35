// SPDX-License-Identifier: Apache-2.0
// keeper/kernel/this_boot.h - tells which chain of an archive belongs to the running kernel. Threads: no shared state.
#pragma once

#include "archive/archive.h"

namespace imakeep::keeper {

// Whether a keeper last saw the chain in this boot, so that the view shows it. Errors: the archive's, and kEnvironment
// if the boot ID cannot be read.
Result<bool> is_of_this_boot(archive::Archive& archive, archive::ChainId chain);

}  // namespace imakeep::keeper
