// SPDX-License-Identifier: Apache-2.0
// attester/records.h - the records that a host sends to a verifier: the end of its chain, from a given number on.
//
// The records come from the archive, or from lists that hold the whole chain: the kernel's own if nobody trimmed it, or
// the view. How many there are is known before the first is read, because evidence counts its records in front.
// Threads: one thread at a time uses an object.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "attest/log_source.h"

namespace imakeep::attester {

struct Records {
  std::unique_ptr<attest::LogSource> log;  // its next() gives the records from number `first` on
  std::uint64_t first = 0;
  std::uint64_t end = 0;         // the number after the last one; what the log has after it is not of these records
  std::uint32_t named_pcrs = 0;  // bit P: a record of the chain before `end` names PCR P
  ByteOrder order = kHostOrder;  // of the numbers within the records' data
  std::optional<std::uint64_t> chain = std::nullopt;  // of the archive
  std::string source = {};                            // for messages

  std::uint64_t count() const { return end - first; }
};

// Opens the records of the host's chain from number `first` on, as many as there are now. Errors: kMismatch if the
// chain does not reach `first`, or no longer has that record; those of opening and reading.
using OpenRecords = std::function<Result<Records>(std::uint64_t first)>;

// The last chain that a keeper took from this host's list. kUsage if the archive has none.
OpenRecords records_of_archive(std::string path);

// The lists of an IMA directory: the staged one, then the current one. Reads all of them at each call.
OpenRecords records_of_lists(std::string directory);

}  // namespace imakeep::attester
