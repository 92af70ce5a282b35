#include "keeper/candidates.h"

#include <algorithm>

namespace imakeep::keeper {
namespace {

using archive::RecordId;
using Records = std::span<const RecordId>;

// How many of the first of `list` may be the last of `known`, longest first, without zero.
std::vector<std::size_t> lengths_at_end(const archive::Overlaps& found, Records known, Records list) {
  std::vector<std::size_t> lengths;
  if (!list.empty() && list.size() <= known.size() && std::ranges::equal(list, known.last(list.size()))) {
    lengths.push_back(list.size());
  }
  for (const std::size_t length : found.lengths) {
    if (length < list.size()) lengths.push_back(length);
  }
  return lengths;
}

class Finder {
 public:
  explicit Finder(const Contents& contents) : contents_(contents), known_(contents.known), list_(contents.list) {}

  std::vector<Candidate> find() {
    const archive::Overlaps found = archive::overlaps(known_, list_);
    // The list as the archive's end, longest first: fewest records are then taken for new.
    for (const std::size_t length : lengths_at_end(found, known_, list_)) {
      if (all_.size() < kMostCandidates) add(length, known_.size() - length);
    }
    const Records staged = list_.first(contents_.staged);
    const auto at = staged.empty() ? std::nullopt : archive::overlaps(known_, staged).whole_at;
    if (at) add_split(staged.size(), *at);
    if (contents_.other_kernel) add_cut_by_kexec(found);
    // Records of other PCRs tell the PCRs nothing: where two places fit, the one that takes fewer for new comes first.
    add(0, known_.size());
    add_altered();
    return std::move(all_);
  }

 private:
  // The list's first `length` records are archived, and lie at `at` of what is known.
  void add(std::size_t length, std::size_t at) {
    Candidate candidate{.known = length, .shape = contents_.shape, .gone = at, .by_kexec = true};
    candidate.shape.advance(at);
    if (at + length < known_.size()) {
      candidate.dropped = Range{.first = contents_.shape.number_at(at + length), .end = contents_.end};
    }
    all_.push_back(std::move(candidate));
  }

  // The list may have lost records in its middle: somebody deleted from the current list by number while those before
  // it were staged. Its first `split` records are archived, and lie at `at`.
  void add_split(std::size_t split, std::size_t at) {
    const Records behind = known_.subspan(at + split);
    const Records rest = list_.subspan(split);
    auto lengths = lengths_at_end(archive::overlaps(behind, rest), behind, rest);
    lengths.push_back(0);
    for (const std::size_t length : lengths) {
      if (length == behind.size() || all_.size() >= 2 * kMostCandidates) continue;
      Candidate candidate{.known = split + length, .split = split, .shape = contents_.shape, .gone = at};
      candidate.shape.advance(at);
      candidate.dropped = Range{.first = contents_.shape.number_at(at + split),
                                .end = length == 0 ? contents_.end : contents_.shape.number_at(known_.size() - length)};
      all_.push_back(std::move(candidate));
    }
  }

  // Its first records lie somewhere within the archive: a kexec dropped what is between.
  void add_cut_by_kexec(const archive::Overlaps& found) {
    if (found.whole_at && *found.whole_at + list_.size() < known_.size()) add(list_.size(), *found.whole_at);
    if (found.start_length > 0 && found.start_length < list_.size()) {
      add(found.start_length, found.start_at);
      // A kexec makes one list of what was staged and what was not.
      add_split(found.start_length, found.start_at);
    }
  }

  // The list as it was last seen, but for a few records that read otherwise now.
  void add_altered() {
    if (known_.empty() || list_.size() < known_.size()) return;
    std::size_t differ = 0;
    for (std::size_t i = 0; i < known_.size(); ++i) differ += known_[i] == list_[i] ? 0u : 1u;
    if (differ == 0 || differ > kMostAltered || differ * 2 > known_.size()) return;
    all_.push_back({.known = known_.size(), .shape = contents_.shape, .same = false});
  }

  const Contents& contents_;
  const Records known_;
  const Records list_;
  std::vector<Candidate> all_;
};

}  // namespace

std::vector<Candidate> candidates_of(const Contents& contents) {
  return Finder(contents).find();
}

}  // namespace imakeep::keeper
