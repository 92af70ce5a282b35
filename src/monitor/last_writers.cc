// SPDX-License-Identifier: Apache-2.0
#include "monitor/last_writers.h"

#include <algorithm>

#include "monitor/time_text.h"

namespace imakeep::monitor {

void LastWriters::saw(const host::Holders& holders, std::int64_t now_unix_s) {
  SeenWriters seen{.writers = {}, .seen_unix_s = now_unix_s};
  std::ranges::copy_if(holders.holders, std::back_inserter(seen.writers), &host::Holder::may_write);
  if (!seen.writers.empty()) seen_ = std::move(seen);
}

std::string LastWriters::suspects(keeper::Diagnosis found) const {
  if (found != keeper::Diagnosis::kTrimmedByOther && found != keeper::Diagnosis::kGap &&
      found != keeper::Diagnosis::kGapOrExtend) {
    return {};
  }
  if (!seen_) return "; no process was seen to have the list open for writing";
  std::string text = "; last seen to hold the list, " + time_text(seen_->seen_unix_s) + ":";
  for (const host::Holder& writer : seen_->writers) {
    text += (&writer == &seen_->writers.front() ? " " : "; ") + describe(writer);
  }
  return text;
}

}  // namespace imakeep::monitor
