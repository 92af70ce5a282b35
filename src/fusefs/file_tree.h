// fusefs/file_tree.h - one directory of files, as an adapter to FUSE serves it.
//
// Errors carry the errno that the caller gets. Threads: open() and the end of an OpenFile by one thread (the one that
// receives requests); reads and writes by any.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "fusefs/caller.h"

namespace imakeep::fusefs {

struct Node {
  std::string name;
  mode_t permissions = 0;
  std::string link_target = {};  // empty for a file

  bool is_link() const { return !link_target.empty(); }
};

class OpenFile {
 public:
  virtual ~OpenFile() = default;

  // At most `count` bytes from FUSE's `offset`, fewer only at the end.
  virtual Result<Bytes> read(std::uint64_t offset, std::size_t count) = 0;
  // One write(), whole or not at all.
  virtual Result<void> write(std::uint64_t offset, std::string_view bytes) = 0;
};

class FileTree {
 public:
  virtual ~FileTree() = default;

  // The same nodes for the life of the tree.
  virtual const std::vector<Node>& nodes() const = 0;
  // Opens node number `node`, no link. `flags` are open(2)'s. The file must not outlive the tree.
  virtual Result<std::unique_ptr<OpenFile>> open(std::size_t node, int flags, const Caller& caller) = 0;
};

}  // namespace imakeep::fusefs
