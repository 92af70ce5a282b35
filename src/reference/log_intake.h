// SPDX-License-Identifier: Apache-2.0
// reference/log_intake.h - takes reference values from the records of a measurement list.
//
// Every digest in the list is accepted afterwards, so the list must be one that is known to be good: that of a machine
// that ran what it should. A record of a violation has no digest and gives no value. Templates: every one that has a
// digest and a name (fields d, d-ng or d-ngv2, and n or n-ng). A record with a field `buf` gives a value of "keyrings"
// if the buffer is a certificate or public key, else of "ima-buf".
// Threads: one thread at a time uses an object.
#pragma once

#include <map>
#include <set>

#include "imalog/template_set.h"
#include "reference/document.h"

namespace imakeep::reference {

class LogIntake {
 public:
  // Keeps references to both. `templates` describes templates that mainline Linux lacks.
  LogIntake(Document& document, const imalog::TemplateSet& templates) : document_(document), templates_(templates) {}

  struct Counts {
    std::uint64_t records = 0;
    std::uint64_t violations = 0;
    std::uint64_t without_value = 0;  // records that give no reference value, in `reasons`
  };

  void add(const imalog::RecordContentView& record, ByteOrder order);
  // States the algorithms of the digests in the document. REQUIRES: called once, after the last record.
  void finish();

  const Counts& counts() const { return counts_; }
  const std::set<std::string>& violation_paths() const { return violation_paths_; }
  // Why records gave no value: reason -> count of records.
  const std::map<std::string, std::uint64_t>& reasons() const { return reasons_; }

 private:
  struct Values;
  void leave_out(const std::string& reason);
  bool accept_algorithm(digest::Algorithm algorithm);
  void take(const Values& values);

  Document& document_;
  const imalog::TemplateSet& templates_;
  Counts counts_;
  std::set<std::string> violation_paths_;
  std::map<std::string, std::uint64_t> reasons_;
  std::map<std::size_t, digest::Algorithm> algorithms_;  // by the size of a digest
};

}  // namespace imakeep::reference
