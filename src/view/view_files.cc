// SPDX-License-Identifier: Apache-2.0
#include "view/view_files.h"

#include <algorithm>
#include <cerrno>
#include <new>
#include <random>
#include <utility>

namespace imakeep::view {
namespace {

using imalog::Form;

// inode := chain:56 kind:8; kRoot is outside this scheme.
constexpr unsigned kChainShift = 8;
constexpr std::uint64_t kFirstKind = 16;
// Limit of the cache of produced blocks.
constexpr std::size_t kCacheBytes = 8u << 20;

constexpr const char* kCount = "runtime_measurements_count";
constexpr const char* kViolations = "violations";

unexpected<Error> fail_with(int os_errno, std::string message) {
  return unexpected(Error{.code = ErrorCode::kIo, .message = std::move(message), .os_errno = os_errno});
}

unexpected<Error> stale() {
  return fail_with(ESTALE, "the file belongs to an earlier chain: open it again");
}

}  // namespace

ViewFiles::ViewFiles(ViewOptions options, OpenStore open_store, Clock& clock)
    : options_(std::move(options)),
      open_store_(std::move(open_store)),
      clock_(clock),
      next_handle_((std::uint64_t{std::random_device()()} << 32) | std::random_device()()) {
  const auto add = [&](Node node, std::optional<ListFile> shows) {
    nodes_.push_back(std::move(node));
    lists_shown_.push_back(shows);
  };
  for (const Form form : {Form::kAscii, Form::kBinary}) {
    const std::string stem = std::string(imalog::form_name(form)) + "_runtime_measurements";
    for (const digest::Bank& bank : options_.banks) {
      add({.name = stem + "_" + bank.name()}, ListFile{.form = form, .bank = bank});
    }
    add({.name = stem, .link_target = stem + "_sha1"}, {});
  }
  add({.name = kCount}, {});
  add({.name = kViolations}, {});
  // Before the first chain exists, the list is empty.
  lists_[archive::kNoChain] = std::make_shared<WholeList>(archive::Chain{});
}

std::size_t ViewFiles::node_of(Inode inode) {
  return (inode & ((1u << kChainShift) - 1)) - kFirstKind;
}

archive::ChainId ViewFiles::chain_of(Inode inode) {
  return archive::ChainId(inode >> kChainShift);
}

Result<void> ViewFiles::refresh(archive::Archive& archive, timespec now) {
  IMAKEEP_TRY(const auto& chain, archive.host_chain());
  if (!chain) return {};
  reach_archive();
  std::shared_ptr<WholeList> list;
  {
    const MutexLock lock(mutex_);
    const auto found = lists_.find(chain->chain);
    list = found == lists_.end() ? std::make_shared<WholeList>(*chain, options_.templates) : found->second;
  }
  const std::uint64_t before = list->records();
  auto extended = list->extend(archive.store(), chain->end);
  const MutexLock lock(mutex_);
  // A new chain is shown only after all of it was read. A chain that is already shown grows also by the records that
  // were read before an error.
  if (!extended && chain_ != list->chain()) return extended;
  if (chain_ != list->chain() || list->records() != before) changed_ = now;
  lists_[list->chain()] = list;
  chain_ = list->chain();
  return extended;
}

// If a reader found that the archive cannot be opened or read, looks whether it can be opened now.
void ViewFiles::reach_archive() {
  {
    const MutexLock lock(mutex_);
    if (unreachable_.empty()) return;
  }
  auto store = borrow_store();
  if (!store) return;
  const MutexLock lock(mutex_);
  stores_.push_back(std::move(*store));
  unreachable_.clear();
}

std::string ViewFiles::damage() const {
  const archive::ChainId shown = chain();
  if (std::string damage = list_of(shown)->damage(); !damage.empty()) return damage;
  const MutexLock lock(mutex_);
  const auto damaged = damaged_.lower_bound({shown, 0});
  if (damaged != damaged_.end() && damaged->first.first == shown) return damaged->second;
  return unreachable_;
}

archive::ChainId ViewFiles::chain() const {
  const MutexLock lock(mutex_);
  return chain_;
}

ViewFiles::Inode ViewFiles::inode(std::size_t node) const {
  return (chain().value() << kChainShift) | (kFirstKind + node);
}

std::optional<ViewFiles::Inode> ViewFiles::lookup(std::string_view name) const {
  const auto found = std::ranges::find(nodes_, name, &Node::name);
  if (found == nodes_.end()) return std::nullopt;
  return inode(static_cast<std::size_t>(found - nodes_.begin()));
}

std::shared_ptr<const WholeList> ViewFiles::list_of(archive::ChainId chain) const {
  const MutexLock lock(mutex_);
  const auto found = lists_.find(chain);
  return found == lists_.end() ? nullptr : found->second;
}

std::string ViewFiles::counter_text(std::size_t node, const WholeList& list) const {
  return std::to_string(nodes_[node].name == kCount ? list.records() : list.violations()) + "\n";
}

std::uint64_t ViewFiles::size_of(std::size_t node, const WholeList& list) const {
  return lists_shown_[node] ? list.bytes(*lists_shown_[node]) : counter_text(node, list).size();
}

Result<struct stat> ViewFiles::attributes(Inode inode) const {
  struct stat found {};
  found.st_ino = inode;
  found.st_uid = options_.owner;
  found.st_gid = options_.group;
  found.st_nlink = 1;
  {
    const MutexLock lock(mutex_);
    found.st_mtim = found.st_ctim = found.st_atim = changed_;
  }
  if (inode == kRoot) {
    found.st_mode = S_IFDIR | 0550;
    found.st_nlink = 2;
    return found;
  }
  const std::size_t node = node_of(inode);
  const auto list = list_of(chain_of(inode));
  if (node >= nodes_.size() || list == nullptr) return stale();
  const std::string& target = nodes_[node].link_target;
  found.st_mode = target.empty() ? S_IFREG | 0440 : S_IFLNK | 0777;
  const std::uint64_t size = target.empty() ? size_of(node, *list) : target.size();
  found.st_size = static_cast<off_t>(size);
  found.st_blocks = static_cast<blkcnt_t>((size + 511) / 512);
  return found;
}

std::uint64_t ViewFiles::open(Inode) {
  const MutexLock lock(mutex_);
  return next_handle_++;
}

void ViewFiles::release(std::uint64_t handle) {
  const MutexLock lock(mutex_);
  open_.erase(handle);
}

Result<Bytes> ViewFiles::read(Inode inode, std::uint64_t handle, std::uint64_t offset, std::size_t count) {
  const std::size_t node = node_of(inode);
  const auto list = list_of(chain_of(inode));
  if (node >= nodes_.size() || list == nullptr) return stale();
  auto bytes = read_once(*list, node, offset, count);
  if (!bytes) return bytes;
  const MutexLock lock(mutex_);
  Open& open = open_[handle];
  open.in_order = open.next_offset == offset;
  open.next_offset = offset + bytes->size();
  open.answered_us = clock_.monotonic_us();
  if (bytes->empty()) open.had_news = false;
  if (!bytes->empty() || list->chain() == chain_) return bytes;
  // Report the end of an old chain once.
  if (std::exchange(open.told_end, true)) return stale();
  return bytes;
}

bool ViewFiles::wants_news(Inode inode, std::uint64_t handle, std::uint64_t offset, std::size_t count) {
  const std::size_t node = node_of(inode);
  const auto list = list_of(chain_of(inode));
  if (node >= nodes_.size() || list == nullptr) return false;
  const std::uint64_t size = size_of(node, *list);
  const MutexLock lock(mutex_);
  Open& open = open_[handle];
  const bool reads_on =
      offset == open.next_offset && clock_.monotonic_us() - open.answered_us < options_.reads_on_within_ms * 1000;
  if (!reads_on) open.had_news = false;
  if (open.had_news || list->chain() != chain_ || (offset < size && size - offset >= count)) return false;
  open.had_news = true;
  return true;
}

void ViewFiles::read_ahead(Inode inode, std::uint64_t handle) {
  const std::size_t node = node_of(inode);
  const auto list = list_of(chain_of(inode));
  if (node >= nodes_.size() || !lists_shown_[node] || list == nullptr) return;
  std::uint64_t next = 0;
  {
    const MutexLock lock(mutex_);
    const auto open = open_.find(handle);
    if (open == open_.end() || !open->second.in_order) return;
    next = open->second.next_offset;
  }
  const auto block = list->block_at(*lists_shown_[node], next);
  // Skip the last block: it may grow before the reader asks for it.
  if (!block || !*block || (*block)->end == list->records()) return;
  {
    // If blocks are being produced for other readers, those come first. A block produced ahead might leave the cache
    // before it is read.
    const MutexLock lock(mutex_);
    if (!making_.empty()) return;
  }
  static_cast<void>(produced(*list, node, **block));
}

Result<Bytes> ViewFiles::read_once(const WholeList& list, std::size_t node, std::uint64_t offset, std::size_t count) {
  if (lists_shown_[node]) return read_list(list, node, offset, count);
  // After damage the counts would be too low, so report the damage instead.
  if (const std::string damage = list.damage(); !damage.empty()) return fail_with(EIO, damage);
  const std::string text = counter_text(node, list);
  const ByteView all = as_bytes(text);
  const ByteView rest = all.subspan(std::min<std::uint64_t>(offset, all.size()));
  return Bytes(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(std::min(count, rest.size())));
}

Result<Bytes> ViewFiles::read_list(const WholeList& list, std::size_t node, std::uint64_t offset, std::size_t count) {
  Bytes bytes;
  while (bytes.size() < count) {
    const std::uint64_t at = offset + bytes.size();
    const auto block = list.block_at(*lists_shown_[node], at);
    if (block && !*block) break;
    const auto made = block ? produced(list, node, **block) : Result<SharedBytes>(unexpected(block.error()));
    if (!made) {
      // The bytes before the failure can be read. The read that starts at the failure gets the error.
      if (!bytes.empty()) break;
      return fail_with(made.error().os_errno == ENOMEM ? ENOMEM : EIO, describe(made.error()));
    }
    const ByteView rest = ByteView(**made).subspan(at - (*block)->offset);
    append_bytes(bytes, rest.first(std::min(rest.size(), count - bytes.size())));
  }
  return bytes;
}

Result<ViewFiles::SharedBytes> ViewFiles::produced(const WholeList& list, std::size_t node, const Block& block) {
  const BlockKey key{.chain = list.chain(), .node = node, .first = block.first, .end = block.end};
  {
    const MutexLock lock(mutex_);
    for (;;) {
      if (auto found = cached(key)) return found;
      if (making_.insert(key).second) break;
      made_.wait(mutex_);
    }
  }
  // If memory runs out, report it as an error, so that the threads that wait for this block continue.
  Result<SharedBytes> bytes = nullptr;
  try {
    bytes = make(list, node, block);
  } catch (const std::bad_alloc&) {
    bytes = fail_with(ENOMEM, "not enough memory for a part of the list");
  }
  const MutexLock lock(mutex_);
  if (bytes) keep(key, *bytes);
  note(key, bytes);
  making_.erase(key);
  made_.notify_all();
  return bytes;
}

// Remembers blocks that cannot be read, until they can. If the archive could not be opened or read, any block that is
// made tells that it can be again.
void ViewFiles::note(const BlockKey& key, const Result<SharedBytes>& made) {
  if (made) {
    damaged_.erase({key.chain, key.first});
    unreachable_.clear();
  } else if (made.error().code == ErrorCode::kMalformed) {
    damaged_[{key.chain, key.first}] = describe(made.error());
  } else if (made.error().os_errno != ENOMEM) {
    unreachable_ = describe(made.error());
  }
}

Result<ViewFiles::SharedBytes> ViewFiles::make(const WholeList& list, std::size_t node, const Block& block) {
  IMAKEEP_TRY(auto store, borrow_store());
  auto bytes = list.bytes_of(*store, *lists_shown_[node], block);
  const MutexLock lock(mutex_);
  stores_.push_back(std::move(store));
  if (!bytes) return unexpected(bytes.error());
  return std::make_shared<const Bytes>(std::move(*bytes));
}

ViewFiles::SharedBytes ViewFiles::cached(const BlockKey& key) {
  const auto found = std::ranges::find(cache_, key, &Cached::key);
  if (found == cache_.end()) return nullptr;
  cache_.splice(cache_.begin(), cache_, found);
  return found->bytes;
}

void ViewFiles::keep(const BlockKey& key, SharedBytes bytes) {
  cached_bytes_ += bytes->size();
  cache_.push_front({.key = key, .bytes = std::move(bytes)});
  while (cached_bytes_ > kCacheBytes && cache_.size() > 1) {
    cached_bytes_ -= cache_.back().bytes->size();
    cache_.pop_back();
  }
}

Result<std::unique_ptr<archive::Store>> ViewFiles::borrow_store() {
  {
    const MutexLock lock(mutex_);
    if (!stores_.empty()) {
      auto store = std::move(stores_.back());
      stores_.pop_back();
      return store;
    }
  }
  return open_store_();
}

}  // namespace imakeep::view
