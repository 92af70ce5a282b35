// SPDX-License-Identifier: Apache-2.0
#include "attest/list_log.h"

namespace imakeep::attest {
namespace {

// Adds the name of the list. Errors of reading already have it.
Error with_source(Error error, const std::string& source) {
  if (error.code == ErrorCode::kEnvironment || error.code == ErrorCode::kIo) return error;
  return named(std::move(error), source);
}

}  // namespace

ListLog::ListLog(std::vector<std::string> names, Open open, std::optional<digest::Bank> bank)
    : names_(std::move(names)), open_(std::move(open)), told_bank_(bank) {}

Result<bool> ListLog::open_next() {
  list_.reset();
  if (opened_ == names_.size()) return false;
  IMAKEEP_TRY(auto source, open_(names_[opened_++]));
  source_ = std::move(source.name);
  list_.emplace(std::move(source.read));
  const auto format = told_bank_ ? list_->detect(*told_bank_) : list_->detect();
  if (!format) {
    list_.reset();
    return unexpected(with_source(format.error(), source_));
  }
  format_ = *format;
  return true;
}

Result<std::optional<LoggedRecord>> ListLog::next() {
  for (;;) {
    if (list_) {
      offset_ = list_->offset();
      const auto record = list_->next(format_.record_format());
      if (!record) return unexpected(with_source(record.error(), source_));
      if (*record) {
        return LoggedRecord{
            .content = (*record)->content(), .bank = format_.bank, .shown = (*record)->digest, .order = format_.order};
      }
    }
    IMAKEEP_TRY(const auto& opened, open_next());
    if (!opened) return std::nullopt;
  }
}

Result<void> ListLog::rewind() {
  list_.reset();
  opened_ = 0;
  return {};
}

Place ListLog::place() const {
  if (!list_) return {};
  return {.source = source_, .record = list_->records_read() - 1, .offset = offset_};
}

}  // namespace imakeep::attest
