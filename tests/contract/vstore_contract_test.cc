// SPDX-License-Identifier: Apache-2.0
// vstore_contract_test.cc - the contract of the verifier's rows, on every store.
#include "contract/vstore_contract.h"

#include "support/scratch_directory.h"
#include "vstore/faulty/faulty_store.h"
#include "vstore/memory/memory_store.h"
#include "vstore/sqlite/sqlite_store.h"

namespace imakeep::vstore::test {

class InMemory {
 public:
  Store& store() { return store_; }
  Store& other() { return store_; }
  void reopen() {}

 private:
  MemoryStore store_;
};

class InSqlite {
 public:
  Store& store() { return *store_; }
  Store& other() {
    if (!other_) other_ = must(open_sqlite_store(directory_.file("verifier")));
    return *other_;
  }
  void reopen() {
    store_.reset();
    store_ = must(open_sqlite_store(directory_.file("verifier")));
  }

 private:
  imakeep::test::ScratchDirectory directory_{imakeep::test::ScratchDirectory::in_memory()};
  std::unique_ptr<Store> store_ = must(open_sqlite_store(directory_.file("verifier")));
  std::unique_ptr<Store> other_;
};

// Without a planned fault.
class InFaulty {
 public:
  Store& store() { return store_; }
  Store& other() { return store_; }
  void reopen() {}

 private:
  MemoryStore inner_;
  FaultyStore store_{inner_};
};

using Stores = testing::Types<InMemory, InSqlite, InFaulty>;
INSTANTIATE_TYPED_TEST_SUITE_P(Vstore, VstoreContract, Stores);

}  // namespace imakeep::vstore::test
