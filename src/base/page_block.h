// SPDX-License-Identifier: Apache-2.0
// base/page_block.h - zeroed memory directly from the kernel; the destructor returns it to the kernel.
//
// malloc() keeps freed memory for later use. A list that promises to return memory must not.
// Threads: one thread at a time uses an object.
#pragma once

#include <cstddef>
#include <utility>

namespace imakeep {

class PageBlock {
 public:
  PageBlock() = default;
  PageBlock(PageBlock&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  PageBlock& operator=(PageBlock&& other) noexcept;
  ~PageBlock();

  // The kernel supplies each page at its first write. Returns an invalid block if memory runs out.
  static PageBlock allocate(std::size_t bytes);

  bool valid() const { return data_ != nullptr; }
  std::byte* data() const { return data_; }
  std::size_t size() const { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace imakeep
