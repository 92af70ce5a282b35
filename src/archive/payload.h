// archive/payload.h - a segment's records, out of the store. Threads: as Store.
#pragma once

#include "archive/segment.h"
#include "archive/store.h"

namespace imakeep::archive {

// The segment's data, decompressed. Errors: the store's (kUsage: a writer gathered the segment into another meanwhile),
// and kMalformed for data that are no segment's.
Result<Bytes> read_payload(Store& store, const SegmentRow& row);

}  // namespace imakeep::archive
