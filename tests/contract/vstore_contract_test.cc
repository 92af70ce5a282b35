// SPDX-License-Identifier: Apache-2.0
// vstore_contract_test.cc - the contract of the verifier's rows, on every store.
#include "contract/vstore_contract.h"

#include "vstore/memory/memory_store.h"

namespace imakeep::vstore::test {

class InMemory {
 public:
  Store& store() { return store_; }
  Store& other() { return store_; }
  void reopen() {}

 private:
  MemoryStore store_;
};

using Stores = testing::Types<InMemory>;
INSTANTIATE_TYPED_TEST_SUITE_P(Vstore, VstoreContract, Stores);

}  // namespace imakeep::vstore::test
