// SPDX-License-Identifier: Apache-2.0
#include "keeper/anchoring.h"

#include <algorithm>

namespace imakeep::keeper {

bool went_on(const ChainState& state, const Evidence& evidence) {
  return std::ranges::none_of(evidence.pcrs, [&](const imalog::PcrValue& value) {
    const auto bank = state.chain.end_pcrs.index_of(value.bank);
    return (state.parted_pcrs >> value.pcr & 1) != 0 && bank &&
           state.anchor->pcrs.value(*bank, value.pcr) == value.value;
  });
}

bool copies_all(const ChainState& state, const Mismatch& mismatch, bool settled, bool same_break) {
  if (!mismatch.grown) return true;
  // If the list is not settled, one copy is enough: the records stay in the list, because the keeper deletes nothing
  // that is not proven.
  const bool copied = RecordNumber(state.row.proven) <= state.shape.head() && state.chain.end > state.row.proven;
  if (!settled) return !copied;
  if (!same_break) return true;
  const RecordNumber grown_end = state.end() + (mismatch.grown->records - mismatch.grown->new_from.records);
  const std::uint64_t copies = std::min<std::uint64_t>(state.anchors_at_break, 32);
  return grown_end - state.anchored_at() >= (std::uint64_t{1} << copies) / 2;
}

}  // namespace imakeep::keeper
