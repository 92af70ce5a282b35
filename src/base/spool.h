// SPDX-License-Identifier: Apache-2.0
// base/spool.h - lets a caller read a pipe several times: keeps what was read in a nameless file.
//
// Threads: one thread at a time uses an object.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "base/file.h"

namespace imakeep {

class Spool {
 public:
  // `name` names the input in messages. The first byte that is kept creates the file in `folder`.
  Spool(UniqueFd input, std::string name, std::string folder);

  // Reads bytes at that offset of the input into the front of `room`. Returns their count; 0 at the end.
  // REQUIRES: the offset is at most the count of bytes read so far, and `room` is not empty. kEnvironment if the input
  // cannot be read, or if the caller reads bytes again that could not be kept, for example because `folder` was full. A
  // first read continues in that case.
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> room);

 private:
  Result<std::size_t> read_kept(std::uint64_t offset, std::span<std::byte> room);
  Result<void> keep(ByteView bytes);

  UniqueFd input_;
  const std::string name_;
  const std::string folder_;
  UniqueFd kept_;
  std::uint64_t read_bytes_ = 0;
  std::optional<Error> not_kept_;
};

}  // namespace imakeep
