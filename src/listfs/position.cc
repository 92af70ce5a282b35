// SPDX-License-Identifier: Apache-2.0
#include "listfs/position.h"

namespace imakeep::listfs {

void Position::did_read(std::uint64_t offset, std::uint64_t bytes) {
  if (offset == client_) {
    client_ += bytes;
    linux_ += bytes;
  } else {
    elsewhere_ = offset + bytes;
  }
}

void Position::did_write(std::uint64_t offset, std::uint64_t bytes) {
  if (offset != client_) {
    client_ = offset;
    linux_ = offset;
  }
  client_ += bytes;
  elsewhere_.reset();
}

}  // namespace imakeep::listfs
