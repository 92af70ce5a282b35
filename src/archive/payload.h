// SPDX-License-Identifier: Apache-2.0
// archive/payload.h - reads a segment's records from the store. Threads: as Store.
#pragma once

#include "archive/segment.h"
#include "archive/store.h"

namespace imakeep::archive {

// The segment's data, decompressed. Errors: the store's (kUsage: no segment begins there any more, because a writer has
// merged it into another one), and kMalformed if the data are not a segment's.
Result<Bytes> read_payload(Store& store, const SegmentRow& row);

}  // namespace imakeep::archive
