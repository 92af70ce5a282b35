// SPDX-License-Identifier: Apache-2.0
// The deleting half of the keeper.
#include <algorithm>
#include <cerrno>

#include "keeper/keeper.h"
#include "keeper/known_list.h"
#include "keeper/record_batch.h"

namespace imakeep::keeper {
namespace {

// How often trim() tries. If records are added all the time, it then gives up until the next call.
constexpr int kMostTries = 8;

bool refused_with(const Error& error, int os_errno) {
  return error.os_errno == os_errno;
}

TrimResult nothing(Method method, std::string why) {
  return {.records = 0, .method = method, .why_not = std::move(why)};
}

constexpr const char* kVerifiedNeedsPcrs =
    "trim_after = \"verified\" and unproven exclude each other: without PCRs the keeper cannot tell which records of "
    "the list the verifiers have proven";

std::string staged_until(const TrimLimit& limit) {
  return "the staged records stay staged until every verifier has proven them" +
         (limit.why.empty() ? std::string("; records came since") : ": " + limit.why);
}

// How a part of the list compares with the records that the archive says it holds.
struct Compared {
  bool same = true;           // the records that both have are equal
  std::uint64_t records = 0;  // in this part of the list
  std::uint64_t known = 0;    // count of those that are archived
  ListStream::Place new_from = {};
};

// Reads one part of the list to its end and compares it with the archive.
Result<Compared> compare(ListStream& stream, KnownList& known) {
  Compared compared;
  for (;;) {
    const ListStream::Place place = stream.place();
    IMAKEEP_TRY(const auto& record, stream.next());
    if (!record) return compared;
    const imalog::RecordContentView content = record->content();
    ++compared.records;
    IMAKEEP_TRY(const auto& archived, known.next());
    if (archived) {
      compared.same = compared.same && content == *archived;
      ++compared.known;
    } else if (compared.known + 1 == compared.records) {
      compared.new_from = place;
    }
  }
}

// Reads the new records from the stream's position on. Extends `end` with them and adds them to `batch`. Returns false
// if the digest of one does not match its data: it was altered in the list, and the next follow() says so.
Result<bool> read_new(ListStream& stream, const digest::Bank& shown, digest::PcrState& end, RecordBatch& batch) {
  for (;;) {
    IMAKEEP_TRY(const auto& record, stream.next());
    if (!record) return true;
    const imalog::RecordContentView content = record->content();
    if (!imalog::digest_matches(shown, content, record->digest)) return false;
    imalog::extend(end, content);
    batch.add(content, record->digest);
  }
}

}  // namespace

Result<TrimResult> Keeper::trim() {
  if (options_.unproven && options_.trim_after == TrimAfter::kVerified) {
    return fail(ErrorCode::kUsage, kVerifiedNeedsPcrs);
  }
  std::vector<Finding> found;  // by all tries together
  for (int tries = 1;; ++tries) {
    IMAKEEP_TRY(const auto& followed, follow());
    found.insert(found.end(), followed.found.begin(), followed.found.end());
    last_.found = found;
    IMAKEEP_TRY(const auto& chosen, method());
    if (followed.list_records == 0) return nothing(chosen, "the list is empty");
    if (!followed.chain) {
      if (followed.found.empty()) return nothing(chosen, "no record of the list is extended yet");
      return fail(ErrorCode::kMismatch, followed.found.back().what + "; nothing is deleted");
    }
    const auto altered = std::ranges::find(followed.found, Diagnosis::kAlteredRecord, &Finding::diagnosis);
    if (altered != followed.found.end()) return fail(ErrorCode::kMismatch, altered->what + "; nothing is deleted");
    IMAKEEP_TRY(const auto& state, ChainState::load(archive_));
    const bool lagging = followed.lag > 0 && pcrs_ != nullptr;
    if (!followed.proven && !options_.unproven) {
      if (pcrs_ == nullptr) {
        return fail(ErrorCode::kMismatch, "no PCRs prove the records; nothing is deleted without --unproven");
      }
      const std::string what = followed.found.empty() ? "nothing was extended since the list was anchored"
                                                      : std::string(word(followed.found.back().diagnosis)) + ": " +
                                                            followed.found.back().what;
      return fail(ErrorCode::kMismatch, what + "; nothing is deleted");
    }
    IMAKEEP_TRY(const auto& limit, trim_limit(archive_, *state, options_.trim_after));
    if (limit.verified == 0 && !limit.why.empty()) return nothing(chosen, limit.why);
    // Staged records are deleted first, whoever staged them. try_stage() archives those that follow() did not.
    const bool staged = followed.staged_records > 0;
    if (staged && !limit.covers(followed.staged_records)) return nothing(Method::kStage, staged_until(limit));
    const bool last_try = tries == kMostTries;
    // "A" stages the whole list, and lagging records are not even archived.
    const bool all_verified = limit.covers(followed.list_records);
    const bool counts = chosen == Method::kCount || (!all_verified && may_count());
    // Lag does not prevent "A": it stages lagging records too, after their extend.
    const bool stages = !staged && !counts && all_verified;
    if (!staged && !counts && limit.unverified > 0) {
      return nothing(Method::kStage, limit.why + "; the method stage deletes all of the list or nothing");
    }
    if (stages || ((staged || counts) && (!lagging || last_try))) {
      IMAKEEP_TRY(auto tried, staged || stages ? try_stage(*state, limit, staged) : try_count(*state, limit, last_try));
      if (tried) return std::move(*tried);
    }
    if (last_try) return nothing(chosen, "records keep being added; the keeper retries");
    clock_.sleep_ms(tries);
  }
}

// The current values of `pcrs`, the PCRs that the records name.
Result<Evidence> Keeper::evidence_of(const ChainState& state, std::uint32_t pcrs) {
  IMAKEEP_TRY(const auto& all_banks, banks(state));
  return read_evidence(compared_banks(state, all_banks), pcrs);
}

// Whether the PCRs match `end`, and the current list had `count` records before and after the PCRs were read. If so, no
// record was added since the keeper last compared the list with the archive.
bool Keeper::proves_exactly(const digest::PcrState& end, std::uint64_t count, const Evidence& evidence) {
  // If no PCR was compared, nothing is proven.
  if (evidence.pcrs.empty() || evidence.unread != 0) return false;
  return evidence.count_before == count && evidence.count_after == count &&
         std::ranges::all_of(evidence.pcrs, [&](const imalog::PcrValue& value) {
           return end.value(*end.index_of(value.bank), value.pcr) == value.value;
         });
}

// For a list to which records are added all the time, so that the PCRs never match the archive's end. Reads the whole
// current list under a hold, with nothing staged. Returns the count of records at its front that are archived and
// proven. Returns 0 if the PCRs do not prove that it is the list that `state` describes.
Result<std::uint64_t> Keeper::proven_by_reading(ListStream& stream, const ChainState& state) {
  IMAKEEP_TRY(const auto& all_banks, banks(state));
  IMAKEEP_TRY(const auto& start, start_of_chain(all_banks));
  IMAKEEP_TRY(const auto& look, compare_list(stream, state.known(), start, compared_banks(state, all_banks), nullptr));
  const auto& found = look.placed.position;
  if (look.evidence.unread != 0 || !found || found->new_chain || !(found->shape == state.shape)) return 0;
  if (found->matched_until < found->new_from.records) return 0;
  // Where records repeat, equal new records may have taken the place of known ones, so content does not tell which
  // records are archived. The counts do. Of the `count_before` records, all are archived except those that some PCR
  // proves to be new, and one record that may be in flight. The keeper reads the PCRs one after the other, so a PCR
  // that it read later may match after more new records: hence `reach`.
  const std::uint64_t unsafe = 1 + std::max(found->reach, found->matched_until) - found->new_from.records;
  return look.evidence.count_before - std::min(look.evidence.count_before, unsafe);
}

// How many of the list's known records "N" may delete: all before the last one that is no violation, otherwise all but
// one (see keeper.h).
Result<std::uint64_t> Keeper::may_go(const ChainState& state) {
  std::uint64_t last_lasting = 0;
  KnownList known(archive_.store(), state.chain, state.shape);
  for (std::uint64_t index = 0;; ++index) {
    IMAKEEP_TRY(const auto& record, known.next());
    if (!record) return last_lasting > 0 ? last_lasting : index - std::min<std::uint64_t>(index, 1);
    if (!record->violation) last_lasting = index;
  }
}

// One attempt. Returns empty if the caller has to follow again: the list changed meanwhile, or the kernel turned out to
// flush its table.
//
// Under the hold, the list may hold one archived record less than the archive says, if somebody deleted one and another
// is in flight. Then its front lies one record further on. proven_by_reading() knows how many it holds at least. So the
// limit of the verifiers is counted from the list's end.
Result<std::optional<TrimResult>> Keeper::try_count(const ChainState& state, const TrimLimit& limit, bool read_all) {
  const std::uint64_t in_list = state.in_list();
  IMAKEEP_TRY(auto records, may_go(state));
  if (records == 0) return nothing(Method::kCount, "the list holds no record that may be deleted");
  if (limit.limited) records = std::min(records, limit.of_certain(in_list - 1));
  if (records == 0) return nothing(Method::kCount, limit.why);
  IMAKEEP_CHECK(archive_.store().secure());
  Hold hold(source_, clock_);
  IMAKEEP_CHECK(hold.open_to_write(ListPart::kCurrent));
  ListStream stream(source_, {ListPart::kCurrent});
  KnownList known(archive_.store(), state.chain, state.shape);
  const bool by_pcrs = pcrs_ != nullptr && !options_.unproven;
  if (by_pcrs && !read_all) {
    const digest::PcrState& end = state.chain.end_pcrs;
    IMAKEEP_TRY(const auto& evidence, evidence_of(state, end.touched_pcrs()));
    if (!proves_exactly(end, in_list, evidence)) return std::nullopt;
    IMAKEEP_TRY(const auto& head, stream.next());
    IMAKEEP_TRY(const auto& archived, known.next());
    if (!head || !archived || !(head->content() == *archived)) return std::nullopt;
  } else if (by_pcrs) {
    IMAKEEP_TRY(const auto& proven, proven_by_reading(stream, state));
    if (proven == 0) return std::nullopt;
    records = std::min(records, limit.of_certain(proven));
    if (records == 0) return nothing(Method::kCount, limit.why);
  } else {
    IMAKEEP_TRY(const auto& compared, compare(stream, known));
    if (!compared.same || compared.known != in_list) return std::nullopt;
  }
  IMAKEEP_CHECK(archive_.set_pending({.chain = state.chain.chain,
                                      .method = "count",
                                      .first = state.shape.head().value(),
                                      .records = records,
                                      .since_unix_s = clock_.unix_s()}));
  IMAKEEP_TRY(const auto& before, source_.count());
  const auto deleted = source_.request(std::to_string(records) + "\n");
  if (!deleted && refused_with(deleted.error(), EINVAL)) {
    hold.close();
    table_ = TableMode::kFlushed;
    IMAKEEP_CHECK(archive_.clear_pending());
    if (auto other = method(); !other) return unexpected(other.error());
    return std::nullopt;
  }
  if (!deleted) return unexpected(deleted.error());
  // A deletion counts only if the record count shows it. If at least as many records were added meanwhile, the next
  // follow() decides by the pending trim.
  IMAKEEP_TRY(const auto& after, source_.count());
  if (after >= before) return std::nullopt;
  if (table_ == TableMode::kUnknown) table_ = TableMode::kKept;
  return ended(hold, state, records, Method::kCount);
}

// One attempt. Returns empty if the list changed meanwhile: staged records then stay staged, and the next attempt
// deletes them. "A" waits for an append that is under way. So every staged record is extended, and none is in flight.
Result<std::optional<TrimResult>> Keeper::try_stage(const ChainState& before, const TrimLimit& limit, bool staged) {
  ChainState state = before;
  Hold hold(source_, clock_);
  IMAKEEP_CHECK(hold.open_to_write(ListPart::kStaged));
  const bool by_pcrs = pcrs_ != nullptr && !options_.unproven;
  const std::uint32_t pcrs = state.chain.end_pcrs.touched_pcrs();
  if (!staged && by_pcrs) {
    // Staged records that cannot be proven stay staged, and every follow() has to read them again. So the keeper
    // requests "A" only if no record was added while it read the PCRs.
    IMAKEEP_TRY(const auto& now, evidence_of(state, pcrs));
    if (now.count_before != now.count_after) return std::nullopt;
  }
  if (!staged && limit.limited) {
    // Records that came since follow() are proven by no verifier. "A" would stage them, too.
    IMAKEEP_TRY(const auto& count, source_.count());
    if (count != state.in_list()) return std::nullopt;
  }
  if (!staged) {
    const auto moved = source_.request("A\n");
    if (!moved && refused_with(moved.error(), ENOENT)) return nothing(Method::kStage, "the list is empty");
    if (!moved && refused_with(moved.error(), EEXIST)) return std::nullopt;
    if (!moved) return unexpected(moved.error());
  }
  // The staged list does not change, so the keeper reads the PCRs first. Records added while it reads the staged
  // list then do no harm.
  auto evidence = by_pcrs ? evidence_of(state, pcrs) : Result<Evidence>();
  if (!evidence) return unexpected(evidence.error());
  ListStream stream(source_, {ListPart::kStaged});
  KnownList known(archive_.store(), state.chain, state.shape);
  IMAKEEP_TRY(const auto& compared, compare(stream, known));
  if (!compared.same || compared.records == 0) return std::nullopt;
  const std::uint64_t left = known.records() - compared.known;  // known records that the current list should hold
  // A record may have come right before "A". And if the current list holds known records, it may hold one of them less,
  // as in try_count(): then the last staged record is that one.
  if (limit.limited && !limit.covers(compared.records + (left > 0 ? 1 : 0))) {
    return nothing(Method::kStage, staged_until(limit));
  }

  digest::PcrState end = state.chain.end_pcrs;
  RecordBatch batch;
  if (compared.records > compared.known) {
    stream.seek(compared.new_from);
    IMAKEEP_TRY(const auto& intact, read_new(stream, source_.bank(), end, batch));
    if (!intact) return std::nullopt;
  }
  if (by_pcrs) {
    // The new records may name PCRs that no record before them names. Then read the PCRs again, with these.
    if (const std::uint32_t named = end.touched_pcrs(); named != pcrs) evidence = evidence_of(state, named);
    if (!evidence) return unexpected(evidence.error());
    if (!proves_exactly(end, left, *evidence)) return std::nullopt;
    state.row.proven = state.chain.end + batch.size();
    state.row.proven_unix_s = clock_.unix_s();
  }

  const archive::PendingRow pending{.chain = state.chain.chain,
                                    .method = "stage",
                                    .first = state.shape.head().value(),
                                    .records = compared.records,
                                    .since_unix_s = clock_.unix_s()};
  const auto views = batch.views();
  const auto appended = archive_.append(state.chain.chain, state.chain.end, views, source_.bank(), clock_.unix_s(),
                                        {.list = &state.row, .pending = &pending});
  if (!appended) return unexpected(appended.error());
  state.chain.end += batch.size();
  IMAKEEP_CHECK(archive_.store().secure());
  const auto deleted = source_.request("D\n");
  // Linux answers ENOMEM before the deletion if it has no memory for the request, and after the deletion if it has none
  // for the new table. If the staged list is empty, the deletion took place.
  std::byte left_over{};
  const bool gone = source_.read(ListPart::kStaged, 0, std::span(&left_over, 1)).value_or(1) == 0;
  const bool no_memory = !deleted && refused_with(deleted.error(), ENOMEM) && gone;
  if (!deleted && !no_memory) return unexpected(deleted.error());
  if (!gone) return std::nullopt;
  auto trimmed = ended(hold, state, compared.records, Method::kStage);
  if (!trimmed) return unexpected(trimmed.error());
  trimmed->no_table_memory = no_memory;
  return trimmed;
}

// After the request was carried out: clears the pending trim and records the deletion in the archive.
Result<TrimResult> Keeper::ended(Hold& hold, ChainState state, std::uint64_t records, Method method) {
  hold.close();
  ListShape shape = state.shape;
  shape.advance(records);
  state.pending = archive::PendingRow{.first = state.shape.head().value(), .records = records};
  state.moved_to(shape, records, false, clock_.unix_s());
  const auto put = archive_.append(state.chain.chain, state.chain.end, {}, source_.bank(), clock_.unix_s(),
                                   {.list = &state.row, .clear_pending = true});
  if (!put) return unexpected(put.error());
  last_.list_records -= std::min(last_.list_records, records);
  last_.staged_records = 0;
  return TrimResult{.records = records, .method = method, .hold_us = hold.held_us()};
}

}  // namespace imakeep::keeper
