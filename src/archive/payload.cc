// SPDX-License-Identifier: Apache-2.0
#include "archive/payload.h"

namespace imakeep::archive {

Result<Bytes> read_payload(Store& store, const SegmentRow& row) {
  IMAKEEP_TRY(const auto& data, store.segment_data(row.chain, row.first));
  return decompress(data);
}

}  // namespace imakeep::archive
