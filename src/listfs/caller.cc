// SPDX-License-Identifier: Apache-2.0
#include "listfs/caller.h"

#include <charconv>
#include <filesystem>
#include <string>

#include "base/file.h"

namespace imakeep::listfs {
namespace {

constexpr unsigned kCapSysAdmin = 21;

std::string proc_file(const std::string& task, const char* name) {
  const auto bytes = read_file(task + name);
  return bytes ? std::string(as_text(*bytes)) : std::string();
}

// Field 22 of stat. The command in field 2 may contain any character, so count fields after its last parenthesis.
std::uint64_t start_time(const std::string& stat) {
  std::size_t at = stat.rfind(')');
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = stat.find(' ', at + 1);
  std::uint64_t ticks = 0;
  if (at != std::string::npos) std::from_chars(stat.data() + at + 1, stat.data() + stat.size(), ticks);
  return ticks;
}

bool effective_sys_admin(const std::string& status) {
  constexpr std::string_view kField = "\nCapEff:\t";
  const std::size_t at = status.find(kField);
  if (at == std::string::npos) return false;
  std::uint64_t capabilities = 0;
  std::from_chars(status.data() + at + kField.size(), status.data() + status.size(), capabilities, 16);
  return (capabilities >> kCapSysAdmin & 1) != 0;
}

// A capability in the caller's own user namespace does not count here.
bool in_our_user_namespace(const std::string& task) {
  std::error_code failed;
  const auto theirs = std::filesystem::read_symlink(task + "/ns/user", failed);
  if (failed) return false;
  const auto ours = std::filesystem::read_symlink("/proc/self/ns/user", failed);
  return !failed && theirs == ours;
}

}  // namespace

Caller caller_of(std::int32_t tid) {
  const std::string task = "/proc/" + std::to_string(tid);
  return {.task = {.tid = tid, .start_time = start_time(proc_file(task, "/stat"))},
          .sys_admin = effective_sys_admin(proc_file(task, "/status")) && in_our_user_namespace(task)};
}

}  // namespace imakeep::listfs
