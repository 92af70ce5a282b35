// The deleting half of the keeper.
#include <algorithm>
#include <cerrno>

#include "keeper/keeper.h"
#include "keeper/known_list.h"
#include "keeper/record_batch.h"

namespace imakeep::keeper {
namespace {

// How often a trim is tried before records that keep coming in make it give up until next time.
constexpr int kMostTries = 8;

bool refused_with(const Error& error, int os_errno) {
  return error.os_errno == os_errno;
}

Trimmed nothing(Method method, std::string why) {
  return {.records = 0, .method = method, .why_not = std::move(why)};
}

// How a part of the list compares with what the archive says it holds.
struct Compared {
  bool same = true;           // as far as both go
  std::uint64_t records = 0;  // in the list
  std::uint64_t known = 0;    // of them archived
  ListStream::Place new_from = {};
};

// Reads one part to its end beside the archive.
Result<Compared> compare(ListStream& stream, KnownList& known) {
  Compared compared;
  for (;;) {
    const ListStream::Place place = stream.place();
    const auto record = stream.next();
    if (!record) return unexpected(record.error());
    if (!*record) return compared;
    const imalog::RecordContentView content = (*record)->content();
    ++compared.records;
    const auto archived = known.next();
    if (!archived) return unexpected(archived.error());
    if (*archived) {
      compared.same = compared.same && content == **archived;
      ++compared.known;
    } else if (compared.known + 1 == compared.records) {
      compared.new_from = place;
    }
  }
}

}  // namespace

Result<Trimmed> Keeper::trim() {
  std::vector<Found> found;  // by all tries
  for (int tries = 1;; ++tries) {
    const auto followed = follow();
    if (!followed) return unexpected(followed.error());
    found.insert(found.end(), followed->found.begin(), followed->found.end());
    last_.found = found;
    const auto chosen = method();
    if (!chosen) return unexpected(chosen.error());
    if (followed->list_records == 0) return nothing(*chosen, "the list is empty");
    if (!followed->chain) {
      if (followed->found.empty()) return nothing(*chosen, "nothing of the list is extended yet");
      return fail(ErrorCode::kMismatch, followed->found.back().what + "; nothing is deleted");
    }
    const auto altered = std::ranges::find(followed->found, Diagnosis::kAlteredRecord, &Found::diagnosis);
    if (altered != followed->found.end()) return fail(ErrorCode::kMismatch, altered->what + "; nothing is deleted");
    const auto state = ChainState::load(archive_);
    if (!state) return unexpected(state.error());
    const bool lagging = followed->lag > 0 && pcrs_ != nullptr;
    if (!followed->proven && !options_.unproven) {
      if (pcrs_ == nullptr) {
        return fail(ErrorCode::kMismatch, "no PCRs prove the records; nothing is deleted without --unproven");
      }
      const std::string what = followed->found.empty() ? "nothing was extended since the list was anchored"
                                                       : std::string(word(followed->found.back().diagnosis)) + ": " +
                                                             followed->found.back().what;
      return fail(ErrorCode::kMismatch, what + "; nothing is deleted");
    }
    // Something staged is deleted first, whoever staged it: it is archived.
    const bool staged = followed->staged_records > 0;
    const bool last_try = tries == kMostTries;
    if (!lagging || last_try) {
      auto tried = staged || *chosen == Method::kStage ? try_stage(**state, staged) : try_count(**state, last_try);
      if (!tried) return unexpected(tried.error());
      if (*tried) return std::move(**tried);
    }
    if (last_try) return nothing(*chosen, "records keep coming in; it is tried again");
    clock_.sleep_ms(tries);
  }
}

// Whether the PCRs stand at `end` and the current list has `count` records, so that nothing was added since the archive
// was last looked at.
Result<bool> Keeper::stands_exactly_at_end(const ChainState& state, const digest::PcrState& end, std::uint64_t count) {
  const auto all_banks = banks();
  if (!all_banks) return unexpected(all_banks.error());
  const auto evidence = read_evidence(compared_banks(state, *all_banks));
  if (!evidence) return unexpected(evidence.error());
  return evidence->count_before == count && evidence->count_after == count &&
         std::ranges::all_of(evidence->pcrs, [&](const imalog::PcrValue& value) {
           return end.value(*end.index_of(value.bank), value.pcr) == value.value;
         });
}

// Records keep coming in, so the PCRs never stand at the archive's end: the whole current list tells, read under a hold
// with nothing staged. Gives how many records at its front are archived and proven; none if it is not the list that
// `state` knows.
Result<std::uint64_t> Keeper::proven_by_reading(ListStream& stream, const ChainState& state) {
  const auto all_banks = banks();
  if (!all_banks) return unexpected(all_banks.error());
  const auto evidence = read_evidence(compared_banks(state, *all_banks));
  if (!evidence) return unexpected(evidence.error());
  const auto placed =
      place(stream, archive_.store(), state.known(), *evidence, *all_banks, source_.bank(), source_.boot_id());
  if (!placed) return unexpected(placed.error());
  const auto& found = placed->placement;
  if (!found || found->new_chain || !(found->shape == state.shape)) return 0;
  if (found->fits_until < found->new_from.records) return 0;
  // Where only violations tell, others like them may have taken their place. What was there before the PCRs were read,
  // but for what the PCRs prove to be new and one record in flight, is archived whatever it is.
  const std::uint64_t unsafe = 1 + found->fits_until - found->new_from.records;
  return evidence->count_before - std::min(evidence->count_before, unsafe);
}

// How many of the list's known records "N" may delete.
Result<std::uint64_t> Keeper::may_go(const ChainState& state) {
  std::uint64_t last_lasting = 0;
  KnownList known(archive_.store(), state.chain, state.shape);
  for (std::uint64_t index = 0;; ++index) {
    const auto record = known.next();
    if (!record) return unexpected(record.error());
    if (!*record) return last_lasting > 0 ? last_lasting : index - std::min<std::uint64_t>(index, 1);
    if (!(*record)->violation) last_lasting = index;
  }
}

// One attempt; empty if the list moved on meanwhile.
Result<std::optional<Trimmed>> Keeper::try_count(const ChainState& state, bool read_all) {
  const std::uint64_t in_list = state.in_list();
  auto records = may_go(state);
  if (!records) return unexpected(records.error());
  if (*records == 0) return nothing(Method::kCount, "the list holds no record that may go");
  Hold hold(source_, clock_);
  IMAKEEP_CHECK(hold.open_to_write(ListPart::kCurrent));
  ListStream stream(source_, {ListPart::kCurrent});
  KnownList known(archive_.store(), state.chain, state.shape);
  const bool by_pcrs = pcrs_ != nullptr && !options_.unproven;
  if (by_pcrs && !read_all) {
    const auto exact = stands_exactly_at_end(state, state.chain.end_pcrs, in_list);
    if (!exact) return unexpected(exact.error());
    if (!*exact) return std::nullopt;
    const auto head = stream.next();
    if (!head) return unexpected(head.error());
    const auto archived = known.next();
    if (!archived) return unexpected(archived.error());
    if (!*head || !*archived || !((*head)->content() == **archived)) return std::nullopt;
  } else if (by_pcrs) {
    const auto proven = proven_by_reading(stream, state);
    if (!proven) return unexpected(proven.error());
    if (*proven == 0) return std::nullopt;
    *records = std::min(*records, *proven);
  } else {
    const auto compared = compare(stream, known);
    if (!compared) return unexpected(compared.error());
    if (!compared->same || compared->known != in_list) return std::nullopt;
  }
  IMAKEEP_CHECK(archive_.set_pending({.chain = state.chain.chain,
                                      .method = "count",
                                      .first = state.shape.head(),
                                      .records = *records,
                                      .since_unix_s = clock_.unix_s()}));
  const auto deleted = source_.request(std::to_string(*records) + "\n");
  if (!deleted && refused_with(deleted.error(), EINVAL)) {
    hold.close();
    table_ = TableMode::kFlushed;
    IMAKEEP_CHECK(archive_.clear_pending());
    if (auto other = method(); !other) return unexpected(other.error());
    return std::nullopt;
  }
  if (!deleted) return unexpected(deleted.error());
  if (table_ == TableMode::kUnknown) table_ = TableMode::kKept;
  return ended(hold, state, *records, Method::kCount);
}

// One attempt; empty if the list moved on meanwhile. What was staged stays so, and is deleted the next time. "A" waits
// for an append that is under way, so what is staged is extended: none of it can be in flight.
Result<std::optional<Trimmed>> Keeper::try_stage(const ChainState& before, bool staged) {
  ChainState state = before;
  Hold hold(source_, clock_);
  IMAKEEP_CHECK(hold.open_to_write(ListPart::kStaged));
  if (!staged) {
    const auto moved = source_.request("A\n");
    if (!moved && refused_with(moved.error(), ENOENT)) return nothing(Method::kStage, "the list is empty");
    if (!moved && refused_with(moved.error(), EEXIST)) return std::nullopt;
    if (!moved) return unexpected(moved.error());
  }
  ListStream stream(source_, {ListPart::kStaged});
  KnownList known(archive_.store(), state.chain, state.shape);
  const auto compared = compare(stream, known);
  if (!compared) return unexpected(compared.error());
  if (!compared->same || compared->records == 0) return std::nullopt;
  const std::uint64_t left = known.records() - compared->known;  // that the current list should hold
  const bool has_new = compared->records > compared->known;

  digest::PcrState end = state.chain.end_pcrs;
  RecordBatch batch;
  if (has_new) {
    stream.seek(compared->new_from);
    for (;;) {
      const auto record = stream.next();
      if (!record) return unexpected(record.error());
      if (!*record) break;
      const imalog::RecordContentView content = (*record)->content();
      imalog::extend(end, content);
      batch.add(content, (*record)->digest);
    }
  }
  if (pcrs_ != nullptr && !options_.unproven) {
    const auto exact = stands_exactly_at_end(state, end, left);
    if (!exact) return unexpected(exact.error());
    if (!*exact) return std::nullopt;
    state.row.proven = state.chain.end + batch.size();
    state.row.proven_unix_s = clock_.unix_s();
  }

  const archive::PendingRow mark{.chain = state.chain.chain,
                                 .method = "stage",
                                 .first = state.shape.head(),
                                 .records = compared->records,
                                 .since_unix_s = clock_.unix_s()};
  const auto views = batch.views();
  const auto appended = archive_.append(state.chain.chain, state.chain.end, views, source_.bank(), clock_.unix_s(),
                                        {.list = &state.row, .pending = &mark});
  if (!appended) return unexpected(appended.error());
  state.chain.end += batch.size();
  const auto deleted = source_.request("D\n");
  // ENOMEM for the new table comes when the records are gone, ENOMEM for the request itself before.
  std::byte left_over{};
  const bool no_memory = !deleted && refused_with(deleted.error(), ENOMEM) &&
                         source_.read(ListPart::kStaged, 0, std::span(&left_over, 1)).value_or(1) == 0;
  if (!deleted && !no_memory) return unexpected(deleted.error());
  auto trimmed = ended(hold, state, compared->records, Method::kStage);
  if (!trimmed) return unexpected(trimmed.error());
  trimmed->no_table_memory = no_memory;
  return trimmed;
}

// The request was carried out: the mark goes, and what it stood for is put down.
Result<Trimmed> Keeper::ended(Hold& hold, ChainState state, std::uint64_t records, Method method) {
  hold.close();
  ListShape shape = state.shape;
  shape.advance(records);
  state.pending = archive::PendingRow{.first = state.shape.head(), .records = records};
  state.moved_to(shape, records, clock_.unix_s());
  const auto put = archive_.append(state.chain.chain, state.chain.end, {}, source_.bank(), clock_.unix_s(),
                                   {.list = &state.row, .clear_pending = true});
  if (!put) return unexpected(put.error());
  last_.list_records -= std::min(last_.list_records, records);
  last_.staged_records = 0;
  return Trimmed{.records = records, .method = method, .hold_us = hold.held_us()};
}

}  // namespace imakeep::keeper
