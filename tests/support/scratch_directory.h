// SPDX-License-Identifier: Apache-2.0
// scratch_directory.h - a folder of a test's own, removed with the object. Threads: one.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <stdexcept>
#include <string>

namespace imakeep::test {

class ScratchDirectory {
 public:
  explicit ScratchDirectory(const std::filesystem::path& root = std::filesystem::temp_directory_path()) {
    std::string name = (root / "imakeep-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    path_ = name;
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  // A directory in memory if the machine has one: for tests that make thousands of files and do not ask what a disk
  // keeps.
  static std::filesystem::path in_memory() {
    return std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : std::filesystem::temp_directory_path();
  }

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace imakeep::test
