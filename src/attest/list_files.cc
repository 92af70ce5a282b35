// SPDX-License-Identifier: Apache-2.0
#include "attest/list_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace imakeep::attest {
namespace {

class ListFiles {
 public:
  explicit ListFiles(std::string spool_folder) : spool_folder_(std::move(spool_folder)) {}

  Result<ListLog::Source> open(const std::string& name) {
    if (const auto spool = spools_.find(name); spool != spools_.end()) return from_spool(name, spool->second);
    auto fd = name == kStandardInput ? standard_input() : open_file(name, O_RDONLY);
    if (!fd) return unexpected(std::move(fd).error());
    struct stat status {};
    if (::fstat(fd->get(), &status) != 0) return fail_errno(errno, "cannot stat " + shown_name(name));
    // read(2) will refuse a directory.
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
      const auto spool = std::make_shared<Spool>(std::move(*fd), shown_name(name), spool_folder_);
      spools_.emplace(name, spool);
      return from_spool(name, spool);
    }
    return from_file(name, std::make_shared<UniqueFd>(std::move(*fd)));
  }

 private:
  // If standard input is a regular file, every pass begins at the position that the file had at first.
  Result<UniqueFd> standard_input() {
    UniqueFd fd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!fd.valid()) return fail_errno(errno, "cannot read standard input");
    if (!input_start_) input_start_ = ::lseek(STDIN_FILENO, 0, SEEK_CUR);
    if (*input_start_ >= 0) ::lseek(STDIN_FILENO, *input_start_, SEEK_SET);
    return fd;
  }

  static ListLog::Source from_file(const std::string& name, std::shared_ptr<UniqueFd> fd) {
    auto read = [fd = std::move(fd), shown = shown_name(name)](std::span<std::byte> room) {
      return read_some(fd->get(), room, shown);
    };
    return {.name = shown_name(name), .read = std::move(read)};
  }

  static ListLog::Source from_spool(const std::string& name, std::shared_ptr<Spool> spool) {
    auto read = [spool = std::move(spool), offset = std::uint64_t{0}](std::span<std::byte> room) mutable {
      auto got = spool->read_at(offset, room);
      if (got) offset += *got;
      return got;
    };
    return {.name = shown_name(name), .read = std::move(read)};
  }

  const std::string spool_folder_;
  std::map<std::string, std::shared_ptr<Spool>> spools_;
  std::optional<off_t> input_start_;
};

}  // namespace

std::string shown_name(const std::string& name) {
  return name == kStandardInput ? "standard input" : name;
}

Result<void> check_distinct(const std::vector<std::string>& names) {
  std::map<std::pair<dev_t, ino_t>, std::string> seen;
  for (const std::string& name : names) {
    struct stat status {};
    const int looked = name == kStandardInput ? ::fstat(STDIN_FILENO, &status) : ::stat(name.c_str(), &status);
    if (looked != 0) continue;
    const auto [first, added] = seen.try_emplace({status.st_dev, status.st_ino}, name);
    if (added) continue;
    if (first->second == name)
      return fail(ErrorCode::kUsage, shown_name(name) + " is named twice; name each list once");
    return fail(ErrorCode::kUsage,
                shown_name(first->second) + " and " + shown_name(name) + " are the same file; name each list once");
  }
  return {};
}

ListLog::Open open_files(std::string spool_folder) {
  const auto files = std::make_shared<ListFiles>(std::move(spool_folder));
  return [files](const std::string& name) { return files->open(name); };
}

}  // namespace imakeep::attest
