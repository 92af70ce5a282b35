// SPDX-License-Identifier: Apache-2.0
#include "tpm/esys/tpm_error.h"

#include <tss2/tss2_rc.h>
#include <tss2/tss2_tpm2_types.h>

namespace imakeep::tpm {
namespace {

constexpr TSS2_RC kLayerMask = 0x00ff0000;
constexpr TSS2_RC kCodeMask = 0x0000ffff;

TSS2_RC code_of(TSS2_RC rc) {
  return rc & kCodeMask;
}

std::string decoded(TSS2_RC rc) {
  return Tss2_RC_Decode(rc);
}

Error answer_error(TSS2_RC rc, const std::string& doing) {
  const auto mendable = [&](const char* what) {
    return Error{.code = ErrorCode::kEnvironment, .message = doing + ": " + what};
  };
  if (asks_again(rc)) return mendable("the TPM stayed busy; try again later");
  switch (code_of(rc)) {
    case TPM2_RC_INITIALIZE:
      return mendable(
          "the TPM was not started: firmware, Linux or swtpm's --flags startup-clear must send TPM2_Startup first");
    case TPM2_RC_LOCKOUT:
      return mendable(
          "the TPM is locked out after wrong authorizations; wait, or free it with tpm2_dictionarylockout "
          "--clear-lockout");
    case TPM2_RC_FAILURE:
      return {
          .code = ErrorCode::kIo,
          .message = doing + ": the TPM failed its self-test and answers nothing until it is reset; power-cycle it"};
    default:
      return {.code = ErrorCode::kIo, .message = doing + ": the TPM refused: " + decoded(rc)};
  }
}

}  // namespace

bool is_answer(TSS2_RC rc) {
  const TSS2_RC layer = rc & kLayerMask;
  return layer == TSS2_TPM_RC_LAYER || layer == TSS2_RESMGR_TPM_RC_LAYER;
}

bool asks_again(TSS2_RC rc) {
  const TSS2_RC code = code_of(rc);
  return is_answer(rc) && (code == TPM2_RC_RETRY || code == TPM2_RC_YIELDED || code == TPM2_RC_TESTING);
}

Error tpm_error(TSS2_RC rc, const std::string& doing) {
  if (is_answer(rc)) return answer_error(rc, doing);
  const auto lost = [&](const std::string& what) {
    return Error{.code = ErrorCode::kIo, .message = doing + ": " + what};
  };
  switch (code_of(rc)) {
    case TSS2_BASE_RC_IO_ERROR:
    case TSS2_BASE_RC_NO_CONNECTION:
      return lost("the TPM is gone: its connection broke; restart the TPM, then imakeep");
    case TSS2_BASE_RC_MALFORMED_RESPONSE:
    case TSS2_BASE_RC_INSUFFICIENT_RESPONSE:
    case TSS2_BASE_RC_INSUFFICIENT_BUFFER:
    case TSS2_BASE_RC_BAD_SIZE:
    case TSS2_BASE_RC_BAD_VALUE:
      return lost("the TPM's answer is cut short or malformed (" + decoded(rc) + "); check the connection to the TPM");
    default:
      return lost("no answer from the TPM: " + decoded(rc));
  }
}

}  // namespace imakeep::tpm
