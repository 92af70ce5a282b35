// The reading half of the keeper: what is new goes into the archive, what does not fit is named.
#include <algorithm>
#include <iterator>
#include <utility>

#include "archive/pcr_bytes.h"
#include "imalog/template_digest.h"
#include "keeper/keeper.h"
#include "keeper/record_batch.h"

namespace imakeep::keeper {
namespace {

// An extend that is under way when nothing else happens is over after so long.
constexpr std::int64_t kSettleMs = 1000;
// How often a list is looked at again that does not fit while records come in.
constexpr int kMostLooks = 3;
// How many times in a row the list may be in motion, and not fit, before its records are archived all the same.
constexpr int kPatience = 3;
// So many anchors behind what is proven put off the next one by a record.
constexpr std::uint64_t kAnchorsPerRecord = 8;

std::vector<ListPart> parts_of(const ImaSource& source) {
  return source.has_staging() ? std::vector{ListPart::kStaged, ListPart::kCurrent} : std::vector{ListPart::kCurrent};
}

bool same_evidence(const Evidence& a, const Evidence& b) {
  return a.count_before == a.count_after && a.count_before == b.count_before && b.count_before == b.count_after &&
         std::ranges::equal(a.pcrs, b.pcrs, {}, &imalog::PcrValue::value, &imalog::PcrValue::value);
}

bool same_place(const archive::ListRow& a, const archive::ListRow& b) {
  return a.head == b.head && a.holes == b.holes && a.proven == b.proven && a.trimmed == b.trimmed &&
         a.trimmed_by_others == b.trimmed_by_others && a.boot_id == b.boot_id;
}

archive::IncidentRow incident_of(const Found& found, std::int64_t now_unix_s) {
  return {.chain = found.chain,
          .first = found.first,
          .records = found.records,
          .kind = std::string(word(found.diagnosis)),
          .what = found.what,
          .since_unix_s = now_unix_s};
}

// What others deleted since the list was last seen, put down in `state`.
std::vector<Found> deleted_by_others(ChainState& state, const Placement& placement, std::int64_t now_unix_s) {
  std::vector<Found> found;
  const std::uint64_t head = state.row.head;
  const std::uint64_t others = state.moved_to(placement.shape, placement.gone, now_unix_s);
  if (others > 0) {
    found.push_back({.diagnosis = Diagnosis::kTrimmedByOther,
                     .chain = state.chain.chain,
                     .first = head,
                     .records = others,
                     .what = "somebody else deleted " + std::to_string(others) + " records; they are archived"});
  }
  if (!placement.dropped) return found;
  const std::uint64_t records = placement.dropped->end - placement.dropped->first;
  const std::string which =
      std::to_string(records) + " records, from " + std::to_string(placement.dropped->first) + " on";
  found.push_back({.diagnosis = Diagnosis::kKexecDropped,
                   .chain = state.chain.chain,
                   .first = placement.dropped->first,
                   .records = records,
                   .what = "a kexec left " + which + ", out of the list; they are archived"});
  if (!placement.dropped_by_kexec) {
    found.back().diagnosis = Diagnosis::kTrimmedByOther;
    found.back().what = "somebody else deleted " + which + ", behind staged ones; they are archived";
    state.row.trimmed_by_others += records;
    ++state.row.trims_by_others;
  }
  return found;
}

std::vector<Found> altered_records(std::uint64_t chain, const Placement& placement) {
  std::vector<Found> found;
  found.reserve(placement.altered.size());
  for (const std::uint64_t number : placement.altered) {
    found.push_back({.diagnosis = Diagnosis::kAlteredRecord,
                     .chain = chain,
                     .first = number,
                     .records = 1,
                     .what = "the list shows record " + std::to_string(number) +
                             " otherwise than it was measured; the archive has it as the PCRs prove it"});
  }
  return found;
}

// What is to be put down of `found`, once: an altered record, for one, stays so and is found each time.
Result<std::vector<archive::IncidentRow>> new_incidents(archive::Archive& archive, const std::vector<Found>& found,
                                                        std::int64_t now_unix_s) {
  std::vector<archive::IncidentRow> incidents;
  for (const Found& each : found) {
    // Others' trims are counted in the list's row.
    if (each.diagnosis != Diagnosis::kTrimmedByOther) incidents.push_back(incident_of(each, now_unix_s));
  }
  if (incidents.empty()) return incidents;
  const auto said = archive.incidents();
  if (!said) return unexpected(said.error());
  std::erase_if(incidents, [&](const archive::IncidentRow& incident) {
    return std::ranges::any_of(*said, [&](const archive::IncidentRow& old) {
      return old.chain == incident.chain && old.kind == incident.kind && old.first == incident.first;
    });
  });
  return incidents;
}

void append_all(std::vector<Found>& to, std::vector<Found> found) {
  std::ranges::move(found, std::back_inserter(to));
}

}  // namespace

Result<Followed> Keeper::follow() {
  // Where records keep coming in, the first follow() looks more than once; those after it have seen that it is no use.
  const int most_looks = unsettled_ == 0 ? kMostLooks : 1;
  for (int looks = 1;; ++looks) {
    auto followed = look();
    if (!followed) return followed;
    const bool unsettled =
        std::ranges::find(followed->found, Diagnosis::kUnsettled, &Found::diagnosis) != followed->found.end();
    if (unsettled && looks < most_looks) continue;
    unsettled_ = unsettled ? unsettled_ + 1 : 0;
    last_ = *followed;
    return followed;
  }
}

// What the list and its PCRs are compared with. kUnsupported if they are not of the banks that the chain was kept with.
Result<std::optional<KnownChain>> Keeper::known_chain(const std::optional<ChainState>& state,
                                                      const std::vector<digest::Bank>& all_banks) {
  const auto read = std::exchange(read_, {});
  if (!state) return std::nullopt;
  KnownChain known = state->known();
  known.judged = state->pending || state->row.boot_id != source_.boot_id();
  if (read && read->chain == known.chain.chain && read->end == known.chain.end && read->head == known.shape.head()) {
    known.read_until = read->until;
  }
  if (pcrs_ == nullptr || !compared_banks(state, all_banks).empty()) return known;
  // Banks are allocated anew by a reset: another chain begins.
  if (state->row.boot_id != source_.boot_id()) return std::nullopt;
  return fail(ErrorCode::kUnsupported, "chain " + std::to_string(known.chain.chain) + " was kept with the banks " +
                                           digest::bank_names(known.chain.banks) + ", and the PCRs are of " +
                                           digest::bank_names(all_banks) +
                                           " in the same boot: name the TPM that the list is measured into");
}

Result<Followed> Keeper::look() {
  Hold hold(source_, clock_);
  IMAKEEP_CHECK(hold.open_to_read());
  const auto all_banks = banks();
  if (!all_banks) return unexpected(all_banks.error());
  auto state = ChainState::load(archive_);
  if (!state) return unexpected(state.error());
  const auto known = known_chain(*state, *all_banks);
  if (!known) return unexpected(known.error());
  const auto compared = compared_banks(*known ? *state : std::nullopt, *all_banks);
  auto evidence = read_evidence(compared);
  if (!evidence) return unexpected(evidence.error());
  ListStream stream(source_, parts_of(source_), options_.progress);
  const auto find_place = [&] {
    return place(stream, archive_.store(), *known, *evidence, *all_banks, source_.bank(), source_.boot_id());
  };
  auto placed = find_place();
  if (!placed) return unexpected(placed.error());
  if (pcrs_ != nullptr && (placed->misfit || placed->placement->in_flight || !placed->placement->certain)) {
    // A verdict needs a list and PCRs that stand still; an extend that is on the way would make it another.
    const Evidence before = *evidence;
    // Nobody is kept out meanwhile: whoever deletes something changes the count.
    hold.close();
    clock_.sleep_ms(kSettleMs);
    IMAKEEP_CHECK(hold.open_to_read());
    evidence = read_evidence(compared);
    if (!evidence) return unexpected(evidence.error());
    evidence->settled = same_evidence(before, *evidence);
    placed = find_place();
    if (!placed) return unexpected(placed.error());
  }
  const std::uint64_t staged = stream.records_before_last();
  auto followed = placed->placement ? take_in(stream, std::move(*state), *placed->placement, *all_banks, *evidence)
                                    : take_in_unfit(stream, std::move(*state), *placed->misfit, *all_banks, *evidence);
  if (followed) followed->staged_records = staged;
  return followed;
}

Result<Followed> Keeper::take_in(ListStream& stream, std::optional<ChainState> state, const Placement& placement,
                                 const std::vector<digest::Bank>& all_banks, const Evidence& evidence) {
  const bool with_pcrs = !evidence.pcrs.empty();
  Followed followed{.list_records = placement.records, .lag = placement.records - placement.fits_until};
  if (placement.new_chain && placement.fits_until == 0) {
    // Nothing was measured yet, or nothing extended.
    followed.proven = with_pcrs;
    return followed;
  }
  if (placement.new_chain) {
    auto begun = begin_chain(state, all_banks, with_pcrs ? archive::ChainStart::kBoot : archive::ChainStart::kUnknown);
    if (!begun) return unexpected(begun.error());
    state = std::move(*begun);
  }
  const archive::ListRow before = state->row;
  const std::int64_t now = clock_.unix_s();
  // Whose deletion it was is only said where it is certain that there was one.
  const bool decides = placement.certain || evidence.settled || !with_pcrs;
  if (decides) {
    append_all(followed.found, deleted_by_others(*state, placement, now));
    state->row.boot_id = source_.boot_id();
  }
  append_all(followed.found, altered_records(state->chain.chain, placement));
  const auto incidents = new_incidents(archive_, followed.found, now);
  if (!incidents) return unexpected(incidents.error());
  const std::uint64_t end = state->chain.end + (placement.fits_until - placement.new_from.records);
  // An anchor proves nothing by itself: the PCRs have to go on from it as the list does.
  const bool proves = with_pcrs && !(state->anchor && state->anchor->number == end);
  if (proves) {
    state->row.proven = end;
    state->row.proven_unix_s = now;
  }
  archive::Beside beside{
      .list = &state->row, .clear_pending = decides && state->pending.has_value(), .incidents = *incidents};
  const bool from_reset =
      state->chain.start == archive::ChainStart::kUnknown && state->chain.end == 0 && !state->anchor;
  if (with_pcrs && from_reset && end > 0) beside.start = archive::ChainStart::kBoot;
  const bool changed = end > state->chain.end || beside.clear_pending || !incidents->empty() || !state->followed ||
                       !same_place(before, state->row);
  followed.archived = end - state->chain.end;
  stream.seek(placement.new_from);
  if (changed) IMAKEEP_CHECK(commit_records(stream, *state, placement.fits_until, !with_pcrs, beside));
  followed.chain = state->chain.chain;
  if (stream.records_before_last() == 0) {
    read_ =
        Read{.chain = *followed.chain, .end = state->chain.end, .head = state->shape.head(), .until = stream.place()};
  }
  followed.proven = with_pcrs && state->proven();
  return followed;
}

Result<Followed> Keeper::take_in_unfit(ListStream& stream, std::optional<ChainState> state, const Misfit& misfit,
                                       const std::vector<digest::Bank>& all_banks, const Evidence& evidence) {
  const Placement& as_read = misfit.as_read;
  Followed followed{.list_records = as_read.records, .found = {misfit.found}};
  Found& found = followed.found.front();
  if (state) followed.chain = state->chain.chain;
  const bool with_pcrs = !evidence.pcrs.empty();
  const std::int64_t now = clock_.unix_s();
  const bool ahead = found.diagnosis == Diagnosis::kArchiveAhead;
  const bool settled = evidence.settled || !with_pcrs;
  if (!settled) {
    found.what = "the list does not fit the PCRs, and records come in while it is read; last seen: " + found.what;
    found.diagnosis = Diagnosis::kUnsettled;
    // Where it never becomes quiet, what is read is kept all the same, if the records themselves say where it belongs.
    if (ahead || !as_read.certain || unsettled_ < kPatience) return followed;
  }
  if (ahead) {
    // Nothing of this list belongs behind what the archive holds.
    const auto incidents = new_incidents(archive_, followed.found, now);
    if (!incidents) return unexpected(incidents.error());
    if (!incidents->empty()) {
      IMAKEEP_CHECK(commit_records(stream, *state, stream.records(), false, {.incidents = *incidents}));
    }
    return followed;
  }
  if (as_read.new_chain) {
    auto begun = begin_chain(state, all_banks, archive::ChainStart::kUnknown);
    if (!begun) return unexpected(begun.error());
    state = std::move(*begun);
  }
  const std::uint64_t end_before = state->chain.end;
  const std::uint64_t end = end_before + (as_read.records - as_read.new_from.records);
  const std::uint64_t broken_at = state->row.proven;
  // While the PCRs go on not to fit, each anchor needs a few records more than the last: there are never many.
  const bool same_break = state->anchor && state->anchor->broken_at == broken_at;
  const bool worth_it = !same_break || end == state->anchor->number ||
                        end - state->anchor->number > state->anchors_at_break / kAnchorsPerRecord;
  archive::AnchorRow anchor{.chain = state->chain.chain,
                            .broken_at = broken_at,
                            .why = std::string(word(found.diagnosis)),
                            .since_unix_s = now};
  std::vector<archive::IncidentRow> incidents;
  found.chain = state->chain.chain;
  if (settled && !(same_break && state->anchor->why == anchor.why)) incidents.push_back(incident_of(found, now));
  state->moved_to(as_read.shape, as_read.gone, now);
  state->row.boot_id = source_.boot_id();
  stream.seek(as_read.new_from);
  IMAKEEP_CHECK(commit_records(stream, *state, as_read.records, true,
                               {.list = &state->row,
                                .clear_pending = state->pending.has_value(),
                                .anchor = with_pcrs && settled && worth_it ? &anchor : nullptr,
                                .incidents = incidents},
                               [&](std::uint64_t number, digest::PcrState pcrs) {
                                 for (const imalog::PcrValue& value : evidence.pcrs) {
                                   pcrs.set(*pcrs.index_of(value.bank), value.pcr, value.value);
                                 }
                                 anchor.number = number;
                                 anchor.pcrs = archive::pcr_bytes(pcrs);
                               }));
  followed.chain = state->chain.chain;
  followed.archived = state->chain.end - end_before;
  return followed;
}

// The list of the last chain is gone with its kernel.
Result<ChainState> Keeper::begin_chain(const std::optional<ChainState>& last,
                                       const std::vector<digest::Bank>& all_banks, archive::ChainStart start) {
  if (last && (last->in_list() > 0 || last->pending)) {
    archive::ListRow row = last->row;
    row.head = last->chain.end;
    row.holes.clear();
    const auto closed = archive_.append(last->chain.chain, last->chain.end, {}, source_.bank(), clock_.unix_s(),
                                        {.list = &row, .clear_pending = last->pending.has_value()});
    if (!closed) return unexpected(closed.error());
  }
  auto chain = archive_.begin_chain(all_banks, start);
  if (!chain) return unexpected(chain.error());
  ChainState state{.chain = std::move(*chain), .row = {}, .shape = ListShape()};
  state.row.chain = state.chain.chain;
  return state;
}

// Archives the records from where `stream` stands up to that of index `until`, in as few commits as memory allows, the
// last with `beside`. Before that one `at_end`, if given, is told the chain's end and what its records lead to.
Result<void> Keeper::commit_records(ListStream& stream, ChainState& state, std::uint64_t until, bool as_shown,
                                    archive::Beside beside,
                                    const std::function<void(std::uint64_t, digest::PcrState)>& at_end) {
  RecordBatch batch;
  const digest::Bank& shown = source_.bank();
  digest::PcrState end = state.chain.end_pcrs;
  const auto commit = [&](const archive::Beside& with) -> Result<void> {
    const auto views = batch.views();
    const auto appended = archive_.append(state.chain.chain, state.chain.end, views, shown, clock_.unix_s(), with);
    if (!appended) return unexpected(appended.error());
    state.chain.end += appended->records;
    batch.clear();
    return {};
  };
  while (stream.records() < until) {
    if (batch.full()) IMAKEEP_CHECK(commit({}));
    const auto record = stream.next();
    if (!record) return unexpected(record.error());
    if (!*record) return fail(ErrorCode::kMismatch, source_.name() + " lost records while it was held for reading");
    const imalog::RecordContentView content = (*record)->content();
    if (as_shown) {
      batch.add(content, (*record)->digest);
    } else {
      // What is proven is the data; the digest beside it may have been altered, and is said to be.
      batch.add(content, imalog::shown_digest(shown, content).view());
    }
    if (at_end) imalog::extend(end, content);
  }
  if (at_end) at_end(state.chain.end + batch.size(), std::move(end));
  IMAKEEP_CHECK(commit(beside));
  auto chain = archive_.chain(state.chain.chain);
  if (!chain) return unexpected(chain.error());
  state.chain = std::move(*chain);
  return {};
}

}  // namespace imakeep::keeper
