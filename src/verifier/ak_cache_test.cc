// SPDX-License-Identifier: Apache-2.0
#include "verifier/ak_cache.h"

#include <gtest/gtest.h>

#include "support/test_verifier.h"

namespace imakeep::verifier {
namespace ak_cache_test {

TEST(AkCache, GivesEachHostItsOwnKeyBeyondItsBoundToo) {
  AkCache cache(2);
  const std::vector<test::TestHost> hosts = {test::TestHost("a"), test::TestHost("b"), test::TestHost("c")};
  for (int round = 0; round < 3; ++round) {
    for (const test::TestHost& host : hosts) {
      const auto evidence = host.header({}, 0);
      const auto quote = tpm::parse_quote(evidence.quote);
      const auto signature = tpm::parse_signature(evidence.signature);
      ASSERT_TRUE(quote && signature);
      for (const test::TestHost& other : hosts) {
        const auto key = cache.get(other.key.public_area());
        ASSERT_TRUE(key);
        EXPECT_EQ(attest::check_signature(*quote, *signature, *key).has_value(), &other == &host);
      }
    }
  }
}

TEST(AkCache, RemembersNoKeyThatCannotBeUsed) {
  AkCache cache;
  for (int round = 0; round < 2; ++round) EXPECT_FALSE(cache.get(as_bytes("no key")));
}

}  // namespace ak_cache_test
}  // namespace imakeep::verifier
