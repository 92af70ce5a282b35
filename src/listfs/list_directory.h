// SPDX-License-Identifier: Apache-2.0
// listfs/list_directory.h - the files in a measurement list's directory, with the names that Linux gives them.
//
//   ascii_ and binary_runtime_measurements_ALG, each also with _staged     0660, one of each for every shown bank
//   the same without _ALG                                                  links to the sha1 files
//   runtime_measurements_count, violations                                 0440
//
// Source: ima_fs_init() and create_securityfs_measurement_lists() in ima_fs.c of Linux 7.3. Threads: plain values.
#pragma once

#include <string>
#include <vector>

#include "listfs/file_tree.h"
#include "mlist/list_cursor.h"

namespace imakeep::listfs {

enum class ListNodeKind : std::uint8_t { kList, kCount, kViolations, kLink };

// The content of a node.
struct ListNode {
  ListNodeKind kind = ListNodeKind::kList;
  // The next three members apply to kList only.
  mlist::ListKind list = mlist::ListKind::kCurrent;
  mlist::Form form = mlist::Form::kBinary;
  std::size_t bank = 0;  // index into MeasurementList::shown_banks()
};

struct ListDirectory {
  std::vector<Node> nodes;
  std::vector<ListNode> shows;  // same index as in `nodes`
};

ListDirectory list_directory(const mlist::MeasurementList& list);

}  // namespace imakeep::listfs
