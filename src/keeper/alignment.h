// SPDX-License-Identifier: Apache-2.0
// keeper/alignment.h - every index at which a list's new records could begin, by what the records contain.
//
// An alignment says which of the list's first records are archived, and which of the chain's records they are. Content
// does not prove an alignment: the PCRs do. Content only says which alignments are possible.
//
// Where records repeat, many alignments differ only in how often a stretch of records came. For example, a file that is
// written while it is read makes thousands of equal violations. Such alignments form one family, in steps of the
// stretch. locate.h follows a family by one replay.
//
//   list     a b a b a b c d      the archive ends with ... a b a b
//   known    0   2   4            step 2; the stretch ends at index 6
//
// Every function here is pure. Threads: no shared state.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "keeper/record_summary.h"

namespace imakeep::keeper {

// If more of a list's records differ from the archive, it is another list, not an altered one.
inline constexpr std::size_t kMostAltered = 16;

struct Alignment {
  std::uint64_t known = 0;        // count of the list's first records that are archived
  std::uint64_t split = 0;        // count of those before lost records; 0 if none are lost between
  ListShape shape = ListShape();  // which records the list then holds
  std::uint64_t gone = 0;         // count of records that were deleted from the front of the list as last seen
  // A kexec alone may have lost records in place of these: none of the known records is left, or only violations that
  // equal the first known ones.
  bool gone_by_kexec = false;
  std::vector<Range> missing;  // archived records, not missing before, that it lost among or after those it holds
  bool by_kexec = false;       // a kexec lost them
  bool same = true;            // the known records equal the archive's, byte for byte
};

// The records that are compared. Borrows everything.
struct Contents {
  const RecordSummary& known;  // the records that the list held when it was last seen
  const ListShape& shape;      // which of the chain's records these are
  RecordNumber end = {};       // of the chain
  const RecordSummary& list;   // the records that the list holds now
  bool other_kernel = false;   // the kernel is not the one last seen: a kexec may have dropped records
  std::uint64_t pending = 0;   // count of records that a pending trim covers; 0 without one
};

// `count` alignments, with `first`, `first + step`, ... known records.
struct Family {
  enum class Kind : std::uint8_t {
    kPending,  // the pending trim was carried out, and nothing else happened
    kEnd,      // the known records are the archive's last
    kSplit,    // records are missing after the staged ones, or after those that came over a kexec
    kCut,      // the known records lie within the archive: a kexec dropped the records after them
    kLacking,  // the known records are the archive's last, but some between them are missing
    kNone,     // no record of the list is archived
    kAltered,  // the list as it was last seen, but a few records differ now
    // As kAltered, and each differing record is a violation. No PCR covers a violation's data, so more than half may
    // differ. Another violation that was never extended looks the same, so this kind counts only if the PCRs prove a
    // record after the known ones.
    kAlteredViolations,
  };
  Kind kind = Kind::kNone;
  std::uint64_t first = 0;
  std::uint64_t step = 1;
  std::uint64_t count = 1;
  // From each alignment's first new record up to before this index, the records are the same, as far as they go. Only
  // for count > 1.
  ListIndex stretch_end = {};
  std::uint64_t split = 0;  // kSplit: count of known records before the missing ones
  ListIndex at = {};        // kSplit, kCut: index in Contents::known of the list's first record

  // Whether some of the known records differ from the archive's.
  bool altered() const { return kind == Kind::kAltered || kind == Kind::kAlteredViolations; }
};

// Never empty: kNone is always included. The pending trim comes first. Alignments with fewer new records come before
// those with more, but kNone and the altered ones come last. Time and memory are linear in both lists.
std::vector<Family> families_of(const Contents& contents);

// The alignment of `family` with `family.first + i * family.step` known records.
Alignment alignment_of(const Contents& contents, const Family& family, std::uint64_t i);

}  // namespace imakeep::keeper
