// SPDX-License-Identifier: Apache-2.0
// listfs/list_file.h - opens the list's files: checks the caller's permission, answers reads and carries out writes.
//
// Errors carry the errno that Linux answers. Source: the file_operations in ima_fs.c of Linux 7.3. Threads: as for
// FileTree.
#pragma once

#include <memory>

#include "listfs/file_tree.h"
#include "listfs/list_directory.h"
#include "mlist/open_mediation.h"

namespace imakeep::listfs {

class ListFiles : public FileTree {
 public:
  // Keeps a reference to `list`.
  explicit ListFiles(mlist::MeasurementList& list) : list_(list), directory_(list_directory(list)) {}

  const std::vector<Node>& nodes() const override { return directory_.nodes; }

  // kRefused: EPERM if a caller without CAP_SYS_ADMIN opens for writing; EBUSY under the rules of OpenMediation.
  Result<std::unique_ptr<OpenFile>> open(std::size_t node, int flags, const Caller& caller) override;

 private:
  mlist::MeasurementList& list_;
  const ListDirectory directory_;
  mlist::OpenMediation mediation_;
};

}  // namespace imakeep::listfs
