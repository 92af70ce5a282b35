// archive_writer.h - who is writing an archive: told by the lock on FILE.lock, without taking it.
//
// Source: /proc/locks and /proc/self/mountinfo, proc(5). Threads: no shared state.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace imakeep::app {

// A file as Linux names it in /proc/locks: the device of its file system, and its inode there. On some file systems
// (btrfs) that device is another than stat(2) tells.
struct LockedFile {
  unsigned int major = 0;
  unsigned int minor = 0;
  ino_t inode = 0;
};

// Empty if there is no such file.
std::optional<LockedFile> locked_file(const std::string& path);

// The process that holds the flock(2) of the file, as text; empty if none does. Those that wait for it are none.
std::optional<std::string> flock_holder(std::string_view locks, const LockedFile& file);

// The process that writes the archive; empty if none does.
std::optional<std::string> writer_of(const std::string& archive);

}  // namespace imakeep::app
