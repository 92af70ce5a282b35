// SPDX-License-Identifier: Apache-2.0
// tpm/esys/tcti.h - opens a connection to the TPM that a TCTI string names.
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

// The last owner closes it.
using Tcti = std::shared_ptr<TSS2_TCTI_CONTEXT>;

// kUsage for an empty string or a CONFIG that its library refuses. kEnvironment if the library or the device is
// missing, permission is denied, or no process answers at the other end. The message says which, and what to do.
Result<Tcti> open_tcti(const std::string& tcti);

}  // namespace imakeep::tpm
