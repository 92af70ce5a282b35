// SPDX-License-Identifier: Apache-2.0
// base/freed_by.h - deleters that call a C library's function: std::unique_ptr<BIO, FreedBy<BIO_free>>.
//
// Threads: a FreedBy has no state.
#pragma once

namespace imakeep {

template <auto Free>
struct FreedBy {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

}  // namespace imakeep
