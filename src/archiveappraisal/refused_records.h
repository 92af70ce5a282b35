// SPDX-License-Identifier: Apache-2.0
// archiveappraisal/refused_records.h - passes the records of an archive that a policy refuses: `imakeep log query
// --refused`. Threads: one thread at a time uses an object.
#pragma once

#include "appraisal/appraiser.h"
#include "logappraisal/inputs.h"
#include "query/walk.h"

namespace imakeep::archiveappraisal {

class RefusedRecords : public query::RecordFilter {
 public:
  // `keys` may sign files, besides those of the policy. Both must outlive the object.
  RefusedRecords(const logappraisal::LoadedPolicy& policy, policy::Mode mode, const signature::Keyrings* keys)
      : policy_(policy), mode_(mode), keys_(keys) {}

  // Each chain is judged with the keys that its own records add. Errors: those of Appraiser::make(), with the policy's
  // file.
  Result<void> begin(const archive::Chain& chain) override;
  bool passes(const archive::NumberedRecord& record) override;

 private:
  const logappraisal::LoadedPolicy& policy_;
  const policy::Mode mode_;
  const signature::Keyrings* const keys_;
  std::optional<appraisal::Appraiser> appraiser_;  // of the chain
  digest::Bank bank_;                              // the chain's first
  ByteOrder order_ = kHostOrder;
};

}  // namespace imakeep::archiveappraisal
