// tpm/esys/tpm_error.h - what a TSS2_RC means for the caller, and the one line that says what to do about it.
//
// A TSS2_RC names the layer that made it: the TPM itself, the kernel's or tabrmd's resource manager answering in its
// place, or a library on the way. Only the first two are answers; after anything else it is unknown what became of the
// command, and ESYS takes no further ones.
// Source: TCG TSS 2.0 Overview and Common Structures, section 3.1; TPM 2.0 Library, part 2, section 6.6.3.
// Threads: no shared state.
#pragma once

#include <tss2/tss2_common.h>

#include <string>

#include "base/result.h"

namespace imakeep::tpm {

// Whether the TPM (or its resource manager for it) answered, so that the connection may go on.
bool is_answer(TSS2_RC rc);

// Whether the TPM did nothing but asks for the same command again: RETRY, YIELDED, TESTING.
bool asks_again(TSS2_RC rc);

// `doing` begins the message: "extending PCR 10". kEnvironment for what can be mended (not started, lockout, busy), kIo
// for everything else. `rc` is not success.
Error tpm_error(TSS2_RC rc, const std::string& doing);

}  // namespace imakeep::tpm
