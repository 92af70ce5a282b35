// SPDX-License-Identifier: Apache-2.0
#include "imalog/pcr_state.h"

namespace imakeep::imalog {

void extend(PcrState& state, const RecordContentView& content) {
  for (std::size_t bank = 0; bank < state.banks().size(); ++bank) {
    state.extend(bank, content.pcr, extended_digest(state.banks()[bank], content));
  }
}

}  // namespace imakeep::imalog
