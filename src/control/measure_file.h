// SPDX-License-Identifier: Apache-2.0
// control/measure_file.h - measures a file as IMA would, and makes its record.
//
// The path is the file's canonical path, as IMA's d_path() shows it. Signatures come from security.ima and security.evm
// if the file system has them. Appended module signatures are ignored: those fields stay empty, as under a policy
// without appraise_type=modsig. Threads: no shared state.
#pragma once

#include <string>

#include "digest/bank.h"
#include "imalog/record.h"

namespace imakeep::control {

struct MeasureOptions {
  std::string template_name = "ima-ng";
  digest::Algorithm hash = digest::Algorithm::kSha256;
  bool md5 = false;  // ima_hash=md5 instead of `hash`; template "ima" only
  std::uint32_t pcr = 10;
  ByteOrder order = kHostOrder;  // byte order of the list
};

// The name of md5 in ima_hash= and in `list serve --hash`.
inline constexpr std::string_view kMd5Name = "md5";

// The bank of the digests in the records made here.
inline constexpr digest::Bank kMadeBank{.algorithm = digest::Algorithm::kSha1};

// Appends the file's record to `list`, in binary form. kEnvironment if the file does not exist, cannot be read or is
// not a regular file; kUsage for an unknown template, and for md5 with a template other than "ima". On an error `list`
// is unchanged.
Result<void> measure_file(Bytes& list, const std::string& path, const MeasureOptions& options);

// Appends the record of a violation: a process measured `path` while it was open for writing. The record has no file
// digest, and no signature from security.ima. It has the other attributes if the file exists.
Result<void> record_violation(Bytes& list, const std::string& path, const MeasureOptions& options);

}  // namespace imakeep::control
