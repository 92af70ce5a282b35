// archive/beside.h - puts what goes into the same transaction as records. Threads: as Store.
#pragma once

#include "archive/archive.h"

namespace imakeep::archive {

// `chain` is as it is behind the records; what is put may change its start and its PCRs. Within a transaction of the
// caller's. Errors: the store's, and kUsage as Archive::append() says.
Result<void> put_beside(Store& store, Chain& chain, const Beside& beside);

}  // namespace imakeep::archive
