// SPDX-License-Identifier: Apache-2.0
#include "keeper/kernel/kernel_ima_source.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "imalog/template_digest.h"

namespace imakeep::keeper {
namespace {

digest::Bank preferred(const std::vector<digest::Bank>& banks) {
  const digest::Bank sha256 = digest::bank_of(digest::Algorithm::kSha256);
  return std::ranges::find(banks, sha256) != banks.end() ? sha256 : banks.front();
}

// The remedy for a file that could not be opened.
std::string remedy(int os_errno, bool to_write) {
  switch (os_errno) {
    case EBUSY:
      return to_write ? "; another process has the list open: `imakeep status` and `imakeep doctor` name it"
                      : "; another process has the list open for writing; the keeper retries";
    case EPERM:
    case EACCES:
      return to_write ? "; a trim needs CAP_SYS_ADMIN and write permission: run as root"
                      : "; run as root, or in the group that may read the list";
    default:
      return {};
  }
}

// A request is a number or a letter. In any other file it would overwrite data. Linux's lists and those of a list
// server have size 0.
Result<void> require_live_list(const UniqueFd& fd, const std::string& path) {
  struct statfs file_system = {};
  struct stat status {};
  if (::fstatfs(fd.get(), &file_system) != 0 || ::fstat(fd.get(), &status) != 0) {
    return fail_errno(errno, "cannot stat " + path);
  }
  const bool served = file_system.f_type == FUSE_SUPER_MAGIC && status.st_size == 0;
  if (file_system.f_type == SECURITYFS_MAGIC || served) return {};
  return fail(ErrorCode::kEnvironment,
              path +
                  " is neither a file of Linux's securityfs nor one of a list server but a copy of a list: a request "
                  "would overwrite it; `imakeep log import` archives it");
}

Result<UniqueFd> open_list(const std::string& path, int flags) {
  auto opened = open_file(path, flags);
  if (!opened) opened.error().message += remedy(opened.error().os_errno, flags != O_RDONLY);
  return opened;
}

}  // namespace

Result<std::unique_ptr<KernelImaSource>> KernelImaSource::in(const std::string& directory, const std::string& name,
                                                             const std::string& boot_id_file) {
  auto found = imalog::ImaDirectory::inspect(directory);
  if (!found) {
    found.error().message += remedy(found.error().os_errno, false);
    return unexpected(found.error());
  }
  IMAKEEP_TRY(auto boot_id, boot_id_in(boot_id_file));
  return std::unique_ptr<KernelImaSource>(
      new KernelImaSource(std::move(*found), name.empty() ? directory : name, std::move(boot_id)));
}

KernelImaSource::KernelImaSource(imalog::ImaDirectory directory, std::string name, std::string boot_id)
    : directory_(std::move(directory)),
      name_(std::move(name)),
      boot_id_(std::move(boot_id)),
      banks_(directory_.banks()),
      bank_(preferred(banks_)) {}

Result<void> KernelImaSource::take() {
  IMAKEEP_TRY(auto fd, open_file(directory_.path(), O_RDONLY | O_DIRECTORY));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return fail(ErrorCode::kEnvironment, name_ +
                                             " is kept by another imakeep already, with another archive: each would "
                                             "delete records that only the other has archived; stop one of them");
  }
  taken_ = std::move(fd);
  return {};
}

void KernelImaSource::set_banks(std::vector<digest::Bank> banks) {
  banks_ = std::move(banks);
  bank_ = preferred(banks_);
}

std::string KernelImaSource::path(ListPart part) const {
  return directory_.list_path(imalog::Form::kBinary, bank_,
                              part == ListPart::kStaged ? imalog::Part::kStaged : imalog::Part::kCurrent);
}

Result<std::string> KernelImaSource::boot_id_in(const std::string& file) {
  const auto text = read_file(file);
  if (!text && text.error().os_errno == ENOENT) return std::string();
  if (!text) return unexpected(text.error());
  std::string id(as_text(*text));
  while (id.ends_with('\n')) id.pop_back();
  return id;
}

Result<void> KernelImaSource::open_to_read() {
  close();
  seen_[0] = seen_[1] = 0;
  for (const ListPart part : {ListPart::kStaged, ListPart::kCurrent}) {
    if (part == ListPart::kStaged && !has_staging()) continue;
    auto opened = open_list(path(part), O_RDONLY);
    if (!opened) {
      close();
      return unexpected(opened.error());
    }
    descriptor(part) = std::move(*opened);
  }
  return {};
}

Result<void> KernelImaSource::open_to_write(ListPart part) {
  close();
  IMAKEEP_TRY(auto opened, open_list(path(part), O_RDWR));
  IMAKEEP_CHECK(require_live_list(opened, path(part)));
  descriptor(part) = std::move(opened);
  writes_ = part;
  return {};
}

Result<void> KernelImaSource::require_live() {
  IMAKEEP_TRY(const auto& opened, open_list(path(ListPart::kCurrent), O_RDONLY));
  return require_live_list(opened, path(ListPart::kCurrent));
}

void KernelImaSource::close() noexcept {
  for (UniqueFd& fd : descriptors_) fd = UniqueFd();
  writes_.reset();
}

Result<std::size_t> KernelImaSource::read(ListPart part, std::uint64_t offset, std::span<std::byte> into) {
  const UniqueFd& fd = descriptor(part);
  if (!fd.valid()) {
    if (part == ListPart::kStaged && !has_staging()) return 0;
    return fail(ErrorCode::kUsage, path(part) + " is not open");
  }
  ssize_t got = -1;
  do {
    got = ::pread(fd.get(), into.data(), into.size(), static_cast<off_t>(offset));
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    Error error = fail_errno(errno, "cannot read " + path(part)).value();
    error.code = ErrorCode::kIo;
    return unexpected(std::move(error));
  }
  if (offset == 0 && got > 0) {
    order_ = imalog::detect_order(into.first(static_cast<std::size_t>(got)), bank_);
  }
  if (!writes_) {
    std::uint64_t& seen = seen_[part == ListPart::kStaged ? 0 : 1];
    seen = std::max(seen, offset + static_cast<std::uint64_t>(got));
  }
  return static_cast<std::size_t>(got);
}

Result<void> KernelImaSource::request(const std::string& text) {
  if (!writes_) return fail(ErrorCode::kUsage, directory_.path() + " is not open for writing");
  // Not retried after an interruption: the request may have taken effect, and a second N would delete other records.
  const ssize_t put = ::write(descriptor(*writes_).get(), text.data(), text.size());
  const std::string shown = "'" + text.substr(0, text.find('\n')) + "'";
  if (put < 0) {
    Error error = fail_errno(errno, path(*writes_) + " refused the request " + shown).value();
    error.code = ErrorCode::kRefused;
    return unexpected(std::move(error));
  }
  if (static_cast<std::size_t>(put) != text.size()) {
    return fail(ErrorCode::kIo, path(*writes_) + " took " + std::to_string(put) + " of " + std::to_string(text.size()) +
                                    " bytes of the request " + shown);
  }
  return {};
}

}  // namespace imakeep::keeper
