// SPDX-License-Identifier: Apache-2.0
// appraisal/file_rules.h - judges the record of a file, of a violation and of a boot aggregate, in mode strict.
//
// Order for a file: required signatures, excludes, digests of the path, digests at any path, signatures. A required
// signature counts for excluded files too. Internal to src/appraisal. Threads: no shared state.
#pragma once

#include "appraisal/judgement.h"
#include "appraisal/record_fields.h"

namespace imakeep::appraisal {

struct FileRecord {
  std::uint64_t number = 0;
  const RecordFields& fields;
  const signature::FileDigestView& digest;
  ByteOrder order = kHostOrder;
};

Judgement judge_file(const Grounds& by, const FileRecord& file);

// PCR values, where they are given in the record's bank, decide that the aggregate is that of this boot. The policy's
// aggregates, if it has any, then say whether this boot is accepted.
Judgement judge_boot_aggregate(const Grounds& by, const FileRecord& file);

// No PCR covers what a violation's record says, so only its path is judged.
Judgement judge_violation(const Grounds& by, std::string_view path);

}  // namespace imakeep::appraisal
