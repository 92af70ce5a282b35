// SPDX-License-Identifier: Apache-2.0
// The results of calls to EsysPcrBanks when its TPM fails: a real swtpm, reached through a TCTI that alters answers.
#include <tss2/tss2_tpm2_types.h>

#include <atomic>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/pcr_values.h"
#include "support/swtpm.h"
#include "tpm/esys/esys_pcr_banks.h"
#include "tpm/esys/wrapped_tcti.h"

namespace imakeep::test {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;

// An answer that is nothing but a response code. Source: TPM 2.0 Library, part 1, section 16.9.
Bytes answer_of(TSS2_RC response_code) {
  Bytes answer;
  append_int<std::uint16_t>(answer, TPM2_ST_NO_SESSIONS, ByteOrder::kBig);
  append_int<std::uint32_t>(answer, 10, ByteOrder::kBig);
  append_int<std::uint32_t>(answer, response_code, ByteOrder::kBig);
  return answer;
}

template <class T>
std::string message_of(const Result<T>& result) {
  return result ? "success" : result.error().message;
}

class TpmFault : public testing::Test {
 protected:
  void SetUp() override {
    if (!Swtpm::installed()) GTEST_SKIP() << Swtpm::kNotInstalled;
    auto started = Swtpm::start();
    ASSERT_TRUE(started) << message_of(started);
    swtpm_ = std::move(*started);
  }

  // The TPM through the meddling TCTI.
  std::unique_ptr<tpm::EsysPcrBanks> open(const tpm::EsysOptions& options = {}) {
    auto pcrs =
        tpm::EsysPcrBanks::open(tpm::wrap_tcti(tpm::open_tcti(swtpm_->tcti()).value(), hooks_), "test", options);
    EXPECT_TRUE(pcrs) << message_of(pcrs);
    return std::move(*pcrs);
  }
  // The value of the PCR, read over a connection of its own.
  std::vector<digest::Digest> truth() { return *tpm::EsysPcrBanks::open(swtpm_->tcti()).value()->read(10); }

  void answer_always(TSS2_RC rc) {
    hooks_->on_answer = [this, rc](Bytes& answer) {
      answer = answer_of(rc);
      ++answers_;
      return TSS2_RC_SUCCESS;
    };
  }

  std::unique_ptr<Swtpm> swtpm_;
  std::shared_ptr<tpm::TctiHooks> hooks_ = std::make_shared<tpm::TctiHooks>();
  std::atomic<int> answers_ = 0;
};

TEST_F(TpmFault, ALockoutIsNamedAndTheConnectionGoesOn) {
  const auto pcrs = open();
  const auto digests = digests_for(pcrs->banks(), 1);
  answer_always(TPM2_RC_LOCKOUT);
  const auto extended = pcrs->extend(10, digests);
  ASSERT_FALSE(extended);
  EXPECT_EQ(extended.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(extended.error().message, AllOf(HasSubstr("extending PCR 10"), HasSubstr("locked out")));
  EXPECT_THAT(message_of(pcrs->read(10)), HasSubstr("locked out"));
  hooks_->on_answer = nullptr;
  EXPECT_TRUE(pcrs->read(10));
  EXPECT_TRUE(pcrs->extend(10, digests));
}

TEST_F(TpmFault, AnAnswerThatIsNotKnownIsDecoded) {
  const auto pcrs = open();
  answer_always(TPM2_RC_LOCALITY);
  const auto extended = pcrs->extend(10, digests_for(pcrs->banks(), 1));
  ASSERT_FALSE(extended);
  EXPECT_EQ(extended.error().code, ErrorCode::kIo);
  EXPECT_THAT(extended.error().message, AllOf(HasSubstr("refused"), HasSubstr("locality")));
}

TEST_F(TpmFault, ABusyTpmIsAskedAgainUntilItIsNot) {
  const auto pcrs = open();
  const auto digests = digests_for(pcrs->banks(), 1);
  for (const TSS2_RC busy : {TPM2_RC_RETRY, TPM2_RC_YIELDED, TPM2_RC_TESTING}) {
    const auto before = truth();
    // More often than ESYS asks again by itself. The TPM must not see what it "refused".
    int left = 20;
    hooks_->on_answer = [&left, busy](Bytes& answer) {
      if (left > 0) answer = answer_of(busy);
      --left;
      return TSS2_RC_SUCCESS;
    };
    const auto values = pcrs->read(10);
    ASSERT_TRUE(values) << message_of(values);
    EXPECT_EQ(*values, before);
    EXPECT_LT(left, 0);
  }
}

TEST_F(TpmFault, ATpmThatStaysBusyIsGivenUp) {
  const auto pcrs = open();
  answer_always(TPM2_RC_RETRY);
  const auto values = pcrs->read(10);
  ASSERT_FALSE(values);
  EXPECT_EQ(values.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(values.error().message, HasSubstr("busy"));
  EXPECT_GT(answers_, 20);
  EXPECT_LT(answers_, 100);
  hooks_->on_answer = nullptr;
  EXPECT_TRUE(pcrs->read(10));
}

// ---- answers cut short, by how the command is called

struct OneCall {
  const char* name;
  std::string (*run)(tpm::PcrBanks&);  // its message, or "success"
};

void PrintTo(const OneCall& call, std::ostream* out) {
  *out << call.name;
}

std::string read_once(tpm::PcrBanks& pcrs) {
  return message_of(pcrs.read(10));
}

std::string extend_once(tpm::PcrBanks& pcrs) {
  return message_of(pcrs.extend(10, digests_for(pcrs.banks(), 1)));
}

class TpmAnswerCut : public TpmFault, public testing::WithParamInterface<OneCall> {};

TEST_P(TpmAnswerCut, EveryProperPrefixIsRefusedAndBreaksTheConnection) {
  std::size_t whole = 0;
  hooks_->on_answer = [&whole](Bytes& answer) {
    whole = answer.size();
    return TSS2_RC_SUCCESS;
  };
  ASSERT_EQ(GetParam().run(*open()), "success");
  ASSERT_GT(whole, 10u);
  for (std::size_t size = 0; size < whole; ++size) {
    hooks_->on_answer = nullptr;
    const auto pcrs = open();
    hooks_->on_answer = [size](Bytes& answer) {
      answer.resize(size);
      return TSS2_RC_SUCCESS;
    };
    EXPECT_THAT(GetParam().run(*pcrs), HasSubstr("cut short")) << size << " of " << whole;
    hooks_->on_answer = nullptr;
    EXPECT_THAT(GetParam().run(*pcrs), AllOf(HasSubstr("was lost before"), HasSubstr("cut short"))) << size;
  }
}

INSTANTIATE_TEST_SUITE_P(Calls, TpmAnswerCut,
                         testing::Values(OneCall{"read", read_once}, OneCall{"extend", extend_once}),
                         [](const auto& call) { return std::string(call.param.name); });

// Leaves one bank in a TPM2_PCR_Read: header of 10 bytes, count of banks, then 6 bytes a bank.
void cut_to_one_bank(Bytes& command) {
  command.resize(10 + 4 + 6);
  store(command.data() + 2, static_cast<std::uint32_t>(command.size()), ByteOrder::kBig);
  store(command.data() + 10, std::uint32_t{1}, ByteOrder::kBig);
}

TEST_F(TpmFault, ATpmThatReadsOneBankAtATimeIsAskedForTheRest) {
  const auto pcrs = open();
  const auto digests = digests_for(pcrs->banks(), 1);
  ASSERT_TRUE(pcrs->extend(10, digests));
  std::size_t commands = 0;
  hooks_->on_command = [&commands](Bytes& command) {
    cut_to_one_bank(command);
    ++commands;
    return TSS2_RC_SUCCESS;
  };
  EXPECT_EQ(*pcrs->read(10), values_after(pcrs->banks(), {digests}));
  EXPECT_EQ(commands, pcrs->banks().size());
}

TEST_F(TpmFault, AnExtendWhoseAnswerIsLostTookEffectAndOneThatNeverWentOutDidNot) {
  const auto banks = open()->banks();
  const auto digests = digests_for(banks, 1);
  {
    const auto pcrs = open();
    hooks_->on_command = [](Bytes&) { return TSS2_TCTI_RC_IO_ERROR; };
    const auto extended = pcrs->extend(10, digests);
    ASSERT_FALSE(extended);
    EXPECT_EQ(extended.error().code, ErrorCode::kIo);
    EXPECT_THAT(extended.error().message, HasSubstr("gone"));
    hooks_->on_command = nullptr;
    EXPECT_EQ(truth(), values_after(banks, {}));
  }
  const auto pcrs = open();
  hooks_->on_answer = [](Bytes&) { return TSS2_TCTI_RC_IO_ERROR; };
  const auto extended = pcrs->extend(10, digests);
  ASSERT_FALSE(extended);
  EXPECT_EQ(extended.error().code, ErrorCode::kIo);
  hooks_->on_answer = nullptr;
  EXPECT_EQ(truth(), values_after(banks, {digests}));
}

// ---- a TPM that is gone, silent, reset, or was never there

TEST_F(TpmFault, ATpmThatIsResetCountsIt) {
  const auto before = tpm::EsysPcrBanks::open(swtpm_->tcti()).value()->reset_counts().value();
  ASSERT_TRUE(before);
  EXPECT_EQ(tpm::EsysPcrBanks::open(swtpm_->tcti()).value()->reset_counts().value(), before);
  swtpm_->kill();
  ASSERT_TRUE(swtpm_->restart());
  const auto after = tpm::EsysPcrBanks::open(swtpm_->tcti()).value()->reset_counts().value();
  ASSERT_TRUE(after);
  EXPECT_EQ(after->resets, before->resets + 1);
}

TEST_F(TpmFault, ATpmThatIsKilledInTheMiddleIsGoneForGood) {
  const auto pcrs = tpm::EsysPcrBanks::open(swtpm_->tcti()).value();
  const auto digests = digests_for(pcrs->banks(), 1);
  ASSERT_TRUE(pcrs->extend(10, digests));
  swtpm_->kill();
  const auto extended = pcrs->extend(10, digests);
  ASSERT_FALSE(extended);
  EXPECT_EQ(extended.error().code, ErrorCode::kIo);
  EXPECT_THAT(extended.error().message, AllOf(HasSubstr("extending PCR 10"), HasSubstr("the TPM is gone")));
  // A new TPM in its place is not the old one.
  ASSERT_TRUE(swtpm_->restart());
  const auto values = pcrs->read(10);
  ASSERT_FALSE(values);
  EXPECT_EQ(values.error().code, ErrorCode::kIo);
  EXPECT_THAT(values.error().message, AllOf(HasSubstr("was lost before"), HasSubstr("the TPM is gone")));
  EXPECT_EQ(truth(), values_after(pcrs->banks(), {}));
}

TEST_F(TpmFault, ASilentTpmHoldsNobodyLongerThanTheLimit) {
  const auto pcrs = tpm::EsysPcrBanks::open(swtpm_->tcti(), {.answer_limit = milliseconds(200)}).value();
  swtpm_->pause();
  const auto started = std::chrono::steady_clock::now();
  const auto values = pcrs->read(10);
  ASSERT_FALSE(values);
  EXPECT_EQ(values.error().code, ErrorCode::kIo);
  EXPECT_THAT(values.error().message, HasSubstr("has not answered for 0.2 s"));
  EXPECT_THAT(message_of(pcrs->read(10)), HasSubstr("was lost before"));
  EXPECT_LT(std::chrono::steady_clock::now() - started, milliseconds(10'000));
  swtpm_->resume();
  EXPECT_THAT(message_of(pcrs->read(10)), HasSubstr("was lost before"));
}

TEST_F(TpmFault, ASilentTpmIsNotWaitedForAtTheStartEither) {
  swtpm_->pause();
  const auto pcrs = tpm::EsysPcrBanks::open(swtpm_->tcti(), {.answer_limit = milliseconds(200)});
  ASSERT_FALSE(pcrs);
  EXPECT_THAT(pcrs.error().message, HasSubstr("has not answered for 0.2 s"));
  swtpm_->resume();
}

TEST_F(TpmFault, ATpmThatWasNotStartedSaysSo) {
  const auto idle = Swtpm::start({.started = false}).value();
  const auto pcrs = tpm::EsysPcrBanks::open(idle->tcti());
  ASSERT_FALSE(pcrs);
  EXPECT_EQ(pcrs.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(pcrs.error().message, HasSubstr("was not started"));
}

TEST_F(TpmFault, NobodyAtThePortIsNamed) {
  const std::string tcti = swtpm_->tcti();
  swtpm_->kill();
  const auto pcrs = tpm::EsysPcrBanks::open(tcti);
  ASSERT_FALSE(pcrs);
  EXPECT_EQ(pcrs.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(pcrs.error().message, AllOf(HasSubstr("no TPM answers"), HasSubstr(tcti)));
}

TEST(OpenTcti, SaysWhichPartIsMissing) {
  const auto expect = [](const std::string& tcti, ErrorCode code, const std::string& says) {
    const auto opened = tpm::open_tcti(tcti);
    ASSERT_FALSE(opened) << tcti;
    EXPECT_EQ(opened.error().code, code) << tcti;
    EXPECT_THAT(opened.error().message, HasSubstr(says));
  };
  expect("", ErrorCode::kUsage, "a TCTI is needed");
  expect("no-such:x", ErrorCode::kEnvironment, "install libtss2-tcti-no-such");
  expect("swtpm:hots=1", ErrorCode::kUsage, "bad configuration");
  expect("swtpm:port=99999999", ErrorCode::kUsage, "bad configuration");
  expect("device:/dev/no-tpm", ErrorCode::kEnvironment,
         "/dev/no-tpm: No such file or directory; this machine shows no");
}

// ---- banks

TEST_F(TpmFault, BanksThatAreAskedForMustBeThere) {
  const auto two = *digest::parse_banks("sha512,sha1");
  const auto pcrs = open({.banks = two});
  EXPECT_EQ(pcrs->banks(), two);
  ASSERT_TRUE(pcrs->extend(10, digests_for(two, 1)));
  EXPECT_EQ(*pcrs->read(10), values_after(two, {digests_for(two, 1)}));

  const auto missing = tpm::EsysPcrBanks::open(swtpm_->tcti(), {.banks = *digest::parse_banks("sha1,sm3")});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(missing.error().message, AllOf(HasSubstr("no PCR bank sm3"), HasSubstr("sha1,sha256,sha384,sha512")));
}

// The answer to TPM2_GetCapability(TPM_CAP_PCRS): each bank with 24 bits that say which PCRs it has.
Bytes capability_answer(const std::vector<std::pair<std::uint16_t, std::uint8_t>>& banks) {
  Bytes body;
  body.push_back(std::byte{0});
  append_int<std::uint32_t>(body, TPM2_CAP_PCRS, ByteOrder::kBig);
  append_int(body, static_cast<std::uint32_t>(banks.size()), ByteOrder::kBig);
  for (const auto& [algorithm, bits] : banks) {
    append_int(body, algorithm, ByteOrder::kBig);
    body.push_back(std::byte{3});
    body.insert(body.end(), 3, std::byte{bits});
  }
  Bytes answer = answer_of(TSS2_RC_SUCCESS);
  append_bytes(answer, body);
  store(answer.data() + 2, static_cast<std::uint32_t>(answer.size()), ByteOrder::kBig);
  return answer;
}

TEST_F(TpmFault, BanksAreThoseWithPcrsAndAKnownAlgorithm) {
  hooks_->on_answer = [](Bytes& answer) {
    answer = capability_answer({{0x000b, 0xff}, {0x0004, 0x00}, {0x0018, 0xff}, {0x0027, 0x01}});
    return TSS2_RC_SUCCESS;
  };
  EXPECT_EQ(digest::bank_names(open()->banks()), "sha256,tpm_alg_27");
  hooks_->on_answer = [](Bytes& answer) {
    answer = capability_answer({{0x0004, 0x00}, {0x0018, 0xff}});
    return TSS2_RC_SUCCESS;
  };
  const auto none = tpm::EsysPcrBanks::open(tpm::wrap_tcti(tpm::open_tcti(swtpm_->tcti()).value(), hooks_), "test");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kEnvironment);
}

TEST_F(TpmFault, APcrThatABankLacksIsNamed) {
  const auto pcrs = open();
  // A TPM leaves PCRs that it lacks out of its answer, as it does PCRs that were not asked for.
  hooks_->on_command = [](Bytes& command) {
    std::fill(command.end() - 3, command.end(), std::byte{0});  // the last bank's PCRs
    return TSS2_RC_SUCCESS;
  };
  const auto values = pcrs->read(10);
  ASSERT_FALSE(values);
  EXPECT_EQ(values.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(values.error().message, AllOf(HasSubstr("reading PCR 10"), HasSubstr("not allocated it in every bank")));
}

TEST_F(TpmFault, ValuesThatNobodyAskedForAreNotTaken) {
  const auto pcrs = open({.banks = *digest::parse_banks("sha1,sha256")});
  hooks_->on_command = [](Bytes& command) {
    store(command.data() + 14, std::uint16_t{TPM2_ALG_SHA384}, ByteOrder::kBig);  // the first bank's algorithm
    return TSS2_RC_SUCCESS;
  };
  const auto values = pcrs->read(10);
  ASSERT_FALSE(values);
  EXPECT_EQ(values.error().code, ErrorCode::kIo);
  EXPECT_THAT(values.error().message, HasSubstr("other PCRs or digests"));
}

}  // namespace
}  // namespace imakeep::test
