// SPDX-License-Identifier: Apache-2.0
// output/archive_log.h - presents one chain of an archive as a log to verify: every record that the archive still
// keeps.
//
// Nothing in an archive is evidence. Neither the archive's PCR states nor its anchors start a replay. They only say
// which records cannot be proven, and why. Threads: an object belongs to one thread at a time.
#pragma once

#include <memory>
#include <vector>

#include "archive/archive_reader.h"
#include "archive/sqlite/sqlite_store.h"
#include "attest/log_check.h"

namespace imakeep::output {

// Records [begin, end) of a chain that are not proven, whatever values the PCRs have.
struct UnprovenRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::string why;
};

// The retired records, and all records from the point where the first anchor after `first_kept` says that the records
// no longer match the PCRs: from there on only the anchor states the PCR values. `start_given`: the caller holds the
// PCR state before the first kept record.
std::vector<UnprovenRange> unproven_ranges(const archive::Chain& chain, const std::vector<archive::Anchor>& anchors,
                                           bool start_given);

// The point where replay from the first kept record has to end. attest::ReplayLimit::records counts from that record.
std::optional<attest::ReplayLimit> replay_limit(const archive::Chain& chain,
                                                const std::vector<archive::Anchor>& anchors, bool start_given);

class ArchiveLog : public attest::LogSource {
 public:
  // Opens the chain, or the last chain if none is named. Errors: those of SqliteStore, Archive::chain() and
  // Archive::anchors(), and kUsage if the archive holds no chain.
  static Result<std::unique_ptr<ArchiveLog>> open(const std::string& path, std::optional<archive::ChainId> chain);

  // Opens the last chain that a keeper took from the list of its host. Errors: as open(), and kUsage if the archive
  // holds none.
  static Result<std::unique_ptr<ArchiveLog>> open_host(const std::string& path);

  // The chains of an archive, by number: at least one. Errors: those of SqliteStore and Archive::chains(), and kUsage
  // if the archive holds no chain.
  static Result<std::vector<archive::ChainId>> chains(const std::string& path);

  archive::ChainId chain() const { return chain_.chain; }
  // The chain's quotes that cover no record beyond chain_row().end. kMalformed if one is damaged.
  Result<std::vector<archive::KeptQuote>> quotes();
  // As it was when the log was opened.
  const archive::Chain& chain_row() const { return chain_; }
  // The number, in the chain, of the log's first record.
  std::uint64_t first() const { return chain_.first_kept; }

  std::vector<UnprovenRange> unproven_ranges(bool start_given) const {
    return output::unproven_ranges(chain_, anchors_, start_given);
  }
  std::optional<attest::ReplayLimit> replay_limit(bool start_given) const {
    return output::replay_limit(chain_, anchors_, start_given);
  }

  // kMalformed for damaged records; the message names them.
  Result<std::optional<attest::LoggedRecord>> next() override;
  Result<void> rewind() override;
  // next() gives record `number` of the chain then, and those after it. REQUIRES: the archive keeps it, or the chain
  // ends there.
  void seek(std::uint64_t number);
  attest::Place place() const override { return {.source = path_, .record = last_}; }

 private:
  static Result<std::unique_ptr<ArchiveLog>> begin(const std::string& path, std::unique_ptr<archive::SqliteStore> store,
                                                   archive::Chain chain);
  ArchiveLog(std::string path, std::unique_ptr<archive::SqliteStore> store, archive::Chain chain,
             std::vector<archive::Anchor> anchors);

  const std::string path_;
  const std::unique_ptr<archive::SqliteStore> store_;
  const archive::Chain chain_;
  const std::vector<archive::Anchor> anchors_;
  std::optional<archive::ArchiveReader> reader_;
  std::uint64_t last_ = 0;
  digest::Digest shown_;
};

}  // namespace imakeep::output
