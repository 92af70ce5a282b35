// SPDX-License-Identifier: Apache-2.0
// mlist/counting.h - the bytes that Linux counts for a record. They differ from the record's size in a file.
//
//   4 + 20 + 4 + template name + 4 + data          the name of a free format counts as empty
// `data` is the record's data as the kernel stores it. So the "ima" template, too, has a length before each of its
// fields and a NUL after its path.
//
// Source: get_binary_runtime_size() in security/integrity/ima/ima_queue.c.
// Threads: no shared state.
#pragma once

#include "imalog/record.h"
#include "mlist/chunk.h"

namespace imakeep::mlist {

std::uint64_t linux_counted_bytes(const imalog::RecordContentView& content);

// The extent of one record.
Extent extent_of(const imalog::RecordContentView& content);

}  // namespace imakeep::mlist
