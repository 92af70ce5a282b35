// SPDX-License-Identifier: Apache-2.0
#include "base/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace imakeep {
namespace {

// Uses O_TMPFILE if the file system supports it.
Result<UniqueFd> open_nameless(const std::string& folder) {
  auto fd = open_file(folder, O_TMPFILE | O_RDWR, 0600);
  if (fd || (fd.error().os_errno != EOPNOTSUPP && fd.error().os_errno != EISDIR)) return fd;
  std::string path = folder + "/imakeep-XXXXXX";
  UniqueFd named(::mkostemp(path.data(), O_CLOEXEC));
  if (!named.valid()) return fail_errno(errno, "cannot make a file in " + folder);
  ::unlink(path.c_str());
  return named;
}

}  // namespace

Spool::Spool(UniqueFd input, std::string name, std::string folder)
    : input_(std::move(input)), name_(std::move(name)), folder_(std::move(folder)) {}

Result<std::size_t> Spool::read_at(std::uint64_t offset, std::span<std::byte> room) {
  if (offset < read_bytes_) return read_kept(offset, room);
  auto got = read_some(input_.get(), room, name_);
  if (!got) return got;
  if (!not_kept_) {
    if (auto kept = keep(room.first(*got)); !kept) not_kept_ = std::move(kept).error();
  }
  read_bytes_ += *got;
  return got;
}

Result<std::size_t> Spool::read_kept(std::uint64_t offset, std::span<std::byte> room) {
  if (not_kept_) return unexpected(named(*not_kept_, "cannot read " + name_ + " again; give a file"));
  room = room.first(static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), read_bytes_ - offset)));
  for (;;) {
    const ssize_t got = ::pread(kept_.get(), room.data(), room.size(), static_cast<off_t>(offset));
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return fail_errno(errno, "cannot read the copy of " + name_ + " in " + folder_);
  }
}

Result<void> Spool::keep(ByteView bytes) {
  if (bytes.empty()) return {};
  if (!kept_.valid()) {
    auto made = open_nameless(folder_);
    if (!made) return unexpected(std::move(made).error());
    kept_ = std::move(*made);
  }
  return write_all(kept_.get(), bytes, "a copy of " + name_ + " in " + folder_);
}

}  // namespace imakeep
