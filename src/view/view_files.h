// SPDX-License-Identifier: Apache-2.0
// view/view_files.h - the files of the view: IMA's names without _staged, each with the whole list of a chain.
//
//   ascii_ and binary_runtime_measurements_ALG     for every bank of the source
//   the same without _ALG                          links to the sha1 files
//   runtime_measurements_count, violations         counted since the chain began
// An inode contains the number of its chain. So a descriptor stays with its chain, and the process that takes over from
// this one gives the inode the same meaning. After another chain has begun, a reader can read the old chain to its end.
// The first read at that end reports end of file; later reads get ESTALE. Errors carry the errno that the caller gets.
//
// Source: docs/protocol.md, "The view while the archive lags"; docs/agents.md. Threads: one thread calls refresh(); any
// thread may call the rest.
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
#include "view/whole_list.h"

namespace imakeep::view {

struct ViewOptions {
  std::vector<digest::Bank> banks;
  uid_t owner = 0;
  gid_t group = 0;                     // this group alone may read
  imalog::TemplateSet templates = {};  // used to print ASCII lines
  // A reader that continues at its last offset within this time is still on the same pass over the list. In one pass a
  // read waits for new records only once: otherwise a steady flow of new records would keep the reader from ever
  // reaching the end.
  std::int64_t reads_on_within_ms = 100;
};

class ViewFiles {
 public:
  using Inode = std::uint64_t;
  static constexpr Inode kRoot = 1;
  // Opens one more connection to the archive, for reading.
  using OpenStore = std::function<Result<std::unique_ptr<archive::Store>>()>;

  ViewFiles(ViewOptions options, OpenStore open_store, Clock& clock);

  // Shows the current content of the archive's last chain. Errors: those of the archive; the files shown so far stay.
  Result<void> refresh(archive::Archive& archive, timespec now) IMAKEEP_EXCLUDES(mutex_);
  // The reason why the view cannot show all of the last chain, as far as the view has found one: it finds damage when
  // it reads that part of the archive. Empty without known damage.
  std::string damage() const;
  // The chain that the names refer to; kNoChain before the first chain exists.
  archive::ChainId chain() const IMAKEEP_EXCLUDES(mutex_);

  struct Node {
    std::string name;
    std::string link_target = {};  // empty for a file
  };
  const std::vector<Node>& nodes() const { return nodes_; }

  Inode inode(std::size_t node) const IMAKEEP_EXCLUDES(mutex_);  // in the chain that the names refer to
  std::optional<Inode> lookup(std::string_view name) const;
  // Accepts a file, a link, or kRoot. kIo with ESTALE for an inode of a chain that this object does not know.
  Result<struct stat> attributes(Inode inode) const IMAKEEP_EXCLUDES(mutex_);
  const std::string& link_target(Inode inode) const { return nodes_[node_of(inode)].link_target; }

  // Returns a handle for an open file. No other process has issued the same handle.
  std::uint64_t open(Inode inode) IMAKEEP_EXCLUDES(mutex_);
  void release(std::uint64_t handle) IMAKEEP_EXCLUDES(mutex_);
  // True if this read reaches the end of the shown list, so that the caller should first wait for new records. True
  // once for each pass over the file.
  bool wants_news(Inode inode, std::uint64_t handle, std::uint64_t offset, std::size_t count) IMAKEEP_EXCLUDES(mutex_);
  // Returns at most `count` bytes; fewer only before the end of the file or before a part that cannot be read. kIo with
  // ESTALE for an unknown chain and after the end of an old one, EIO if the archive is damaged or cannot be read, or
  // ENOMEM.
  Result<Bytes> read(Inode inode, std::uint64_t handle, std::uint64_t offset, std::size_t count)
      IMAKEEP_EXCLUDES(mutex_);
  // Call after a read. Produces the block that the reader needs next, if the reader reads sequentially and no other
  // block is being produced. May take as long as read().
  void read_ahead(Inode inode, std::uint64_t handle) IMAKEEP_EXCLUDES(mutex_);

 private:
  using Block = WholeList::Block;
  using SharedBytes = std::shared_ptr<const Bytes>;
  struct BlockKey {
    archive::ChainId chain = {};
    std::size_t node = 0;
    std::uint64_t first = 0;
    std::uint64_t end = 0;
    friend auto operator<=>(const BlockKey&, const BlockKey&) = default;
  };
  struct Open {
    std::uint64_t next_offset = 0;  // the end of the last read
    bool in_order = false;          // the last read started where the one before it ended
    bool told_end = false;          // end of an old chain was reported
    bool had_news = false;          // waited for news in this pass
    std::int64_t answered_us = 0;   // monotonic time of the last answer
  };
  struct Cached {
    BlockKey key;
    SharedBytes bytes;
  };

  static std::size_t node_of(Inode inode);
  static archive::ChainId chain_of(Inode inode);
  std::shared_ptr<const WholeList> list_of(archive::ChainId chain) const IMAKEEP_EXCLUDES(mutex_);
  std::uint64_t size_of(std::size_t node, const WholeList& list) const;
  std::string counter_text(std::size_t node, const WholeList& list) const;
  Result<Bytes> read_once(const WholeList& list, std::size_t node, std::uint64_t offset, std::size_t count);
  Result<Bytes> read_list(const WholeList& list, std::size_t node, std::uint64_t offset, std::size_t count);
  Result<SharedBytes> produced(const WholeList& list, std::size_t node, const Block& block);
  Result<SharedBytes> make(const WholeList& list, std::size_t node, const Block& block);
  SharedBytes cached(const BlockKey& key) IMAKEEP_REQUIRES(mutex_);
  void keep(const BlockKey& key, SharedBytes bytes) IMAKEEP_REQUIRES(mutex_);
  void reach_archive() IMAKEEP_EXCLUDES(mutex_);
  void note(const BlockKey& key, const Result<SharedBytes>& made) IMAKEEP_REQUIRES(mutex_);
  Result<std::unique_ptr<archive::Store>> borrow_store() IMAKEEP_EXCLUDES(mutex_);

  const ViewOptions options_;
  const OpenStore open_store_;
  Clock& clock_;
  std::vector<Node> nodes_;
  std::vector<std::optional<ListFile>> lists_shown_;  // by node; empty for a node that is not a list

  mutable Mutex mutex_;
  std::map<archive::ChainId, std::shared_ptr<WholeList>> lists_ IMAKEEP_GUARDED_BY(mutex_);  // by chain number
  archive::ChainId chain_ IMAKEEP_GUARDED_BY(mutex_) = {};
  timespec changed_ IMAKEEP_GUARDED_BY(mutex_) = {};
  std::uint64_t next_handle_ IMAKEEP_GUARDED_BY(mutex_);
  std::map<std::uint64_t, Open> open_ IMAKEEP_GUARDED_BY(mutex_);  // by handle; added at the first read
  std::list<Cached> cache_ IMAKEEP_GUARDED_BY(mutex_);             // most recently used first
  std::size_t cached_bytes_ IMAKEEP_GUARDED_BY(mutex_) = 0;
  std::set<BlockKey> making_ IMAKEEP_GUARDED_BY(mutex_);  // blocks that a thread produces now
  std::condition_variable_any made_;
  // Why a block cannot be read, by its chain and its first record.
  std::map<std::pair<archive::ChainId, std::uint64_t>, std::string> damaged_ IMAKEEP_GUARDED_BY(mutex_);
  std::string unreachable_ IMAKEEP_GUARDED_BY(mutex_);  // why the archive cannot be opened or read; empty if it can
  std::vector<std::unique_ptr<archive::Store>> stores_ IMAKEEP_GUARDED_BY(mutex_);  // not in use now
};

}  // namespace imakeep::view
