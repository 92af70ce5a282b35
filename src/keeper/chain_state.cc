// SPDX-License-Identifier: Apache-2.0
#include "keeper/chain_state.h"

#include <algorithm>

namespace imakeep::keeper {
namespace {

// The PCRs to which an anchor gave another value than the replay of the records before it.
std::uint32_t pcrs_that_parted(const archive::Anchor& anchor, const archive::Chain& chain) {
  std::uint32_t parted = 0;
  for (std::uint32_t pcr = 0; pcr < digest::kPcrCount; ++pcr) {
    for (std::size_t bank = 0; bank < chain.banks.size(); ++bank) {
      if (anchor.before_pcrs.value(bank, pcr) != anchor.pcrs.value(bank, pcr)) parted |= 1u << pcr;
    }
  }
  return parted;
}

// The PCRs that parted from the records at one of the anchors, and have been read with no other value since. A PCR that
// parted before has gone on if, between one anchor and the next, the replay of records that name it changes its value.
std::uint32_t pcrs_still_parted(const std::vector<archive::Anchor>& anchors, const archive::Chain& chain) {
  std::uint32_t parted = 0;
  for (std::size_t i = 0; i < anchors.size(); ++i) {
    for (std::uint32_t pcr = 0; i > 0 && pcr < digest::kPcrCount; ++pcr) {
      for (std::size_t bank = 0; bank < chain.banks.size(); ++bank) {
        if (anchors[i].before_pcrs.value(bank, pcr) != anchors[i - 1].pcrs.value(bank, pcr)) parted &= ~(1u << pcr);
      }
    }
    parted |= pcrs_that_parted(anchors[i], chain);
  }
  return parted;
}

}  // namespace

Result<std::optional<ChainState>> ChainState::load(archive::Archive& archive) {
  IMAKEEP_TRY(auto chain, archive.host_chain());
  if (!chain) return std::nullopt;
  ChainState state{.chain = std::move(*chain), .row = {}, .origin = {}, .shape = ListShape()};
  IMAKEEP_TRY(auto row, archive.list(state.chain.chain));
  state.followed = row.has_value();
  state.row = row.value_or(archive::ListRow{.chain = state.chain.chain, .head = state.chain.first_kept});
  if (state.row.head > state.chain.end || state.row.proven > state.chain.end) {
    return fail(ErrorCode::kMalformed,
                "the archive's row of the list of chain " + std::to_string(state.chain.chain.value()) +
                    " is damaged: it goes beyond the chain's end, record " + std::to_string(state.chain.end));
  }
  IMAKEEP_TRY(auto origin, archive.store().origin(state.chain.chain));
  state.origin = origin.value_or(archive::OriginRow{.chain = state.chain.chain, .origin = "list"});
  IMAKEEP_TRY(auto shape, ListShape::parse(RecordNumber(state.row.head), state.row.holes));
  state.shape = std::move(shape);
  IMAKEEP_TRY(auto anchors, archive.anchors(state.chain));
  if (!anchors.empty()) {
    state.anchors_at_break =
        static_cast<std::uint64_t>(std::ranges::count(anchors, anchors.back().broken_at, &archive::Anchor::broken_at));
    state.parted_pcrs = pcrs_still_parted(anchors, state.chain);
    state.anchor = std::move(anchors.back());
  }
  IMAKEEP_TRY(auto pending, archive.pending());
  if (pending && pending->chain == state.chain.chain) state.pending = std::move(*pending);
  return state;
}

std::uint64_t ChainState::moved_to(const ListShape& found, std::uint64_t gone, bool by_kexec, std::int64_t now_unix_s) {
  const std::uint64_t ours = std::min(pending_records(), gone);
  if (ours > 0) {
    row.trimmed += ours;
    ++row.trims;
    row.trimmed_unix_s = now_unix_s;
  }
  if (gone > ours && !by_kexec) {
    row.trimmed_by_others += gone - ours;
    ++row.trims_by_others;
  }
  shape = found;
  row.head = found.head().value();
  row.holes = found.missing_text();
  return gone - ours;
}

}  // namespace imakeep::keeper
