// SPDX-License-Identifier: Apache-2.0
#include "keeper/record_summary.h"

#include <algorithm>

#include "imalog/template.h"
#include "imalog/template_digest.h"
#include "keeper/known_list.h"

namespace imakeep::keeper {

void RecordSummary::add(const imalog::RecordContentView& content, ByteOrder order, bool digest_matches) {
  if (imalog::is_boot_aggregate(content, order)) boot_aggregates.emplace_back(ids.size());
  ids.push_back(archive::record_id(content));
  violations.push_back(content.violation);
  pcrs.push_back(static_cast<std::uint8_t>(content.pcr));
  wrong_digests.push_back(!digest_matches);
}

bool RecordSummary::has_lasting(ListIndex from, ListIndex to) const {
  return has_lasting(from, to, ~std::uint32_t{0});
}

bool RecordSummary::has_lasting(ListIndex from, ListIndex to, std::uint32_t of_pcrs) const {
  const std::uint64_t end = std::min<std::uint64_t>(to.value(), ids.size());
  for (std::uint64_t i = from.value(); i < end; ++i) {
    if (!violations[i] && (of_pcrs >> pcrs[i] & 1) != 0) return true;
  }
  return false;
}

bool RecordSummary::repeats() const {
  std::vector<archive::RecordId> lasting;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!violations[i]) lasting.push_back(ids[i]);
  }
  std::ranges::sort(lasting);
  return std::ranges::adjacent_find(lasting) != lasting.end();
}

Result<RecordSummary> summary_of_list(ListStream& stream, const digest::Bank& shown) {
  RecordSummary summary;
  stream.seek({});
  for (;;) {
    IMAKEEP_TRY(const auto& record, stream.next());
    if (!record) break;
    const imalog::RecordContentView content = record->content();
    summary.add(content, stream.order(), imalog::digest_matches(shown, content, record->digest));
  }
  summary.staged = static_cast<std::size_t>(stream.records_before_last());
  return summary;
}

Result<RecordSummary> summary_of_known(archive::Store& store, const archive::Chain& chain, const ListShape& shape) {
  RecordSummary summary;
  KnownList known(store, chain, shape);
  for (;;) {
    IMAKEEP_TRY(const auto& record, known.next());
    if (!record) return summary;
    summary.add(*record, chain.order);
  }
}

}  // namespace imakeep::keeper
