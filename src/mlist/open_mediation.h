// SPDX-License-Identifier: Apache-2.0
// mlist/open_mediation.h - decides who may open the list's files: many readers, or one task for writing, never both.
//
// All files of a list share one state. The writing task may open more files for writing, but none read-only. A task is
// a thread, so a process that writes from two threads locks itself out. Unlike Linux (7.3), closing the last descriptor
// of a vanished task releases its lock.
//
// Source: ima_open_for_reading/writing() around _ima_measurements_open() in ima_fs.c. Threads: one at a time.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace imakeep::mlist {

// A thread. The start time distinguishes it from a later thread with the same ID.
struct TaskId {
  std::int32_t tid = 0;
  std::uint64_t start_time = 0;  // clock ticks since boot

  friend bool operator==(const TaskId&, const TaskId&) = default;
};

class OpenMediation {
 public:
  // kRefused with EBUSY if the file is open in a way that excludes this open.
  Result<void> open_reader();
  Result<void> open_writer(const TaskId& task);
  // Call once for each successful open.
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
