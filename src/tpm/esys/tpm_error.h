// SPDX-License-Identifier: Apache-2.0
// tpm/esys/tpm_error.h - translates a TSS2_RC into an Error for the caller, with a message that says what to do.
//
// A TSS2_RC names the layer that made it: the TPM, a resource manager (of the kernel or tabrmd) that answers for the
// TPM, or a library between. Only codes of the first two layers are answers. After any other code the effect of the
// command is unknown, and ESYS accepts no further commands.
// Source: TCG TSS 2.0 Overview and Common Structures, section 3.1; TPM 2.0 Library, part 2, section 6.6.3.
// Threads: no shared state.
#pragma once

#include <tss2/tss2_common.h>

#include <string>

#include "base/result.h"

namespace imakeep::tpm {

// True if the TPM, or its resource manager, answered. The connection may then continue.
bool is_answer(TSS2_RC rc);

// True if the TPM did nothing and asks for the same command again: RETRY, YIELDED, TESTING.
bool asks_again(TSS2_RC rc);

// `doing` begins the message: "extending PCR 10". kEnvironment if an operator can change the cause (not started,
// lockout, busy), kIo for everything else. REQUIRES: `rc` is not success.
Error tpm_error(TSS2_RC rc, const std::string& doing);

}  // namespace imakeep::tpm
