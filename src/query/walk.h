// SPDX-License-Identifier: Apache-2.0
// query/walk.h - reads an archive for a question: which records fit a selection.
//
// Reads only the segments whose time fits. If the question is which digests are first, or if there is a filter, it
// reads everything before them too, once. Threads: no shared state.
#pragma once

#include <functional>

#include "query/selection.h"

namespace imakeep::query {

// A condition that depends on the earlier records of a chain.
class RecordFilter {
 public:
  virtual ~RecordFilter() = default;
  // The records that follow are those of this chain, from its first kept one on.
  virtual Result<void> begin(const archive::Chain& chain) = 0;
  // Sees every record of the chain that can be read, in order, also those that the selection leaves out.
  virtual bool passes(const archive::NumberedRecord& record) = 0;
};

struct Walk {
  std::optional<archive::ChainId> chain;  // only this chain; else all, by number
  Selection selection;
  imalog::TemplateSet templates;
  RecordFilter* filter = nullptr;  // a further condition; borrowed
};

struct WalkCalls {
  // A record that fits. An error ends the walk.
  std::function<Result<void>(const SeenRecord&)> on_record;
  // Records that could not be read.
  std::function<void(archive::ChainId, const archive::Damage&)> on_damage;
};

// Records are handed over by chain and number. Errors: kUsage if the archive has no such chain; those of `on_record`
// and of the filter; the store's, except damage.
Result<void> walk(archive::Archive& archive, const Walk& request, const WalkCalls& calls);

// Adds the digests of the chain's records before `end` to the set.
Result<void> learn_digests(archive::Store& store, const archive::Chain& chain, std::uint64_t end,
                           const imalog::TemplateSet& templates, DigestSet& digests,
                           const std::function<void(archive::ChainId, const archive::Damage&)>& on_damage);

}  // namespace imakeep::query
