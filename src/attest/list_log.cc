#include "attest/list_log.h"

namespace imakeep::attest {
ListLog::ListLog(std::vector<std::string> names, Load load, std::optional<digest::Bank> bank, ByteOrder order)
    : names_(std::move(names)), load_(std::move(load)), told_bank_(bank), order_(order) {}

Result<bool> ListLog::open_next() {
  reader_.reset();
  if (opened_ == names_.size()) return false;
  const std::string& name = names_[opened_++];
  auto list = load_(name);
  if (!list) return unexpected(list.error());
  list_ = std::move(*list);
  const auto bank = told_bank_ ? Result<digest::Bank>(*told_bank_) : imalog::detect_bank(list_, order_);
  if (!bank) return unexpected(named(bank.error(), name));
  bank_ = *bank;
  reader_.emplace(ByteView(list_), imalog::RecordFormat{.digest_bytes = static_cast<std::uint8_t>(bank_.digest_bytes()),
                                                        .order = order_});
  return true;
}

Result<std::optional<LoggedRecord>> ListLog::next() {
  for (;;) {
    if (reader_) {
      offset_ = reader_->offset();
      const auto record = reader_->next();
      if (!record) return unexpected(named(record.error(), names_[opened_ - 1]));
      if (*record) {
        return LoggedRecord{
            .content = (*record)->content(), .bank = bank_, .shown = (*record)->digest, .order = order_};
      }
    }
    const auto opened = open_next();
    if (!opened) return unexpected(opened.error());
    if (!*opened) return std::nullopt;
  }
}

Result<void> ListLog::rewind() {
  reader_.reset();
  opened_ = 0;
  return {};
}

Place ListLog::place() const {
  if (!reader_) return {};
  return {.source = names_[opened_ - 1], .record = reader_->records_read() - 1, .offset = offset_};
}

}  // namespace imakeep::attest
