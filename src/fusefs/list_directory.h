// fusefs/list_directory.h - the files of a measurement list's directory, as Linux names them.
//
//   ascii_ and binary_runtime_measurements_ALG, each also with _staged     0660, one of each for every shown bank
//   the same without _ALG                                                  links to the sha1 files
//   runtime_measurements_count, violations                                 0440
//
// Source: ima_fs_init() and create_securityfs_measurement_lists() in ima_fs.c of Linux 7.3. Threads: values.
#pragma once

#include <string>
#include <vector>

#include "fusefs/file_tree.h"
#include "mlist/list_cursor.h"

namespace imakeep::fusefs {

enum class ListNodeKind : std::uint8_t { kList, kCount, kViolations, kLink };

// What a node shows.
struct ListNode {
  ListNodeKind kind = ListNodeKind::kList;
  // kList
  mlist::ListKind list = mlist::ListKind::kCurrent;
  mlist::Form form = mlist::Form::kBinary;
  std::size_t bank = 0;  // in MeasurementList::shown_banks()
};

struct ListDirectory {
  std::vector<Node> nodes;
  std::vector<ListNode> shows;  // by the same number
};

ListDirectory list_directory(const mlist::MeasurementList& list);

}  // namespace imakeep::fusefs
