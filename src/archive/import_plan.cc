// SPDX-License-Identifier: Apache-2.0
#include "archive/import_plan.h"

#include <algorithm>
#include <set>

#include "imalog/template.h"

namespace imakeep::archive {
namespace {

// Whether none of the first digests matches. An altered record is imported, but a whole list of another bank is a
// mistake of the caller.
bool none_matches(const DecodedPart& part) {
  constexpr int kTries = 16;
  int tried = 0;
  for (const IncomingView& record : part.records) {
    if (record.content.violation) continue;
    if (imalog::digest_matches(part.bank, record.content, record.shown)) return false;
    if (++tried == kTries) break;
  }
  return tried > 0;
}

}  // namespace

Result<DecodedPart> decode_part(const ImportPart& from) {
  DecodedPart part{.name = from.name, .bank = from.bank, .order = from.order};
  imalog::ListReader reader(from.list,
                            {.digest_bytes = static_cast<std::uint8_t>(from.bank.digest_bytes()), .order = from.order});
  for (;;) {
    auto record = reader.next();
    if (!record) {
      Error error = named(std::move(record).error(), from.name);
      error.message += "; save the list again";
      return unexpected(std::move(error));
    }
    if (!*record) break;
    part.records.push_back({.content = (*record)->content(), .shown = (*record)->digest});
    part.ids.push_back(record_id(part.records.back().content));
  }
  if (none_matches(part)) {
    return fail(ErrorCode::kMismatch, from.name + ": no digest matches its record in bank " + from.bank.spec() +
                                          "; name the list's own bank with --bank");
  }
  const digest::Digest sha256 = digest::hash(digest::Algorithm::kSha256, from.list);
  part.sha256.assign(sha256.view().begin(), sha256.view().end());
  return part;
}

void PcrTrace::follow(const imalog::RecordContentView& content, std::uint64_t records) {
  if (content.pcr != wanted_.pcr) return;
  now_ = digest::extend(wanted_.bank.algorithm, now_, imalog::extended_digest(wanted_.bank, content));
  if (matches_now()) matched_after_ = records;
}

namespace {

// Tries the ways of joining the parts, depth first.
//
// A PCR value matches only one log. If the values match at the end of the joined records, this way of joining is the
// right one. If they match earlier (the PCRs were read before the last list was saved), the way is certain only up to
// that record. So every choice must make a difference before it.
class Placement {
 public:
  Placement(Known known, std::span<const DecodedPart> parts, bool no_repeats)
      : base_(known.base),
        parts_(parts),
        no_repeats_(no_repeats),
        have_(std::move(known.ids)),
        violations_(std::move(known.violations)),
        traces_(std::move(known.traces)) {}

  Result<std::vector<std::uint64_t>> run() {
    if (traces_.empty()) return run_without_pcrs();
    for (const Strictness strictness : {Strictness::kAtTheEnd, Strictness::kBeforeTheEnd}) {
      if (search(strictness)) return firsts_;
    }
    if (work_ > most_work_) {
      return fail(ErrorCode::kMismatch,
                  "too many ways to join these lists; import fewer at a time, each with its PCRs");
    }
    if (matched_uncertainly_) {
      return fail(
          ErrorCode::kMismatch,
          "the PCRs match more than one way of joining these lists: they were read too early; read them after the "
          "last list was saved");
    }
    return fail(ErrorCode::kMismatch,
                "no way of joining these lists matches the PCRs: a part is missing, altered or in the wrong place; "
                "without PCRs, the lists are joined in the given order");
  }

 private:
  enum class Strictness : std::uint8_t { kAtTheEnd, kBeforeTheEnd };

  // The limit of records to follow. It is far more than any honest list needs, and bounds the work for lists that are
  // made to be costly.
  static constexpr std::uint64_t kMostWork = 2'000'000;
  std::uint64_t most_work() const {
    std::uint64_t records = 0;
    for (const DecodedPart& part : parts_) records += part.records.size();
    return kMostWork + 4 * records;
  }

  // The state before the choice for one part, to undo the choice.
  struct Frame {
    Overlaps overlaps;     // of the part with the records so far; its lengths are the choices, zero last
    std::size_t next = 0;  // index of the choice to try next
    std::size_t have = 0;
    std::size_t uncertain = 0;
    std::vector<PcrTrace> traces;
  };

  void add(const DecodedPart& part, std::size_t skip) {
    for (std::size_t i = skip; i < part.records.size(); ++i) {
      const imalog::RecordContentView& content = part.records[i].content;
      have_.push_back(part.ids[i]);
      violations_.push_back(content.violation);
      for (PcrTrace& trace : traces_) trace.follow(content, have_.size());
    }
    work_ += part.records.size() - std::min(skip, part.records.size());
  }

  Error refusal(const DecodedPart& part, const std::string& why) const {
    return {.code = ErrorCode::kMismatch, .message = part.name + ": " + why};
  }

  // Places the part where an earlier import placed it, and adds its records after those that are already there.
  void place_known(const DecodedPart& part, std::uint64_t first) {
    firsts_.push_back(first);
    const std::uint64_t end = base_ + have_.size();
    const std::uint64_t there = std::min<std::uint64_t>(end - std::min(first, end), part.records.size());
    add(part, static_cast<std::size_t>(there));
  }

  void place_at(const DecodedPart& part, const Overlaps& found, std::size_t length) {
    const bool whole = length == part.records.size() && length > 0;
    firsts_.push_back(base_ + (whole ? *found.whole_at : have_.size() - length));
    add(part, length);
  }

  // ---- without PCRs: only what is certain

  Result<std::vector<std::uint64_t>> run_without_pcrs() {
    for (const DecodedPart& part : parts_) {
      if (const auto first = part.first ? part.first : part.earlier) {
        place_known(part, *first);
        continue;
      }
      const Overlaps found = overlaps(have_, part.ids);
      IMAKEEP_TRY(const auto& length, certain_overlap(part, found.lengths));
      place_at(part, found, length);
    }
    return firsts_;
  }

  // Whether one of the part's records after its first `skip` is already there. Violations do not count.
  bool repeats(const DecodedPart& part, std::size_t skip) {
    for (; seen_to_ < have_.size(); ++seen_to_) {
      if (!violations_[seen_to_]) seen_.insert(have_[seen_to_]);
    }
    for (std::size_t i = skip; i < part.records.size(); ++i) {
      if (!part.records[i].content.violation && seen_.contains(part.ids[i])) return true;
    }
    return false;
  }

  Result<std::size_t> certain_overlap(const DecodedPart& part, const std::vector<std::size_t>& lengths) {
    constexpr const char* kAmbiguous =
        "it repeats earlier records: the same ones, or the same files measured again, as with ima_flush_htable; "
        "give the PCRs with --pcrs, or --no-repeats if the kernel kept its hash table";
    if (have_.empty() || part.records.empty()) return std::size_t{0};
    const bool from_boot = imalog::is_boot_aggregate(part.records.front().content, part.order);
    if (lengths.empty()) {
      if (from_boot) {
        return unexpected(
            refusal(part,
                    "it begins with a boot_aggregate: it is of another boot (import it with --new-chain), "
                    "or was saved after a kexec (give the PCRs with --pcrs to prove it)"));
      }
      if (!repeats(part, 0)) return std::size_t{0};
      return unexpected(refusal(part, no_repeats_ ? "it repeats earlier records but does not continue them; "
                                                    "import the lists in the order they were saved, into a new archive"
                                                  : kAmbiguous));
    }
    // The list was saved again from its boot on.
    if (from_boot && lengths.size() == 1) return lengths.front();
    const auto end = part.records.begin() + static_cast<std::ptrdiff_t>(lengths.front());
    const bool says_something =
        std::any_of(part.records.begin(), end, [](const IncomingView& record) { return !record.content.violation; });
    if (!no_repeats_ || lengths.size() > 1 || !says_something || repeats(part, lengths.front())) {
      return unexpected(refusal(part, kAmbiguous));
    }
    return lengths.front();
  }

  // ---- with PCRs: the values decide

  // The count of records after which the choice of `length` differs from every other choice.
  std::size_t shows_after(const DecodedPart& part, const std::vector<std::size_t>& lengths, std::size_t length) const {
    std::size_t after = 0;
    for (const std::size_t other : lengths) {
      if (other == length) continue;
      const auto ours = std::span(part.ids).subspan(length);
      const auto theirs = std::span(part.ids).subspan(other);
      const auto [differ, unused] = std::mismatch(ours.begin(), ours.end(), theirs.begin(), theirs.end());
      after = std::max(after, have_.size() + static_cast<std::size_t>(differ - ours.begin()) + 1);
    }
    return after;
  }

  bool matches(Strictness strictness) {
    const bool certain = std::all_of(traces_.begin(), traces_.end(), [&](const PcrTrace& trace) {
      if (strictness == Strictness::kAtTheEnd) return trace.matches_now();
      // A match before the first record proves no record.
      return trace.matched_after().value_or(0) >= std::max<std::size_t>(uncertain_, 1);
    });
    matched_uncertainly_ = matched_uncertainly_ ||
                           std::all_of(traces_.begin(), traces_.end(),
                                       [](const PcrTrace& trace) { return trace.matched_after().value_or(0) > 0; });
    return certain;
  }

  // Values that match at the end can tell a second list from an imported file with the same bytes. Values that match
  // earlier cannot; then equal bytes mean the same file.
  static std::optional<std::uint64_t> known_place(const DecodedPart& part, Strictness strictness) {
    return part.first || strictness == Strictness::kAtTheEnd ? part.first : part.earlier;
  }

  Frame frame_for(std::size_t i, Strictness strictness) const {
    Frame frame{.have = have_.size(), .uncertain = uncertain_, .traces = traces_};
    if (!known_place(parts_[i], strictness)) frame.overlaps = overlaps(have_, parts_[i].ids);
    frame.overlaps.lengths.push_back(0);
    return frame;
  }

  void take_back(const Frame& frame) {
    have_.resize(frame.have);
    violations_.resize(frame.have);
    uncertain_ = frame.uncertain;
    traces_ = frame.traces;
  }

  // True if some way of joining matches; firsts_ then has the result.
  bool search(Strictness strictness) {
    std::vector<Frame> frames;
    firsts_.clear();
    for (;;) {
      if (frames.size() == parts_.size()) {
        if (matches(strictness)) return true;
      } else {
        frames.push_back(frame_for(frames.size(), strictness));
      }
      // Go back to the deepest part that has a choice left.
      while (!frames.empty() && (frames.back().next == frames.back().overlaps.lengths.size() || work_ > most_work_)) {
        take_back(frames.back());
        frames.pop_back();
      }
      if (frames.empty()) return parts_.empty() && matches(strictness);
      choose(frames.back(), frames.size() - 1, strictness);
    }
  }

  // Makes the next choice for part `i`. `frame` is that part's frame.
  void choose(Frame& frame, std::size_t i, Strictness strictness) {
    const DecodedPart& part = parts_[i];
    take_back(frame);
    firsts_.resize(i);
    const std::vector<std::size_t>& lengths = frame.overlaps.lengths;
    const std::size_t length = lengths[frame.next++];
    if (const auto first = known_place(part, strictness)) return place_known(part, *first);
    if (lengths.size() > 1) uncertain_ = std::max(uncertain_, shows_after(part, lengths, length));
    ++work_;
    place_at(part, frame.overlaps, length);
  }

  const std::uint64_t base_;
  const std::span<const DecodedPart> parts_;
  const bool no_repeats_;
  std::vector<RecordId> have_;
  std::vector<bool> violations_;
  std::set<RecordId> seen_;  // without PCRs only: the first seen_to_ of have_, except violations
  std::size_t seen_to_ = 0;
  std::vector<PcrTrace> traces_;
  std::size_t uncertain_ = 0;  // the values must match after at least this many records
  bool matched_uncertainly_ = false;
  std::vector<std::uint64_t> firsts_;
  std::uint64_t work_ = 0;
  const std::uint64_t most_work_ = most_work();
};

}  // namespace

Result<std::vector<std::uint64_t>> place_parts(Known known, std::span<const DecodedPart> parts, bool no_repeats) {
  return Placement(std::move(known), parts, no_repeats).run();
}

}  // namespace imakeep::archive
