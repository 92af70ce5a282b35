// SPDX-License-Identifier: Apache-2.0
#include "base/page_block.h"

#include <sys/mman.h>

namespace imakeep {

PageBlock& PageBlock::operator=(PageBlock&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

PageBlock::~PageBlock() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
}

PageBlock PageBlock::allocate(std::size_t bytes) {
  void* const mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  PageBlock block;
  if (mapped != MAP_FAILED) {
    block.data_ = static_cast<std::byte*>(mapped);
    block.bytes_ = bytes;
  }
  return block;
}

}  // namespace imakeep
