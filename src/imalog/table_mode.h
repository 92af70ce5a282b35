// SPDX-License-Identifier: Apache-2.0
// imalog/table_mode.h - how a kernel treats the digests of records that are deleted from its list.
//
// Source: ima_queue.c of Linux 7.3. Threads: a value.
#pragma once

#include <cstdint>

namespace imakeep::imalog {

enum class TableMode : std::uint8_t {
  kUnknown,  // not known, to those who only look at the list
  kKept,     // the default: the digests stay
  kFlushed,  // boot option ima_flush_htable: deleting staged records empties the table; deleting by number is refused
  kNone,     // CONFIG_IMA_DISABLE_HTABLE: repeats are never recognized
};

}  // namespace imakeep::imalog
