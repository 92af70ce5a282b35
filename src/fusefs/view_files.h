// fusefs/view_files.h - the files of the view: IMA's names without _staged, each holding the whole list of a chain.
//
//   ascii_ and binary_runtime_measurements_ALG     for every bank that the source has
//   the same without _ALG                          links to the sha1 files
//   runtime_measurements_count, violations         true since the chain began
// An inode is of one chain, and says which: so a descriptor stays with its chain, and means the same to the process
// that takes over after this one. What is left of a chain that another followed can be read to its end, which is told
// once; ESTALE after. Errors carry the errno that the caller gets.
//
// Source: DESIGN 5. Threads: refresh() by one; the rest by any.
#pragma once

#include <sys/stat.h>

#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/clock.h"
#include "keeper/whole_list.h"

namespace imakeep::fusefs {

struct ViewOptions {
  std::vector<digest::Bank> banks;
  uid_t owner = 0;
  gid_t group = 0;  // may read; nobody else may
  // Called when somebody comes to the end of what is shown, and before a size is told: what it does may show more.
  std::function<void()> catch_up = {};
  // Who goes on where it stopped, and sooner than this, is still reading the same list, for which it is called once:
  // records that come in all the time would let nobody come to an end.
  std::int64_t reads_on_within_ms = 100;
};

class ViewFiles {
 public:
  using Inode = std::uint64_t;
  static constexpr Inode kRoot = 1;
  // Another connection to the archive, to read it by.
  using OpenStore = std::function<Result<std::unique_ptr<archive::Store>>()>;

  ViewFiles(ViewOptions options, OpenStore open_store, Clock& clock);

  // Shows what the archive's last chain holds now. Errors: the archive's; what is shown stays.
  Result<void> refresh(archive::Archive& archive, timespec now) IMAKEEP_EXCLUDES(mutex_);
  // Has what is new shown, before a size is told. May take a while.
  void catch_up() const {
    if (options_.catch_up) options_.catch_up();
  }
  // Why not all of the last chain can be shown; empty if it can.
  std::string damage() const;
  // The chain that names lead to; 0 before there is any.
  std::uint64_t chain() const IMAKEEP_EXCLUDES(mutex_);

  struct Node {
    std::string name;
    std::string link_target = {};  // empty for a file
  };
  const std::vector<Node>& nodes() const { return nodes_; }

  Inode inode(std::size_t node) const IMAKEEP_EXCLUDES(mutex_);  // in the chain that names lead to
  std::optional<Inode> lookup(std::string_view name) const;
  // Of a file, a link, or kRoot. kIo with ESTALE for an inode of a chain that is not known any more.
  Result<struct stat> attributes(Inode inode) const IMAKEEP_EXCLUDES(mutex_);
  const std::string& link_target(Inode inode) const { return nodes_[node_of(inode)].link_target; }

  // A number for an open file, never one that another process gave out.
  std::uint64_t open(Inode inode) IMAKEEP_EXCLUDES(mutex_);
  void release(std::uint64_t handle) IMAKEEP_EXCLUDES(mutex_);
  // At most `count` bytes, fewer only before the end or before what cannot be read. kIo with ESTALE, EIO if the archive
  // is damaged or cannot be read.
  Result<Bytes> read(Inode inode, std::uint64_t handle, std::uint64_t offset, std::size_t count)
      IMAKEEP_EXCLUDES(mutex_);
  // After a read: makes what the reader comes for next, if it reads from front to end and nobody waits for something to
  // be made. May take as long as read().
  void read_ahead(Inode inode, std::uint64_t handle) IMAKEEP_EXCLUDES(mutex_);

 private:
  using Block = keeper::WholeList::Block;
  using SharedBytes = std::shared_ptr<const Bytes>;
  struct BlockKey {
    std::uint64_t chain = 0;
    std::size_t node = 0;
    std::uint64_t first = 0;
    std::uint64_t end = 0;
    friend auto operator<=>(const BlockKey&, const BlockKey&) = default;
  };
  struct Open {
    std::uint64_t next_offset = 0;  // behind the last read
    bool in_order = false;          // the last read went on where the one before it ended
    bool told_end = false;          // of an old chain
    bool caught_up = false;         // for what is being read
    std::int64_t answered_us = 0;   // by the clock
  };
  struct Cached {
    BlockKey key;
    SharedBytes bytes;
  };

  static std::size_t node_of(Inode inode);
  static std::uint64_t chain_of(Inode inode);
  std::shared_ptr<const keeper::WholeList> list_of(std::uint64_t chain) const IMAKEEP_EXCLUDES(mutex_);
  std::string counter_text(std::size_t node, const keeper::WholeList& list) const;
  // Whether who reads on there was shown what is new, for what it is reading.
  bool is_caught_up(std::uint64_t handle, std::uint64_t offset) IMAKEEP_EXCLUDES(mutex_);
  Result<Bytes> read_once(const keeper::WholeList& list, std::size_t node, std::uint64_t offset, std::size_t count);
  Result<Bytes> read_list(const keeper::WholeList& list, std::size_t node, std::uint64_t offset, std::size_t count);
  Result<SharedBytes> produced(const keeper::WholeList& list, std::size_t node, const Block& block);
  Result<SharedBytes> make(const keeper::WholeList& list, std::size_t node, const Block& block);
  SharedBytes cached(const BlockKey& key) IMAKEEP_REQUIRES(mutex_);
  void keep(const BlockKey& key, SharedBytes bytes) IMAKEEP_REQUIRES(mutex_);
  Result<std::unique_ptr<archive::Store>> borrow_store() IMAKEEP_EXCLUDES(mutex_);

  const ViewOptions options_;
  const OpenStore open_store_;
  Clock& clock_;
  std::vector<Node> nodes_;
  std::vector<std::optional<keeper::ListFile>> lists_shown_;  // by node; empty for what is no list

  mutable Mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<keeper::WholeList>> lists_ IMAKEEP_GUARDED_BY(mutex_);  // by chain
  std::uint64_t chain_ IMAKEEP_GUARDED_BY(mutex_) = 0;
  timespec changed_ IMAKEEP_GUARDED_BY(mutex_) = {};
  std::uint64_t next_handle_ IMAKEEP_GUARDED_BY(mutex_);
  std::map<std::uint64_t, Open> open_ IMAKEEP_GUARDED_BY(mutex_);  // by handle, once something was read
  std::list<Cached> cache_ IMAKEEP_GUARDED_BY(mutex_);             // the last used first
  std::size_t cached_bytes_ IMAKEEP_GUARDED_BY(mutex_) = 0;
  std::set<BlockKey> making_ IMAKEEP_GUARDED_BY(mutex_);  // by somebody, whom others wait for
  std::condition_variable_any made_;
  std::vector<std::unique_ptr<archive::Store>> stores_ IMAKEEP_GUARDED_BY(mutex_);  // that nobody uses now
};

}  // namespace imakeep::fusefs
