// SPDX-License-Identifier: Apache-2.0
#include "tpm/esys/tcti.h"

#include <fcntl.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#include <cerrno>

#include "base/file.h"

namespace imakeep::tpm {
namespace {

constexpr const char* kExamples = "device:/dev/tpmrm0 or swtpm:host=127.0.0.1,port=2321";

// The TCTI reports only "IO failure". A second open of the device tells the reason.
tl::unexpected<Error> device_error(const std::string& path) {
  const auto opened = open_file(path, O_RDWR);
  if (opened) return fail(ErrorCode::kEnvironment, path + ": this device is not a TPM; name another");
  Error error = opened.error();
  switch (error.os_errno) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
      error.message += "; this machine shows no TPM 2.0, or its driver is not loaded";
      break;
    case EACCES:
    case EPERM:
      error.message += "; run as root or as a member of group tss";
      break;
    case EBUSY:
      error.message += "; another program holds it: use the resource manager, /dev/tpmrm0";
      break;
    default:
      break;
  }
  return unexpected(std::move(error));
}

tl::unexpected<Error> open_error(TSS2_RC rc, const std::string& tcti) {
  const std::size_t colon = tcti.find(':');
  const std::string name = tcti.substr(0, colon);
  const std::string config = colon == std::string::npos ? "" : tcti.substr(colon + 1);
  switch (rc & ~TSS2_RC_LAYER_MASK) {
    case TSS2_BASE_RC_NOT_SUPPORTED:
    case TSS2_BASE_RC_NOT_IMPLEMENTED:
      return fail(ErrorCode::kEnvironment, "no TCTI library for '" + tcti + "'; install libtss2-tcti-" + name +
                                               " if that is one, or name the TPM like " + kExamples);
    case TSS2_BASE_RC_BAD_VALUE:
      return fail(ErrorCode::kUsage, "TCTI '" + tcti + "' has a bad configuration; write it like " + kExamples);
    case TSS2_BASE_RC_IO_ERROR:
    case TSS2_BASE_RC_NO_CONNECTION:
      if (name == "device") return device_error(config.empty() ? "/dev/tpm0" : config);
      return fail(ErrorCode::kEnvironment,
                  "no TPM answers at TCTI '" + tcti + "'; start the TPM there, or name another");
    default:
      return fail(ErrorCode::kEnvironment, "TCTI '" + tcti + "' cannot be opened: " + Tss2_RC_Decode(rc));
  }
}

}  // namespace

Result<Tcti> open_tcti(const std::string& tcti) {
  // With an empty string the loader would try every installed library.
  if (tcti.empty()) return fail(ErrorCode::kUsage, std::string("a TCTI is needed, like ") + kExamples);
  TSS2_TCTI_CONTEXT* context = nullptr;
  if (const TSS2_RC rc = Tss2_TctiLdr_Initialize(tcti.c_str(), &context); rc != TSS2_RC_SUCCESS) {
    return open_error(rc, tcti);
  }
  return Tcti(context, [](TSS2_TCTI_CONTEXT* opened) { Tss2_TctiLdr_Finalize(&opened); });
}

}  // namespace imakeep::tpm
