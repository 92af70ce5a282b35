// SPDX-License-Identifier: Apache-2.0
// archive_contract_test.cc - the archive's contract, on the store in memory and on SQLite's.
#include "contract/archive_contract.h"

#include "archive/memory/memory_store.h"
#include "archive/sqlite/sqlite_store.h"
#include "support/scratch_directory.h"

namespace imakeep::archive::test {

class InMemory {
 public:
  Store& store() { return store_; }
  void reopen() {}

 private:
  MemoryStore store_;
};

class InSqlite {
 public:
  InSqlite() { reopen(); }
  Store& store() { return *store_; }
  void reopen() {
    store_.reset();
    store_ = must(SqliteStore::open(directory_.file("archive"), OpenMode::kCreate));
  }

 private:
  imakeep::test::ScratchDirectory directory_;
  std::unique_ptr<SqliteStore> store_;
};

using Stores = testing::Types<InMemory, InSqlite>;
INSTANTIATE_TYPED_TEST_SUITE_P(Archive, ArchiveContract, Stores);

}  // namespace imakeep::archive::test
