// SPDX-License-Identifier: Apache-2.0
#include "attest/verified_chain.h"

#include <gtest/gtest.h>

#include "attest/test_support.h"

namespace imakeep::attest {
namespace verified_chain_test {

using test::must;

VerifiedChain example() {
  digest::PcrState pcrs({imalog::test::bank("sha1"), imalog::test::bank("sha384:padded")});
  for (const std::uint32_t pcr : {10u, 11u, 23u}) {
    for (std::size_t bank = 0; bank < pcrs.banks().size(); ++bank) {
      pcrs.set(bank, pcr, digest::Digest(Bytes(pcrs.banks()[bank].digest_bytes(), std::byte(pcr + bank))));
    }
  }
  return {.chain = 3, .proven = 1'000'000'000'000, .clock_ms = 77, .reset_count = 5, .restart_count = 6, .pcrs = pcrs};
}

TEST(VerifiedChain, IsTheSameAfterSavingAndLoading) {
  for (const VerifiedChain& chain : {VerifiedChain{}, example()}) {
    EXPECT_EQ(must(load_verified_chain(save(chain))), chain);
  }
}

TEST(VerifiedChain, OfFourBanksAndOnePcrTakesLessThan300Bytes) {
  VerifiedChain chain = example();
  chain.pcrs = digest::PcrState(must(digest::parse_banks("sha1,sha256,sha384,sha512")));
  for (std::size_t bank = 0; bank < 4; ++bank) chain.pcrs.set(bank, 10, chain.pcrs.value(bank, 0));
  EXPECT_LT(save(chain).size(), 300u);
}

TEST(VerifiedChain, ThatIsCutShortIsRefused) {
  const Bytes saved = save(example());
  for (std::size_t size = 0; size < saved.size(); ++size) {
    const auto loaded = load_verified_chain(ByteView(saved).first(size));
    ASSERT_FALSE(loaded) << size;
    EXPECT_EQ(loaded.error().code, ErrorCode::kTruncated) << size;
  }
}

TEST(VerifiedChain, ThatSaveDoesNotWriteIsRefused) {
  constexpr std::size_t kPcrsAt = 8 + 3 * 8 + 2 * 4;
  const Bytes saved = save(example());
  const auto with = [&](std::size_t at, std::uint8_t value) {
    Bytes changed = saved;
    changed[at] = std::byte{value};
    return changed;
  };
  Bytes longer = saved;
  longer.push_back(std::byte{0});
  // The magic; PCR 24; an unknown algorithm; an unknown fill; a byte more; PCRs, but no bank.
  for (const Bytes& bad :
       {with(0, 'x'), with(kPcrsAt + 3, 1), with(kPcrsAt + 5, 0xfe), with(kPcrsAt + 7, 9), longer, [&] {
          Bytes none(saved.begin(), saved.begin() + kPcrsAt + 5);
          none[kPcrsAt + 4] = std::byte{0};
          return none;
        }()}) {
    const auto loaded = load_verified_chain(bad);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, ErrorCode::kMalformed);
  }
}

TEST(BeginsChain, FirstQuoteAndQuoteAfterTpmResetDo) {
  EXPECT_TRUE(must(begins_chain({}, {.clock_ms = 1, .reset_count = 0})));
  EXPECT_TRUE(must(begins_chain(example(), {.clock_ms = 1, .reset_count = 6, .restart_count = 0})));
}

TEST(BeginsChain, LaterQuoteOfTheSameBootDoesNot) {
  EXPECT_FALSE(must(begins_chain(example(), {.clock_ms = 77, .reset_count = 5, .restart_count = 6})));
  EXPECT_FALSE(must(begins_chain(example(), {.clock_ms = 78, .reset_count = 5, .restart_count = 7})));
}

TEST(BeginsChain, OlderQuoteIsRefused) {
  const tpm::ClockInfo older[] = {{.clock_ms = 76, .reset_count = 5, .restart_count = 6},
                                  {.clock_ms = 78, .reset_count = 5, .restart_count = 5},
                                  {.clock_ms = 78, .reset_count = 4, .restart_count = 7}};
  for (const tpm::ClockInfo& clock : older) {
    const auto begins = begins_chain(example(), clock);
    ASSERT_FALSE(begins);
    EXPECT_EQ(begins.error().code, ErrorCode::kMismatch);
    EXPECT_NE(begins.error().message.find("older than the last accepted one"), std::string::npos);
  }
}

}  // namespace verified_chain_test
}  // namespace imakeep::attest
