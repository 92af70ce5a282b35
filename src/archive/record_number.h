// SPDX-License-Identifier: Apache-2.0
// archive/record_number.h - the number of a record in its chain: counted from 0, and never changed.
// Threads: values.
#pragma once

#include "base/number.h"

namespace imakeep::archive {

using RecordNumber = Number<struct RecordNumberTag>;

}  // namespace imakeep::archive
