#include "keeper/chain_state.h"

#include <algorithm>

namespace imakeep::keeper {

Result<std::optional<ChainState>> ChainState::load(archive::Archive& archive) {
  auto chain = archive.chain_or_last(std::nullopt);
  if (!chain) return unexpected(chain.error());
  if (!*chain) return std::nullopt;
  ChainState state{.chain = std::move(**chain), .row = {}, .shape = ListShape()};
  auto row = archive.list(state.chain.chain);
  if (!row) return unexpected(row.error());
  state.followed = row->has_value();
  state.row = row->value_or(archive::ListRow{.chain = state.chain.chain, .head = state.chain.first_kept});
  if (state.row.head > state.chain.end || state.row.proven > state.chain.end) {
    return fail(ErrorCode::kMalformed, "the archive's row of the list of chain " + std::to_string(state.chain.chain) +
                                           " is damaged: it goes beyond the chain's end, record " +
                                           std::to_string(state.chain.end));
  }
  auto shape = ListShape::parse(state.row.head, state.row.holes);
  if (!shape) return unexpected(shape.error());
  state.shape = std::move(*shape);
  auto anchors = archive.anchors(state.chain);
  if (!anchors) return unexpected(anchors.error());
  if (!anchors->empty()) {
    state.anchors_at_break = static_cast<std::uint64_t>(
        std::ranges::count(*anchors, anchors->back().broken_at, &archive::Anchor::broken_at));
    state.anchor = std::move(anchors->back());
  }
  auto pending = archive.pending();
  if (!pending) return unexpected(pending.error());
  if (*pending && (*pending)->chain == state.chain.chain) state.pending = std::move(**pending);
  return state;
}

std::uint64_t ChainState::moved_to(const ListShape& found, std::uint64_t gone, std::int64_t now_unix_s) {
  const std::uint64_t ours = pending && pending->first == shape.head() ? std::min(pending->records, gone) : 0;
  if (ours > 0) {
    row.trimmed += ours;
    ++row.trims;
    row.trimmed_unix_s = now_unix_s;
  }
  if (gone > ours) {
    row.trimmed_by_others += gone - ours;
    ++row.trims_by_others;
  }
  shape = found;
  row.head = found.head();
  row.holes = found.hole_text();
  return gone - ours;
}

}  // namespace imakeep::keeper
