// SPDX-License-Identifier: Apache-2.0
// keeper/record_summary.h - the facts that one reading of a list's records gives, or of the archived records that the
// list should hold.
//
// The keeper reads a long list, keeps these facts, and derives all else from them. A record takes about 18 bytes,
// whatever its length. Threads: values.
#pragma once

#include <vector>

#include "archive/archive.h"
#include "archive/overlap.h"
#include "keeper/list_shape.h"
#include "keeper/list_stream.h"

namespace imakeep::keeper {

struct RecordSummary {
  std::vector<archive::RecordId> ids;
  std::vector<bool> violations;            // of the record at the same index in ids
  std::vector<std::uint8_t> pcrs;          // likewise: the PCR that the record names
  std::vector<bool> wrong_digests;         // likewise: the digest in the list does not match the record's data
  std::vector<ListIndex> boot_aggregates;  // of kernels' first records
  std::size_t staged = 0;                  // of a list: count of its first records, which are staged

  // `order` is the byte order of the record's numbers.
  void add(const imalog::RecordContentView& content, ByteOrder order = kHostOrder, bool digest_matches = true);

  std::uint64_t records() const { return ids.size(); }
  // Whether one of the records from index `from` to before `to` is no violation. Violations repeat in every list.
  bool has_lasting(ListIndex from, ListIndex to) const;
  // Whether such a record also names one of the PCRs `of_pcrs`: bit P is PCR P.
  bool has_lasting(ListIndex from, ListIndex to, std::uint32_t of_pcrs) const;
  // Whether a record that is no violation occurs twice. If so, the kernel keeps no table of digests, or a kexec lies
  // between the two.
  bool repeats() const;
  // Whether the list begins with a kernel's first record.
  bool begins_with_kernel() const { return !boot_aggregates.empty() && boot_aggregates.front() == ListIndex(0); }
  // Whether a kernel's first record lies at an index above 0: it follows a kexec.
  bool has_kexec() const { return !boot_aggregates.empty() && boot_aggregates.back() > ListIndex(0); }
  // Count of the first records that are an earlier kernel's: a kexec restored them.
  std::uint64_t restored() const { return boot_aggregates.empty() ? 0 : boot_aggregates.back() - ListIndex(0); }
};

// Reads `stream` from its beginning to its end. `shown` is the bank of the digests in the list. Errors: the stream's.
Result<RecordSummary> summary_of_list(ListStream& stream, const digest::Bank& shown);

// The archived records that a list of the shape `shape` should hold. Errors: the archive's, kMalformed for damage.
Result<RecordSummary> summary_of_known(archive::Store& store, const archive::Chain& chain, const ListShape& shape);

}  // namespace imakeep::keeper
