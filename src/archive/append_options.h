// SPDX-License-Identifier: Apache-2.0
// archive/append_options.h - writes the rows that belong into the same transaction as records. Threads: as Store.
#pragma once

#include "archive/archive.h"

namespace imakeep::archive {

// `chain` is the chain after the records. The call may change its start and its PCRs; the caller writes its row.
// REQUIRES: the caller has begun a transaction. Errors: the store's, and kUsage as in Archive::append().
Result<void> put_append_options(Store& store, Chain& chain, const AppendOptions& options);

}  // namespace imakeep::archive
