// SPDX-License-Identifier: Apache-2.0
// base/signal_descriptor.h - signals that a process receives through a descriptor. Threads: any.
#pragma once

#include <initializer_list>

#include "base/file.h"

namespace imakeep {

// Blocks the signals for this thread and for threads that it starts later, so call this before any thread starts.
// Returns a signalfd(2) for them, which does not block. kEnvironment if the kernel refuses.
Result<UniqueFd> signal_descriptor(std::initializer_list<int> signals);

}  // namespace imakeep
