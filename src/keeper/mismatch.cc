// SPDX-License-Identifier: Apache-2.0
#include "keeper/mismatch.h"

#include <algorithm>

#include "keeper/explain_chain.h"
#include "keeper/likely_overlap.h"
#include "keeper/matching_pcrs.h"
#include "keeper/new_chain.h"
#include "keeper/set_back.h"

namespace imakeep::keeper {
namespace {

// The alignment by which all records of the list are new.
Alignment all_new(const KnownChain& known) {
  return {.shape = ListShape(known.end()), .missing = {}};
}

bool never_trimmed(const Contents& contents) {
  return !contents.other_kernel && contents.list.staged == 0 && contents.list.begins_with_kernel() &&
         contents.known.begins_with_kernel() && contents.list.ids.front() == contents.known.ids.front() &&
         contents.shape.missing().empty();
}

Finding archive_ahead(const archive::Chain& chain, const SetBack& set_back) {
  const std::string at = std::to_string(set_back.at.value());
  const std::uint64_t after = RecordNumber(chain.end) - set_back.at;
  Finding found{.diagnosis = Diagnosis::kArchiveAhead,
                .chain = chain.chain,
                .first = set_back.at.value(),
                .records = after,
                .what = {}};
  found.what = set_back.went_on == 0
                   ? "the PCRs match record " + at + " of chain " + std::to_string(chain.chain.value()) +
                         ", of which " + std::to_string(chain.end) + " records are archived"
                   : "the PCRs match record " + at + " of chain " + std::to_string(chain.chain.value()) +
                         " followed by " + std::to_string(set_back.went_on) + " records other than the " +
                         std::to_string(after) + " that are archived after it";
  found.what += ": the archive belongs to another machine, or this machine was set back";
  return found;
}

// Adds the reading by which the list is the known records and more, if the list looks so.
Result<void> add_grown(const UnmatchedListView& list, Mismatch& mismatch, const Alignment& overlap,
                       const ListFacts& facts) {
  if (facts.other_kernel || overlap.known != facts.in_list || overlap.gone > 0 || !overlap.missing.empty()) return {};
  IMAKEEP_TRY(auto grown, read_position(list.seen.stream, overlap, list.contents.list.records()));
  mismatch.grown = std::move(grown);
  return {};
}

// Explains the unproven records. If that explains the PCRs completely, the overlap of content counts after all.
Result<void> explain_unproven(const UnmatchedListView& list, Mismatch& mismatch, const ListFacts& facts) {
  const std::uint64_t records = list.contents.list.records();
  const auto decided = decided_alignment(facts);
  const Alignment likely = decided ? *decided : facts.by_content.value_or(all_new(list.known));
  IMAKEEP_TRY(auto by_content, read_position(list.seen.stream, likely, records));
  IMAKEEP_TRY(auto explained,
              explain_known(list.seen, list.store, list.known, list.contents.list, likely, by_content.new_from));
  mismatch.found = std::move(explained);
  const Diagnosis diagnosis = mismatch.found.diagnosis;
  // But for what was found, the PCRs match the list, so they decide after all.
  if (diagnosis == Diagnosis::kAlteredRecord || diagnosis == Diagnosis::kFailedExtend) {
    mismatch.as_read = std::move(by_content);
  } else if (!decided && facts.by_content) {
    mismatch.found.diagnosis = Diagnosis::kGapOrExtend;
    mismatch.found.what += "; this kernel may measure equal records more than once, so all " + std::to_string(records) +
                           " records of the list are archived as new";
  }
  return {};
}

Result<void> explain_mismatch(const UnmatchedListView& list, Mismatch& mismatch, const ListFacts& facts,
                              Verdict verdict) {
  const archive::Chain& chain = list.known.chain;
  const std::string end = std::to_string(chain.end);
  mismatch.found.chain = chain.chain;
  mismatch.found.first = chain.end;
  switch (verdict) {
    case Verdict::kArchiveAhead:
      mismatch.found = archive_ahead(chain, *facts.set_back);
      return {};
    case Verdict::kKexecGap:
      mismatch.found.diagnosis = Diagnosis::kGap;
      mismatch.found.what = "a kexec dropped records from record " + end +
                            " on that imakeep had not seen, so they are lost; or something else extended the PCRs";
      return {};
    case Verdict::kGap:
      mismatch.as_read.gone = facts.in_list;
      mismatch.found.diagnosis = Diagnosis::kGap;
      mismatch.found.what = "somebody else deleted all that the list held, and records from record " + end +
                            " on that imakeep had not seen: these are lost";
      return {};
    case Verdict::kOtherChain:
    case Verdict::kUnexplained:
      break;
  }
  return explain_unproven(list, mismatch, facts);
}

}  // namespace

ListFacts facts_of(const UnmatchedListView& list) {
  const Contents& contents = list.contents;
  ListFacts facts{
      .with_pcrs = list.seen.with_pcrs(),
      .table_kept = list.known.table_kept && !contents.known.repeats() && !contents.list.repeats(),
      .other_kernel = contents.other_kernel,
      .never_trimmed = never_trimmed(contents),
      .any_kexec = contents.list.has_kexec() || contents.known.has_kexec(),
      .restored = contents.list.restored(),
      .in_list = list.known.in_list(),
      .same_life = list.known.of_same_life(list.seen),
  };
  if (list.seen.evidence.unread == 0) {
    facts.by_matching_pcrs = by_matching_pcrs(list.search, contents, list.seen.window(), list.known.chain.end_pcrs);
  }
  LikelyOverlap overlap = likely_overlap(list.search.families(), contents);
  facts.by_content = std::move(overlap.by_content);
  facts.by_violations = std::move(overlap.by_violations);
  return facts;
}

Result<ExaminedList> examine(const UnmatchedListView& list) {
  ExaminedList examined{.facts = facts_of(list), .not_tried = {}};
  if (list.seen.with_pcrs()) {
    const archive::Chain& chain = list.known.chain;
    const RecordNumber from = std::max(RecordNumber(chain.first_kept), list.known.anchored_at);
    IMAKEEP_TRY(const auto& start, archive::Archive(list.store).state_at(chain, from.value()));
    IMAKEEP_TRY(const auto& search_back,
                find_set_back(list.store, chain, from, start, list.seen.stream, list.contents.list,
                              list.seen.evidence.pcrs, list.seen.window()));
    examined.facts.set_back = search_back.found;
    if (!search_back.tried_all) {
      examined.not_tried += "; not every record at which the machine may have been set back was tried";
    }
  }
  for (std::size_t i = 0; i < list.search.families().size(); ++i) {
    if (list.search.tried(i)) continue;
    examined.not_tried += "; the list repeats its records, and " + std::to_string(list.search.families()[i].count) +
                          " alignments are possible: too many to try";
  }
  return examined;
}

Result<Placed> place_unmatched(const UnmatchedListView& list, const ExaminedList& examined) {
  const ListFacts& facts = examined.facts;
  const Verdict verdict = diagnose(facts);
  if (verdict == Verdict::kOtherChain) {
    return as_new_chain(
        list.seen, facts.with_pcrs ? " and does not continue chain " + std::to_string(list.known.chain.chain.value())
                                   : " and continues no archived chain");
  }
  Mismatch mismatch;
  const auto decided = decided_alignment(facts);
  IMAKEEP_TRY(auto as_read,
              read_position(list.seen.stream, decided.value_or(all_new(list.known)), list.contents.list.records()));
  mismatch.as_read = std::move(as_read);
  // The list seems to hold these records still, so the keeper does not know of any deletion.
  if (!decided && facts.by_content) mismatch.as_read.gone = 0;
  IMAKEEP_CHECK(explain_mismatch(list, mismatch, facts, verdict));
  mismatch.found.what += examined.not_tried;
  const auto& alike = facts.by_content ? facts.by_content : facts.by_violations;
  if (!decided && alike && mismatch.as_read.new_from.records == 0) {
    IMAKEEP_CHECK(add_grown(list, mismatch, *alike, facts));
  }
  return Placed{.mismatch = std::move(mismatch)};
}

}  // namespace imakeep::keeper
