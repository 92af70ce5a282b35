// SPDX-License-Identifier: Apache-2.0
#include "keeper/alignment.h"

#include <algorithm>

namespace imakeep::keeper {
namespace {

using archive::RecordId;
using Ids = std::span<const RecordId>;

// How many of the first records of `list` may be the last of `known`: all such counts, largest first, without zero.
std::vector<std::size_t> lengths_at_end(const archive::Overlaps& found, Ids known, Ids list) {
  std::vector<std::size_t> lengths;
  if (!list.empty() && list.size() <= known.size() && std::ranges::equal(list, known.last(list.size()))) {
    lengths.push_back(list.size());
  }
  for (const std::size_t length : found.lengths) {
    if (length < list.size()) lengths.push_back(length);
  }
  return lengths;
}

// The index at which the records of a list stop to repeat. The first `repeats` records have the period `step`.
ListIndex stretch_end(Ids list, std::uint64_t repeats, std::uint64_t step) {
  while (repeats < list.size() && list[repeats] == list[repeats - step]) ++repeats;
  return ListIndex(repeats);
}

class Finder {
 public:
  explicit Finder(const Contents& contents)
      : contents_(contents), known_(contents.known.ids), list_(contents.list.ids) {}

  std::vector<Family> find() {
    add_pending();
    const archive::Overlaps found = archive::overlaps(known_, list_);
    const auto lengths = lengths_at_end(found, known_, list_);
    add_lengths(lengths, {.kind = Family::Kind::kEnd});
    const Ids staged = list_.first(contents_.list.staged);
    const auto at = staged.empty() ? std::nullopt : archive::overlaps(known_, staged).whole_at;
    if (at) add_split(staged.size(), *at);
    if (contents_.other_kernel) add_cut_by_kexec(found);
    add_lacking(lengths);
    // PCRs tell nothing of records that name other PCRs, so two alignments may match. The one with fewer new records
    // comes first.
    all_.push_back({.kind = Family::Kind::kNone});
    add_altered();
    return std::move(all_);
  }

 private:
  void add_pending() {
    if (contents_.pending == 0 || contents_.pending > known_.size()) return;
    const Ids left = known_.subspan(contents_.pending);
    if (left.size() > list_.size() || !std::ranges::equal(left, list_.first(left.size()))) return;
    all_.push_back({.kind = Family::Kind::kPending, .first = left.size()});
  }

  // Adds `lengths`, counted from the split, in families of equal steps. If several lengths are possible, the records
  // overlap themselves, so the lengths form few arithmetic sequences. Each belongs to a stretch that repeats.
  void add_lengths(const std::vector<std::size_t>& lengths, const Family& like) {
    for (std::size_t i = 0; i < lengths.size();) {
      std::size_t last = i;
      const std::size_t step = i + 1 < lengths.size() ? lengths[i] - lengths[i + 1] : 1;
      while (last + 1 < lengths.size() && lengths[last] - lengths[last + 1] == step) ++last;
      Family family = like;
      family.first = like.split + lengths[last];
      family.step = step;
      family.count = last - i + 1;
      if (family.count > 1) family.stretch_end = stretch_end(list_, like.split + lengths[i], step);
      all_.push_back(family);
      i = last + 1;
    }
  }

  // The list may have lost records in its middle: somebody deleted from the current list by number while the records
  // before them were staged. The list's first `split` records are archived, at index `at` of the known ones.
  void add_split(std::size_t split, std::size_t at) {
    const Ids after = known_.subspan(at + split);
    const Ids rest = list_.subspan(split);
    auto lengths = lengths_at_end(archive::overlaps(after, rest), after, rest);
    // If all of `after` overlaps, no record is missing.
    std::erase(lengths, after.size());
    const Family like{.kind = Family::Kind::kSplit, .split = split, .at = ListIndex(at)};
    add_lengths(lengths, like);
    if (!after.empty()) add_lengths({0}, like);
  }

  // The list's first records lie somewhere within the archive: a kexec dropped the records after them.
  void add_cut_by_kexec(const archive::Overlaps& found) {
    if (found.whole_at && *found.whole_at + list_.size() < known_.size()) {
      all_.push_back({.kind = Family::Kind::kCut, .first = list_.size(), .at = ListIndex(*found.whole_at)});
    }
    if (found.start_length > 0 && found.start_length < list_.size()) {
      all_.push_back({.kind = Family::Kind::kCut, .first = found.start_length, .at = ListIndex(found.start_at)});
      // A kexec joins the staged and the current records into one list.
      add_split(found.start_length, found.start_at);
    }
  }

  // Linux deletes only from the front of a part. A list that lacks other records is not as Linux leaves it, but the
  // records that it holds are archived all the same.
  void add_lacking(const std::vector<std::size_t>& lengths) {
    if (known_.empty()) return;
    const auto last = std::find(list_.rbegin(), list_.rend(), known_.back());
    const auto known = static_cast<std::size_t>(list_.rend() - last);
    if (known == 0 || known > known_.size() || std::ranges::find(lengths, known) != lengths.end()) return;
    std::size_t left = known;
    for (std::size_t i = known_.size(); i > 0 && left > 0; --i) left -= known_[i - 1] == list_[left - 1] ? 1u : 0u;
    if (left == 0) all_.push_back({.kind = Family::Kind::kLacking, .first = known});
  }

  void add_altered() {
    if (known_.empty() || list_.size() < known_.size()) return;
    std::size_t differ = 0;
    std::size_t violations = 0;  // of the records that differ
    for (std::size_t i = 0; i < known_.size(); ++i) {
      if (known_[i] == list_[i]) continue;
      ++differ;
      violations += contents_.known.violations[i] && contents_.list.violations[i] ? 1u : 0u;
    }
    if (differ == 0 || differ > kMostAltered) return;
    if (differ * 2 <= known_.size()) {
      all_.push_back({.kind = Family::Kind::kAltered, .first = known_.size()});
    } else if (violations == differ) {
      all_.push_back({.kind = Family::Kind::kAlteredViolations, .first = known_.size()});
    }
  }

  const Contents& contents_;
  const Ids known_;
  const Ids list_;
  std::vector<Family> all_;
};

// Adds the chain's records at indexes [from, to) of the known ones: a range for each run of consecutive numbers. The
// ranges between the runs were missing before, so they are not added.
void add_missing(Alignment& alignment, const Contents& contents, ListIndex from, ListIndex to) {
  const std::vector<Range>& before = contents.shape.missing();
  while (from < to) {
    const RecordNumber first = contents.shape.number_at(from);
    const auto next = std::ranges::upper_bound(before, first, {}, &Range::first);
    const std::uint64_t records = next == before.end() ? to - from : std::min(to - from, next->first - first);
    alignment.missing.push_back({.first = first, .end = first + records});
    from += records;
  }
}

void add_lost_between(Alignment& alignment, const Contents& contents) {
  const Ids known = contents.known.ids;
  const Ids list = contents.list.ids;
  std::uint64_t end = known.size();  // known records from here on are compared already
  struct Run {
    ListIndex from, to;
  };
  std::vector<Run> lost;  // of known records, last first
  for (std::uint64_t left = alignment.known; left > 0; --left) {
    std::uint64_t at = end;
    while (known[at - 1] != list[left - 1]) --at;
    if (at < end) lost.push_back({.from = ListIndex(at), .to = ListIndex(end)});
    end = at - 1;
  }
  alignment.gone = end;
  for (auto run = lost.rbegin(); run != lost.rend(); ++run) add_missing(alignment, contents, run->from, run->to);
}

// Whether a kexec alone may have left these records of the list, although they are the archive's last: it drops records
// from the list's end. Where all of them are equal violations, the first and the last look the same. The keeper's own
// pending trim may have been carried out before.
bool may_be_cut_by_kexec(const Contents& contents, std::uint64_t known) {
  if (!contents.other_kernel || known > contents.list.restored()) return false;
  if (contents.list.has_lasting(ListIndex(0), ListIndex(known))) return false;
  const Ids left = Ids(contents.list.ids).first(known);
  const auto begins_at = [&](std::uint64_t index) {
    return index + known <= contents.known.ids.size() &&
           std::ranges::equal(left, Ids(contents.known.ids).subspan(index, known));
  };
  return begins_at(0) || begins_at(contents.pending);
}

}  // namespace

std::vector<Family> families_of(const Contents& contents) {
  return Finder(contents).find();
}

Alignment alignment_of(const Contents& contents, const Family& family, std::uint64_t i) {
  const std::uint64_t in_known = contents.known.ids.size();
  const ListIndex known_end(in_known);
  Alignment alignment{.known = family.first + i * family.step, .shape = contents.shape, .missing = {}};
  switch (family.kind) {
    case Family::Kind::kPending:
    case Family::Kind::kEnd:
      alignment.gone = in_known - alignment.known;
      alignment.gone_by_kexec = may_be_cut_by_kexec(contents, alignment.known);
      break;
    case Family::Kind::kSplit:
      alignment.split = family.split;
      alignment.gone = family.at - ListIndex(0);
      add_missing(alignment, contents, family.at + family.split, known_end - (alignment.known - family.split));
      break;
    case Family::Kind::kCut:
      alignment.gone = family.at - ListIndex(0);
      alignment.by_kexec = true;
      add_missing(alignment, contents, family.at + alignment.known, known_end);
      break;
    case Family::Kind::kLacking:
      add_lost_between(alignment, contents);
      break;
    case Family::Kind::kNone:
      // A kexec may have passed on no list at all. Then the list begins with a kernel's first record. If others deleted
      // the known records, it does not, unless they deleted up to that record.
      alignment.gone = in_known;
      alignment.gone_by_kexec = contents.other_kernel && contents.list.begins_with_kernel();
      break;
    case Family::Kind::kAltered:
    case Family::Kind::kAlteredViolations:
      alignment.same = false;
      break;
  }
  alignment.shape.advance(alignment.gone);
  for (const Range& range : alignment.missing) alignment.shape.add_missing(range);
  return alignment;
}

}  // namespace imakeep::keeper
