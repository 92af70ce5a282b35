// archive_log.h - a chain of an archive as a log to verify, from where on it can be replayed.
// Threads: an object belongs to one thread at a time.
#pragma once

#include <memory>

#include "archive/archive_reader.h"
#include "archive/sqlite/sqlite_store.h"
#include "attest/log_source.h"

namespace imakeep::app {

class ArchiveLog : public attest::LogSource {
 public:
  // The chain, or the last if none is named. Errors: SqliteStore's, Archive::chain()'s and
  // replay_start()'s.
  static Result<std::unique_ptr<ArchiveLog>> open(const std::string& path, std::optional<std::uint64_t> chain);

  // The state before its first record: what the records that were retired led to, or the chain's last anchor. Empty for
  // a chain that can be replayed from a TPM reset on.
  const std::optional<digest::PcrState>& start() const { return start_.pcrs; }

  // The number of its first record in the chain.
  std::uint64_t first() const { return start_.number; }

  // kMalformed, naming them, for records that are damaged.
  Result<std::optional<attest::LoggedRecord>> next() override;
  Result<void> rewind() override;
  attest::Place place() const override { return {.source = path_, .record = last_}; }

 private:
  ArchiveLog(std::string path, std::unique_ptr<archive::SqliteStore> store, archive::Chain chain,
             archive::ReplayStart start);

  const std::string path_;
  const std::unique_ptr<archive::SqliteStore> store_;
  const archive::Chain chain_;
  const archive::ReplayStart start_;
  std::optional<archive::ArchiveReader> reader_;
  std::uint64_t last_ = 0;
  digest::Digest shown_;
};

}  // namespace imakeep::app
