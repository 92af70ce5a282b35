// SPDX-License-Identifier: Apache-2.0
#include "archive/append_options.h"

#include <algorithm>

#include "archive/pcr_bytes.h"

namespace imakeep::archive {
namespace {

Result<void> put_anchor(Store& store, Chain& chain, const AnchorRow& given) {
  auto pcrs = pcr_state(given.pcrs, chain.banks);
  if (!pcrs || given.chain != chain.chain || given.number != chain.end || given.broken_at > given.number) {
    return fail(ErrorCode::kUsage, "an anchor of chain " + std::to_string(chain.chain.value()) +
                                       " must be at its end, record " + std::to_string(chain.end) +
                                       ", and have PCRs of its banks, " + digest::bank_names(chain.banks));
  }
  AnchorRow row = given;
  row.before_pcrs = pcr_bytes(chain.end_pcrs);
  IMAKEEP_TRY(const auto& there, store.anchors_from(chain.chain, chain.end));
  if (!there.empty() && there.front().number == row.number) {
    // The chain's PCRs are those of the anchor that is replaced, so the state after the replay of the records is in its
    // row. Records that it calls broken stay broken.
    row.before_pcrs = there.front().before_pcrs;
    row.broken_at = std::min(row.broken_at, there.front().broken_at);
  }
  chain.end_pcrs = std::move(*pcrs);
  return store.put_anchor(row);
}

Result<void> put_list(Store& store, const Chain& chain, const ListRow& row) {
  if (row.chain != chain.chain || row.head > chain.end || row.proven > chain.end) {
    return fail(ErrorCode::kUsage, "the row of the list of chain " + std::to_string(chain.chain.value()) +
                                       " goes beyond its end, record " + std::to_string(chain.end) +
                                       ", or belongs to another chain");
  }
  return store.put_list(row);
}

}  // namespace

Result<void> put_append_options(Store& store, Chain& chain, const AppendOptions& options) {
  if (options.pending != nullptr && options.clear_pending) {
    return fail(ErrorCode::kUsage, "a pending trim cannot be set and cleared at once");
  }
  if (options.start) chain.start = *options.start;
  if (options.source != nullptr) IMAKEEP_CHECK(store.put_source(*options.source));
  if (options.anchor != nullptr) IMAKEEP_CHECK(put_anchor(store, chain, *options.anchor));
  if (options.origin != nullptr) {
    if (options.origin->chain != chain.chain) return fail(ErrorCode::kUsage, "the origin belongs to another chain");
    IMAKEEP_CHECK(store.put_origin(*options.origin));
  }
  if (options.list != nullptr) IMAKEEP_CHECK(put_list(store, chain, *options.list));
  if (options.pending != nullptr) IMAKEEP_CHECK(store.set_pending(*options.pending));
  if (options.clear_pending) IMAKEEP_CHECK(store.set_pending(std::nullopt));
  for (IncidentRow incident : options.incidents) {
    incident.incident = 0;
    IMAKEEP_CHECK(store.put_incident(incident));
  }
  return {};
}

}  // namespace imakeep::archive
