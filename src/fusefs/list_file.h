// fusefs/list_file.h - the list's files as opened: who may open them, what a read gives and a write does.
//
// Errors carry the errno that Linux answers. Source: the file_operations in ima_fs.c of Linux 7.3. Threads: FileTree's.
#pragma once

#include <memory>

#include "fusefs/file_tree.h"
#include "fusefs/list_directory.h"
#include "mlist/open_mediation.h"

namespace imakeep::fusefs {

class ListFiles : public FileTree {
 public:
  // Keeps a reference to `list`.
  explicit ListFiles(mlist::MeasurementList& list) : list_(list), directory_(list_directory(list)) {}

  const std::vector<Node>& nodes() const override { return directory_.nodes; }

  // kRefused: EPERM without CAP_SYS_ADMIN for writing, EBUSY as OpenMediation says.
  Result<std::unique_ptr<OpenFile>> open(std::size_t node, int flags, const Caller& caller) override;

 private:
  mlist::MeasurementList& list_;
  const ListDirectory directory_;
  mlist::OpenMediation mediation_;
};

}  // namespace imakeep::fusefs
