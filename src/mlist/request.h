// SPDX-License-Identifier: Apache-2.0
// mlist/request.h - the grammar of writes to the list's files; carries them out.
//
//   request := "A\n" | "D\n"        to a _staged file
//            | number "\n"          to an original file; as kstrtoul() in base 10 accepts it: an optional '+', digits,
//                                   and optionally one more newline
//
// Source: ima_measurements_write() and ima_measurements_staged_write() in ima_fs.c of Linux 7.3. Threads: only the
// list's own shared state.
#pragma once

#include "mlist/measurement_list.h"

namespace imakeep::mlist {

inline constexpr std::size_t kMinRequestBytes = 2;
inline constexpr std::size_t kMaxRequestBytes = 21;  // 20 digits of ULONG_MAX and a newline

// Carries out one write() to a file of that list. Errors are kRefused with Linux's errno: EINVAL for text outside the
// grammar, ERANGE for a number above ULONG_MAX, and the errors of MeasurementList's requests.
Result<void> carry_out(MeasurementList& list, ListKind file, std::string_view written);

}  // namespace imakeep::mlist
