// mlist/counting.h - how many bytes Linux counts for a record, which is not quite what the record takes in a file.
//
//   4 + 20 + 4 + template name + 4 + data          the name of a free format counts as empty
// `data` is the record's data as the kernel holds it, so the "ima" template, too, has a length before each of its
// fields and a NUL behind its path.
//
// Source: get_binary_runtime_size() in security/integrity/ima/ima_queue.c.
// Threads: no shared state.
#pragma once

#include "imalog/record.h"
#include "mlist/chunk.h"

namespace imakeep::mlist {

std::uint64_t linux_counted_bytes(const imalog::RecordContentView& content);

// One record with its sizes.
Extent extent_of(const imalog::RecordContentView& content);

}  // namespace imakeep::mlist
