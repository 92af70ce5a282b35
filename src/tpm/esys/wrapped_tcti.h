// tpm/esys/wrapped_tcti.h - a TCTI around another one, with a say in what passes through.
//
// The connection checks answers with it, and fault tests meddle. Threads: the hooks run on whatever thread talks to the
// TPM; they may be changed while nobody does.
#pragma once

#include <functional>

#include "base/bytes.h"
#include "tpm/esys/tcti.h"

namespace imakeep::tpm {

struct TctiHooks {
  // Changes a command on its way to the TPM; it is not sent when this fails. Empty: commands stay.
  std::function<TSS2_RC(Bytes& command)> on_command;
  // Changes an answer of the TPM, or fails in its place. Empty: answers stay.
  std::function<TSS2_RC(Bytes& answer)> on_answer;
};

// Owns `inner`, which is not null, and has its functions: what `inner` lacks is TSS2_TCTI_RC_NOT_IMPLEMENTED.
Tcti wrap_tcti(Tcti inner, std::shared_ptr<const TctiHooks> hooks);

}  // namespace imakeep::tpm
