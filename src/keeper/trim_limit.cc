// SPDX-License-Identifier: Apache-2.0
#include "keeper/trim_limit.h"

#include <algorithm>

namespace imakeep::keeper {

Result<TrimLimit> trim_limit(archive::Archive& archive, const ChainState& state, TrimAfter trim_after) {
  if (trim_after == TrimAfter::kArchived) return TrimLimit{};
  IMAKEEP_TRY(const auto& verifiers, archive.verifiers(state.chain.chain));
  const std::uint64_t in_list = state.in_list();
  if (verifiers.empty()) return TrimLimit{.limited = true, .verified = 0, .unverified = in_list, .why = kNoVerifier};
  const archive::Verifier& last = *std::ranges::min_element(verifiers, {}, &archive::Verifier::acknowledged);
  TrimLimit limit{.limited = true, .verified = state.shape.records(RecordNumber(last.acknowledged))};
  limit.unverified = in_list - std::min(in_list, limit.verified);
  if (last.acknowledged >= state.chain.end) return limit;
  const std::string has = last.acknowledged == 0 ? " has proven no record of chain "
                                                 : " has proven only the records before " +
                                                       std::to_string(last.acknowledged) + " of chain ";
  limit.why = "verifier " + last.name + has + std::to_string(state.chain.chain.value()) + ", which has " +
              std::to_string(state.chain.end) + ": wait for it, or remove it by the request `verifiers`";
  return limit;
}

}  // namespace imakeep::keeper
