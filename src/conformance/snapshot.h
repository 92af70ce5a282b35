// conformance/snapshot.h - what the files of one part of the list hold at one moment, in every bank and both forms.
//
// Snapshots are compared, joined and cut as the requests are said to do it: after "3" the list must be
// drop_first(before, 3). Nothing here asks the list itself what a record is: binary files are decoded by imalog, and
// ASCII files are cut where its rendering of the binary records says.
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
  std::vector<BankSnapshot> banks;  // in ImaDirectory::banks()' order
};

// Reads every file of `part` once, one after the other. The caller sees to it that nothing changes meanwhile.
Result<Snapshot> take_snapshot(const ImaDirectory& directory, Part part);

// The records of a binary file. Borrows `binary`. ListReader's errors.
Result<std::vector<imalog::RecordView>> decode_list(ByteView binary, const digest::Bank& bank);
Result<std::vector<imalog::RecordView>> decode_list(Bytes&&, const digest::Bank&) = delete;

// The records in the first bank. ListReader's errors.
Result<std::uint64_t> record_count(const Snapshot& snapshot);

// The list without its first `records`. kMismatch if it has fewer.
Result<Snapshot> drop_first(const Snapshot& snapshot, std::uint64_t records);

// `tail` behind `head`; both of one directory.
Snapshot join(Snapshot head, const Snapshot& tail);

// Empty if both are byte for byte the same, else the first file that differs and where.
std::string difference(const Snapshot& expected, const Snapshot& found);

// Empty if equal, else "byte 17 differs" or "12 bytes, not 40".
std::string difference(ByteView expected, ByteView found);

// Empty if one is a prefix of the other.
std::string prefix_difference(ByteView a, ByteView b);

// Empty if the record says the same in two banks: PCR, template, data, and whether it is a violation.
std::string content_difference(const imalog::RecordView& a, const imalog::RecordView& b);

// The ASCII list that belongs to a binary one. append_ascii()'s and ListReader's errors, with Error::record set.
Result<std::string> render_list(ByteView binary, const digest::Bank& bank);

// Empty if every record shows the digest that its data gives in that bank, else the first that does not.
Result<std::string> digest_difference(ByteView binary, const digest::Bank& bank);

}  // namespace imakeep::conformance
