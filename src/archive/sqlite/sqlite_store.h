// SPDX-License-Identifier: Apache-2.0
// archive/sqlite/sqlite_store.h - an archive in one SQLite file: write-ahead log, synchronous=FULL.
//
// A writer holds a flock on FILE.lock and one on FILE as long as it lives, so an archive has at most one writer.
// Readers need no lock, and see the last commit. While a writer lives, SQLite keeps FILE-wal and FILE-shm next to FILE.
// New files have mode 0600, because the list says what ran on the host. Source: https://sqlite.org/wal.html.
// Threads: as archive::Store.
#pragma once

#include <memory>

#include "archive/sqlite/inode_lock.h"
#include "archive/store.h"

namespace imakeep::archive {

enum class OpenMode : std::uint8_t {
  kRead,    // changes no record; also works on a read-only medium, and with an older schema
  kWrite,   // opens an existing archive; upgrades an older schema
  kCreate,  // like kWrite, but makes the archive if it does not exist
};

class SqliteStore : public Store {
 public:
  // `vfs` names a registered SQLite VFS; empty: that of index_space.h. Errors, in addition to Store's:
  //   kEnvironment  no such file or directory, no regular file, no permission, another writer (the message names its
  //                 pid); for a writer also: the file has another name or is a mount point, a -wal without its archive,
  //                 an unfit file system (file_system.h)
  //   kMalformed    not an SQLite file, or the SQLite file of another application
  //   kUnsupported  made by a newer imakeep
  static Result<std::unique_ptr<SqliteStore>> open(const std::string& name, OpenMode mode, const std::string& vfs = {});
  ~SqliteStore() override;

  // The file that a writer has locked, whatever has its name by now; empty for a reader.
  std::optional<FileIdentity> locked_file() const;

  // REQUIRES: opened for writing. Errors: kEnvironment if the archive was removed or replaced, or if -wal or -shm was
  // removed or replaced and what it held cannot be written into the archive now; the disk's.
  Result<void> secure() override;
  Result<void> begin() override;
  Result<void> begin_reading() override;
  Result<void> commit() override;
  void rollback() noexcept override;

  ChainListing chain_listing() override;
  Result<void> put_chain(const ChainRow& row) override;
  Result<std::optional<SegmentRow>> segment_from(ChainId chain, std::uint64_t number) override;
  Result<std::vector<SegmentRow>> tail(ChainId chain, std::size_t most) override;
  SegmentListing segments(ChainId chain) override;
  Result<std::vector<ChainId>> chains_of_segments() override;
  Result<Bytes> segment_data(ChainId chain, std::uint64_t first) override;
  Result<void> add_segment(const SegmentRow& row, ByteView data) override;
  Result<void> remove_segment(ChainId chain, std::uint64_t first) override;
  Result<std::optional<PendingRow>> pending() override;
  Result<void> set_pending(const std::optional<PendingRow>& row) override;
  Result<std::vector<SourceRow>> sources() override;
  Result<void> put_source(const SourceRow& row) override;
  Result<std::vector<VerifierRow>> verifiers() override;
  Result<void> put_verifier(const VerifierRow& row) override;
  Result<void> remove_verifier(const std::string& name) override;
  Result<std::vector<ViolationRow>> violations(ChainId chain) override;
  Result<void> put_violation(const ViolationRow& row) override;
  Result<std::vector<AnchorRow>> anchors_from(ChainId chain, std::uint64_t number) override;
  Result<void> put_anchor(const AnchorRow& row) override;
  Result<std::optional<ListRow>> list(ChainId chain) override;
  Result<void> put_list(const ListRow& row) override;
  Result<std::optional<OriginRow>> origin(ChainId chain) override;
  Result<void> put_origin(const OriginRow& row) override;
  Result<std::vector<IncidentRow>> incidents() override;
  Result<void> put_incident(const IncidentRow& row) override;
  Result<std::vector<QuoteRow>> quotes(ChainId chain) override;
  Result<void> put_quote(const QuoteRow& row) override;
  Result<void> remove_quote(ChainId chain, std::uint64_t quote) override;
  std::vector<std::string> check_file() override;
  std::uint64_t file_bytes() override;

 private:
  struct Connection;
  explicit SqliteStore(std::unique_ptr<Connection> connection);

  std::unique_ptr<Connection> connection_;
};

}  // namespace imakeep::archive
