// SPDX-License-Identifier: Apache-2.0
#include "verifier/policy_cache.h"

#include <gtest/gtest.h>

#include "policy/test_support.h"
#include "support/test_service.h"

namespace imakeep::verifier {
namespace policy_cache_test {

using test::good;

class PolicyCacheTest : public testing::Test {
 protected:
  Bytes put(const std::string& text) {
    const digest::Digest digest = digest::hash(digest::Algorithm::kSha256, as_bytes(text));
    EXPECT_TRUE(inner.put_policy(digest.view(), as_bytes(text), 1));
    return Bytes(digest.view().begin(), digest.view().end());
  }
  Bytes put_release(int release) { return put(policy::PolicyText{.release = std::to_string(release)}.str()); }

  vstore::MemoryStore inner;
  vstore::FaultyStore store{inner};
};

TEST_F(PolicyCacheTest, GivesPoliciesInTheOrderOfTheListAndSharesThem) {
  PolicyCache cache(store, policy::Mode::kStrict);
  const Bytes one = put_release(1);
  const Bytes two = put_release(2);
  const auto both = good(cache.get({two, one}));
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].file, "sha256:" + to_hex(two));
  EXPECT_EQ(both[1].file, "sha256:" + to_hex(one));
  EXPECT_EQ(good(cache.get({one})).at(0).policy, both[1].policy);
  EXPECT_EQ(store.calls(), 2u);
  EXPECT_TRUE(good(cache.get({})).empty());
}

TEST_F(PolicyCacheTest, ForgetsThePolicyThatNobodyUsedForTheLongestTime) {
  PolicyCache cache(store, policy::Mode::kStrict, 2);
  const Bytes one = put_release(1);
  const Bytes two = put_release(2);
  const Bytes three = put_release(3);
  const auto used = good(cache.get({one}));
  EXPECT_TRUE(cache.get({two}));
  EXPECT_TRUE(cache.get({one}));
  EXPECT_TRUE(cache.get({three}));  // instead of two
  EXPECT_EQ(store.calls(), 3u);
  EXPECT_TRUE(cache.get({one}));
  EXPECT_EQ(store.calls(), 3u);
  EXPECT_TRUE(cache.get({two}));
  EXPECT_EQ(store.calls(), 4u);
  // Whoever has a policy keeps it.
  EXPECT_NE(used[0].policy, nullptr);
  EXPECT_EQ(good(cache.get({one, two, three})).size(), 3u);
}

TEST_F(PolicyCacheTest, NamesThePolicyThatIsMissingOrBad) {
  PolicyCache cache(store, policy::Mode::kStrict);
  const Bytes unknown(32, std::byte{5});
  const auto missing = cache.get({unknown});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kMalformed);
  EXPECT_NE(missing.error().message.find(to_hex(unknown)), std::string::npos);
  const Bytes bad = put("{}");
  const auto refused = cache.get({bad});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find(to_hex(bad)), std::string::npos) << refused.error().message;
}

TEST_F(PolicyCacheTest, TriesAgainAfterTheStoreFailed) {
  PolicyCache cache(store, policy::Mode::kStrict);
  const Bytes one = put_release(1);
  store.fail_at(0, vstore::FaultPoint::kBeforeEffect);
  EXPECT_EQ(cache.get({one}).error().code, ErrorCode::kIo);
  EXPECT_TRUE(cache.get({one}));
}

}  // namespace policy_cache_test
}  // namespace imakeep::verifier
