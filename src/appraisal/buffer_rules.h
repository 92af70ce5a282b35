// SPDX-License-Identifier: Apache-2.0
// appraisal/buffer_rules.h - judges the record of a buffer, in mode strict: keys, command lines, critical data.
//
// The record's digest has to be that of its buffer. A buffer that holds a key is judged by "keyrings", any other by
// "ima-buf". A key is learned if its digest is listed; a key that is only excluded or ignored is not learned, since
// nobody looked at it. Critical data of kexec differ each time:
//   kexec_segment_size=%lu;ima_binary_runtime_size=%lu;ima_runtime_measurements_count=%ld;
// They have no code, so they are accepted if they have this form and the policy does not name their buffer.
// Source: process_buffer_measurement() and ima_measure_kexec_event() in the kernel's ima/ima_main.c and ima_kexec.c.
// Internal to src/appraisal. Threads: no shared state.
#pragma once

#include "appraisal/file_rules.h"

namespace imakeep::appraisal {

Judgement judge_buffer(const Grounds& by, const FileRecord& record);

// Whether a buffer of that name has the form above.
bool is_kexec_figures(std::string_view name, ByteView buffer);

}  // namespace imakeep::appraisal
