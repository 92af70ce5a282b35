#include "archive_log.h"

namespace imakeep::app {

Result<std::unique_ptr<ArchiveLog>> ArchiveLog::open(const std::string& path, std::optional<std::uint64_t> number) {
  auto store = archive::SqliteStore::open(path, archive::OpenMode::kRead);
  if (!store) return unexpected(store.error());
  archive::Archive archive(**store);
  auto chosen = archive.chain_or_last(number);
  if (!chosen) return unexpected(chosen.error());
  if (!*chosen) return fail(ErrorCode::kUsage, path + " holds no chain yet");
  archive::Chain& chain = **chosen;
  auto start = archive.replay_start(chain);
  if (!start) return unexpected(start.error());
  std::unique_ptr<ArchiveLog> log(new ArchiveLog(path, std::move(*store), std::move(chain), std::move(*start)));
  IMAKEEP_CHECK(log->rewind());
  return log;
}

ArchiveLog::ArchiveLog(std::string path, std::unique_ptr<archive::SqliteStore> store, archive::Chain chain,
                       archive::ReplayStart start)
    : path_(std::move(path)), store_(std::move(store)), chain_(std::move(chain)), start_(std::move(start)) {}

Result<void> ArchiveLog::rewind() {
  reader_.emplace(*store_, chain_, start_.number, chain_.end);
  return {};
}

Result<std::optional<attest::LoggedRecord>> ArchiveLog::next() {
  const auto step = reader_->next();
  if (!step) return unexpected(step.error());
  if (step->done()) return std::nullopt;
  if (step->damage) {
    return fail(ErrorCode::kMalformed, path_ + ": records " + std::to_string(step->damage->first) + " to " +
                                           std::to_string(step->damage->first + step->damage->records - 1) +
                                           " are damaged: " + step->damage->what);
  }
  last_ = step->record->number;
  const archive::RecordView& record = step->record->record;
  const digest::Bank bank = record.own ? record.own->bank : chain_.banks.front();
  shown_ = archive::shown_digest(bank, record);
  return attest::LoggedRecord{.content = record.content, .bank = bank, .shown = shown_.view(), .order = chain_.order};
}

}  // namespace imakeep::app
