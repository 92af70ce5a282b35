// SPDX-License-Identifier: Apache-2.0
// evidence/pcr_map.h - PCR values as a CBOR map: {bank => {PCR => value}}. Internal to src/evidence.
// Threads: no shared state.
#pragma once

#include <vector>

#include "base/result.h"
#include "imalog/replay.h"

namespace imakeep::evidence {

// kMalformed, as "WHAT: PCR 3 of bank sha1 ...": a PCR above 23 or twice, or a value that has not its bank's size.
Result<void> check_pcrs(const std::vector<imalog::PcrValue>& pcrs, const std::string& what);

// Appends the map, in the order of banks and PCRs. REQUIRES: check_pcrs().
void put_pcrs(Bytes& out, std::vector<imalog::PcrValue> pcrs);

}  // namespace imakeep::evidence
