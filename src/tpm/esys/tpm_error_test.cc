// SPDX-License-Identifier: Apache-2.0
#include "tpm/esys/tpm_error.h"

#include <tss2/tss2_tpm2_types.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace imakeep::tpm {
namespace tpm_error_test {

using testing::HasSubstr;
using testing::StartsWith;

struct Expected {
  TSS2_RC rc;
  ErrorCode code;
  const char* says;
};

TEST(TpmError, SaysWhatToDo) {
  const Expected all[] = {
      {TPM2_RC_INITIALIZE, ErrorCode::kEnvironment, "startup-clear"},
      {TPM2_RC_LOCKOUT, ErrorCode::kEnvironment, "tpm2_dictionarylockout"},
      {TSS2_RESMGR_TPM_RC_LAYER | TPM2_RC_LOCKOUT, ErrorCode::kEnvironment, "tpm2_dictionarylockout"},
      {TPM2_RC_RETRY, ErrorCode::kEnvironment, "busy"},
      {TPM2_RC_YIELDED, ErrorCode::kEnvironment, "busy"},
      {TPM2_RC_TESTING, ErrorCode::kEnvironment, "busy"},
      {TPM2_RC_FAILURE, ErrorCode::kIo, "power-cycle"},
      {TPM2_RC_LOCALITY, ErrorCode::kIo, "locality"},
      {TSS2_TCTI_RC_IO_ERROR, ErrorCode::kIo, "gone"},
      {TSS2_TCTI_RC_NO_CONNECTION, ErrorCode::kIo, "gone"},
      {TSS2_SYS_RC_MALFORMED_RESPONSE, ErrorCode::kIo, "cut short"},
      {TSS2_MU_RC_INSUFFICIENT_BUFFER, ErrorCode::kIo, "cut short"},
      {TSS2_ESYS_RC_MEMORY, ErrorCode::kIo, "no answer"},
  };
  for (const auto& [rc, code, says] : all) {
    const Error error = tpm_error(rc, "extending PCR 10");
    EXPECT_EQ(error.code, code) << std::hex << rc;
    EXPECT_THAT(error.message, StartsWith("extending PCR 10: "));
    EXPECT_THAT(error.message, HasSubstr(says)) << std::hex << rc;
  }
}

TEST(TpmError, OnlyTheTpmAndWhoSpeaksForItGiveAnswers) {
  EXPECT_TRUE(is_answer(TPM2_RC_LOCKOUT));
  EXPECT_TRUE(is_answer(TSS2_RESMGR_TPM_RC_LAYER | TPM2_RC_LOCKOUT));
  EXPECT_FALSE(is_answer(TSS2_RESMGR_RC_LAYER | TPM2_RC_LOCKOUT));
  EXPECT_FALSE(is_answer(TSS2_TCTI_RC_IO_ERROR));
  EXPECT_FALSE(is_answer(TSS2_ESYS_RC_BAD_SEQUENCE));
}

TEST(TpmError, OnlyAnswersAskAgain) {
  EXPECT_TRUE(asks_again(TPM2_RC_RETRY));
  EXPECT_TRUE(asks_again(TSS2_RESMGR_TPM_RC_LAYER | TPM2_RC_TESTING));
  EXPECT_FALSE(asks_again(TSS2_TCTI_RC_LAYER | TPM2_RC_RETRY));
  EXPECT_FALSE(asks_again(TPM2_RC_LOCKOUT));
  EXPECT_FALSE(asks_again(TSS2_RC_SUCCESS));
}

}  // namespace tpm_error_test
}  // namespace imakeep::tpm
