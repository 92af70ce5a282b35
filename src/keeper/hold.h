// SPDX-License-Identifier: Apache-2.0
// keeper/hold.h - an IMA directory's lists, open for as long as the object lives.
// Threads: one, the ImaSource's.
#pragma once

#include "base/clock.h"
#include "keeper/ima_source.h"

namespace imakeep::keeper {

// Closes what it opened, on every path.
class Hold {
 public:
  Hold(ImaSource& source, Clock& clock) : source_(source), clock_(clock) {}
  ~Hold() { close(); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  // As ImaSource's. Both close first what is still open.
  Result<void> open_to_read() {
    close();
    return begun(source_.open_to_read());
  }
  Result<void> open_to_write(ListPart part) {
    close();
    return begun(source_.open_to_write(part));
  }
  void close() {
    if (!open_) return;
    source_.close();
    open_ = false;
    held_us_ = clock_.monotonic_us() - since_us_;
  }

  std::int64_t held_us() const { return held_us_; }  // of the last hold that was closed

 private:
  Result<void> begun(Result<void> opened) {
    if (opened) since_us_ = clock_.monotonic_us();
    open_ = opened.has_value();
    return opened;
  }

  ImaSource& source_;
  Clock& clock_;
  bool open_ = false;
  std::int64_t since_us_ = 0;
  std::int64_t held_us_ = 0;
};

}  // namespace imakeep::keeper
