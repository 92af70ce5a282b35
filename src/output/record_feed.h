// SPDX-License-Identifier: Apache-2.0
// output/record_feed.h - the records of an archive as text, those that come later too.
//
// Threads: no shared state; feed_records() uses the archive, the sink and the clock in its caller's thread.
#pragma once

#include <optional>
#include <string>

#include "archive/archive.h"
#include "base/clock.h"

namespace imakeep::output {

struct FeedRequest {
  std::string archive;                    // name of the archive, for messages
  std::optional<archive::ChainId> chain;  // only this chain; else the last one
  std::optional<std::uint64_t> from;      // number of the first record; else the first kept
  std::optional<std::uint64_t> to;        // number of the record to stop before; else the end
  bool follow = false;                    // waits for more records, and for the next chain if none is named
  bool violations = false;                // only violations
  std::string format = "ascii";           // one of record_formats()
  std::string bank = "sha1";
  std::string templates = {};  // as TemplateSet::parse() takes them
  bool for_terminal = false;   // escape_for_terminal()
  // A file: begin where it stands, and keep it up to date. If it does not exist, begin with the first chain of the
  // archive. Continues with later chains, unless one is named. Empty: none.
  std::string cursor = {};
};

class FeedSink {
 public:
  virtual ~FeedSink() = default;
  // Returns when the text was given on. Only then the cursor moves.
  virtual Result<void> write(std::string_view text) = 0;
  // Records that were left out, or not shown as the format requires.
  virtual void report(const Error& error) = 0;
};

// Returns false if something was reported. Does not return while it follows, except after an error. kUsage: a request
// that does not fit the archive or the format; the errors of read_cursor() and chain_of_cursor(); the sink's; the
// store's, except damage, which is reported.
Result<bool> feed_records(archive::Archive& archive, const FeedRequest& request, FeedSink& sink, Clock& clock);

}  // namespace imakeep::output
