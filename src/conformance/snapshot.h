// SPDX-License-Identifier: Apache-2.0
// conformance/snapshot.h - the content of all files of one part of the list at one moment, in every bank and both
// forms.
//
// Checks compare, join and cut snapshots as the requests should: after "3" the list must be drop_first(before, 3). This
// code does not rely on the list to tell where a record ends: imalog decodes binary files, and ASCII files are cut by
// the length of imalog's own rendering.
// Threads: values.
#pragma once

#include <string>
#include <vector>

#include "imalog/ima_directory.h"
#include "imalog/list_reader.h"

namespace imakeep::conformance {

using imalog::Form;
using imalog::ImaDirectory;
using imalog::kForms;
using imalog::Part;

struct BankSnapshot {
  digest::Bank bank;
  Bytes binary;
  Bytes ascii;
};

struct Snapshot {
  std::vector<BankSnapshot> banks;  // in the order of ImaDirectory::banks()
};

// Reads every file of `part` once, one after the other. REQUIRES: the caller ensures that nothing changes meanwhile.
Result<Snapshot> take_snapshot(const ImaDirectory& directory, Part part);

// Returns the records of a binary file. Borrows `binary`. Errors: ListReader's.
Result<std::vector<imalog::RecordView>> decode_list(ByteView binary, const digest::Bank& bank);
Result<std::vector<imalog::RecordView>> decode_list(Bytes&&, const digest::Bank&) = delete;

// Returns the number of records in the first bank. Errors: ListReader's.
Result<std::uint64_t> record_count(const Snapshot& snapshot);

// Returns the list without its first `records`. kMismatch if it has fewer.
Result<Snapshot> drop_first(const Snapshot& snapshot, std::uint64_t records);

// Returns `head` followed by `tail`. REQUIRES: both are of one directory.
Snapshot join(Snapshot head, const Snapshot& tail);

// Empty if both are equal byte for byte; else names the first file that differs, and the place.
std::string difference(const Snapshot& expected, const Snapshot& found);

// Empty if equal, else "byte 17 differs" or "12 bytes, not 40".
std::string difference(ByteView expected, ByteView found);

// Empty if one is a prefix of the other.
std::string prefix_difference(ByteView a, ByteView b);

// Empty if the record has the same content in two banks: PCR, template, data, and whether it is a violation.
std::string content_difference(const imalog::RecordView& a, const imalog::RecordView& b);

// Returns the ASCII list of a binary one. Errors: those of append_ascii() and ListReader, with Error::record set.
Result<std::string> render_list(ByteView binary, const digest::Bank& bank);

// Empty if every record shows the digest of its data in that bank; else names the first record that does not.
Result<std::string> digest_difference(ByteView binary, const digest::Bank& bank);

}  // namespace imakeep::conformance
