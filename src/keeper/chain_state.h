// SPDX-License-Identifier: Apache-2.0
// keeper/chain_state.h - what the archive says of the last chain, in the form that the keeper uses.
// Threads: values.
#pragma once

#include <algorithm>

#include "archive/archive.h"
#include "keeper/known_chain.h"

namespace imakeep::keeper {

struct ChainState {
  archive::Chain chain;
  archive::ListRow row;
  archive::OriginRow origin;
  bool followed = false;  // the archive had a row for the chain's list
  ListShape shape;
  std::optional<archive::Anchor> anchor = std::nullopt;       // the last one
  std::uint32_t parted_pcrs = 0;                              // parted at an anchor, not gone on since: bit P is PCR P
  std::uint64_t anchors_at_break = 0;                         // count of anchors with the last one's broken_at
  std::optional<archive::PendingRow> pending = std::nullopt;  // of this chain

  // Loads the state of the last chain of the host's own list; empty without such a chain. Errors: the archive's, and
  // kMalformed for a damaged row.
  static Result<std::optional<ChainState>> load(archive::Archive& archive);

  KnownChain known() const {
    return {.chain = chain,
            .shape = shape,
            .boot_id = row.boot_id,
            .anchored_at = anchored_at(),
            .proven = std::max(RecordNumber(row.proven), anchored_at()),
            .resets = resets(),
            .pending = pending_records()};
  }
  // The TPM's counts when the list was last seen.
  std::optional<tpm::ResetCounts> resets() const {
    if (!origin.tpm_resets || !origin.tpm_restarts) return std::nullopt;
    return tpm::ResetCounts{.resets = static_cast<std::uint32_t>(*origin.tpm_resets),
                            .restarts = static_cast<std::uint32_t>(*origin.tpm_restarts)};
  }
  RecordNumber end() const { return RecordNumber(chain.end); }
  // The number of the last anchor; 0 without one.
  RecordNumber anchored_at() const { return RecordNumber(anchor ? anchor->number : 0); }
  // Count of records at the list's head that the pending trim covers; 0 without one.
  std::uint64_t pending_records() const {
    return pending && RecordNumber(pending->first) == shape.head() ? pending->records : 0;
  }
  std::uint64_t in_list() const { return shape.records(end()); }
  // Whether the chain's end is proven. If the chain has an anchor, the PCRs must also have gone on from it as the list
  // did.
  bool proven() const {
    return row.proven == chain.end && row.proven_unix_s != 0 && (!anchor || anchored_at() < end());
  }

  // The list was found to have the shape `found`, and `gone` records at its front are not in it any more. Attributes
  // them to the keeper as far as the pending trim covers them. Attributes the rest to others, unless a kexec may have
  // lost it. Returns the size of the rest.
  std::uint64_t moved_to(const ListShape& found, std::uint64_t gone, bool by_kexec, std::int64_t now_unix_s);
};

}  // namespace imakeep::keeper
