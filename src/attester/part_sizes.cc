// SPDX-License-Identifier: Apache-2.0
#include "attester/part_sizes.h"

#include "evidence/evidence.h"

namespace imakeep::attester {

bool may_need_parts(std::uint64_t records, const PartLimits& limits) {
  constexpr std::uint64_t kLongRecordBytes = 4096;
  return records > limits.records || records > limits.bytes / kLongRecordBytes;
}

Result<std::vector<std::uint64_t>> part_sizes(Records& records, const PartLimits& limits) {
  std::vector<std::uint64_t> sizes{0};
  std::uint64_t bytes = 0;
  for (std::uint64_t left = records.count(); left > 0; --left) {
    IMAKEEP_TRY(const auto record, records.log->next());
    if (!record) {
      return fail(ErrorCode::kMalformed, records.source + " has " + std::to_string(left) +
                                             " records fewer than it counted; if it is an archive, look at it with "
                                             "`imakeep log --check`");
    }
    const std::uint64_t more = evidence::record_bytes(record->content);
    if (more > limits.bytes || limits.records == 0) {
      return fail(ErrorCode::kUnsupported, "record " + std::to_string(records.end - left) + " of " + records.source +
                                               " has " + std::to_string(more) + " bytes, and the verifier takes " +
                                               std::to_string(limits.bytes) + " at once; raise its limits");
    }
    if (sizes.back() == limits.records || more > limits.bytes - bytes) {
      sizes.push_back(0);
      bytes = 0;
    }
    ++sizes.back();
    bytes += more;
  }
  return sizes;
}

}  // namespace imakeep::attester
