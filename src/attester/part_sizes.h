// SPDX-License-Identifier: Apache-2.0
// attester/part_sizes.h - how many records go into each part of a long increment.
//
// Evidence counts its records in front, and a verifier limits the records and the bytes of one request. So where the
// bytes may be too many, the records are read once before they are sent. Threads: no shared state.
#pragma once

#include <vector>

#include "attester/records.h"

namespace imakeep::attester {

struct PartLimits {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  // evidence::record_bytes() of all records of a part
};

// Whether the records may be more than one part takes. Only an estimate of their bytes: most records are short.
bool may_need_parts(std::uint64_t records, const PartLimits& limits);

// The counts of the parts, in order; their sum is records.count(). Reads the records, so they have to be opened again.
// kUnsupported if a single record is beyond the limits; errors of the log; kMalformed if it has fewer records.
Result<std::vector<std::uint64_t>> part_sizes(Records& records, const PartLimits& limits);

}  // namespace imakeep::attester
