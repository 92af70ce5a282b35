// SPDX-License-Identifier: Apache-2.0
// tpm/esys/wrapped_tcti.h - a TCTI around another TCTI, with hooks that can change commands and answers.
//
// The connection uses it to check answers, and fault tests use it to inject faults. Threads: the hooks run on the
// thread that talks to the TPM. Change them only while no thread does.
#pragma once

#include <functional>

#include "base/bytes.h"
#include "tpm/esys/tcti.h"

namespace imakeep::tpm {

struct TctiHooks {
  // May change a command before the TPM gets it. If the hook fails, the command is not sent. Empty: no change.
  std::function<TSS2_RC(Bytes& command)> on_command;
  // May change an answer of the TPM, or fail in its place. Empty: no change.
  std::function<TSS2_RC(Bytes& answer)> on_answer;
};

// Owns `inner`, which must not be null, and offers its functions. A function that `inner` lacks returns
// TSS2_TCTI_RC_NOT_IMPLEMENTED.
Tcti wrap_tcti(Tcti inner, std::shared_ptr<const TctiHooks> hooks);

}  // namespace imakeep::tpm
