// SPDX-License-Identifier: Apache-2.0
// archive/chain_id.h - the number of a chain in its archive: 1, 2, ... in the order in which the chains were begun.
// Threads: values.
#pragma once

#include "base/number.h"

namespace imakeep::archive {

using ChainId = Number<struct ChainIdTag>;

// The number that no chain has.
inline constexpr ChainId kNoChain;

}  // namespace imakeep::archive
