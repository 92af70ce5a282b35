// SPDX-License-Identifier: Apache-2.0
#include "verifier/host_state.h"

#include <gtest/gtest.h>

#include "support/test_verifier.h"

namespace imakeep::verifier {
namespace host_state_test {

using test::good;

HostState sample() {
  HostState state;
  state.chain.chain = 3;
  state.chain.proven = 1234;
  state.chain.clock_ms = 99;
  state.chain.reset_count = 5;
  state.chain.restart_count = 6;
  state.chain.pcrs = digest::PcrState({digest::bank_of(digest::Algorithm::kSha256)});
  state.open_pcrs = 1u << 11;
  state.boot = ear::BootOutcome::kDiffers;
  state.vector.set(ear::Claim::kExecutables, ear::kUnrecognizedExecutables);
  state.vector.set(ear::Claim::kHardware, ear::kAffirmed);
  state.refused = 7;
  state.open_findings = 2;
  return state;
}

TEST(HostState, IsLoadedAsItWasSaved) {
  const HostState state = sample();
  const HostState loaded = good(load_host_state(save(state)));
  EXPECT_EQ(loaded.chain, state.chain);
  EXPECT_EQ(loaded.learned.save(), state.learned.save());
  EXPECT_EQ(loaded.open_pcrs, state.open_pcrs);
  EXPECT_EQ(loaded.boot, state.boot);
  EXPECT_EQ(loaded.vector, state.vector);
  EXPECT_EQ(loaded.refused, 7u);
  EXPECT_EQ(loaded.open_findings, 2u);
}

TEST(HostState, OfNoBytesIsThatOfAHostThatNeverAttested) {
  const HostState state = good(load_host_state({}));
  EXPECT_EQ(state.chain.chain, 0u);
  EXPECT_EQ(state.chain.proven, 0u);
  EXPECT_EQ(state.refused, 0u);
}

TEST(HostState, EveryProperPrefixAndEveryByteMoreIsRefused) {
  Bytes saved = save(sample());
  for (std::size_t size = 1; size < saved.size(); ++size) {
    EXPECT_FALSE(load_host_state(ByteView(saved).first(size))) << size;
  }
  saved.push_back(std::byte{0});
  EXPECT_EQ(load_host_state(saved).error().code, ErrorCode::kMalformed);
}

TEST(HostState, WithAnotherMagicOrImpossibleValuesIsMalformed) {
  Bytes saved = save(sample());
  saved[0] ^= std::byte{1};
  EXPECT_EQ(load_host_state(saved).error().code, ErrorCode::kMalformed);
  // From the end: findings, refused, vector, boot.
  saved = save(sample());
  const std::size_t boot = saved.size() - 8 - 8 - ear::kClaimCount - 1;
  saved[boot] = std::byte{0x7f};
  EXPECT_EQ(load_host_state(saved).error().code, ErrorCode::kMalformed);
  saved = save(sample());
  saved[boot - 1] = std::byte{0xff};  // PCRs above 23
  EXPECT_EQ(load_host_state(saved).error().code, ErrorCode::kMalformed);
}

TEST(HostState, IsSmall) {
  EXPECT_LE(save(sample()).size(), 300u);
}

}  // namespace host_state_test
}  // namespace imakeep::verifier
