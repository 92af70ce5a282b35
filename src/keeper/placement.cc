#include "keeper/placement.h"

#include <algorithm>
#include <functional>
#include <span>

#include "keeper/candidates.h"
#include "keeper/explain.h"
#include "keeper/known_list.h"

namespace imakeep::keeper {
namespace {

using archive::RecordId;

// The first record of every kernel: its name is "boot_aggregate" or, where the TPM came late, "boot_aggregate_late".
// Source: ima_add_boot_aggregate() in security/integrity/ima/ima_init.c.
bool is_boot_aggregate(const imalog::RecordContentView& content) {
  const std::size_t at = as_text(content.body).find("boot_aggregate");
  if (at == std::string_view::npos || at < sizeof(std::uint32_t)) return false;
  // A path that only contains the words has something before them.
  const auto field_bytes = load<std::uint32_t>(content.body.data() + at - sizeof(std::uint32_t));
  return field_bytes <= content.body.size() - at;
}

class Placer {
 public:
  Placer(ListStream& stream, archive::Store& store, const std::optional<KnownChain>& known, const Evidence& evidence,
         const std::vector<digest::Bank>& banks, const digest::Bank& shown, const std::string& boot_id)
      : stream_(stream),
        store_(store),
        known_(known),
        evidence_(evidence),
        banks_(banks),
        shown_(shown),
        boot_id_(boot_id) {}

  Result<Placed> place() {
    if (!known_) return as_new_chain({});
    auto at_hint = as_last_seen();
    if (!at_hint) return unexpected(at_hint.error());
    auto placed = *at_hint ? Result<Placed>(Placed{.placement = std::move(**at_hint)}) : by_content();
    if (!placed || !placed->placement || !known_->judged) return placed;
    const auto certain = has_lasting_record(0, placed->placement->fits_until);
    if (!certain) return unexpected(certain.error());
    placed->placement->certain = *certain;
    return placed;
  }

 private:
  Result<imalog::Replay> replay_from(const digest::PcrState& start) const {
    imalog::Replay replay(start);
    for (const imalog::PcrValue& value : evidence_.pcrs) IMAKEEP_CHECK(replay.expect(value));
    return replay;
  }

  struct Fit {
    std::uint64_t until = 0;  // of the list's records
    bool in_flight = false;
  };

  // Up to which of the list's records the PCRs agree, if `replay`, which began behind `known` of them and has seen the
  // rest, leads to them at the right records.
  std::optional<Fit> fits_until(const imalog::Replay& replay, std::uint64_t known) const {
    const std::uint64_t before_last = stream_.records_before_last();
    const std::uint64_t least = before_last + evidence_.count_before;
    // What was not read again, since its first record is there, may be gone all the same: then the list is too short.
    const std::uint64_t most = before_last + evidence_.count_after;
    Fit fit{.until = known + replay.records()};
    for (std::size_t i = 0; i < evidence_.pcrs.size(); ++i) {
      const auto found = replay.found_at(i);
      const auto held = replay.held_until(i);
      // One record may be in the current list and its extend on the way. "A" waits for the extend.
      const bool in_flight = found && known + *held + 1 == least && evidence_.count_before > 0;
      const bool reached = found && (known + *held >= least || (in_flight && !evidence_.settled));
      if (!reached || known + *found > most) return std::nullopt;
      fit.until = std::min(fit.until, known + *held);
      fit.in_flight = fit.in_flight || in_flight;
    }
    return fit;
  }

  Placement placement_of(const Candidate& candidate, const ListStream::Place& new_from, const Fit& fit) const {
    Placement placement{.in_flight = fit.in_flight,
                        .shape = candidate.shape,
                        .gone = candidate.gone,
                        .records = list_records_,
                        .new_from = new_from,
                        .fits_until = fit.until,
                        .dropped = candidate.dropped,
                        .dropped_by_kexec = candidate.by_kexec};
    if (placement.dropped) placement.shape.add_hole(*placement.dropped);
    return placement;
  }

  // A place where the list could begin to be new, replayed from there.
  struct Tried {
    ListStream::Place new_from;
    std::optional<imalog::Replay> replay;
    std::vector<std::uint64_t> wrong_digest;  // indexes of records whose digest does not fit their data; the first few

    void add(const imalog::RecordContentView& content, bool wrong, std::uint64_t index) {
      if (wrong && wrong_digest.size() < kMostAltered) wrong_digest.push_back(index);
      replay->add(content);
    }
  };

  Result<Tried> try_from(const digest::PcrState& start) const {
    auto replay = replay_from(start);
    if (!replay) return unexpected(replay.error());
    Tried tried{.new_from = stream_.place(), .replay = {}, .wrong_digest = {}};
    tried.replay.emplace(std::move(*replay));
    return tried;
  }

  // Replays what comes next in the stream, each from where it began. `at_record` is told each place, first.
  Result<void> replay_rest(std::span<Tried> all, const std::function<Result<void>()>& at_record = {}) {
    for (;;) {
      if (at_record) IMAKEEP_CHECK(at_record());
      const auto record = stream_.next();
      if (!record) return unexpected(record.error());
      if (!*record) {
        list_records_ = stream_.records();
        return {};
      }
      const imalog::RecordContentView content = (*record)->content();
      const bool wrong = !imalog::digest_fits(shown_, content, (*record)->digest);
      for (Tried& tried : all) {
        if (tried.replay) tried.add(content, wrong, stream_.records() - 1);
      }
    }
  }

  // Numbers of records at these indexes of the list, the first `known` of which are archived.
  std::vector<std::uint64_t> numbers(const std::vector<std::uint64_t>& indexes, std::uint64_t known,
                                     std::uint64_t end) const {
    std::vector<std::uint64_t> numbers;
    numbers.reserve(indexes.size());
    for (const std::uint64_t index : indexes) numbers.push_back(end + (index - known));
    return numbers;
  }

  // The list of a chain of which nothing is archived.
  Result<Placed> as_new_chain(const std::string& why_not_the_last) {
    stream_.seek({});
    auto tried = try_from(digest::PcrState(banks_));
    if (!tried) return unexpected(tried.error());
    IMAKEEP_CHECK(replay_rest(std::span(&*tried, 1)));
    const auto fit = fits_until(*tried->replay, 0);
    Placement placement = placement_of({.shape = ListShape(0)}, {}, fit.value_or(Fit{}));
    placement.new_chain = true;
    if (fit) {
      placement.altered = numbers(tried->wrong_digest, 0, 0);
      return Placed{.placement = std::move(placement)};
    }
    // A list that is whole may have been altered, or an extend may have failed.
    stream_.seek({});
    auto explained = explain(nullptr, stream_, shown_, digest::PcrState(banks_), 0, evidence_.pcrs);
    if (!explained) return unexpected(explained.error());
    if (explained->diagnosis == Diagnosis::kUnexplainedExtend) explained = headless(why_not_the_last, *explained);
    // That it is another chain than the last is said of a list that stands still only.
    placement.certain = !known_;
    return Placed{.misfit = Misfit{.found = std::move(*explained), .as_read = std::move(placement)}};
  }

  // The list as it was last seen, and what was added to it.
  Result<std::optional<Placement>> as_last_seen() {
    if (known_->read_until) {
      auto placement = behind_what_was_read();
      // If somebody deleted records, there is no record where one began.
      if (!placement && placement.error().code != ErrorCode::kMalformed) return placement;
      if (placement && *placement) return placement;
    }
    stream_.seek({});
    KnownList known(store_, known_->chain, known_->shape);
    while (stream_.records() < known.records()) {
      const auto archived = known.next();
      const bool damaged = !archived && archived.error().code == ErrorCode::kMalformed;
      // The PCRs tell without it. What is damaged is not deleted: Keeper::may_go() reads it.
      if (!archived && (!damaged || evidence_.pcrs.empty())) return unexpected(archived.error());
      const auto record = stream_.next();
      if (!record) return unexpected(record.error());
      if (!*record || (!damaged && !((*record)->content() == **archived))) return std::nullopt;
    }
    return behind(known.records());
  }

  // The same without reading again what was read last time: the first record is compared, and the PCRs tell the rest. A
  // violation is like any other to the PCRs, and may be like another one to the eye, so it is no mark to go by.
  Result<std::optional<Placement>> behind_what_was_read() {
    if (evidence_.pcrs.empty()) return std::nullopt;
    stream_.seek({});
    KnownList known(store_, known_->chain, known_->shape);
    const auto archived = known.next();
    if (!archived) return unexpected(archived.error());
    const auto record = stream_.next();
    if (!record) return unexpected(record.error());
    const bool same_head = *archived && *record && !(*archived)->violation && (*record)->content() == **archived;
    if (!same_head || stream_.place().part != known_->read_until->part || stream_.records_before_last() > 0 ||
        known.records() != known_->read_until->records) {
      return std::nullopt;
    }
    stream_.seek(*known_->read_until);
    return behind(known.records());
  }

  // The list whose first `known` records are archived, and behind which the stream stands.
  Result<std::optional<Placement>> behind(std::uint64_t known) {
    const archive::Chain& chain = known_->chain;
    if (evidence_.pcrs.empty() && other_kernel()) return std::nullopt;
    auto tried = try_from(chain.end_pcrs);
    if (!tried) return unexpected(tried.error());
    IMAKEEP_CHECK(replay_rest(std::span(&*tried, 1)));
    const auto fit = fits_until(*tried->replay, known);
    if (!fit) return std::nullopt;
    Placement placement = placement_of({.known = known, .shape = known_->shape}, tried->new_from, *fit);
    // The list as it was last seen needs no second look: what is on the way comes next time.
    placement.in_flight = false;
    placement.altered = numbers(tried->wrong_digest, known, chain.end);
    return placement;
  }

  bool other_kernel() const { return !boot_id_.empty() && known_->boot_id != boot_id_; }

  // Every place that the records' content allows.
  Result<std::vector<Candidate>> candidates() {
    std::vector<RecordId> known;
    KnownList archived(store_, known_->chain, known_->shape);
    for (;;) {
      const auto record = archived.next();
      if (!record) return unexpected(record.error());
      if (!*record) break;
      known.push_back(archive::record_id(**record));
    }
    std::vector<RecordId> list;
    stream_.seek({});
    for (;;) {
      const auto record = stream_.next();
      if (!record) return unexpected(record.error());
      if (!*record) break;
      list.push_back(archive::record_id((*record)->content()));
    }
    return candidates_of({.known = known,
                          .shape = known_->shape,
                          .end = known_->chain.end,
                          .list = list,
                          .staged = static_cast<std::size_t>(stream_.records_before_last()),
                          .other_kernel = other_kernel()});
  }

  // Replays the list from the archive's end, once for each candidate, all in one pass.
  Result<std::vector<Tried>> try_all(const std::vector<Candidate>& candidates) {
    std::vector<Tried> tried(candidates.size());
    stream_.seek({});
    IMAKEEP_CHECK(replay_rest(tried, [&]() -> Result<void> {
      for (std::size_t i = 0; i < candidates.size(); ++i) {
        if (candidates[i].known != stream_.records() || tried[i].replay) continue;
        auto begun = try_from(known_->chain.end_pcrs);
        if (!begun) return unexpected(begun.error());
        tried[i] = std::move(*begun);
      }
      return {};
    }));
    return tried;
  }

  Result<Placed> by_content() {
    if (other_kernel()) {
      const auto restored = restored_records();
      if (!restored) return unexpected(restored.error());
      restored_ = *restored;
    }
    const auto all = candidates();
    if (!all) return unexpected(all.error());
    const auto tried = try_all(*all);
    if (!tried) return unexpected(tried.error());
    if (const auto best = best_fit(*all, *tried))
      return fitting((*all)[best->first], (*tried)[best->first], best->second);
    // A list that leads from a reset to the PCRs is a chain of its own, whatever it shares with the last one.
    auto from_reset = as_new_chain({});
    if (!from_reset || from_reset->placement) return from_reset;
    return misfit(*all, *tried);
  }

  // The first candidate that leads to the PCRs: one that needs no extend on the way, else one that does, else one whose
  // records differ from the archive's.
  std::optional<std::pair<std::size_t, Fit>> best_fit(const std::vector<Candidate>& all,
                                                      const std::vector<Tried>& tried) const {
    std::optional<std::pair<std::size_t, Fit>> best;
    int best_rank = 3;
    int fits = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto fit = tried[i].replay ? fits_until(*tried[i].replay, all[i].known) : std::nullopt;
      if (!fit || (evidence_.pcrs.empty() && !content_decides(all[i]))) continue;
      const int rank = !all[i].same ? 2 : fit->in_flight ? 1 : 0;
      fits += rank < 2 ? 1 : 0;
      if (rank < best_rank) best.emplace(i, *fit);
      best_rank = std::min(best_rank, rank);
    }
    // Of several at most one needs no extend on the way, and whether there is one on the way is not known yet.
    if (fits > 1) best->second.in_flight = true;
    return best;
  }

  // Without PCRs the records alone say that the list goes on from the archive. Equal ones say so only while the same
  // kernel runs, and of another one's list only for what came over a kexec.
  bool content_decides(const Candidate& candidate) const {
    return candidate.same && (!other_kernel() || (candidate.known > 0 && candidate.known <= restored_));
  }

  Result<Placed> fitting(const Candidate& candidate, const Tried& tried, const Fit& fit) {
    Placement placement = placement_of(candidate, tried.new_from, fit);
    placement.altered = numbers(tried.wrong_digest, candidate.known, known_->chain.end);
    // Those before the new ones had their digests checked when they were archived.
    std::erase_if(placement.altered, [&](std::uint64_t number) { return number < known_->chain.end; });
    if (!candidate.same) {
      const auto changed = changed_records(candidate);
      if (!changed) return unexpected(changed.error());
      placement.altered.insert(placement.altered.begin(), changed->begin(), changed->end());
    }
    return Placed{.placement = std::move(placement)};
  }

  // The numbers of those that the list shows otherwise than the archive.
  Result<std::vector<std::uint64_t>> changed_records(const Candidate& candidate) {
    std::vector<std::uint64_t> changed;
    stream_.seek({});
    KnownList known(store_, known_->chain, candidate.shape);
    for (std::uint64_t index = 0;; ++index) {
      const auto archived = known.next();
      if (!archived) return unexpected(archived.error());
      if (!*archived) break;
      const auto record = stream_.next();
      if (!record) return unexpected(record.error());
      if (!*record) break;
      if (!((*record)->content() == **archived)) changed.push_back(candidate.shape.number_at(index));
    }
    return changed;
  }

  // What the content says for certain: the longest overlap that reaches the archive's end, else one that lost its end
  // or its middle, else none. An overlap of violations alone may be one of others that are like them; then all of the
  // list is taken for new: kept twice is better than lost.
  Result<std::size_t> by_content_alone(const std::vector<Candidate>& all) {
    const auto none = std::ranges::find(all, std::uint64_t{0}, &Candidate::known) - all.begin();
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].known == 0 || !all[i].same) continue;
      // Both of the pieces that a list fell into have to show where they belong.
      const std::uint64_t first_piece = all[i].split > 0 ? all[i].split : all[i].known;
      auto certain = has_lasting_record(0, first_piece);
      if (certain && *certain && first_piece < all[i].known) certain = has_lasting_record(first_piece, all[i].known);
      if (!certain) return unexpected(certain.error());
      if (*certain) return i;
    }
    return static_cast<std::size_t>(none);
  }

  Result<Placed> misfit(const std::vector<Candidate>& all, const std::vector<Tried>& tried) {
    const archive::Chain& chain = known_->chain;
    const auto chosen = by_content_alone(all);
    if (!chosen) return unexpected(chosen.error());
    const std::size_t base = *chosen;
    const bool overlaps = all[base].known > 0;
    if (!overlaps && evidence_.pcrs.empty()) return as_new_chain(", and goes on from nothing that is archived");
    const std::uint64_t in_list = known_->shape.records(chain.end);
    Placed placed;
    placed.misfit.emplace();
    Misfit& misfit = *placed.misfit;
    misfit.as_read = placement_of(all[base], tried[base].new_from, {});
    misfit.as_read.certain = overlaps;
    misfit.found.chain = chain.chain;
    misfit.found.first = chain.end;
    const auto ahead = stands_before_end();
    if (!ahead) return unexpected(ahead.error());
    if (*ahead) {
      misfit.found.diagnosis = Diagnosis::kArchiveAhead;
      misfit.found.first = **ahead;
      misfit.found.records = chain.end - **ahead;
      misfit.found.what = "the PCRs stand at record " + std::to_string(**ahead) + " of chain " +
                          std::to_string(chain.chain) + ", of which " + std::to_string(chain.end) +
                          " are archived: the archive is another machine's, or this one was set back";
      return placed;
    }
    // The same files are measured in every boot, so equal records are no sign that another kernel's list is the same
    // one. What lies before a second boot aggregate came over a kexec.
    if (other_kernel()) {
      if (!overlaps || all[base].gone > 0 || all[base].known > restored_) {
        return as_new_chain(", nor does it go on from chain " + std::to_string(chain.chain));
      }
    }
    if (overlaps && other_kernel()) {
      misfit.found.diagnosis = Diagnosis::kGap;
      misfit.found.what = "a kexec dropped records behind record " + std::to_string(chain.end) +
                          " that imakeep had not seen, or the PCRs were extended by something else: they are lost";
      return placed;
    }
    // An overlap that tells nothing certain tells not that there is none, either.
    const bool maybe_overlaps =
        std::ranges::any_of(all, [](const Candidate& each) { return each.known > 0 && each.same; });
    if (!overlaps && maybe_overlaps) misfit.as_read.gone = 0;
    if (!overlaps && !maybe_overlaps && in_list > 0) {
      misfit.found.diagnosis = Diagnosis::kGap;
      misfit.found.what = "all that the list held was deleted by somebody else, and records behind record " +
                          std::to_string(chain.end) + " that imakeep had not seen: they are lost";
      return placed;
    }
    auto explained = explain_known(all[base], misfit.as_read.new_from);
    if (!explained) return unexpected(explained.error());
    misfit.found = std::move(*explained);
    return placed;
  }

  // Why the records that are not proven, of the archive and then of the list, do not lead to the PCRs.
  Result<Found> explain_known(const Candidate& candidate, const ListStream::Place& new_from) {
    const archive::Chain& chain = known_->chain;
    const std::uint64_t from = std::max(known_->proven, chain.first_kept);
    const auto start = archive::Archive(store_).state_at(chain, from);
    if (!start) return unexpected(start.error());
    archive::ArchiveReader unproven(store_, chain, from, chain.end);
    stream_.seek(new_from);
    auto found = explain(&unproven, stream_, shown_, *start, from, evidence_.pcrs);
    if (!found) return unexpected(found.error());
    found->chain = chain.chain;
    if (found->diagnosis != Diagnosis::kUnexplainedExtend) return found;
    if (chain.start == archive::ChainStart::kUnknown && from == 0) return headless({}, *found);
    // Records are only ever deleted from the beginning of a list, so none is missing between two that are there.
    const std::uint64_t proven = std::min(candidate.known, candidate.shape.records(from));
    const auto contiguous = has_lasting_record(stream_.records_before_last(), proven);
    if (!contiguous) return unexpected(contiguous.error());
    if (!*contiguous) {
      found->diagnosis = Diagnosis::kGapOrExtend;
      found->what = "records were deleted by somebody else before imakeep saw them, or " + found->what;
    }
    return found;
  }

  static Found headless(const std::string& why_not_the_last, Found found) {
    found.diagnosis = Diagnosis::kHeadless;
    found.records.reset();
    found.what = "the list does not begin at a TPM reset" + why_not_the_last +
                 ": records were deleted before imakeep saw them, or the PCRs were extended by something else";
    return found;
  }

  // Whether one of the list's records from index `from` to before `to` is no violation: those alone do not repeat.
  Result<bool> has_lasting_record(std::uint64_t from, std::uint64_t to) {
    stream_.seek({});
    while (stream_.records() < to) {
      const bool counts = stream_.records() >= from;
      const auto record = stream_.next();
      if (!record) return unexpected(record.error());
      if (!*record) break;
      if (counts && !(*record)->content().violation) return true;
    }
    return false;
  }

  // How many of the list's first records are of an earlier kernel.
  Result<std::uint64_t> restored_records() {
    stream_.seek({});
    std::uint64_t restored = 0;
    for (std::uint64_t index = 0;; ++index) {
      const auto record = stream_.next();
      if (!record) return unexpected(record.error());
      if (!*record) return restored;
      if (is_boot_aggregate((*record)->content())) restored = index;
    }
  }

  // The number of records after which the chain had the PCRs' value, if that is before its last but one.
  Result<std::optional<std::uint64_t>> stands_before_end() {
    if (evidence_.pcrs.empty()) return std::nullopt;
    const archive::Chain& chain = known_->chain;
    const std::uint64_t from = std::max(chain.first_kept, known_->anchored_at);
    auto start = archive::Archive(store_).state_at(chain, from);
    if (!start) return unexpected(start.error());
    auto replay = replay_from(*start);
    if (!replay) return unexpected(replay.error());
    archive::ArchiveReader reader(store_, chain, from, chain.end);
    for (;;) {
      const auto step = reader.next();
      if (!step) return unexpected(step.error());
      if (step->done()) break;
      if (step->damage) return std::nullopt;
      replay->add(step->record->record.content);
    }
    const auto found = replay->all_found_at();
    if (!found || from + *found >= chain.end) return std::nullopt;
    return from + *found;
  }

  ListStream& stream_;
  archive::Store& store_;
  const std::optional<KnownChain>& known_;
  const Evidence& evidence_;
  const std::vector<digest::Bank>& banks_;
  const digest::Bank& shown_;
  const std::string& boot_id_;
  std::uint64_t list_records_ = 0;  // told by the last whole reading
  std::uint64_t restored_ = 0;      // the list's first records, of an earlier kernel
};

}  // namespace

Result<Placed> place(ListStream& stream, archive::Store& store, const std::optional<KnownChain>& known,
                     const Evidence& evidence, const std::vector<digest::Bank>& banks, const digest::Bank& shown,
                     const std::string& boot_id) {
  // What comes in later is for the next time: a list may grow faster than it is read.
  stream.end_last_after(evidence.count_after);
  return Placer(stream, store, known, evidence, banks, shown, boot_id).place();
}

}  // namespace imakeep::keeper
