// conformance/record_source.h - what makes records appear in the list under test.
//
// The checks cannot measure anything themselves: on Linux a file must be read under a policy, on imakeep's own list a
// command goes to its control socket. Calls return when the list shows what they did.
//
// Threads: called from one thread at a time, which is not always the same one.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "imalog/replay.h"

namespace imakeep::conformance {

// What a record source does not offer is kUnsupported, and the checks that need it are skipped with its message.
class RecordSource {
 public:
  virtual ~RecordSource() = default;

  // Makes `records` records that this list never had. A list that refuses is an error with Linux's os_errno.
  virtual Result<void> add(std::uint64_t records) = 0;

  // Measures the last record of add() once more: same template, same data, whether the list takes it or not.
  virtual Result<void> add_again() = 0;

  // Makes one violation.
  virtual Result<void> add_violation() {
    return fail(ErrorCode::kUnsupported, "the record source makes no violations");
  }

  // The PCRs that IMA extends, in every bank. Nothing is measured between the last add and this.
  virtual Result<std::vector<imalog::PcrValue>> pcrs() {
    return fail(ErrorCode::kUnsupported, "the record source knows no PCRs");
  }

  // Whether suspend() can be called: it stops measuring for good, as a reboot does.
  virtual bool can_suspend() const { return false; }
  virtual Result<void> suspend() { return fail(ErrorCode::kUnsupported, "the record source cannot suspend"); }
};

}  // namespace imakeep::conformance
