// SPDX-License-Identifier: Apache-2.0
// keeper/observation.h - a list, and the values that the keeper reads together with it.
// Threads: no shared state.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "digest/pcr_state.h"
#include "imalog/replay.h"
#include "keeper/list_stream.h"
#include "keeper/locate.h"
#include "tpm/pcr_banks.h"

namespace imakeep::keeper {

// The values that the keeper reads together with a list, under a hold that lets no other task delete from the list.
struct Evidence {
  std::vector<imalog::PcrValue> pcrs;  // of the banks that are compared; empty without a TPM
  std::uint64_t count_before = 0;      // records in the stream's last part before the PCRs were read
  std::uint64_t count_after = 0;       // and after the PCRs were read
  std::uint32_t unread = 0;            // PCRs that records name but that could not be read: bit P is PCR P
  std::string why_unread = {};         // the error of the first of them
  std::optional<tpm::ResetCounts> resets = std::nullopt;  // the TPM's counts, if it has them
  bool settled = false;                                   // nothing changed for so long that no extend is in flight
};

// The prefixes of the list that the PCRs may match. `records_before_last` is the count of records in the stream's parts
// before the last.
//
// The known records may not have been re-read. If somebody deleted them, the counts are lower, and `most` excludes a
// match.
inline Window window_of(const Evidence& evidence, std::uint64_t records_before_last) {
  return {.least = records_before_last + evidence.count_before,
          .most = records_before_last + evidence.count_after,
          .may_be_in_flight = evidence.count_before > 0,
          .settled = evidence.settled};
}

// The input of place(). Borrows everything.
struct ObservationView {
  ListStream& stream;  // may be at any position
  const Evidence& evidence;
  const digest::PcrState& start;  // of a chain that begins with this list: its banks, and the values before it
  const digest::Bank& shown;      // of the digests in the list
  const std::string& boot_id;     // the running kernel's; empty if unknown

  bool with_pcrs() const { return !evidence.pcrs.empty(); }
  // REQUIRES: the stream was read to its end.
  Window window() const { return window_of(evidence, stream.records_before_last()); }
};

}  // namespace imakeep::keeper
