// mlist/request.h - the grammar of what is written to the list's files, and carrying it out.
//
//   request := "A\n" | "D\n"        to a _staged file
//            | number "\n"          to an original one; as kstrtoul() base 10 takes it: an optional '+', digits, and
//                                   one more newline if need be
//
// Source: ima_measurements_write() and ima_measurements_staged_write() in ima_fs.c of Linux 7.3. Threads: no shared
// state but the list's own.
#pragma once

#include "mlist/measurement_list.h"

namespace imakeep::mlist {

inline constexpr std::size_t kMinRequestBytes = 2;
inline constexpr std::size_t kMaxRequestBytes = 21;  // 20 digits of ULONG_MAX and a newline

// Carries out one write() to a file of that list. Errors are kRefused with Linux's errno: EINVAL for what the grammar
// does not know, ERANGE for a number above ULONG_MAX, and those of MeasurementList's requests.
Result<void> carry_out(MeasurementList& list, ListKind file, std::string_view written);

}  // namespace imakeep::mlist
