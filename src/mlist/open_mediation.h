// mlist/open_mediation.h - who may have the list's files open: many readers, or one task for writing, never both.
//
// The state is one for all files of a list. The writing task may open further ones for writing, but none read-only. A
// task is a thread, so a process that writes by two threads shuts itself out.
// Unlike Linux (7.3), what a vanished task still holds is given back when its last descriptor is closed.
//
// Source: ima_open_for_reading/writing() around _ima_measurements_open() in ima_fs.c. Threads: one at a time.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace imakeep::mlist {

// A thread, told apart from later ones of the same number by when it started.
struct TaskId {
  std::int32_t tid = 0;
  std::uint64_t start_time = 0;  // clock ticks since boot

  friend bool operator==(const TaskId&, const TaskId&) = default;
};

class OpenMediation {
 public:
  // kRefused with EBUSY if someone else is in the way.
  Result<void> open_reader();
  Result<void> open_writer(const TaskId& task);
  // One for each successful open.
  void close_reader() { --readers_; }
  void close_writer() { --writers_; }

  std::uint32_t readers() const { return readers_; }
  std::uint32_t writers() const { return writers_; }

 private:
  std::uint32_t readers_ = 0;
  std::uint32_t writers_ = 0;
  TaskId writer_;
};

}  // namespace imakeep::mlist
