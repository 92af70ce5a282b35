// SPDX-License-Identifier: Apache-2.0
// control/list_check.h - checks whether a binary list may be added to a measurement list unchanged.
// Threads: no shared state.
#pragma once

#include <vector>

#include "digest/bank.h"
#include "imalog/list_reader.h"

namespace imakeep::control {

// Decodes and checks the records of a list in byte order `order` with digests of `bank`. Each record must decode, its
// digest must match its data, and its data must split into its template's fields. The views point into `list`. Errors
// name record and offset: those of ListReader; kMismatch for a digest; kMalformed for fields.
Result<std::vector<imalog::RecordContentView>> check_list(ByteView list, const digest::Bank& bank,
                                                          ByteOrder order = kHostOrder);

}  // namespace imakeep::control
