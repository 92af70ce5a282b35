// SPDX-License-Identifier: Apache-2.0
// output/record_writer.h - prints archived records in the formats of `imakeep log`.
// Threads: an object belongs to one thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "archive/archive_reader.h"
#include "imalog/template_set.h"

namespace imakeep::output {

// Called for records whose digests a writer needs, but which cannot be read.
using DamageCall = std::function<void(archive::ChainId, const archive::Damage&)>;

class RecordWriter {
 public:
  virtual ~RecordWriter() = default;
  // Called before the first record of the chain, and again each time that the chain has grown. Errors: the store's.
  virtual Result<void> enter(archive::Archive&, const archive::Chain&, const DamageCall&) { return {}; }
  virtual void begin(std::string&) {}
  // Whether the format has an end part. If so, `imakeep log --follow` cannot use it.
  virtual bool has_end() const { return false; }
  // Whether the format numbers records from the chain's first one. If so, the caller passes the records before the
  // first printed one to pass().
  virtual bool counts_from_first() const { return false; }
  virtual void pass(const archive::NumberedRecord&) {}
  // An error if the record cannot be shown as the format requires. `out` then holds the record in another form.
  virtual Result<void> append(std::string& out, const archive::NumberedRecord& record) = 0;
  virtual void end(std::string&) {}
};

// The names that make_record_writer() takes.
const std::vector<std::string>& record_formats();

// `bank` is the bank of the digests shown; `banks` are those of formats that show several banks. Formats that show
// fields split a record's data by `templates`.
std::unique_ptr<RecordWriter> make_record_writer(const std::string& format, const digest::Bank& bank,
                                                 const std::vector<digest::Bank>& banks, ByteOrder order,
                                                 const imalog::TemplateSet& templates = {});

// Wraps `writer`: prints each record on one line without control characters that a terminal obeys, by printable(). Only
// for formats with one line per record.
std::unique_ptr<RecordWriter> escape_for_terminal(std::unique_ptr<RecordWriter> writer);

}  // namespace imakeep::output
