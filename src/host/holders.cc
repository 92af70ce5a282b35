// SPDX-License-Identifier: Apache-2.0
#include "host/holders.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <tuple>

#include "base/file.h"

namespace imakeep::host {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kListStem = "_runtime_measurements";

// The device's major and minor number, and the inode.
using FileId = std::tuple<std::uint32_t, std::uint32_t, std::uint64_t>;

// Does not query a file server: the server of another file system may not answer, and the view's server is the keeper
// itself.
std::optional<FileId> file_id(const std::string& path) {
  struct statx status {};
  if (::statx(AT_FDCWD, path.c_str(), AT_STATX_DONT_SYNC, STATX_INO, &status) != 0) return std::nullopt;
  return FileId(status.stx_dev_major, status.stx_dev_minor, status.stx_ino);
}

using Device = std::pair<std::uint32_t, std::uint32_t>;

Device device_of(const FileId& id) {
  return {std::get<0>(id), std::get<1>(id)};
}

// The files of a directory that are lists. If another file is mounted over a list, its device and inode are hidden.
// Then the list is identified by its name and the directory's device.
class Lists {
 public:
  explicit Lists(const std::string& directory) {
    const auto own = file_id(directory);
    if (!own) return;
    device_ = device_of(*own);
    std::error_code failed;
    for (fs::directory_iterator entry(directory, failed), end; !failed && entry != end; entry.increment(failed)) {
      const std::string name = entry->path().filename().string();
      if (name.find(kListStem) == std::string::npos) continue;
      const auto id = file_id(entry->path());
      if (!id) continue;
      if (device_of(*id) == device_) {
        ids_.insert(*id);
      } else {
        covered_.insert(name);
      }
    }
  }

  bool contain(const FileId& id, const std::string& name) const {
    return ids_.contains(id) || (device_of(id) == device_ && covered_.contains(name));
  }

 private:
  Device device_;
  std::set<FileId> ids_;
  std::set<std::string> covered_;
};

std::string first_line(const std::string& path) {
  const auto bytes = read_file(path);
  std::string line(bytes ? as_text(*bytes) : "?");
  line.resize(std::min(line.size(), line.find('\n')));
  std::ranges::replace_if(
      line, [](unsigned char c) { return c < ' ' || c > '~'; }, '?');
  return line;
}

// The second line is "flags:\t0100002", in octal.
bool may_write(const std::string& fdinfo) {
  const auto bytes = read_file(fdinfo);
  const std::string_view text = bytes ? as_text(*bytes) : std::string_view();
  constexpr std::string_view kKey = "flags:\t";
  const std::size_t at = text.find(kKey);
  if (at == std::string_view::npos) return false;
  unsigned long flags = 0;
  std::from_chars(text.data() + at + kKey.size(), text.data() + text.size(), flags, 8);
  return (flags & O_ACCMODE) != O_RDONLY;
}

// Returns false if we may not read the process's descriptors.
bool add_holders(const std::string& process, pid_t pid, const Lists& lists, std::vector<Holder>& holders) {
  std::error_code failed;
  for (fs::directory_iterator entry(process + "/fd", failed), end; !failed && entry != end; entry.increment(failed)) {
    std::error_code gone;
    const std::string name = fs::read_symlink(entry->path(), gone).filename();
    if (gone || name.find(kListStem) == std::string::npos) continue;
    const auto id = file_id(entry->path());
    if (!id || !lists.contain(*id, name)) continue;
    const bool writes = may_write(process + "/fdinfo/" + entry->path().filename().string());
    const auto same = [&](const Holder& holder) { return holder.pid == pid && holder.file == name; };
    const auto known = std::ranges::find_if(holders, same);
    if (known != holders.end()) {
      known->may_write = known->may_write || writes;
    } else {
      holders.push_back({.pid = pid, .command = first_line(process + "/comm"), .file = name, .may_write = writes});
    }
  }
  return failed != std::errc::permission_denied;
}

}  // namespace

Holders find_holders(const std::string& directory) {
  Holders found;
  const Lists lists(directory);
  std::error_code failed;
  for (fs::directory_iterator entry("/proc", failed), end; !failed && entry != end; entry.increment(failed)) {
    const std::string name = entry->path().filename();
    pid_t pid = 0;
    const auto [rest, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || rest != name.data() + name.size()) continue;
    if (!add_holders(entry->path(), pid, lists, found.holders)) ++found.hidden;
  }
  std::ranges::sort(found.holders, {}, [](const Holder& holder) { return std::pair(holder.pid, holder.file); });
  return found;
}

std::string describe(const Holder& holder) {
  return "pid " + std::to_string(holder.pid) + " (" + holder.command + ") has " + holder.file + " open for " +
         (holder.may_write ? "writing" : "reading");
}

std::string describe(const Holders& holders) {
  std::string text;
  for (const Holder& holder : holders.holders) text += (text.empty() ? "" : "; ") + describe(holder);
  if (!text.empty()) return text;
  if (holders.hidden > 0) {
    return "the holder is not visible, because " + std::to_string(holders.hidden) +
           " processes may not be inspected: run `imakeep doctor` as root";
  }
  return "no process has it open any more; if it stays busy, Linux left its lock taken until the next reboot";
}

}  // namespace imakeep::host
