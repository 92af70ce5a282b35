// SPDX-License-Identifier: Apache-2.0
// support/programs.h - other programs run by a test, and the files that they exchange with it.
//
// Threads: one at a time.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>

#include <cstdio>
#include <stdexcept>
#include <string>

#include "base/file.h"

namespace imakeep::test {

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(describe(result.error()));
  return std::move(result).value();
}

struct Ran {
  int code = 0;
  std::string output;
};

// Runs a shell command line. Its standard error is dropped.
inline Ran run(const std::string& command) {
  Ran ran;
  FILE* const pipe = ::popen((command + " 2>/dev/null").c_str(), "r");  // NOLINT(cert-env33-c)
  if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
  char room[4096];
  for (std::size_t size; (size = std::fread(room, 1, sizeof room, pipe)) > 0;) ran.output.append(room, size);
  const int status = ::pclose(pipe);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

inline std::string must_run(const std::string& command) {
  Ran ran = run(command);
  if (ran.code != 0) throw std::runtime_error(command + " failed with " + std::to_string(ran.code));
  return ran.output;
}

inline Bytes bytes_of_file(const std::string& path) {
  return must(read_file(path));
}

inline void write_file(const std::string& path, ByteView bytes) {
  const UniqueFd fd = must(open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  if (const auto written = write_all(fd.get(), bytes, path); !written)
    throw std::runtime_error(describe(written.error()));
}

}  // namespace imakeep::test
