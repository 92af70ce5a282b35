// SPDX-License-Identifier: Apache-2.0
// listfs/file_tree.h - interface of a flat directory of files that a FUSE adapter serves.
//
// Errors carry the errno that the caller gets. Threads: one thread (the one that receives requests) calls open() and
// destroys each OpenFile. Any thread may read and write.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "listfs/caller.h"

namespace imakeep::listfs {

struct Node {
  std::string name;
  mode_t permissions = 0;
  std::string link_target = {};  // empty for a file

  bool is_link() const { return !link_target.empty(); }
};

class OpenFile {
 public:
  virtual ~OpenFile() = default;

  // Returns at most `count` bytes from FUSE's `offset`. Returns fewer only at the end of the file.
  virtual Result<Bytes> read(std::uint64_t offset, std::size_t count) = 0;
  // Performs one write(), completely or not at all.
  virtual Result<void> write(std::uint64_t offset, std::string_view bytes) = 0;
};

class FileTree {
 public:
  virtual ~FileTree() = default;

  // The nodes do not change during the life of the tree.
  virtual const std::vector<Node>& nodes() const = 0;
  // Opens the node at index `node`, which must not be a link. `flags` are those of open(2). The file must not outlive
  // the tree.
  virtual Result<std::unique_ptr<OpenFile>> open(std::size_t node, int flags, const Caller& caller) = 0;
};

}  // namespace imakeep::listfs
