// SPDX-License-Identifier: Apache-2.0
// reference/unpack.h - expands compressed bytes: gzip, xz, lzma, zstd, bzip2, lz4. The library is libarchive.
// Threads: no shared state.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

namespace imakeep::reference {

struct Unpacked {
  Bytes bytes;
  std::size_t packed_bytes = 0;  // of the input that belonged to the compressed data
};

// Expands the compressed data at the front of `packed`, which need not reach to its end, but after xz only
// another xz stream or its padding may follow. kMalformed: of none of these
// forms, damaged or cut short; kUnsupported: more than `most_bytes`.
Result<Unpacked> unpack(ByteView packed, std::size_t most_bytes);

}  // namespace imakeep::reference
