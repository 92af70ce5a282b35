// SPDX-License-Identifier: Apache-2.0
// contract/pcr_banks_contract.h - what every version of tpm::PcrBanks must do.
//
// A subject is a version with fresh PCRs and whatever it needs beneath it:
//   struct Subject {
//     static const char* missing();           // why it cannot be tested here, or null
//     Subject();                              // at least two banks, PCRs 0-15 at zero
//     tpm::PcrBanks& pcrs();                  // the version under test
//     Result<void> extend(pcr, digests);      // extends what pcrs() reads: its own extend(), unless it has none
//   };
// INSTANTIATE_TYPED_TEST_SUITE_P(Name, PcrBanksReadContract, Subject) for all;
// PcrBanksExtendContract for those that extend by themselves.
#pragma once

#include <atomic>
#include <memory>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "support/pcr_values.h"
#include "tpm/pcr_banks.h"

namespace imakeep::test {

template <class Subject>
class PcrBanksReadContract : public testing::Test {
 protected:
  void SetUp() override {
    if (const char* const missing = Subject::missing(); missing != nullptr) GTEST_SKIP() << missing;
    subject_ = std::make_unique<Subject>();
  }
  tpm::PcrBanks& pcrs() { return subject_->pcrs(); }
  const std::vector<digest::Bank>& banks() { return pcrs().banks(); }
  std::vector<digest::Digest> read(std::uint32_t pcr) {
    const auto values = pcrs().read(pcr);
    EXPECT_TRUE(values) << describe(values.error());
    return values.value_or(std::vector<digest::Digest>());
  }
  void extend(std::uint32_t pcr, const std::vector<digest::Digest>& digests) {
    const auto extended = subject_->extend(pcr, digests);
    ASSERT_TRUE(extended) << describe(extended.error());
  }

  std::unique_ptr<Subject> subject_;
};

TYPED_TEST_SUITE_P(PcrBanksReadContract);

TYPED_TEST_P(PcrBanksReadContract, BanksAreSeveralWithoutRepeats) {
  EXPECT_GE(this->banks().size(), 2u);
  std::set<std::string> names;
  for (const digest::Bank& bank : this->banks()) EXPECT_TRUE(names.insert(bank.name()).second) << bank.name();
}

TYPED_TEST_P(PcrBanksReadContract, PcrsOfTheSystemStartAtZeroInEveryBank) {
  for (std::uint32_t pcr = 0; pcr < 16; ++pcr) EXPECT_EQ(this->read(pcr), values_after(this->banks(), {})) << pcr;
}

TYPED_TEST_P(PcrBanksReadContract, ValuesAreThoseAfterTheExtendsInTheOrderOfBanks) {
  const auto first = digests_for(this->banks(), 1);
  const auto second = digests_for(this->banks(), 2);
  this->extend(10, first);
  EXPECT_EQ(this->read(10), values_after(this->banks(), {first}));
  this->extend(10, second);
  EXPECT_EQ(this->read(10), values_after(this->banks(), {first, second}));
}

TYPED_TEST_P(PcrBanksReadContract, AnExtendLeavesTheOtherPcrs) {
  const auto digests = digests_for(this->banks(), 1);
  for (const std::uint32_t pcr : {0u, 7u, 8u, 15u}) {
    this->extend(pcr, digests);
    EXPECT_EQ(this->read(pcr), values_after(this->banks(), {digests})) << pcr;
  }
  for (const std::uint32_t pcr : {1u, 6u, 9u, 10u, 14u}) {
    EXPECT_EQ(this->read(pcr), values_after(this->banks(), {})) << pcr;
  }
}

TYPED_TEST_P(PcrBanksReadContract, APcrThatNoTpmHasIsAWrongCall) {
  for (const std::uint32_t pcr : {24u, 25u, 255u, 0xffffffffu}) {
    const auto values = this->pcrs().read(pcr);
    ASSERT_FALSE(values);
    EXPECT_EQ(values.error().code, ErrorCode::kUsage);
  }
  EXPECT_EQ(this->read(23).size(), this->banks().size());
}

TYPED_TEST_P(PcrBanksReadContract, ManyThreadsMayRead) {
  const auto digests = digests_for(this->banks(), 3);
  this->extend(10, digests);
  const auto expected = values_after(this->banks(), {digests});
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 10; ++n) right += this->pcrs().read(10) == expected ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 40);
}

REGISTER_TYPED_TEST_SUITE_P(PcrBanksReadContract, BanksAreSeveralWithoutRepeats, PcrsOfTheSystemStartAtZeroInEveryBank,
                            ValuesAreThoseAfterTheExtendsInTheOrderOfBanks, AnExtendLeavesTheOtherPcrs,
                            APcrThatNoTpmHasIsAWrongCall, ManyThreadsMayRead);

template <class Subject>
class PcrBanksExtendContract : public PcrBanksReadContract<Subject> {
 protected:
  // A wrong call that is refused, and after which nothing has changed.
  void expect_refused(std::uint32_t pcr, const std::vector<digest::Digest>& digests) {
    const auto extended = this->pcrs().extend(pcr, digests);
    ASSERT_FALSE(extended);
    EXPECT_EQ(extended.error().code, ErrorCode::kUsage);
    EXPECT_EQ(this->read(10), values_after(this->banks(), {}));
  }
};

TYPED_TEST_SUITE_P(PcrBanksExtendContract);

TYPED_TEST_P(PcrBanksExtendContract, ADigestTooFewOrTooManyExtendsNoBank) {
  auto digests = digests_for(this->banks(), 1);
  this->expect_refused(10, {digests.begin(), digests.end() - 1});
  digests.push_back(digests.back());
  this->expect_refused(10, digests);
  this->expect_refused(10, {});
}

TYPED_TEST_P(PcrBanksExtendContract, ADigestOfTheWrongSizeExtendsNoBank) {
  for (std::size_t bank = 0; bank < this->banks().size(); ++bank) {
    for (const std::size_t size : {std::size_t{0}, this->banks()[bank].digest_bytes() - 1}) {
      auto digests = digests_for(this->banks(), 1);
      digests[bank] = digest::Digest(size);
      this->expect_refused(10, digests);
    }
  }
}

TYPED_TEST_P(PcrBanksExtendContract, APcrThatNoTpmHasIsNotExtended) {
  for (const std::uint32_t pcr : {24u, 0xffffffffu}) this->expect_refused(pcr, digests_for(this->banks(), 1));
}

TYPED_TEST_P(PcrBanksExtendContract, AViolationIsExtendedLikeAnyDigest) {
  std::vector<digest::Digest> ones;
  for (const digest::Bank& bank : this->banks()) {
    ones.push_back(digest::Digest::filled(bank.digest_bytes(), std::byte{0xff}));
  }
  ASSERT_TRUE(this->pcrs().extend(10, ones));
  EXPECT_EQ(this->read(10), values_after(this->banks(), {ones}));
}

TYPED_TEST_P(PcrBanksExtendContract, NoExtendIsLostWhenManyThreadsExtend) {
  constexpr int kThreads = 4;
  constexpr int kEach = 10;
  const auto digests = digests_for(this->banks(), 5);
  std::vector<std::thread> threads;
  std::atomic<int> failed = 0;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < kEach; ++n) failed += this->pcrs().extend(10, digests) ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  const std::vector<std::vector<digest::Digest>> all(kThreads * kEach, digests);
  EXPECT_EQ(this->read(10), values_after(this->banks(), all));
}

REGISTER_TYPED_TEST_SUITE_P(PcrBanksExtendContract, ADigestTooFewOrTooManyExtendsNoBank,
                            ADigestOfTheWrongSizeExtendsNoBank, APcrThatNoTpmHasIsNotExtended,
                            AViolationIsExtendedLikeAnyDigest, NoExtendIsLostWhenManyThreadsExtend);

}  // namespace imakeep::test
