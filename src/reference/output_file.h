// SPDX-License-Identifier: Apache-2.0
// reference/output_file.h - writes a policy to a file: the whole or nothing, and never over an input.
// Threads: no shared state.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace imakeep::reference {

// Returns kUsage if `path` leads to the same file as one of `inputs`, or to a file that is no policy. Checked before
// the work begins, and again by write_output().
Result<void> check_output(const std::string& path, const std::vector<std::string>& inputs);

// Replaces `path` by replace_file(). A policy says what runs on hosts, so only its owner may write it; all may read.
Result<void> write_output(const std::string& path, const std::vector<std::string>& inputs, std::string_view text);

}  // namespace imakeep::reference
