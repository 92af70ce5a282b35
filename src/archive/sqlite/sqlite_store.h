// archive/sqlite/sqlite_store.h - an archive in one SQLite file: write-ahead log, synchronous=FULL.
//
// A writer holds FILE.lock (flock) as long as it lives, so two never share one archive; readers need no lock and see
// the last commit. While a writer lives there are FILE-wal and FILE-shm beside it, as SQLite makes them. Files are made
// with mode 0600: the list says what ran. Source: https://sqlite.org/wal.html. Threads: as archive::Store.
#pragma once

#include <memory>

#include "archive/store.h"

namespace imakeep::archive {

enum class OpenMode : std::uint8_t {
  kRead,    // changes no record; works on a read-only medium too, and with an older schema
  kWrite,   // an existing archive; an older schema is upgraded
  kCreate,  // like kWrite, but makes the archive if there is none
};

class SqliteStore : public Store {
 public:
  // `vfs` names a registered SQLite VFS; empty for SQLite's own. Errors beside Store's:
  //   kEnvironment  no such file or directory, no permission, another writer (named by its pid)
  //   kMalformed    no SQLite file, or one of another application
  //   kUnsupported  made by a newer imakeep
  static Result<std::unique_ptr<SqliteStore>> open(const std::string& name, OpenMode mode, const std::string& vfs = {});
  ~SqliteStore() override;

  Result<void> begin() override;
  Result<void> begin_reading() override;
  Result<void> commit() override;
  void rollback() noexcept override;

  Result<std::vector<ChainRow>> chains() override;
  Result<void> put_chain(const ChainRow& row) override;
  Result<std::optional<SegmentRow>> segment_from(std::uint64_t chain, std::uint64_t number) override;
  Result<std::vector<SegmentRow>> tail(std::uint64_t chain, std::size_t most) override;
  SegmentListing segments(std::uint64_t chain) override;
  Result<std::vector<std::uint64_t>> chains_of_segments() override;
  Result<Bytes> segment_data(std::uint64_t chain, std::uint64_t first) override;
  Result<void> add_segment(const SegmentRow& row, ByteView data) override;
  Result<void> remove_segment(std::uint64_t chain, std::uint64_t first) override;
  Result<std::optional<PendingRow>> pending() override;
  Result<void> set_pending(const std::optional<PendingRow>& row) override;
  Result<std::vector<SourceRow>> sources() override;
  Result<void> put_source(const SourceRow& row) override;
  Result<std::vector<VerifierRow>> verifiers() override;
  Result<void> put_verifier(const VerifierRow& row) override;
  Result<std::vector<ViolationRow>> violations(std::uint64_t chain) override;
  Result<void> put_violation(const ViolationRow& row) override;
  Result<std::vector<AnchorRow>> anchors_from(std::uint64_t chain, std::uint64_t number) override;
  Result<void> put_anchor(const AnchorRow& row) override;
  Result<std::optional<ListRow>> list(std::uint64_t chain) override;
  Result<void> put_list(const ListRow& row) override;
  Result<std::vector<IncidentRow>> incidents() override;
  Result<void> put_incident(const IncidentRow& row) override;
  std::vector<std::string> check_file() override;
  std::uint64_t file_bytes() override;

 private:
  struct Connection;
  explicit SqliteStore(std::unique_ptr<Connection> connection);

  std::unique_ptr<Connection> connection_;
};

}  // namespace imakeep::archive
