// tpm/esys/tcti.h - opens the way to a TPM that a TCTI string names.
//
//   NAME            a TCTI library with its defaults: "device", "swtpm", "tabrmd"
//   NAME:CONFIG     "device:/dev/tpmrm0", "swtpm:host=127.0.0.1,port=2321"
// Source: Tss2_TctiLdr_Initialize() of tpm2-tss. Threads: safe from any thread.
#pragma once

#include <tss2/tss2_tcti.h>

#include <memory>
#include <string>

#include "base/result.h"

namespace imakeep::tpm {

// Closed when the last owner lets go of it.
using Tcti = std::shared_ptr<TSS2_TCTI_CONTEXT>;

// kUsage for an empty string or a CONFIG that its library refuses; kEnvironment where the library, the device, the
// permission or the process at the other end is missing. The message says which, and what to do.
Result<Tcti> open_tcti(const std::string& tcti);

}  // namespace imakeep::tpm
