// keeper/chain_state.h - what the archive says of the last chain, as the keeper uses it.
// Threads: values.
#pragma once

#include <algorithm>

#include "archive/archive.h"
#include "keeper/placement.h"

namespace imakeep::keeper {

struct ChainState {
  archive::Chain chain;
  archive::ListRow row;
  bool followed = false;  // there was a row
  ListShape shape;
  std::optional<archive::Anchor> anchor = std::nullopt;       // the last
  std::uint64_t anchors_at_break = 0;                         // how many have its broken_at
  std::optional<archive::PendingRow> pending = std::nullopt;  // of this chain

  // Of the last chain; empty if there is none. Errors: the archive's.
  static Result<std::optional<ChainState>> load(archive::Archive& archive);

  KnownChain known() const {
    const std::uint64_t anchored_at = anchor ? anchor->number : 0;
    return {.chain = chain,
            .shape = shape,
            .boot_id = row.boot_id,
            .anchored_at = anchored_at,
            .proven = std::max(row.proven, anchored_at)};
  }
  std::uint64_t in_list() const { return shape.records(chain.end); }
  // The PCRs went on from the last anchor as the list did, or there is none: that the chain's end is proven means what
  // it says.
  bool proven() const {
    return row.proven == chain.end && row.proven_unix_s != 0 && (!anchor || anchor->number < chain.end);
  }

  // The list was found at `found`: `gone` records of what it held are not in it any more. Says whose deletion that was
  // by the mark, and returns how many others deleted.
  std::uint64_t moved_to(const ListShape& found, std::uint64_t gone, std::int64_t now_unix_s);
};

}  // namespace imakeep::keeper
