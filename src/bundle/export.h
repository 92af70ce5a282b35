// SPDX-License-Identifier: Apache-2.0
// bundle/export.h - writes a chain of an archive, with the quotes that were kept of it, as an evidence bundle.
// Threads: one thread.
#pragma once

#include <functional>

#include "evidence/bundle.h"
#include "output/archive_log.h"

namespace imakeep::bundle {

// What a bundle says besides the chain.
struct BundleFacts {
  std::string host;
  std::int64_t made_unix_s = 0;
  Bytes ek_certificate = {};  // DER; empty: not known
};

struct Exported {
  std::uint64_t chain = 0;
  std::uint64_t records = 0;
  std::uint64_t quotes = 0;
  std::uint64_t covered = 0;  // the records before this one are said to be proven by one of the quotes
};

// Hands the bundle to the sink piece by piece; the records are read while it is written. Errors: kMismatch if records
// of the chain were retired, since the rest proves nothing from number 0 on; those of reading the archive, of
// BundleWriter and of the sink.
Result<Exported> export_bundle(output::ArchiveLog& log, const BundleFacts& facts,
                               const std::function<Result<void>(ByteView)>& sink);

}  // namespace imakeep::bundle
