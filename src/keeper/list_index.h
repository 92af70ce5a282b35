// SPDX-License-Identifier: Apache-2.0
// keeper/list_index.h - the index of a record in a list. It is not the record's number in its chain.
//
//   chain    Babcdefg      numbers 0 to 7
//   list        cdefgx     indexes 0 to 5: the record with index 0 has number 3, and record x has no number yet
// An index counts all of a list's records from the first, also staged ones. The list is the one that is read, or the
// one that the keeper saw last. ListShape gives the number at an index. Threads: values.
#pragma once

#include "archive/record_number.h"

namespace imakeep::keeper {

using ListIndex = Number<struct ListIndexTag>;
using archive::RecordNumber;

}  // namespace imakeep::keeper
