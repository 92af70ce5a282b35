// SPDX-License-Identifier: Apache-2.0
#include "keeper/place.h"

#include <algorithm>

#include "imalog/template.h"
#include "keeper/best_match.h"
#include "keeper/last_seen.h"
#include "keeper/mismatch.h"
#include "keeper/new_chain.h"
#include "keeper/record_summary.h"
#include "keeper/replay_list.h"

namespace imakeep::keeper {
namespace {

// Two boots that measure the same have the same PCR values. After a kexec, the list holds the new kernel's first
// record, at an index above 0. So if another kernel's list has no such record, and matches the PCRs from a TPM reset
// on, it is of another boot.
Result<Placed> told_from_alike(const ObservationView& seen, const KnownChain& known, Placed placed) {
  if (!known.of_other_kernel(seen.boot_id) || known.of_same_life(seen) || !seen.with_pcrs()) return placed;
  ListStream& stream = seen.stream;
  stream.seek({});
  for (;;) {
    const ListIndex index = stream.index();
    IMAKEEP_TRY(const auto& record, stream.next());
    if (!record) break;
    if (index > ListIndex(0) && imalog::is_boot_aggregate(record->content(), stream.order())) return placed;
  }
  IMAKEEP_TRY(auto from_reset, as_new_chain(seen));
  return from_reset.position && from_reset.position->matched_until > 0 ? std::move(from_reset) : std::move(placed);
}

// Whether the same kernel runs, and its list begins with all records of the chain, from the chain's first one on.
bool is_whole_chain(const ObservationView& seen, const KnownChain& known, const Contents& contents) {
  const std::vector<archive::RecordId>& archived = contents.known.ids;
  const std::vector<archive::RecordId>& list = contents.list.ids;
  return known.of_same_kernel(seen.boot_id) && known.shape.head() == RecordNumber(0) && !archived.empty() &&
         archived.size() == known.chain.end && archived.size() <= list.size() &&
         std::equal(archived.begin(), archived.end(), list.begin());
}

// The list matches these PCRs from a reset on, so the PCRs that the chain was anchored with were those of another TPM.
Result<Placed> of_another_tpm(const ObservationView& seen, const KnownChain& known, const Contents& contents) {
  const Alignment whole{.known = contents.known.records(), .shape = known.shape, .missing = {}};
  IMAKEEP_TRY(auto as_read, read_position(seen.stream, whole, contents.list.records()));
  const std::string chain = std::to_string(known.chain.chain.value());
  Mismatch mismatch{.found = {.diagnosis = Diagnosis::kUnexplainedExtend,
                              .chain = known.chain.chain,
                              .first = known.proven.value(),
                              .what = "chain " + chain +
                                      " was anchored with PCRs that its list does not match, such as those of another "
                                      "TPM; from a TPM reset on, the list matches the PCRs that are read now"},
                    .as_read = std::move(as_read)};
  return Placed{.mismatch = std::move(mismatch)};
}

// The position of the list that matches by `best`.
Result<Placed> matching(const ObservationView& seen, const KnownChain& known, const Contents& contents,
                        const BestMatch& best) {
  const Alignment& alignment = best.alignment;
  IMAKEEP_TRY(auto position, read_position(seen.stream, alignment, contents.list.records(), best.match));
  for (std::size_t i = 0; !alignment.same && i < alignment.known; ++i) {
    if (contents.known.ids[i] != contents.list.ids[i]) {
      position.altered.push_back(alignment.shape.number_at(ListIndex(i)));
    }
  }
  // The digests of known records were checked when they were archived.
  std::size_t wrong = 0;
  for (std::uint64_t i = alignment.known; i < contents.list.records() && wrong < kMostAltered; ++i) {
    if (!contents.list.wrong_digests[i]) continue;
    position.altered.push_back(known.end() + (i - alignment.known));
    ++wrong;
  }
  position.ambiguous = best.several && seen.evidence.unread != 0;
  return Placed{.position = std::move(position)};
}

// Places a list that does not begin as it did.
Result<Placed> by_summary(const ObservationView& seen, archive::Store& store, const KnownChain& known) {
  IMAKEEP_TRY(const auto& archived, summary_of_known(store, known.chain, known.shape));
  IMAKEEP_TRY(const auto& list, summary_of_list(seen.stream, seen.shown));
  const Contents contents{.known = archived,
                          .shape = known.shape,
                          .end = known.end(),
                          .list = list,
                          .other_kernel = known.of_other_kernel(seen.boot_id),
                          .pending = known.pending};
  Search search(known.chain.end_pcrs, seen.evidence.pcrs, families_of(contents), list.records());
  IMAKEEP_CHECK(replay_all(seen.stream, search));
  const bool unread = seen.evidence.unread != 0;
  if (const auto best = best_match(search, contents, seen.window(), unread)) {
    return matching(seen, known, contents, *best);
  }
  // A list that matches the PCRs from a reset on is a chain of its own, even if it shares records with the last one.
  IMAKEEP_TRY(auto from_reset, as_new_chain(seen));
  if (from_reset.position && is_whole_chain(seen, known, contents)) return of_another_tpm(seen, known, contents);
  if (from_reset.position && !known.of_same_kernel(seen.boot_id)) return from_reset;
  const UnmatchedListView unmatched{
      .seen = seen, .store = store, .known = known, .contents = contents, .search = search};
  IMAKEEP_TRY(const auto& examined, examine(unmatched));
  // If a kernel was set back to a snapshot, its list matches the PCRs from a reset on as well.
  const auto& set_back = examined.facts.set_back;
  if (from_reset.position && !(set_back && set_back->at > RecordNumber(0))) return from_reset;
  return place_unmatched(unmatched, examined);
}

// Whether one of the list's first `records` records is no violation: only such records do not repeat.
Result<bool> has_lasting_record(ListStream& stream, std::uint64_t records) {
  stream.seek({});
  while (stream.records() < records) {
    IMAKEEP_TRY(const auto& record, stream.next());
    if (!record) break;
    if (!record->content().violation) return true;
  }
  return false;
}

Result<Placed> place_in_known(const ObservationView& seen, archive::Store& store, const KnownChain& known) {
  if (known.of_other_life(seen)) {
    return as_new_chain(
        seen, ", and the TPM was reset since chain " + std::to_string(known.chain.chain.value()) + " was last seen");
  }
  // Without PCRs, a list that looks as it did may also be what the pending trim left, followed by records that equal
  // the deleted ones. It is better to archive records twice than to lose them, so the pending trim counts as carried
  // out if it explains the list.
  std::optional<ListPosition> as_seen;
  if (seen.with_pcrs() || known.pending == 0) {
    IMAKEEP_TRY(as_seen, as_last_seen(seen, store, known));
  }
  auto placed = as_seen ? Result<Placed>(Placed{.position = std::move(as_seen)}) : by_summary(seen, store, known);
  if (placed && placed->position && !placed->position->new_chain) {
    placed = told_from_alike(seen, known, std::move(*placed));
  }
  if (!placed || !placed->position || !known.judged) return placed;
  IMAKEEP_TRY(const auto& certain, has_lasting_record(seen.stream, placed->position->matched_until));
  placed->position->certain = certain;
  return placed;
}

}  // namespace

Result<Placed> place(const ObservationView& seen, archive::Store& store, const std::optional<KnownChain>& known) {
  // Later records are left for the next call: a list may grow faster than the keeper reads it.
  seen.stream.end_last_after(seen.evidence.count_after);
  return known ? place_in_known(seen, store, *known) : as_new_chain(seen);
}

}  // namespace imakeep::keeper
