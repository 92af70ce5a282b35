// SPDX-License-Identifier: Apache-2.0
// logappraisal/saved_finding.h - a kept finding as bytes: the form is in log_appraisal.h. Internal to src/logappraisal.
// Threads: no shared state.
#pragma once

#include "base/byte_reader.h"
#include "logappraisal/log_appraisal.h"

namespace imakeep::logappraisal {

// How many bytes append_finding() writes.
std::size_t saved_bytes(const appraisal::Finding& finding);
void append_finding(Bytes& out, const KeptFinding& kept);
// kTruncated, and kMalformed for bytes that append_finding() does not write.
Result<KeptFinding> take_finding(ByteReader& reader);

// The error for bytes that save() does not write.
tl::unexpected<Error> damaged_appraisal(const std::string& what);

}  // namespace imakeep::logappraisal
