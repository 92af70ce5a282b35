// last_writers.h - who last had the list open for writing, as far as that was seen: only such a one can have taken
// records out. Threads: an object belongs to one thread.
#pragma once

#include <optional>
#include <string>

#include "holders.h"
#include "keeper/diagnosis.h"

namespace imakeep::app {

struct SeenWriters {
  std::vector<Holder> writers;  // never none
  std::int64_t seen_unix_s = 0;
};

class LastWriters {
 public:
  // Those who were seen when the list was busy. Where none of them writes, who was seen before stays.
  void saw(const Holders& holders, std::int64_t now_unix_s);

  const std::optional<SeenWriters>& seen() const { return seen_; }

  // Behind a sentence on what was found: who may have done it, and when that one was seen. Empty for what no deletion
  // explains.
  std::string suspects(keeper::Diagnosis found) const;

 private:
  std::optional<SeenWriters> seen_;
};

}  // namespace imakeep::app
