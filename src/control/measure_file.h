// control/measure_file.h - measures a file as IMA would, and makes the record of it.
//
// The path is the file's canonical one, as IMA's d_path() shows it. Signatures come from security.ima and security.evm
// where the file system has them. Appended module signatures are not looked for: those fields stay empty, as under a
// policy without appraise_type=modsig. Threads: no shared state.
#pragma once

#include <string>

#include "digest/bank.h"
#include "imalog/record.h"

namespace imakeep::control {

struct MeasureOptions {
  std::string template_name = "ima-ng";
  digest::Algorithm hash = digest::Algorithm::kSha256;
  std::uint32_t pcr = 10;
};

// The bank whose digests the records made here carry.
inline constexpr digest::Bank kMadeBank{.algorithm = digest::Algorithm::kSha1};

// Appends the file's record to `list`, in binary form. kEnvironment for a file that is gone, cannot be read or is no
// regular file; kUsage for an unknown template. `list` is unchanged on an error.
Result<void> measure_file(Bytes& list, const std::string& path, const MeasureOptions& options);

// Appends the record of a violation: somebody measured `path` while it was open for writing. The file is not looked at.
Result<void> record_violation(Bytes& list, const std::string& path, const MeasureOptions& options);

}  // namespace imakeep::control
