// attest/log_source.h - a measurement log, record by record, wherever it is kept.
//
// Threads: an object belongs to one thread at a time.
#pragma once

#include <optional>
#include <string>

#include "imalog/record.h"
#include "imalog/template_digest.h"

namespace imakeep::attest {

// One record as its source shows it. Borrowed: dies with the next call of the source.
struct LoggedRecord {
  imalog::RecordContentView content;
  digest::Bank bank;  // of `shown`
  ByteView shown;     // the template digest beside the record, which need not fit its data; zeros for a violation
  ByteOrder order = kHostOrder;
};

// Where a record is found.
struct Place {
  std::string source;                                  // a file, an archive
  std::uint64_t record = 0;                            // records before it there
  std::optional<std::uint64_t> offset = std::nullopt;  // bytes before it there
};

class LogSource {
 public:
  virtual ~LogSource() = default;

  // The next record, or nothing after the last. Errors are the source's own; their message names it. After an error
  // only rewind() may be called.
  virtual Result<std::optional<LoggedRecord>> next() = 0;

  // Back to the first record.
  virtual Result<void> rewind() = 0;

  // Of the record that next() gave last.
  virtual Place place() const = 0;
};

}  // namespace imakeep::attest
