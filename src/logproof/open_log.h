// SPDX-License-Identifier: Apache-2.0
// logproof/open_log.h - opens the log that options name: lists, or a chain of an archive.
// Threads: one thread at a time uses an OpenLog.
#pragma once

#include <memory>

#include "logproof/evidence.h"
#include "output/archive_log.h"

namespace imakeep::logproof {

struct OpenLog {
  std::unique_ptr<attest::LogSource> log;
  std::optional<archive::ChainId> chain = std::nullopt;     // of an archive
  std::uint64_t first = 0;                                  // number of the log's first record
  std::vector<output::UnprovenRange> ranges = {};           // record numbers in the chain
  std::optional<attest::ReplayLimit> limit = std::nullopt;  // counts from the log's first record
};

// `spool_folder` takes copies of lists that can be read only once. Errors: kUsage unless the options name either lists
// or an archive; those of ArchiveLog::open() and check_distinct().
Result<OpenLog> open_log(const ProofOptions& options, std::string spool_folder);

}  // namespace imakeep::logproof
