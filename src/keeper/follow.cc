// SPDX-License-Identifier: Apache-2.0
// The reading half of the keeper: archives new records, and names what does not match.
#include <algorithm>
#include <iterator>
#include <utility>

#include "archive/pcr_bytes.h"
#include "imalog/extend_rule.h"
#include "imalog/template_digest.h"
#include "keeper/anchoring.h"
#include "keeper/findings.h"
#include "keeper/keeper.h"
#include "keeper/record_batch.h"

namespace imakeep::keeper {
namespace {

// If nothing else happens meanwhile, an in-flight extend is over after this time.
constexpr std::int64_t kSettleMs = 1000;
// How often follow() looks at a list that does not match while records are added.
constexpr int kMostLooks = 3;
// How many calls in a row archive nothing because the list changes and does not match. The next call archives its
// records all the same. Also how many calls in a row fail because of an unreadable PCR that alone tells where the list
// lies.
constexpr int kPatience = 3;
// For every kAnchorsPerRecord anchors at the same break, the next anchor needs one record more.
constexpr std::uint64_t kAnchorsPerRecord = 8;

std::vector<ListPart> parts_of(const ImaSource& source) {
  return source.has_staging() ? std::vector{ListPart::kStaged, ListPart::kCurrent} : std::vector{ListPart::kCurrent};
}

bool same_place(const archive::ListRow& a, const archive::ListRow& b) {
  return a.head == b.head && a.holes == b.holes && a.proven == b.proven && a.trimmed == b.trimmed &&
         a.trimmed_by_others == b.trimmed_by_others && a.boot_id == b.boot_id;
}

// Stores the TPM's counts in `origin`. Returns false if `origin` has them already, or if the TPM gave none.
bool takes_resets(archive::OriginRow& origin, const Evidence& evidence) {
  if (!evidence.resets) return false;
  const archive::OriginRow before = origin;
  origin.tpm_resets = evidence.resets->resets;
  origin.tpm_restarts = evidence.resets->restarts;
  return origin.tpm_resets != before.tpm_resets || origin.tpm_restarts != before.tpm_restarts;
}

// Whether a crash, or a full disk, came after the commit of the chain's row and before its first records.
bool is_left_empty(const ChainState& state) {
  return !state.followed && state.chain.end == 0;
}

void append_all(std::vector<Finding>& to, std::vector<Finding> found) {
  std::ranges::move(found, std::back_inserter(to));
}

// Whether one of the list's records from `from` on, before index `until`, is a violation.
Result<bool> has_violation(ListStream& stream, const ListStream::Place& from, std::uint64_t until) {
  stream.seek(from);
  while (stream.records() < until) {
    IMAKEEP_TRY(const auto& record, stream.next());
    if (!record) return false;
    if (record->content().violation) return true;
  }
  return false;
}

}  // namespace

Result<FollowResult> Keeper::follow() {
  // If records are added all the time, only the first follow() looks more than once. Later calls do not: more looks did
  // not help.
  const int most_looks = concurrent_changes_ == 0 ? kMostLooks : 1;
  for (int looks = 1;; ++looks) {
    auto followed = look();
    if (!followed) return followed;
    const bool changed =
        std::ranges::find(followed->found, Diagnosis::kConcurrentChange, &Finding::diagnosis) != followed->found.end();
    if (changed && looks < most_looks) continue;
    concurrent_changes_ = changed ? concurrent_changes_ + 1 : 0;
    last_ = *followed;
    return followed;
  }
}

// The chain to compare the list and its PCRs with; empty if another one has to begin. kUnsupported if, in the same
// boot, the PCRs are of none of the banks that the chain was kept with.
Result<std::optional<KnownChain>> Keeper::known_chain(const std::optional<ChainState>& state,
                                                      const std::vector<digest::Bank>& all_banks) {
  const auto read = std::exchange(read_, {});
  if (!state || is_left_empty(*state)) return std::nullopt;
  KnownChain known = state->known();
  known.judged = state->pending || state->row.boot_id != source_.boot_id();
  // Only the caller can tell that the table is kept: a kernel without a table takes numbers too.
  known.table_kept = options_.table == TableMode::kKept;
  if (read && read->chain == known.chain.chain && read->end == known.end() && read->head == known.shape.head()) {
    known.read_until = read->until;
  }
  if (pcrs_ == nullptr || !compared_banks(state, all_banks).empty()) return known;
  // A TPM reset allocates banks anew, so another chain begins.
  if (state->row.boot_id != source_.boot_id()) return std::nullopt;
  return fail(ErrorCode::kUnsupported, "chain " + std::to_string(known.chain.chain.value()) +
                                           " was kept with the banks " + digest::bank_names(known.chain.banks) +
                                           ", and the PCRs are of " + digest::bank_names(all_banks) +
                                           " in the same boot: name the TPM that the list is measured into");
}

// Until a chain has its first violation, its PCRs do not tell by which padding the kernel extends a bank, and the
// assumption may turn out to be wrong. Once a violation is archived, the chain's states depend on the padding. So a
// wrong one stays if the first violation was archived without proof, for example after a gap.
// Only a violation tells the paddings apart: a match without one is none of the other padding alone.
Result<bool> Keeper::matches_with_other_padding(ListStream& stream, const std::optional<KnownChain>& known,
                                                const std::vector<digest::Bank>& all_banks,
                                                const std::vector<digest::Bank>& compared) {
  const auto banks = imalog::with_other_padding(all_banks);
  if (pcrs_ == nullptr || banks == all_banks) return false;
  auto repadded = known;
  if (repadded) {
    archive::Chain& chain = repadded->chain;
    IMAKEEP_TRY(const auto& counted, archive_.stats(chain.chain));
    if (counted.violations == 0) {
      chain.banks = imalog::with_other_padding(chain.banks);
      chain.end_pcrs = chain.end_pcrs.with_fills(chain.banks);
    } else if (known->boot_id == source_.boot_id()) {
      return false;
    } else {
      repadded.reset();  // the list of another boot may begin a chain of its own
    }
  }
  IMAKEEP_TRY(const auto& start, start_of_chain(banks));
  IMAKEEP_TRY(const auto& look, compare_list(stream, repadded, start, imalog::with_other_padding(compared), nullptr));
  const auto& position = look.placed.position;
  if (!position) return false;
  IMAKEEP_TRY(const auto& told, has_violation(stream, position->new_from, position->matched_until));
  if (!told) return false;
  if (position->new_chain) {
    other_padding_ = !other_padding_;
    return true;
  }
  repadded_ = repadded->chain.chain;
  IMAKEEP_CHECK(archive_.set_fills(*repadded_, repadded->chain.banks));
  return true;
}

Result<FollowResult> Keeper::look(bool may_repad) {
  Hold hold(source_, clock_);
  IMAKEEP_CHECK(hold.open_to_read());
  IMAKEEP_TRY(auto state, ChainState::load(archive_));
  IMAKEEP_TRY(const auto& all_banks, banks(state));
  IMAKEEP_TRY(const auto& known, known_chain(state, all_banks));
  const auto compared = compared_banks(known ? state : std::nullopt, all_banks);
  IMAKEEP_TRY(const auto& start, start_of_chain(all_banks));
  ListStream stream(source_, parts_of(source_), options_.progress);
  auto look = compare_list(stream, known, start, compared, nullptr);
  if (!look) return unexpected(look.error());
  if (pcrs_ != nullptr &&
      (look->placed.mismatch || look->placed.position->in_flight || !look->placed.position->certain)) {
    // A verdict needs a list and PCRs that do not change. An in-flight extend would change the verdict.
    const Evidence before = look->evidence;
    // The list stays open during the wait. If it were closed, others could delete one record while the kernel adds one.
    // The count would then be the same although an extend is in flight.
    clock_.sleep_ms(kSettleMs);
    look = compare_list(stream, known, start, compared, &before);
    if (!look) return unexpected(look.error());
  }
  if (may_repad && look->placed.mismatch) {
    IMAKEEP_TRY(const auto& matches, matches_with_other_padding(stream, known, all_banks, compared));
    if (matches) {
      hold.close();
      return this->look(false);
    }
  }
  if (!look->placed.position || !look->placed.position->ambiguous) {
    ambiguous_ = 0;
  } else if (ambiguous_++ < kPatience) {
    return fail(ErrorCode::kEnvironment, unread_pcrs(look->evidence.unread) +
                                             " cannot be read, so several alignments of the list are possible; "
                                             "the keeper retries: " +
                                             look->evidence.why_unread);
  }
  const std::uint64_t staged = stream.records_before_last();
  const Placed& placed = look->placed;
  auto followed = placed.position
                      ? archive_matched(stream, std::move(state), *placed.position, start, look->evidence)
                      : archive_unmatched(stream, std::move(state), *placed.mismatch, start, look->evidence);
  if (followed) followed->staged_records = staged;
  return followed;
}

Result<FollowResult> Keeper::archive_matched(ListStream& stream, std::optional<ChainState> state,
                                             const ListPosition& position, const digest::PcrState& start,
                                             const Evidence& evidence) {
  const bool with_pcrs = !evidence.pcrs.empty();
  FollowResult followed{.list_records = position.records, .lag = position.records - position.matched_until};
  if (position.new_chain && position.matched_until == 0) {
    // No record was measured yet, or none was extended.
    followed.proven = with_pcrs;
    return followed;
  }
  if (position.new_chain) {
    IMAKEEP_TRY(
        auto begun,
        begin_chain(state, start, with_pcrs ? archive::ChainStart::kBoot : archive::ChainStart::kUnknown, evidence));
    state = std::move(begun);
  }
  const archive::ListRow before = state->row;
  const std::int64_t now = clock_.unix_s();
  // The keeper says who deleted records only if it is certain that records were deleted.
  const bool decides = position.certain || evidence.settled || !with_pcrs;
  if (decides) {
    append_all(followed.found, deleted_by_others(*state, position, now));
    state->row.boot_id = source_.boot_id();
  }
  append_all(followed.found, altered_records(state->chain.chain, position));
  if (evidence.unread != 0) followed.found.push_back(nothing_proven_unread(*state, evidence));
  IMAKEEP_TRY(const auto& incidents, new_incidents(archive_, followed.found, now));
  const RecordNumber end = state->end() + (position.matched_until - position.new_from.records);
  // An anchor proves nothing by itself: the PCRs must go on from it as the list does.
  const bool proves = with_pcrs && evidence.unread == 0 && went_on(*state, evidence);
  if (proves) {
    state->row.proven = end.value();
    state->row.proven_unix_s = now;
  }
  archive::AppendOptions options{
      .list = &state->row, .clear_pending = decides && state->pending.has_value(), .incidents = incidents};
  const bool from_reset =
      state->chain.start == archive::ChainStart::kUnknown && state->chain.end == 0 && !state->anchor;
  if (with_pcrs && from_reset && end > RecordNumber(0)) options.start = archive::ChainStart::kBoot;
  const bool other_resets = takes_resets(state->origin, evidence);
  if (other_resets) options.origin = &state->origin;
  const bool changed = end > state->end() || other_resets || options.clear_pending || !incidents.empty() ||
                       !state->followed || !same_place(before, state->row);
  followed.archived = end - state->end();
  stream.seek(position.new_from);
  if (changed) IMAKEEP_CHECK(commit_records(stream, *state, position.matched_until, !with_pcrs, options));
  followed.chain = state->chain.chain;
  if (stream.records_before_last() == 0) {
    read_ = Read{.chain = *followed.chain, .end = state->end(), .head = state->shape.head(), .until = stream.place()};
  }
  followed.proven = with_pcrs && evidence.unread == 0 && state->proven();
  return followed;
}

Result<FollowResult> Keeper::archive_unmatched(ListStream& stream, std::optional<ChainState> state,
                                               const Mismatch& mismatch, const digest::PcrState& start,
                                               const Evidence& evidence) {
  FollowResult followed{.list_records = mismatch.as_read.records, .found = {mismatch.found}};
  Finding& found = followed.found.front();
  if (state) followed.chain = state->chain.chain;
  const bool with_pcrs = !evidence.pcrs.empty();
  const std::int64_t now = clock_.unix_s();
  const bool ahead = found.diagnosis == Diagnosis::kArchiveAhead;
  const bool settled = evidence.settled || !with_pcrs;
  if (!settled) {
    found.what = "the list does not match the PCRs, and records are added while it is read; last seen: " + found.what;
    found.diagnosis = Diagnosis::kConcurrentChange;
    // A list that changes in every call is archived all the same, after kPatience calls.
    if (ahead || concurrent_changes_ < kPatience) return followed;
  }
  if (ahead) {
    // No record of this list belongs after the archived ones, so the keeper stores only the incident.
    IMAKEEP_TRY(const auto& incidents, new_incidents(archive_, followed.found, now));
    if (!incidents.empty()) {
      IMAKEEP_CHECK(commit_records(stream, *state, stream.records(), false, {.incidents = incidents}));
    }
    return followed;
  }
  if (mismatch.as_read.new_chain) {
    IMAKEEP_TRY(auto begun, begin_chain(state, start, archive::ChainStart::kUnknown, evidence));
    state = std::move(begun);
  }
  const RecordNumber end_before = state->end();
  const std::uint64_t broken_at = state->row.proven;
  const bool same_break = state->anchor && state->anchor->broken_at == broken_at;
  const bool copies = copies_all(*state, mismatch, settled, same_break);
  const ListPosition& as_read = copies || !mismatch.grown ? mismatch.as_read : *mismatch.grown;
  const RecordNumber end = end_before + (as_read.records - as_read.new_from.records);
  // While the PCRs still do not match, from the same break on, the distance between anchors grows, so that anchors stay
  // few.
  const bool worth_it = mismatch.grown ? copies
                                       : !same_break || end == state->anchored_at() ||
                                             end - state->anchored_at() > state->anchors_at_break / kAnchorsPerRecord;
  archive::AnchorRow anchor{.chain = state->chain.chain,
                            .broken_at = broken_at,
                            .why = std::string(word(found.diagnosis)),
                            .since_unix_s = now};
  std::vector<archive::IncidentRow> incidents;
  found.chain = state->chain.chain;
  if (settled && !(same_break && state->anchor->why == anchor.why)) incidents.push_back(incident_of(found, now));
  state->moved_to(as_read.shape, as_read.gone, as_read.gone_by_kexec, now);
  state->row.boot_id = source_.boot_id();
  stream.seek(as_read.new_from);
  const bool other_resets = takes_resets(state->origin, evidence);
  IMAKEEP_CHECK(commit_records(stream, *state, as_read.records, true,
                               {.origin = other_resets ? &state->origin : nullptr,
                                .list = &state->row,
                                .clear_pending = state->pending.has_value(),
                                .anchor = with_pcrs && settled && worth_it ? &anchor : nullptr,
                                .incidents = incidents},
                               [&](RecordNumber number, digest::PcrState pcrs) {
                                 for (const imalog::PcrValue& value : evidence.pcrs) {
                                   pcrs.set(*pcrs.index_of(value.bank), value.pcr, value.value);
                                 }
                                 anchor.number = number.value();
                                 anchor.pcrs = archive::pcr_bytes(pcrs);
                               }));
  followed.chain = state->chain.chain;
  followed.archived = state->end() - end_before;
  return followed;
}

// Begins a chain. The kernel that held the list of the chain `last` has ended, so its row is closed and holds no
// record.
Result<ChainState> Keeper::begin_chain(const std::optional<ChainState>& last, const digest::PcrState& start_pcrs,
                                       archive::ChainStart start, const Evidence& evidence) {
  if (last && (last->in_list() > 0 || last->pending)) {
    archive::ListRow row = last->row;
    row.head = last->chain.end;
    row.holes.clear();
    const auto closed = archive_.append(last->chain.chain, last->chain.end, {}, source_.bank(), clock_.unix_s(),
                                        {.list = &row, .clear_pending = last->pending.has_value()});
    if (!closed) return unexpected(closed.error());
  }
  const bool is_this_one = last && is_left_empty(*last) && last->chain.start == start &&
                           last->chain.order == source_.order() && last->chain.end_pcrs == start_pcrs;
  if (is_this_one) return *last;
  archive::OriginRow origin{.origin = "list"};
  static_cast<void>(takes_resets(origin, evidence));
  IMAKEEP_TRY(auto chain, archive_.begin_chain(start_pcrs, start, source_.order(), origin));
  origin.chain = chain.chain;
  ChainState state{.chain = std::move(chain), .row = {}, .origin = std::move(origin), .shape = ListShape()};
  state.row.chain = state.chain.chain;
  return state;
}

// Archives the records from the stream's position on, up to the list's first `until` records, in as few commits as
// memory allows. `options` go into the last commit. Before the last commit, `at_end`, if given, is called with the
// chain's new end and the PCR state after the replay of its records.
Result<void> Keeper::commit_records(ListStream& stream, ChainState& state, std::uint64_t until, bool as_shown,
                                    archive::AppendOptions options,
                                    const std::function<void(RecordNumber, digest::PcrState)>& at_end) {
  RecordBatch batch;
  const digest::Bank& shown = source_.bank();
  digest::PcrState end = state.chain.end_pcrs;
  const auto commit = [&](const archive::AppendOptions& with) -> Result<void> {
    const auto views = batch.views();
    IMAKEEP_TRY(const auto& appended,
                archive_.append(state.chain.chain, state.chain.end, views, shown, clock_.unix_s(), with));
    state.chain.end += appended.records;
    batch.clear();
    return {};
  };
  while (stream.records() < until) {
    if (batch.full()) IMAKEEP_CHECK(commit({}));
    IMAKEEP_TRY(const auto& record, stream.next());
    if (!record) return fail(ErrorCode::kMismatch, source_.name() + " lost records while it was held for reading");
    const imalog::RecordContentView content = record->content();
    if (as_shown) {
      batch.add(content, record->digest);
    } else {
      // The PCRs prove the data. The digest in the list may have been altered, and kAlteredRecord reports that.
      batch.add(content, imalog::shown_digest(shown, content).view());
    }
    if (at_end) imalog::extend(end, content);
  }
  if (at_end) at_end(state.end() + batch.size(), std::move(end));
  IMAKEEP_CHECK(commit(options));
  IMAKEEP_TRY(auto chain, archive_.chain(state.chain.chain));
  state.chain = std::move(chain);
  return {};
}

}  // namespace imakeep::keeper
