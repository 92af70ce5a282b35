// SPDX-License-Identifier: Apache-2.0
#include "monitor/status.h"

#include <algorithm>

namespace imakeep::monitor {

std::string_view word(PcrsState state) {
  switch (state) {
    case PcrsState::kProven:
      return "proven";
    case PcrsState::kLagging:
      return "lagging";
    case PcrsState::kIncomplete:
      return "incomplete";
    case PcrsState::kNotProven:
      return "not proven";
    case PcrsState::kMismatch:
      break;
  }
  return "does not match";
}

std::optional<std::string_view> former_word(PcrsState state) {
  if (state == PcrsState::kIncomplete) return "behind";
  if (state == PcrsState::kMismatch) return "does not fit";
  return std::nullopt;
}

std::optional<PcrsState> pcrs_state_of(std::string_view word) {
  const auto* const found = std::ranges::find_if(
      kAllPcrsStates, [&](PcrsState state) { return word == monitor::word(state) || word == former_word(state); });
  if (found == kAllPcrsStates.end()) return std::nullopt;
  return *found;
}

bool is_good(const Status& status) {
  const bool keeper_failed = status.keeper && !status.keeper->error.empty();
  const bool view_failed = status.view && !status.view->error.empty();
  return !keeper_failed && !view_failed && status.pcrs.state != PcrsState::kMismatch;
}

}  // namespace imakeep::monitor
