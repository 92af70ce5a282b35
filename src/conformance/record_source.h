// SPDX-License-Identifier: Apache-2.0
// conformance/record_source.h - adds records to the list under test.
//
// The checks cannot measure anything themselves. On Linux, a file must be read under a policy; for imakeep's own list,
// a command goes to its control socket. A call returns once the list shows its effect.
//
// Threads: called from one thread at a time, which is not always the same one.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "imalog/replay.h"

namespace imakeep::conformance {

// If a source does not support an operation, it returns kUnsupported, and checks that need it are skipped with its
// message.
class RecordSource {
 public:
  virtual ~RecordSource() = default;

  // Adds `records` records that this list never had. If the list refuses, the error has Linux's os_errno.
  virtual Result<void> add(std::uint64_t records) = 0;

  // Measures the last record of add() again, with the same template and data. Succeeds whether or not the list adds it.
  virtual Result<void> add_again() = 0;

  // Adds one violation.
  virtual Result<void> add_violation() {
    return fail(ErrorCode::kUnsupported, "the record source makes no violations");
  }

  // Returns the PCRs that IMA extends, in every bank. REQUIRES: nothing is measured between the last add and this call.
  virtual Result<std::vector<imalog::PcrValue>> pcrs() {
    return fail(ErrorCode::kUnsupported, "the record source knows no PCRs");
  }

  // Whether suspend() is supported. It stops measurement for good, as a reboot does.
  virtual bool can_suspend() const { return false; }
  virtual Result<void> suspend() { return fail(ErrorCode::kUnsupported, "the record source cannot suspend"); }
};

}  // namespace imakeep::conformance
