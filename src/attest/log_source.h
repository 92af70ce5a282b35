// SPDX-License-Identifier: Apache-2.0
// attest/log_source.h - the interface that reads a measurement log record by record, from a file or an archive.
//
// Threads: an object belongs to one thread at a time.
#pragma once

#include <optional>
#include <string>

#include "imalog/record.h"
#include "imalog/template_digest.h"

namespace imakeep::attest {

// One record as its source shows it. Borrowed: valid until the next call of the source.
struct LoggedRecord {
  imalog::RecordContentView content;
  digest::Bank bank;  // of `shown`
  ByteView shown;     // the template digest in the source, which may not match the data; zeros for a violation
  ByteOrder order = kHostOrder;
};

// The place of a record in its source.
struct Place {
  std::string source;                                  // name of the file or the archive
  std::uint64_t record = 0;                            // index of the record there
  std::optional<std::uint64_t> offset = std::nullopt;  // byte offset of the record there
};

class LogSource {
 public:
  virtual ~LogSource() = default;

  // The next record, or nothing after the last. The errors depend on the source; their message names it. After an error
  // only rewind() may be called.
  virtual Result<std::optional<LoggedRecord>> next() = 0;

  // Back to the first record.
  virtual Result<void> rewind() = 0;

  // The place of the record that next() returned last.
  virtual Place place() const = 0;
};

}  // namespace imakeep::attest
