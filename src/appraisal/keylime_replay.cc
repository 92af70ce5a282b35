// SPDX-License-Identifier: Apache-2.0
#include "appraisal/keylime_replay.h"

namespace imakeep::appraisal {

KeylimeReplay::KeylimeReplay(digest::Algorithm bank, const KeylimeState& from, const digest::Digest& quoted)
    : bank_(bank), from_(from), quoted_(quoted), running_(from_.pcr) {
  compare();
}

void KeylimeReplay::compare() {
  if (!matched_at_ && running_ == quoted_) matched_at_ = lines_;
}

void KeylimeReplay::add(const KeylimeLine& line, digest::Algorithm log_hash) {
  const digest::Digest extended = is_violation(line, log_hash)
                                      ? digest::Digest::filled(digest::digest_bytes(bank_), std::byte{0xff})
                                      : digest::hash(bank_, template_data(line));
  running_ = digest::extend(bank_, running_, extended);
  ++lines_;
  compare();
}

KeylimeReplay::Result KeylimeReplay::end() const {
  if (!matched_at_) return {.reasons = {Reason::kPcrMismatch}, .next = from_};
  Result result{.next = {.pcr = quoted_, .next_entry = from_.next_entry + *matched_at_, .lag = lines_ - *matched_at_}};
  if (*matched_at_ < from_.lag && *matched_at_ < lines_) result.reasons.push_back(Reason::kQuoteProgress);
  return result;
}

}  // namespace imakeep::appraisal
