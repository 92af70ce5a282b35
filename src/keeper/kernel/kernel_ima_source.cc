#include "keeper/kernel/kernel_ima_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace imakeep::keeper {
namespace {

digest::Bank preferred(const std::vector<digest::Bank>& banks) {
  const digest::Bank sha256 = digest::bank_of(digest::Algorithm::kSha256);
  return std::ranges::find(banks, sha256) != banks.end() ? sha256 : banks.front();
}

// What to do about a file that could not be opened.
std::string remedy(int os_errno, bool to_write) {
  switch (os_errno) {
    case EBUSY:
      return to_write ? "; somebody has the list open: `imakeep status` and `imakeep doctor` name who"
                      : "; somebody has the list open for writing: it is tried again";
    case EPERM:
    case EACCES:
      return to_write ? "; taking records out needs CAP_SYS_ADMIN and write permission: run as root"
                      : "; run as root, or in the group that may read the list";
    default:
      return {};
  }
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
  return std::unique_ptr<KernelImaSource>(
      new KernelImaSource(std::move(*found), name.empty() ? directory : name, boot_id_file));
}

KernelImaSource::KernelImaSource(imalog::ImaDirectory directory, std::string name, std::string boot_id_file)
    : directory_(std::move(directory)),
      name_(std::move(name)),
      boot_id_file_(std::move(boot_id_file)),
      bank_(preferred(directory_.banks())) {}

std::string KernelImaSource::path(ListPart part) const {
  return directory_.list_path(imalog::Form::kBinary, bank_,
                              part == ListPart::kStaged ? imalog::Part::kStaged : imalog::Part::kCurrent);
}

std::string KernelImaSource::boot_id_in(const std::string& file) {
  const auto text = read_file(file);
  if (!text) return {};
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
  auto opened = open_list(path(part), O_RDWR);
  if (!opened) return unexpected(opened.error());
  descriptor(part) = std::move(*opened);
  writes_ = part;
  return {};
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
  if (!writes_) {
    std::uint64_t& seen = seen_[part == ListPart::kStaged ? 0 : 1];
    seen = std::max(seen, offset + static_cast<std::uint64_t>(got));
  }
  return static_cast<std::size_t>(got);
}

Result<void> KernelImaSource::request(const std::string& text) {
  if (!writes_) return fail(ErrorCode::kUsage, directory_.path() + " is not open for writing");
  // Not repeated when interrupted: the first may have taken effect, and a second N would delete other records.
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
