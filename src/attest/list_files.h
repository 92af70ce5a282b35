// SPDX-License-Identifier: Apache-2.0
// attest/list_files.h - opens lists by name, for ListLog: files, pipes, and "-" for standard input.
//
// A regular file is opened again for every pass. The contents of an input that can be read only once (a pipe, a
// terminal) are kept in a file without a name in the spool folder: base/spool.h.
// Threads: an object belongs to one thread at a time.
#pragma once

#include <map>
#include <memory>

#include "attest/list_log.h"
#include "base/spool.h"

namespace imakeep::attest {

inline constexpr char kStandardInput[] = "-";

// The name that messages use for the list.
std::string shown_name(const std::string& name);

// kUsage, with both names, if two of `names` are the same inode. The records of that file would count twice, and a pipe
// can be read only once. Names for which stat(2) fails are left to open_files().
Result<void> check_distinct(const std::vector<std::string>& names);

// The function that opens lists for ListLog. It reads descriptor 0 for "-", and does not close it. Errors of opening
// and reading are kEnvironment, and name the list.
ListLog::Open open_files(std::string spool_folder);

}  // namespace imakeep::attest
