#include "fusefs/view_files.h"

#include <algorithm>
#include <cerrno>
#include <new>
#include <random>
#include <utility>

namespace imakeep::fusefs {
namespace {

using imalog::Form;
using keeper::WholeList;

// inode := chain:56 kind:8; kRoot stands alone.
constexpr unsigned kChainShift = 8;
constexpr std::uint64_t kFirstKind = 16;
// Blocks that were made and are kept for the next reader.
constexpr std::size_t kCacheBytes = 8u << 20;

constexpr const char* kCount = "runtime_measurements_count";
constexpr const char* kViolations = "violations";

unexpected<Error> fail_with(int os_errno, std::string message) {
  return unexpected(Error{.code = ErrorCode::kIo, .message = std::move(message), .os_errno = os_errno});
}

unexpected<Error> stale() {
  return fail_with(ESTALE, "the file is of an earlier chain: open it again");
}

}  // namespace

ViewFiles::ViewFiles(ViewOptions options, OpenStore open_store, Clock& clock)
    : options_(std::move(options)),
      open_store_(std::move(open_store)),
      clock_(clock),
      next_handle_((std::uint64_t{std::random_device()()} << 32) | std::random_device()()) {
  const auto add = [&](Node node, std::optional<keeper::ListFile> shows) {
    nodes_.push_back(std::move(node));
    lists_shown_.push_back(shows);
  };
  for (const Form form : {Form::kAscii, Form::kBinary}) {
    const std::string stem = std::string(imalog::form_name(form)) + "_runtime_measurements";
    for (const digest::Bank& bank : options_.banks) {
      add({.name = stem + "_" + bank.name()}, keeper::ListFile{.form = form, .bank = bank});
    }
    add({.name = stem, .link_target = stem + "_sha1"}, {});
  }
  add({.name = kCount}, {});
  add({.name = kViolations}, {});
  // Before there is a chain the list is empty.
  lists_[0] = std::make_shared<WholeList>(archive::Chain{});
}

std::size_t ViewFiles::node_of(Inode inode) {
  return (inode & ((1u << kChainShift) - 1)) - kFirstKind;
}

std::uint64_t ViewFiles::chain_of(Inode inode) {
  return inode >> kChainShift;
}

Result<void> ViewFiles::refresh(archive::Archive& archive, timespec now) {
  const auto chain = archive.chain_or_last(std::nullopt);
  if (!chain) return unexpected(chain.error());
  if (!*chain) return {};
  std::shared_ptr<WholeList> list;
  {
    const MutexLock lock(mutex_);
    const auto found = lists_.find((*chain)->chain);
    list = found == lists_.end() ? std::make_shared<WholeList>(**chain) : found->second;
  }
  const std::uint64_t before = list->records();
  auto extended = list->extend(archive.store(), (*chain)->end);
  const MutexLock lock(mutex_);
  // A chain is shown once all of it is known; one that is shown grows by what was read before an error too.
  if (!extended && chain_ != list->chain()) return extended;
  if (chain_ != list->chain() || list->records() != before) changed_ = now;
  lists_[list->chain()] = list;
  chain_ = list->chain();
  return extended;
}

std::string ViewFiles::damage() const {
  return list_of(chain())->damage();
}

std::uint64_t ViewFiles::chain() const {
  const MutexLock lock(mutex_);
  return chain_;
}

ViewFiles::Inode ViewFiles::inode(std::size_t node) const {
  return (chain() << kChainShift) | (kFirstKind + node);
}

std::optional<ViewFiles::Inode> ViewFiles::lookup(std::string_view name) const {
  const auto found = std::ranges::find(nodes_, name, &Node::name);
  if (found == nodes_.end()) return std::nullopt;
  return inode(static_cast<std::size_t>(found - nodes_.begin()));
}

std::shared_ptr<const WholeList> ViewFiles::list_of(std::uint64_t chain) const {
  const MutexLock lock(mutex_);
  const auto found = lists_.find(chain);
  return found == lists_.end() ? nullptr : found->second;
}

std::string ViewFiles::counter_text(std::size_t node, const WholeList& list) const {
  return std::to_string(nodes_[node].name == kCount ? list.records() : list.violations()) + "\n";
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
  std::uint64_t size = target.size();
  if (lists_shown_[node]) {
    size = list->bytes(*lists_shown_[node]);
  } else if (target.empty()) {
    size = counter_text(node, *list).size();
  }
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
  const bool caught_up = is_caught_up(handle, offset);
  auto bytes = read_once(*list, node, offset, count);
  const bool wants_news = bytes && bytes->size() < count && list->chain() == chain() && !caught_up;
  if (wants_news) {
    catch_up();
    bytes = read_once(*list, node, offset, count);
  }
  if (!bytes) return bytes;
  const MutexLock lock(mutex_);
  Open& open = open_[handle];
  open.in_order = open.next_offset == offset;
  open.next_offset = offset + bytes->size();
  open.answered_us = clock_.monotonic_us();
  if (wants_news) open.caught_up = true;
  if (bytes->empty()) open.caught_up = false;
  if (!bytes->empty() || list->chain() == chain_) return bytes;
  // The end of a chain that is over is told once.
  if (std::exchange(open.told_end, true)) return stale();
  return bytes;
}

bool ViewFiles::is_caught_up(std::uint64_t handle, std::uint64_t offset) {
  const MutexLock lock(mutex_);
  Open& open = open_[handle];
  const bool reads_on =
      offset == open.next_offset && clock_.monotonic_us() - open.answered_us < options_.reads_on_within_ms * 1000;
  if (!reads_on) open.caught_up = false;
  return open.caught_up;
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
  // The last one may grow before it is read.
  if (!block || !*block || (*block)->end == list->records()) return;
  {
    // Where blocks are made for others already, they come first: what is made ahead might be gone before it is read.
    const MutexLock lock(mutex_);
    if (!making_.empty()) return;
  }
  static_cast<void>(produced(*list, node, **block));
}

Result<Bytes> ViewFiles::read_once(const WholeList& list, std::size_t node, std::uint64_t offset, std::size_t count) {
  if (lists_shown_[node]) return read_list(list, node, offset, count);
  // Counts of what is not known any more would be false.
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
      // What lies before can be read; who comes for the rest is told.
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
  // Whoever waits goes on, also where there is no memory for it.
  Result<SharedBytes> bytes = nullptr;
  try {
    bytes = make(list, node, block);
  } catch (const std::bad_alloc&) {
    bytes = fail_with(ENOMEM, "there is no memory for a part of the list");
  }
  const MutexLock lock(mutex_);
  if (bytes) keep(key, *bytes);
  making_.erase(key);
  made_.notify_all();
  return bytes;
}

Result<ViewFiles::SharedBytes> ViewFiles::make(const WholeList& list, std::size_t node, const Block& block) {
  auto store = borrow_store();
  if (!store) return unexpected(store.error());
  auto bytes = list.bytes_of(**store, *lists_shown_[node], block);
  const MutexLock lock(mutex_);
  stores_.push_back(std::move(*store));
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

}  // namespace imakeep::fusefs
