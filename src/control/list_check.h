// control/list_check.h - whether a binary list may be added to a measurement list as it is.
// Threads: no shared state.
#pragma once

#include <vector>

#include "digest/bank.h"
#include "imalog/list_reader.h"

namespace imakeep::control {

// The records of a list in host order whose digests are those of `bank`, each checked: it decodes, its digest fits its
// data, its data splits into its template's fields. The views point into `list`. Errors name record and offset:
// those of ListReader, kMismatch for a digest, kMalformed for fields.
Result<std::vector<imalog::RecordContentView>> check_list(ByteView list, const digest::Bank& bank);

}  // namespace imakeep::control
