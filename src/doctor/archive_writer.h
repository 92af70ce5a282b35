// SPDX-License-Identifier: Apache-2.0
// doctor/archive_writer.h - finds the process that writes an archive. It looks for the lock on FILE.lock and does not
// take it.
//
// Source: /proc/locks and /proc/self/mountinfo, proc(5). Threads: no shared state.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace imakeep::doctor {

// A file as Linux names it in /proc/locks: by the device of its file system, and its inode there. On some file systems
// (btrfs) this device differs from the one that stat(2) reports.
struct LockedFile {
  unsigned int major = 0;
  unsigned int minor = 0;
  ino_t inode = 0;
};

// Empty if the file does not exist.
std::optional<LockedFile> locked_file(const std::string& path);

// The PID, as text, of the process that holds the flock(2) of the file; empty if no process does. A process that waits
// for the lock does not count.
std::optional<std::string> flock_holder(std::string_view locks, const LockedFile& file);

// The PID, as text, of the process that writes the archive; empty if no process does.
std::optional<std::string> writer_of(const std::string& archive);

}  // namespace imakeep::doctor
