// SPDX-License-Identifier: Apache-2.0
#include "appraisal/judgement.h"

namespace imakeep::appraisal {

bool learn_key(const Grounds& by, std::uint64_t record, std::string_view keyring, ByteView buffer,
               const signature::Key& key) {
  const auto learned = by.learned.learn(record, keyring, buffer, key);
  return learned && by.keys.add(keyring, key);
}

}  // namespace imakeep::appraisal
