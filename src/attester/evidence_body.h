// SPDX-License-Identifier: Apache-2.0
// attester/evidence_body.h - evidence as the body of a request: records are read while the body is sent, so that an
// increment of any length takes the same memory.
// Threads: one thread at a time uses a source.
#pragma once

#include "attester/records.h"
#include "evidence/evidence.h"
#include "http/client.h"

namespace imakeep::attester {

// Takes the next header.count records, which begin with number header.first. `records` must outlive the source. Errors
// of the source: those of EvidenceWriter and of the log; kMalformed if the log has fewer records than `records` counts.
Result<http::BodySource> evidence_body(const evidence::EvidenceHeader& header, Records& records);

}  // namespace imakeep::attester
