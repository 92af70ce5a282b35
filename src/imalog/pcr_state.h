// SPDX-License-Identifier: Apache-2.0
// imalog/pcr_state.h - the effect of a record on the PCRs.
//
// Source: ima_pcr_extend() in security/integrity/ima/ima_queue.c. Threads: no shared state.
#pragma once

#include "digest/pcr_state.h"
#include "imalog/template_digest.h"

namespace imakeep::imalog {

using digest::PcrState;

// Extends one record into every bank.
void extend(PcrState& state, const RecordContentView& content);

}  // namespace imakeep::imalog
