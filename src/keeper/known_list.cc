// SPDX-License-Identifier: Apache-2.0
#include "keeper/known_list.h"

namespace imakeep::keeper {

Result<std::optional<imalog::RecordContentView>> KnownList::next() {
  if (index_.value() == records_) return std::nullopt;
  const RecordNumber number = shape_.number_at(index_);
  if (!reader_ || number != reads_at_) reader_.emplace(store_, chain_, number.value(), chain_.end);
  IMAKEEP_TRY(const auto& step, reader_->next());
  ++index_;
  if (!step.record || RecordNumber(step.record->number) != number) {
    reader_.reset();
    return fail(ErrorCode::kMalformed, "record " + std::to_string(number.value()) + " of chain " +
                                           std::to_string(chain_.chain.value()) + " cannot be read from the archive" +
                                           (step.damage ? ": " + step.damage->what : "") +
                                           "; the keeper does not delete it from the list. `imakeep log --check` names "
                                           "all damage; restore the archive from a copy, or begin another");
  }
  reads_at_ = number + 1;
  return step.record->record.content;
}

}  // namespace imakeep::keeper
