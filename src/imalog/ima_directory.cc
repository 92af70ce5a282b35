// SPDX-License-Identifier: Apache-2.0
#include "imalog/ima_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>

#include "base/file.h"

namespace imakeep::imalog {

namespace {

constexpr std::string_view kStem = "_runtime_measurements";
constexpr std::string_view kStagedSuffix = "_staged";
constexpr long kFuseMagic = 0x65735546;

// The ALG part of a list's name; empty for a link or another file.
std::string bank_part(std::string_view name) {
  if (name.ends_with(kStagedSuffix)) name.remove_suffix(kStagedSuffix.size());
  const std::size_t stem = name.find(kStem);
  if (stem == std::string_view::npos) return {};
  name.remove_prefix(stem + kStem.size());
  return name.starts_with('_') ? std::string(name.substr(1)) : std::string();
}

// Reads once: a second read would return the number of a later moment.
Result<std::uint64_t> read_counter(const std::string& path) {
  IMAKEEP_TRY(const auto& fd, open_file(path, O_RDONLY));
  std::array<std::byte, 64> room;
  IMAKEEP_TRY(const auto& got, read_some(fd.get(), room, path));
  return parse_counter(as_text(ByteView(room).first(got)), path);
}

}  // namespace

std::string_view form_name(Form form) {
  return form == Form::kBinary ? "binary" : "ascii";
}

std::string_view part_name(Part part) {
  return part == Part::kCurrent ? "current" : "staged";
}

Result<std::uint64_t> parse_counter(std::string_view text, const std::string& path) {
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end + 1 != text.data() + text.size() || *end != '\n') {
    return fail(ErrorCode::kMalformed, path + " does not hold a number and a newline");
  }
  return value;
}

Result<ImaDirectory> ImaDirectory::inspect(std::string path) {
  ImaDirectory found;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(path, failed)) {
    const std::string name = entry.path().filename();
    if (name.ends_with(kStagedSuffix)) found.has_staging_ = true;
    const std::string alg = bank_part(name);
    if (alg.empty()) continue;
    const auto bank = digest::parse_bank(alg);
    if (!bank) {
      found.unknown_names_.push_back(name);
    } else if (std::ranges::find(found.banks_, *bank) == found.banks_.end()) {
      found.banks_.push_back(*bank);
    }
  }
  if (failed) return fail_errno(failed.value(), "cannot read the directory " + path);
  found.path_ = std::move(path);
  std::ranges::sort(found.banks_, {}, [](const digest::Bank& bank) { return bank.name(); });
  if (found.banks_.empty() && ::access(found.link_path(Form::kBinary, Part::kCurrent).c_str(), F_OK) == 0) {
    found.named_by_bank_ = false;
    found.banks_.push_back({.algorithm = digest::Algorithm::kSha1});
  }
  if (found.banks_.empty()) {
    return fail(ErrorCode::kEnvironment,
                found.path_ +
                    " is not an IMA directory: it has no file binary_runtime_measurements; Linux's "
                    "is /sys/kernel/security/ima");
  }
  struct stat original {};
  if (::stat(found.original().c_str(), &original) != 0) return fail_errno(errno, "cannot stat " + found.original());
  found.takes_numbers_ = (original.st_mode & S_IWUSR) != 0;
  std::ranges::sort(found.unknown_names_);
  struct statfs file_system = {};
  if (::statfs(found.path_.c_str(), &file_system) != 0) {
    return fail_errno(errno, "cannot stat the file system of " + found.path_);
  }
  found.on_fuse_ = file_system.f_type == kFuseMagic;
  return found;
}

std::string ImaDirectory::list_path(Form form, const digest::Bank& bank, Part part) const {
  if (!named_by_bank_) return link_path(form, part);
  std::string name = path_ + "/" + std::string(form_name(form)) + std::string(kStem) + "_" + bank.name();
  if (part == Part::kStaged) name += kStagedSuffix;
  return name;
}

std::string ImaDirectory::link_path(Form form, Part part) const {
  std::string name = path_ + "/" + std::string(form_name(form)) + std::string(kStem);
  if (part == Part::kStaged) name += kStagedSuffix;
  return name;
}

Result<std::uint64_t> ImaDirectory::count() const {
  return read_counter(count_path());
}

Result<std::uint64_t> ImaDirectory::violations() const {
  return read_counter(violations_path());
}

}  // namespace imakeep::imalog
