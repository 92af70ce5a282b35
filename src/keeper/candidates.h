// keeper/candidates.h - every place where a list's records could go on from the archive's, by what they contain.
//
// Threads: no shared state.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "archive/overlap.h"
#include "keeper/list_shape.h"

namespace imakeep::keeper {

// How many of a list's records differ from the archive before it is another list rather than an altered one.
inline constexpr std::size_t kMostAltered = 16;
// Replays that run beside each other while a place is looked for. Only repeated records make more than a few.
inline constexpr std::size_t kMostCandidates = 256;

// A place where the list's records could go on from the archive.
struct Candidate {
  std::uint64_t known = 0;       // the list's first records that are archived
  std::uint64_t split = 0;       // of them before those that it lost; 0 if it lost none between them
  ListShape shape;               // what the list then holds
  std::uint64_t gone = 0;        // of the list as it was last seen
  std::optional<Range> dropped;  // archived records that the list has lost among or behind those
  bool by_kexec = false;         // it was a kexec that lost them
  bool same = true;              // the known ones are the archive's, byte for byte
};

// What is compared; all is borrowed.
struct Contents {
  std::span<const archive::RecordId> known;  // the records that the list held when it was last seen
  const ListShape& shape;                    // which of the chain's they are
  std::uint64_t end = 0;                     // of the chain
  std::span<const archive::RecordId> list;   // the records that it holds now
  std::size_t staged = 0;                    // the first of them that are staged
  bool other_kernel = false;                 // than the one that was last seen: a kexec may have dropped some
};

// Never empty: one, the last but for an altered list, is that nothing of the list is archived. Those that take fewest
// records for new come first; at most about 3 * kMostCandidates. Time is linear in both lists but for repeated records.
std::vector<Candidate> candidates_of(const Contents& contents);

}  // namespace imakeep::keeper
