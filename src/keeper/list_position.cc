// SPDX-License-Identifier: Apache-2.0
#include "keeper/list_position.h"

#include <algorithm>

#include "imalog/template.h"
#include "keeper/alignment.h"
#include "keeper/diagnose.h"
#include "keeper/explain.h"
#include "keeper/known_list.h"
#include "keeper/locate.h"
#include "keeper/set_back.h"

namespace imakeep::keeper {
namespace {

class Placer {
 public:
  Placer(ListStream& stream, archive::Store& store, const std::optional<KnownChain>& known, const Evidence& evidence,
         const digest::PcrState& start, const digest::Bank& shown, const std::string& boot_id)
      : stream_(stream),
        store_(store),
        known_(known),
        evidence_(evidence),
        start_(start),
        shown_(shown),
        boot_id_(boot_id) {}

  Result<Placed> place() {
    if (!known_) return as_new_chain({});
    if (other_life()) {
      return as_new_chain(", and the TPM was reset since chain " + std::to_string(known_->chain.chain.value()) +
                          " was last seen");
    }
    // Without PCRs, a list that looks as it did may also be what the pending trim left, followed by records that equal
    // the deleted ones. It is better to archive records twice than to lose them, so the pending trim counts as carried
    // out if it explains the list.
    const bool by_pending = !with_pcrs() && known_->pending > 0;
    IMAKEEP_TRY(auto as_seen, by_pending ? Result<std::optional<ListPosition>>(std::nullopt) : as_last_seen());
    auto placed = as_seen ? Result<Placed>(Placed{.position = std::move(*as_seen)}) : by_summary();
    if (placed && placed->position && !placed->position->new_chain) placed = told_from_alike(std::move(*placed));
    if (!placed || !placed->position || !known_->judged) return placed;
    IMAKEEP_TRY(const auto& certain, has_lasting_record(placed->position->matched_until));
    placed->position->certain = certain;
    return placed;
  }

 private:
  bool with_pcrs() const { return !evidence_.pcrs.empty(); }
  bool other_kernel() const { return !boot_id_.empty() && known_->boot_id != boot_id_; }
  bool same_kernel() const { return !boot_id_.empty() && known_->boot_id == boot_id_; }

  // The TPM's counts tell one life of the PCRs from the next. If they differ while the same kernel runs, somebody named
  // another TPM, or the TPM was resumed.
  bool other_life() const {
    return evidence_.resets && known_->resets && evidence_.resets->resets != known_->resets->resets && !same_kernel();
  }
  bool same_life() const { return evidence_.resets && evidence_.resets == known_->resets; }

  // Two boots that measure the same have the same PCR values. After a kexec, the list holds the new kernel's first
  // record, at an index above 0. So if another kernel's list has no such record, and matches the PCRs from a TPM reset
  // on, it is of another boot.
  Result<Placed> told_from_alike(Placed placed) {
    if (!other_kernel() || same_life() || !with_pcrs()) return placed;
    stream_.seek({});
    for (;;) {
      const ListIndex index = stream_.index();
      IMAKEEP_TRY(const auto& record, stream_.next());
      if (!record) break;
      if (index > ListIndex(0) && is_boot_aggregate(*record)) return placed;
    }
    auto from_reset = as_new_chain({});
    if (!from_reset) return from_reset;
    return from_reset->position && from_reset->position->matched_until > 0 ? std::move(*from_reset) : std::move(placed);
  }

  std::uint64_t in_list() const { return known_->shape.records(known_->end()); }

  // The prefixes of the list that the PCRs may match. The list must have been read to its end.
  Window window() const {
    const std::uint64_t before_last = stream_.records_before_last();
    // The known records may not have been re-read. If somebody deleted them, the counts are lower, and `most` excludes
    // a match.
    return {.least = before_last + evidence_.count_before,
            .most = before_last + evidence_.count_after,
            .may_be_in_flight = evidence_.count_before > 0,
            .settled = evidence_.settled};
  }

  // Replays the rest of the stream. Returns the indexes of the first few records whose digest does not match their
  // data.
  Result<std::vector<ListIndex>> replay_rest(Search& search) {
    std::vector<ListIndex> wrong_digests;
    search.begin_at(stream_.index());
    for (;;) {
      const ListIndex index = stream_.index();
      IMAKEEP_TRY(const auto& record, stream_.next());
      if (!record) {
        list_records_ = stream_.records();
        return wrong_digests;
      }
      const imalog::RecordContentView content = record->content();
      if (wrong_digests.size() < kMostAltered && !imalog::digest_matches(shown_, content, record->digest)) {
        wrong_digests.push_back(index);
      }
      search.add(content);
    }
  }

  // Places the list in a chain of which nothing is archived.
  Result<Placed> as_new_chain(const std::string& why_not_the_last) {
    stream_.seek({});
    Search search(start_, evidence_.pcrs, {Family{}}, 0);
    IMAKEEP_TRY(const auto& wrong_digests, replay_rest(search));
    const auto match = match_of(search.seen(0, 0), 0, list_records_, window());
    ListPosition placement{.new_chain = true, .records = list_records_};
    if (match) {
      placement.in_flight = match->in_flight;
      placement.matched_until = match->until;
      placement.reach = match->reach;
      for (const ListIndex index : wrong_digests) placement.altered.push_back(placement.shape.number_at(index));
      return Placed{.position = std::move(placement)};
    }
    // A record of a complete list may have been altered, or an extend may have failed.
    IMAKEEP_TRY(auto explained, explain_new_chain(why_not_the_last));
    return Placed{.mismatch = Mismatch{.found = std::move(explained), .as_read = std::move(placement)}};
  }

  Result<Finding> explain_new_chain(const std::string& why_not_the_last) {
    if (stand_at_start(start_)) return measured_without_tpm();
    stream_.seek({});
    auto found = explain(nullptr, stream_, shown_, start_, RecordNumber(0), evidence_.pcrs);
    if (!found || found->diagnosis != Diagnosis::kUnexplainedExtend) return found;
    if (!why_not_the_last.empty()) return headless(why_not_the_last, *found);
    stream_.seek({});
    IMAKEEP_TRY(const auto& first, stream_.next());
    if (!first || !is_boot_aggregate(*first)) return headless({}, *found);
    found->diagnosis = Diagnosis::kStartNotZero;
    found->records.reset();
    found->what =
        "the list begins with boot_aggregate, a kernel's first record, but does not match the PCRs: something, such as "
        "a boot loader, extended them before that (give their values from then with --start FILE) or after it, or "
        "records were deleted before a kexec";
    return found;
  }

  bool is_boot_aggregate(const imalog::RecordView& record) const {
    return imalog::is_boot_aggregate(record.content(), stream_.order());
  }

  // Whether the PCRs have the values that they had before a chain's first record, and `state` has the same.
  bool stand_at_start(const digest::PcrState& state) const {
    return with_pcrs() && std::ranges::all_of(evidence_.pcrs, [&](const imalog::PcrValue& value) {
             const auto of_start = start_.index_of(value.bank);
             const auto of_state = state.index_of(value.bank);
             return of_start && of_state && value.value == start_.value(*of_start, value.pcr) &&
                    value.value == state.value(*of_state, value.pcr);
           });
  }

  Finding measured_without_tpm() const {
    return {.diagnosis = Diagnosis::kMeasuredWithoutTpm,
            .what = "the list has " + std::to_string(list_records_) +
                    " records, and none was extended into the PCRs that it names: the kernel measured without the TPM, "
                    "whose driver was not there when IMA began, or the PCRs are of another machine"};
  }

  // The list as it was last seen, and what was added to it. Empty if the list is not that.
  Result<std::optional<ListPosition>> as_last_seen() {
    if (known_->read_until) {
      auto placement = after_what_was_read();
      // If somebody deleted records, no record begins at the old offset.
      if (!placement && placement.error().code != ErrorCode::kMalformed) return placement;
      if (placement && *placement) return placement;
    }
    stream_.seek({});
    KnownList known(store_, known_->chain, known_->shape);
    while (stream_.records() < known.records()) {
      const auto archived = known.next();
      const bool damaged = !archived && archived.error().code == ErrorCode::kMalformed;
      // The PCRs decide without the damaged record. The keeper deletes nothing while it is damaged: a trim reads it, in
      // Keeper::may_go() or in compare(), and fails.
      if (!archived && (!damaged || !with_pcrs())) return unexpected(archived.error());
      IMAKEEP_TRY(const auto& record, stream_.next());
      if (!record || (!damaged && !(record->content() == **archived))) return std::nullopt;
    }
    return after(known.records());
  }

  // The same, without re-reading what was read last time: compares the first record, and the PCRs tell the rest. The
  // first record must not be a violation: to the PCRs all violations are equal, and two may have equal content.
  Result<std::optional<ListPosition>> after_what_was_read() {
    if (!with_pcrs()) return std::nullopt;
    stream_.seek({});
    KnownList known(store_, known_->chain, known_->shape);
    IMAKEEP_TRY(const auto& archived, known.next());
    IMAKEEP_TRY(const auto& record, stream_.next());
    const bool same_head = archived && record && !archived->violation && record->content() == *archived;
    if (!same_head || stream_.place().part != known_->read_until->part || stream_.records_before_last() > 0 ||
        known.records() != known_->read_until->records) {
      return std::nullopt;
    }
    stream_.seek(*known_->read_until);
    return after(known.records());
  }

  // The list whose first `known` records are archived. The stream is positioned after them.
  Result<std::optional<ListPosition>> after(std::uint64_t known) {
    // Another kernel's list may begin with equal records, so only PCRs tell, and all of them: an unreadable one may be
    // the one that tells.
    if (other_kernel() && (!with_pcrs() || evidence_.unread != 0)) return std::nullopt;
    const ListStream::Place new_from = stream_.place();
    Search search(known_->chain.end_pcrs, evidence_.pcrs, {Family{.kind = Family::Kind::kEnd, .first = known}}, 0);
    IMAKEEP_TRY(const auto& wrong_digests, replay_rest(search));
    const auto match = match_of(search.seen(0, 0), known, list_records_, window());
    if (!match) return std::nullopt;
    ListPosition placement = placement_of({.known = known, .shape = known_->shape, .missing = {}}, new_from, *match);
    // This is the list as it was last seen, so it needs no second look. The next call takes a record that is in flight.
    placement.in_flight = false;
    add_wrong_digests(placement, known, wrong_digests);
    return placement;
  }

  ListPosition placement_of(const Alignment& alignment, const ListStream::Place& new_from, const Match& match) const {
    return {.in_flight = match.in_flight,
            .shape = alignment.shape,
            .gone = alignment.gone,
            .gone_by_kexec = alignment.gone_by_kexec,
            .records = list_records_,
            .new_from = new_from,
            .matched_until = match.until,
            .reach = match.reach,
            .missing = alignment.missing,
            .lost_by_kexec = alignment.by_kexec,
            .altered = {}};
  }

  // `indexes` are those of new records. The digests of known ones were checked when they were archived.
  void add_wrong_digests(ListPosition& placement, std::uint64_t known, const std::vector<ListIndex>& indexes) const {
    const ListIndex first_new(known);
    for (const ListIndex index : indexes) placement.altered.push_back(known_->end() + (index - first_new));
  }

  // ---- one reading of the list and of the archive

  Result<void> summarize() {
    KnownList archived(store_, known_->chain, known_->shape);
    for (;;) {
      IMAKEEP_TRY(const auto& record, archived.next());
      if (!record) break;
      archived_.add(*record, known_->chain.order);
    }
    stream_.seek({});
    for (;;) {
      IMAKEEP_TRY(const auto& record, stream_.next());
      if (!record) break;
      list_.add(record->content(), stream_.order());
    }
    list_.staged = static_cast<std::size_t>(stream_.records_before_last());
    list_records_ = stream_.records();
    return {};
  }

  Contents contents() const {
    return {.known = archived_,
            .shape = known_->shape,
            .end = known_->end(),
            .list = list_,
            .other_kernel = other_kernel(),
            .pending = known_->pending};
  }

  Result<Placed> by_summary() {
    IMAKEEP_CHECK(summarize());
    const Contents all = contents();
    Search search(known_->chain.end_pcrs, evidence_.pcrs, families_of(all), list_records_);
    stream_.seek({});
    const auto replayed = replay_rest(search);
    if (!replayed) return unexpected(replayed.error());
    if (const auto best = best_match(search, 0)) {
      auto placed = matching(best->alignment, best->match);
      if (placed && placed->position) placed->position->ambiguous = best->several && evidence_.unread != 0;
      return placed;
    }
    // A list that matches the PCRs from a reset on is a chain of its own, even if it shares records with the last one.
    auto from_reset = as_new_chain({});
    if (!from_reset) return from_reset;
    if (from_reset->position && is_this_list()) return of_another_tpm();
    if (from_reset->position && !same_kernel()) return from_reset;
    IMAKEEP_TRY(const auto& facts, facts_of(search));
    // If a kernel was set back to a snapshot, its list matches the PCRs from a reset on as well.
    const bool set_back = facts.set_back && facts.set_back->at > RecordNumber(0);
    return from_reset->position && !set_back ? std::move(*from_reset) : mismatch(search, facts);
  }

  // Whether the same kernel runs, and its list begins with all records of the chain, from the chain's first one on.
  bool is_this_list() const {
    const std::size_t archived = archived_.ids.size();
    return same_kernel() && known_->shape.head() == RecordNumber(0) && archived > 0 && archived == known_->chain.end &&
           archived <= list_.ids.size() && std::equal(archived_.ids.begin(), archived_.ids.end(), list_.ids.begin());
  }

  // The list matches these PCRs from a reset on, so the PCRs that the chain was anchored with were those of another
  // TPM.
  Result<Placed> of_another_tpm() {
    IMAKEEP_TRY(auto as_read, read_as({.known = archived_.ids.size(), .shape = known_->shape, .missing = {}}));
    Mismatch mismatch{
        .found = {.diagnosis = Diagnosis::kUnexplainedExtend,
                  .chain = known_->chain.chain,
                  .first = known_->proven.value(),
                  .what = "chain " + std::to_string(known_->chain.chain.value()) +
                          " was anchored with PCRs that its list does not match, such as those of another TPM; "
                          "from a TPM reset on, the list matches the PCRs that are read now"},
        .as_read = std::move(as_read)};
    return Placed{.mismatch = std::move(mismatch)};
  }

  struct BestMatch {
    Alignment alignment;
    Match match;
    bool several = false;  // other alignments match too
  };

  // The first alignment that matches the PCRs. Alignments that need no in-flight extend come first, then those that
  // need one, then those whose records differ from the archive's. If bit P of `passed_over` is set, PCR P is not
  // compared.
  std::optional<BestMatch> best_match(const Search& search, std::uint32_t passed_over) const {
    std::optional<BestMatch> best;
    int best_rank = 3;
    int matches = 0;
    for (std::size_t family = 0; family < search.families().size(); ++family) {
      const Family& of = search.families()[family];
      // Fewest new records first.
      for (std::uint64_t i = of.count; i-- > 0;) {
        const std::uint64_t known = of.first + i * of.step;
        const auto match = match_of(seen_of(search, family, i, passed_over), known, list_records_, window());
        if (!match) continue;
        if (of.kind == Family::Kind::kAlteredViolations && match->until == known) continue;
        if (!with_pcrs() && !content_decides(of, known)) continue;
        const int rank = is_altered(of) ? 2 : match->in_flight ? 1 : 0;
        // Linux cannot have deleted the records that kLacking misses. So kLacking counts only if the PCRs prove,
        // without an in-flight extend, that the known records are the archive's last.
        if (of.kind == Family::Kind::kLacking && rank > 0) continue;
        // If kEnd gives the same alignment as the pending trim, it is no second match.
        const bool again =
            best && best->alignment.known == known && best->alignment.missing.empty() && of.kind == Family::Kind::kEnd;
        matches += rank < 2 && !again ? 1 : 0;
        // If a PCR cannot be read, several alignments may always match. It is better to archive records twice than to
        // lose them, so take the one with fewer known records.
        const bool fewer_known = evidence_.unread != 0 && best && rank == best_rank && known < best->alignment.known;
        if (rank < best_rank || fewer_known) best = BestMatch{alignment_of(contents(), of, i), *match};
        best_rank = std::min(best_rank, rank);
        if (!with_pcrs()) return best;
      }
    }
    // If several alignments match, only one can match without an in-flight extend. Mark the result as in-flight so that
    // the caller looks again.
    if (matches > 1) best->several = best->match.in_flight = true;
    return best;
  }

  static bool is_altered(const Family& family) {
    return family.kind == Family::Kind::kAltered || family.kind == Family::Kind::kAlteredViolations;
  }

  // The values to compare if the PCRs `passed_over` are left out.
  std::vector<std::optional<Seen>> seen_of(const Search& search, std::size_t family, std::uint64_t i,
                                           std::uint32_t passed_over) const {
    const auto all = search.seen(family, i);
    std::vector<std::optional<Seen>> compared;
    for (std::size_t value = 0; value < all.size(); ++value) {
      if ((passed_over >> evidence_.pcrs[value].pcr & 1) == 0) compared.push_back(all[value]);
    }
    return compared;
  }

  // If no alignment matches a PCR, that PCR parted from the records: something extended it that the keeper never saw.
  // The other PCRs still match the true alignment, which is one of those that content allows. So if they match only one
  // alignment, it is the true one. One of these PCRs must be named by archived records: it proves that the list is of
  // this chain.
  std::optional<Alignment> by_matching_pcrs(const Search& search) const {
    if (evidence_.unread != 0) return std::nullopt;
    const std::uint32_t passed_over = parted_pcrs(search);
    const bool of_chain = std::ranges::any_of(evidence_.pcrs, [&](const imalog::PcrValue& value) {
      return (passed_over >> value.pcr & 1) == 0 && known_->chain.end_pcrs.touched(value.pcr);
    });
    if (passed_over == 0 || !of_chain) return std::nullopt;
    std::optional<std::uint64_t> only;
    for (std::size_t family = 0; family < search.families().size(); ++family) {
      const Family& of = search.families()[family];
      if (is_altered(of)) continue;
      for (std::uint64_t i = 0; i < of.count; ++i) {
        const std::uint64_t known = of.first + i * of.step;
        if (!match_of(seen_of(search, family, i, passed_over), known, list_records_, window())) continue;
        if (only && *only != known) return std::nullopt;
        only = known;
      }
    }
    if (only && !told_apart(search, *only, ~passed_over)) return std::nullopt;
    const auto best = only ? best_match(search, passed_over) : std::nullopt;
    return best && best->alignment.same ? std::optional(best->alignment) : std::nullopt;
  }

  // Whether the PCRs `of_pcrs` tell the alignment of `only` known records from every other alignment that content
  // allows and that has fewer new records. They do not if the two differ by violations alone: a violation that is
  // counted twice can make up for a lost one. An alignment with more new records has more extends, and nothing takes an
  // extend away.
  bool told_apart(const Search& search, std::uint64_t only, std::uint32_t of_pcrs) const {
    return std::ranges::all_of(search.families(), [&](const Family& of) {
      for (std::uint64_t i = 0; !is_altered(of) && i < of.count; ++i) {
        const std::uint64_t known = of.first + i * of.step;
        if (known > only && !list_.has_lasting(ListIndex(only), ListIndex(known), of_pcrs)) return false;
      }
      return true;
    });
  }

  std::uint32_t parted_pcrs(const Search& search) const {
    std::vector<bool> matched(evidence_.pcrs.size());
    for (std::size_t family = 0; family < search.families().size(); ++family) {
      const Family& of = search.families()[family];
      for (std::uint64_t i = 0; i < of.count; ++i) {
        const auto seen = search.seen(family, i);
        for (std::size_t value = 0; value < seen.size(); ++value) {
          matched[value] = matched[value] ||
                           match_of(std::span(seen).subspan(value, 1), of.first + i * of.step, list_records_, window());
        }
      }
    }
    std::uint32_t parted = 0;
    for (std::size_t value = 0; value < matched.size(); ++value) {
      if (!matched[value]) parted |= 1u << evidence_.pcrs[value].pcr;
    }
    return parted;
  }

  // Without PCRs, only content can say that the list goes on from the archive. Equal records say so while the same
  // kernel runs. In another kernel's list, equal records say so only if they came over a kexec.
  bool content_decides(const Family& family, std::uint64_t known) const {
    if (is_altered(family) || family.kind == Family::Kind::kLacking) return false;
    return !other_kernel() || (known > 0 && known <= restored_records());
  }

  // How many of the list's first records are of an earlier kernel.
  std::uint64_t restored_records() const {
    return list_.boot_aggregates.empty() ? 0 : list_.boot_aggregates.back() - ListIndex(0);
  }

  Result<Placed> matching(const Alignment& alignment, const Match& match) {
    stream_.seek({});
    KnownList archived(store_, known_->chain, alignment.shape);
    std::vector<RecordNumber> altered;
    const ListIndex first_new(alignment.known);
    for (ListIndex index; index < first_new; ++index) {
      IMAKEEP_TRY(const auto& record, stream_.next());
      if (alignment.same) continue;
      IMAKEEP_TRY(const auto& before, archived.next());
      if (record && before && !(record->content() == *before)) {
        altered.push_back(alignment.shape.number_at(index));
      }
    }
    ListPosition placement = placement_of(alignment, stream_.place(), match);
    placement.altered = std::move(altered);
    std::vector<ListIndex> wrong_digests;
    for (ListIndex index = first_new; wrong_digests.size() < kMostAltered; ++index) {
      IMAKEEP_TRY(const auto& record, stream_.next());
      if (!record) break;
      if (!imalog::digest_matches(shown_, record->content(), record->digest)) wrong_digests.push_back(index);
    }
    add_wrong_digests(placement, alignment.known, wrong_digests);
    return Placed{.position = std::move(placement)};
  }

  // ---- no alignment matches the PCRs

  // Finds the longest overlap that reaches the archive's end, otherwise one that lost its end or its middle. An overlap
  // of violations alone is kept apart: the list's violations may be others that are equal to the archived ones.
  void find_overlap(const Search& search, ListFacts& facts) const {
    for (const Family& family : search.families()) {
      const bool of_content = family.kind != Family::Kind::kNone && !is_altered(family);
      for (std::uint64_t i = of_content ? family.count : 0; i-- > 0;) {
        const Alignment alignment = alignment_of(contents(), family, i);
        if (alignment.known == 0) continue;
        if (!facts.by_violations) facts.by_violations = alignment;
        // If a list is in two pieces, each piece must hold a record that shows where it belongs.
        const ListIndex first_piece(alignment.split > 0 ? alignment.split : alignment.known);
        const ListIndex known(alignment.known);
        // Alignments of the same family with fewer known records have no such record either.
        if (!list_.has_lasting(ListIndex(0), first_piece)) break;
        if (first_piece < known && !list_.has_lasting(first_piece, known)) continue;
        facts.by_content = alignment;
        facts.by_violations.reset();
        return;
      }
    }
  }

  bool never_trimmed() const {
    const auto is_first = [](const RecordSummary& records) {
      return !records.boot_aggregates.empty() && records.boot_aggregates.front() == ListIndex(0);
    };
    return !other_kernel() && list_.staged == 0 && is_first(list_) && is_first(archived_) &&
           list_.ids.front() == archived_.ids.front() && known_->shape.missing().empty();
  }

  Result<ListFacts> facts_of(const Search& search) {
    ListFacts facts{.with_pcrs = with_pcrs(),
                    .table_kept = known_->table_kept && !archived_.repeats() && !list_.repeats(),
                    .other_kernel = other_kernel(),
                    .never_trimmed = never_trimmed(),
                    .any_kexec = list_.has_kexec() || archived_.has_kexec(),
                    .restored = restored_records(),
                    .in_list = in_list(),
                    .same_life = same_life(),
                    .by_matching_pcrs = by_matching_pcrs(search)};
    find_overlap(search, facts);
    if (!with_pcrs()) return facts;
    const archive::Chain& chain = known_->chain;
    const RecordNumber from = std::max(RecordNumber(chain.first_kept), known_->anchored_at);
    IMAKEEP_TRY(const auto& start, archive::Archive(store_).state_at(chain, from.value()));
    IMAKEEP_TRY(const auto& search_back,
                find_set_back(store_, chain, from, start, stream_, list_, evidence_.pcrs, window()));
    facts.set_back = search_back.found;
    if (!search_back.tried_all) {
      not_tried_ += "; not every record at which the machine may have been set back was tried";
    }
    return facts;
  }

  Result<Placed> mismatch(const Search& search, const ListFacts& facts) {
    for (std::size_t i = 0; i < search.families().size(); ++i) {
      if (!search.tried(i)) {
        not_tried_ += "; the list repeats its records, and " + std::to_string(search.families()[i].count) +
                      " alignments are possible: too many to try";
      }
    }
    const Verdict verdict = diagnose(facts);
    if (verdict == Verdict::kOtherChain) {
      return as_new_chain(with_pcrs() ? " and does not continue chain " + std::to_string(known_->chain.chain.value())
                                      : " and continues no archived chain");
    }
    Mismatch mismatch;
    const auto decided = decided_alignment(facts);
    const Alignment none{.shape = ListShape(known_->end()), .missing = {}};
    IMAKEEP_TRY(auto as_read, read_as(decided.value_or(none)));
    mismatch.as_read = std::move(as_read);
    // The list seems to hold these records still, so the keeper does not know of any deletion.
    if (!decided && facts.by_content) mismatch.as_read.gone = 0;
    mismatch.found.chain = known_->chain.chain;
    mismatch.found.first = known_->chain.end;
    IMAKEEP_CHECK(explain_mismatch(mismatch, facts, verdict));
    mismatch.found.what += not_tried_;
    const auto& alike = facts.by_content ? facts.by_content : facts.by_violations;
    if (!decided && alike && mismatch.as_read.new_from.records == 0) IMAKEEP_CHECK(add_grown(mismatch, *alike, facts));
    return Placed{.mismatch = std::move(mismatch)};
  }

  Result<ListPosition> read_as(const Alignment& alignment) {
    stream_.seek({});
    while (stream_.records() < alignment.known) {
      IMAKEEP_TRY(const auto& record, stream_.next());
      if (!record) break;
    }
    return placement_of(alignment, stream_.place(), {});
  }

  // Adds the reading by which the list is the known records and more, if the list looks so.
  Result<void> add_grown(Mismatch& mismatch, const Alignment& overlap, const ListFacts& facts) {
    if (facts.other_kernel || overlap.known != in_list() || overlap.gone > 0 || !overlap.missing.empty()) return {};
    IMAKEEP_TRY(auto grown, read_as(overlap));
    mismatch.grown = std::move(grown);
    return {};
  }

  Result<void> explain_mismatch(Mismatch& mismatch, const ListFacts& facts, Verdict verdict) {
    const std::string end = std::to_string(known_->chain.end);
    switch (verdict) {
      case Verdict::kArchiveAhead:
        mismatch.found = ahead(*facts.set_back);
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
    const Alignment none{.shape = ListShape(known_->end()), .missing = {}};
    const auto decided = decided_alignment(facts);
    const Alignment likely = decided ? *decided : facts.by_content.value_or(none);
    IMAKEEP_TRY(auto by_content, read_as(likely));
    IMAKEEP_TRY(auto explained, explain_known(likely, by_content.new_from));
    mismatch.found = std::move(explained);
    const Diagnosis diagnosis = mismatch.found.diagnosis;
    // But for what was found, the PCRs match the list, so they decide after all.
    if (diagnosis == Diagnosis::kAlteredRecord || diagnosis == Diagnosis::kFailedExtend) {
      mismatch.as_read = std::move(by_content);
    } else if (!decided && facts.by_content) {
      mismatch.found.diagnosis = Diagnosis::kGapOrExtend;
      mismatch.found.what += "; this kernel may measure equal records more than once, so all " +
                             std::to_string(list_records_) + " records of the list are archived as new";
    }
    return {};
  }

  Finding ahead(const SetBack& set_back) const {
    const archive::Chain& chain = known_->chain;
    const std::string at = std::to_string(set_back.at.value());
    const std::uint64_t after = known_->end() - set_back.at;
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

  // Explains why the unproven records, of the archive and then of the list, do not match the PCRs.
  Result<Finding> explain_known(const Alignment& alignment, const ListStream::Place& new_from) {
    const archive::Chain& chain = known_->chain;
    const RecordNumber from = std::max(known_->proven, RecordNumber(chain.first_kept));
    IMAKEEP_TRY(const auto& start, archive::Archive(store_).state_at(chain, from.value()));
    if (stand_at_start(start)) {
      Finding found = measured_without_tpm();
      found.chain = chain.chain;
      found.first = from.value();
      return found;
    }
    archive::ArchiveReader unproven(store_, chain, from.value(), chain.end);
    stream_.seek(new_from);
    auto found = explain(&unproven, stream_, shown_, start, from, evidence_.pcrs);
    if (!found) return unexpected(found.error());
    found->chain = chain.chain;
    if (const auto pcr = first_named_after_anchor(); pcr && found->diagnosis != Diagnosis::kAlteredRecord) {
      found->diagnosis = Diagnosis::kGapOrExtend;
      found->what =
          "PCR " + std::to_string(*pcr) +
          " had a value before the first record that names it: records were lost before imakeep saw them, or " +
          found->what;
      return found;
    }
    if (found->diagnosis != Diagnosis::kUnexplainedExtend) return found;
    if (chain.start == archive::ChainStart::kUnknown && from == RecordNumber(0)) return headless({}, *found);
    // Linux deletes only from the front of a list. If the current list still holds a proven record, no record after
    // that one was deleted.
    const ListIndex unproven_from(std::min(alignment.known, alignment.shape.records(from)));
    if (!list_.has_lasting(ListIndex(stream_.records_before_last()), unproven_from)) {
      found->diagnosis = Diagnosis::kGapOrExtend;
      found->what = "somebody else deleted records before imakeep saw them, or " + found->what;
    }
    return found;
  }

  // In a chain with an anchor, a PCR that no archived record names and that is not zero: nothing tells what extended
  // it.
  std::optional<std::uint32_t> first_named_after_anchor() const {
    if (known_->anchored_at == RecordNumber(0)) return std::nullopt;
    for (const imalog::PcrValue& value : evidence_.pcrs) {
      const bool zero = std::ranges::all_of(value.value.view(), [](std::byte byte) { return byte == std::byte{0}; });
      if (!known_->chain.end_pcrs.touched(value.pcr) && !zero) return value.pcr;
    }
    return std::nullopt;
  }

  static Finding headless(const std::string& why_not_the_last, Finding found) {
    found.diagnosis = Diagnosis::kHeadless;
    found.records.reset();
    found.what = "the list does not begin at a TPM reset" + why_not_the_last +
                 ": records were deleted before imakeep saw them, or the PCRs were extended by something else";
    return found;
  }

  // Whether one of the list's first `records` records is no violation: only such records do not repeat.
  Result<bool> has_lasting_record(std::uint64_t records) {
    stream_.seek({});
    while (stream_.records() < records) {
      IMAKEEP_TRY(const auto& record, stream_.next());
      if (!record) break;
      if (!record->content().violation) return true;
    }
    return false;
  }

  ListStream& stream_;
  archive::Store& store_;
  const std::optional<KnownChain>& known_;
  const Evidence& evidence_;
  const digest::PcrState& start_;  // of a chain that begins with this list
  const digest::Bank& shown_;
  const std::string& boot_id_;
  std::uint64_t list_records_ = 0;  // set by the last complete reading
  RecordSummary archived_;          // the records that the list should hold
  RecordSummary list_;
  std::string not_tried_;  // what the result leaves open
};

}  // namespace

Result<Placed> place(ListStream& stream, archive::Store& store, const std::optional<KnownChain>& known,
                     const Evidence& evidence, const digest::PcrState& start, const digest::Bank& shown,
                     const std::string& boot_id) {
  // Later records are left for the next call: a list may grow faster than the keeper reads it.
  stream.end_last_after(evidence.count_after);
  return Placer(stream, store, known, evidence, start, shown, boot_id).place();
}

}  // namespace imakeep::keeper
