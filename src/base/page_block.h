// base/page_block.h - zeroed memory straight from the kernel, which goes back to it when the block dies.
//
// malloc() keeps what is freed for later; a list that promises to give memory back must not.
// Threads: an object belongs to one thread at a time.
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

  // Pages are taken when first written. An invalid block when there is no memory.
  static PageBlock allocate(std::size_t bytes);

  bool valid() const { return data_ != nullptr; }
  std::byte* data() const { return data_; }
  std::size_t size() const { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace imakeep
