// record_writer.h - prints archived records in the formats of `imakeep log`.
// Threads: an object belongs to one thread at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "archive/archive_reader.h"

namespace imakeep::app {

class RecordWriter {
 public:
  virtual ~RecordWriter() = default;
  virtual void begin(std::string&) {}
  // Whether the format closes what it began, so that it cannot be followed.
  virtual bool has_end() const { return false; }
  // Whether it counts records from the chain's first, and wants those before the first that is printed to pass().
  virtual bool counts_from_first() const { return false; }
  virtual void pass(const archive::NumberedRecord&) {}
  // What could not be shown as the format asks is an error; the record is then there in another form.
  virtual Result<void> append(std::string& out, const archive::NumberedRecord& record) = 0;
  virtual void end(std::string&) {}
};

// The names that make_record_writer() takes.
const std::vector<std::string>& record_formats();

// `bank` is that of the digests shown; `banks` those of formats that show several.
std::unique_ptr<RecordWriter> make_record_writer(const std::string& format, const digest::Bank& bank,
                                                 const std::vector<digest::Bank>& banks, ByteOrder order);

}  // namespace imakeep::app
