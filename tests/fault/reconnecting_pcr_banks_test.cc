// SPDX-License-Identifier: Apache-2.0
#include "tpm/reconnecting_pcr_banks.h"

#include <gtest/gtest.h>

#include "support/test_clock.h"

namespace imakeep::tpm {
namespace reconnecting_pcr_banks_test {

const std::vector<digest::Bank> kBanks{digest::bank_of(digest::Algorithm::kSha256)};

// The TPM on the other side.
struct Machine {
  bool answers = true;  // on connections that are open
  bool accepts = true;  // new ones
  std::vector<digest::Bank> banks = kBanks;
  int opened = 0;
};

class Connected : public PcrBanks {
 public:
  explicit Connected(Machine& machine) : machine_(machine), banks_(machine.banks) {}
  const std::vector<digest::Bank>& banks() const override { return banks_; }
  Result<void> extend(std::uint32_t, std::span<const digest::Digest>) override {
    if (machine_.answers) return {};
    return fail(ErrorCode::kIo, "no answer");
  }
  Result<std::vector<digest::Digest>> read(std::uint32_t pcr) override {
    if (pcr == 5) return fail(ErrorCode::kEnvironment, "PCR 5 is not allocated");
    if (!machine_.answers) return fail(ErrorCode::kIo, "no answer");
    return std::vector{digest::Digest(32)};
  }

 private:
  Machine& machine_;
  const std::vector<digest::Bank> banks_;
};

class ReconnectingTest : public testing::Test {
 protected:
  ReconnectingTest() {
    auto begun = ReconnectingPcrBanks::begin(
        [this]() -> Result<std::unique_ptr<PcrBanks>> {
          if (!machine_.accepts) return fail(ErrorCode::kEnvironment, "nobody there");
          ++machine_.opened;
          machine_.answers = true;
          return std::make_unique<Connected>(machine_);
        },
        clock_);
    pcrs_ = std::move(*begun);
  }
  std::string error_of_read() {
    const auto read = pcrs_->read(10);
    return read ? "" : read.error().message;
  }

  Machine machine_;
  imakeep::test::TestClock clock_;
  std::unique_ptr<ReconnectingPcrBanks> pcrs_;
};

TEST_F(ReconnectingTest, ALostConnectionIsMadeAgainAtOnce) {
  EXPECT_EQ(error_of_read(), "");
  machine_.answers = false;
  EXPECT_EQ(error_of_read(), "");
  EXPECT_EQ(machine_.opened, 2);
}

TEST_F(ReconnectingTest, TriesAreTwiceAsFarApartEachTimeUpToAMinute) {
  machine_.answers = machine_.accepts = false;
  EXPECT_EQ(error_of_read(), "nobody there");
  std::vector<std::int64_t> pauses;
  for (std::int64_t waited = 1; pauses.size() < 8; ++waited) {
    clock_.sleep_ms(1000);
    machine_.accepts = true;
    machine_.banks = {digest::bank_of(digest::Algorithm::kSha1)};  // refused, so that the next pause is seen too
    const int before = machine_.opened;
    EXPECT_NE(error_of_read(), "");
    if (machine_.opened == before) continue;
    pauses.push_back(waited);
    waited = 0;
  }
  EXPECT_EQ(pauses, (std::vector<std::int64_t>{1, 2, 4, 8, 16, 32, 60, 60}));
  machine_.banks = kBanks;
  clock_.sleep_ms(60'000);
  EXPECT_EQ(error_of_read(), "");
}

TEST_F(ReconnectingTest, AnswersThatAreNoLossKeepTheConnection) {
  EXPECT_EQ(pcrs_->read(5).error().message, "PCR 5 is not allocated");
  EXPECT_EQ(machine_.opened, 1);
}

TEST_F(ReconnectingTest, ATpmWithOtherBanksIsNotTakenForThatOne) {
  machine_.answers = false;
  machine_.banks = {digest::bank_of(digest::Algorithm::kSha1)};
  const auto read = pcrs_->read(10);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kEnvironment);
  EXPECT_EQ(read.error().message,
            "the TPM now has the banks sha1, but had sha256 when imakeep started: restart imakeep");
}

TEST_F(ReconnectingTest, AnExtendIsNotTriedAgain) {
  machine_.answers = false;
  EXPECT_FALSE(pcrs_->extend(10, {}));
  EXPECT_EQ(machine_.opened, 1);
}

}  // namespace reconnecting_pcr_banks_test
}  // namespace imakeep::tpm
