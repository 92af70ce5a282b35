// archive_log.h - a chain of an archive as a log to verify.
// Threads: an object belongs to one thread at a time.
#pragma once

#include <memory>

#include "archive/archive_reader.h"
#include "archive/sqlite/sqlite_store.h"
#include "attest/log_source.h"

namespace imakeep::app {

class ArchiveLog : public attest::LogSource {
 public:
  // The chain, or the last if none is named. Errors: SqliteStore's and Archive::chain()'s.
  static Result<std::unique_ptr<ArchiveLog>> open(const std::string& path, std::optional<std::uint64_t> chain);

  // What the records that were retired led to; empty for a chain that is whole.
  const std::optional<digest::PcrState>& start() const { return start_; }

  std::uint64_t first_kept() const { return chain_.first_kept; }

  // kMalformed, naming them, for records that are damaged.
  Result<std::optional<attest::LoggedRecord>> next() override;
  Result<void> rewind() override;
  attest::Place place() const override { return {.source = path_, .record = last_}; }

 private:
  ArchiveLog(std::string path, std::unique_ptr<archive::SqliteStore> store, archive::Chain chain,
             std::optional<digest::PcrState> start);

  const std::string path_;
  const std::unique_ptr<archive::SqliteStore> store_;
  const archive::Chain chain_;
  const std::optional<digest::PcrState> start_;
  std::optional<archive::ArchiveReader> reader_;
  std::uint64_t last_ = 0;
  digest::Digest shown_;
};

}  // namespace imakeep::app
