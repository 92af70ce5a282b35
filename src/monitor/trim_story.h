// SPDX-License-Identifier: Apache-2.0
// monitor/trim_story.h - describes one trim in one line: how many records, by which method, of which chain, when they
// were proven, how long the list was held, and what is left and deleted. Threads: no shared state.
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "archive/archive.h"
#include "keeper/chain_state.h"
#include "keeper/keeper.h"

namespace imakeep::monitor {

struct TrimStory {
  keeper::TrimResult trimmed;
  std::uint64_t list_records = 0;  // left in the list
  // Empty if the archive does not tell. The records are [first, end) of the chain, except those that were not in the
  // list.
  struct Range {
    archive::ChainId chain = {};
    std::uint64_t first = 0;
    std::uint64_t end = 0;
    std::int64_t proven_unix_s = 0;  // 0: never
    std::uint64_t bytes = 0;         // size of these records in the binary list
  };
  std::optional<Range> range = std::nullopt;
};

// `before` is the archive's last chain before the trim, empty if it had none. `digest_bytes` is the size of the digests
// in the binary list. Reads the deleted records once from the archive.
TrimStory trim_story(const keeper::TrimResult& trimmed, std::uint64_t list_records,
                     const std::optional<keeper::ChainState>& before, archive::Archive& archive,
                     std::size_t digest_bytes);

// "trimmed 132 records by count: 0 to 131 of chain 1, proven 2026-11-25 17:05:03 UTC, holding the list for 0.2 ms; 3
// records left, 17.9 kB of the list are gone"
std::string text_of(const TrimStory& story);
nlohmann::json json_of(const TrimStory& story);

}  // namespace imakeep::monitor
