// SPDX-License-Identifier: Apache-2.0
// monitor/last_writers.h - the processes that were last seen with the list open for writing. Only such a process can
// have trimmed the list. Threads: an object belongs to one thread.
#pragma once

#include <optional>
#include <string>

#include "host/holders.h"
#include "keeper/diagnosis.h"

namespace imakeep::monitor {

struct SeenWriters {
  std::vector<host::Holder> writers;  // never empty
  std::int64_t seen_unix_s = 0;
};

class LastWriters {
 public:
  // Takes the holders that were seen while the list was busy. If none of them has the list open for writing, the
  // writers seen before stay.
  void saw(const host::Holders& holders, std::int64_t now_unix_s);

  const std::optional<SeenWriters>& seen() const { return seen_; }

  // Text to append to a finding: which processes may have caused it, and when they were seen. Empty if no deletion
  // explains the finding.
  std::string suspects(keeper::Diagnosis found) const;

 private:
  std::optional<SeenWriters> seen_;
};

}  // namespace imakeep::monitor
