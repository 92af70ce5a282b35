// SPDX-License-Identifier: Apache-2.0
#include "digest/hash_many.h"

#include <algorithm>
#include <cctype>
#include <random>

#include <gtest/gtest.h>

#include "digest/implementation.h"

namespace imakeep::digest {
namespace hash_many_test {

constexpr Algorithm kAlgorithms[] = {Algorithm::kSha1, Algorithm::kSha256, Algorithm::kSha384, Algorithm::kSha512};

// Each test runs with every implementation that the processor has, and compares it with OpenSSL.
class EveryImplementation : public testing::TestWithParam<Implementation> {
 protected:
  void SetUp() override { ASSERT_TRUE(use_implementation(implementation_name(GetParam()))); }
  void TearDown() override { ASSERT_TRUE(use_implementation(implementation_name(implementations().back()))); }
};

// By OpenSSL's streams, which no implementation replaces.
Digest reference(Algorithm algorithm, ByteView message) {
  Hasher hasher(algorithm);
  hasher.update(message);
  return hasher.finish();
}

std::vector<Bytes> messages(std::mt19937_64& random, std::size_t count, std::size_t longest) {
  std::vector<Bytes> made;
  for (std::size_t i = 0; i < count; ++i) {
    Bytes& message = made.emplace_back(random() % (longest + 1));
    for (std::byte& byte : message) byte = static_cast<std::byte>(random());
  }
  return made;
}

void expect_agreement(const std::vector<Bytes>& messages) {
  const std::vector<ByteView> views(messages.begin(), messages.end());
  for (const Algorithm algorithm : kAlgorithms) {
    std::vector<Digest> digests(views.size());
    hash_many(algorithm, views, digests);
    for (std::size_t i = 0; i < views.size(); ++i) {
      const Digest expected = reference(algorithm, views[i]);
      ASSERT_EQ(digests[i], expected) << info(algorithm).name << " of " << views[i].size() << " bytes, message " << i;
      ASSERT_EQ(hash(algorithm, views[i]), expected) << info(algorithm).name << " of " << views[i].size() << " bytes";
    }
  }
}

TEST_P(EveryImplementation, HashesMessagesOfEveryLength) {
  std::mt19937_64 random(1);
  std::vector<Bytes> every;
  for (std::size_t length = 0; length <= 320; ++length) {
    Bytes& message = every.emplace_back(length);
    for (std::byte& byte : message) byte = static_cast<std::byte>(random());
  }
  expect_agreement(every);
}

TEST_P(EveryImplementation, HashesAnyNumberOfMessages) {
  std::mt19937_64 random(2);
  for (std::size_t count = 0; count <= 40; ++count) expect_agreement(messages(random, count, 200));
  expect_agreement(messages(random, 1000, 600));
}

TEST_P(EveryImplementation, HashesPartsAsOneMessage) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 500; ++round) {
    const std::vector<Bytes> parts = messages(random, 3, 150);
    Bytes joined;
    for (const Bytes& part : parts) append_bytes(joined, part);
    for (const Algorithm algorithm : kAlgorithms) {
      ASSERT_EQ(hash(algorithm, {parts[0], parts[1], parts[2]}), reference(algorithm, joined))
          << info(algorithm).name << " of " << parts[0].size() << ", " << parts[1].size() << " and " << parts[2].size();
    }
  }
}

// Extends a PCR `extended` times together with the messages, and calls other work at each extend.
void expect_agreement_together(std::size_t extended, const std::vector<Bytes>& messages, std::mt19937_64& random) {
  const std::vector<ByteView> views(messages.begin(), messages.end());
  for (const Algorithm algorithm : kAlgorithms) {
    const std::string what = std::string(info(algorithm).name) + ", " + std::to_string(extended) + " extends with " +
                             std::to_string(views.size()) + " messages, number ";
    std::vector<Digest> extends(extended);
    for (Digest& digest : extends) {
      digest = Digest(digest_bytes(algorithm));
      std::generate_n(digest.data(), digest.size(), [&] { return static_cast<std::byte>(random()); });
    }
    std::vector<Digest> after(extends.size()), digests(views.size());
    const Digest start = Digest::filled(digest_bytes(algorithm), std::byte{7});
    std::size_t calls = 0;
    hash_many_together(algorithm, views, digests,
                       {.pcr = start, .digests = extends, .after = after, .meanwhile = [&] { ++calls; }});
    EXPECT_EQ(calls, extended);
    Digest pcr = start;
    for (std::size_t i = 0; i < extends.size(); ++i) {
      Bytes joined(pcr.view().begin(), pcr.view().end());
      append_bytes(joined, extends[i].view());
      pcr = reference(algorithm, joined);
      ASSERT_EQ(after[i], pcr) << what << i << " of the extends";
    }
    for (std::size_t i = 0; i < views.size(); ++i) {
      ASSERT_EQ(digests[i], reference(algorithm, views[i])) << what << i << " of the messages";
    }
  }
}

TEST_P(EveryImplementation, ExtendsAPcrTogetherWithMessages) {
  std::mt19937_64 random(4);
  // Few extends with many messages, and the other way round.
  for (const auto& [extended, hashed] : {std::pair{0, 9}, {9, 0}, {1, 50}, {50, 1}, {40, 40}, {300, 200}, {700, 100}}) {
    expect_agreement_together(static_cast<std::size_t>(extended),
                              messages(random, static_cast<std::size_t>(hashed), 300), random);
  }
}

TEST_P(EveryImplementation, ExtendsAPcrTogetherWithMessagesThatFillItsLanesOrDoNot) {
  std::mt19937_64 random(5);
  for (const std::size_t hashed : {7U, 8U, 9U, 11U, 12U, 13U, 15U, 16U, 17U, 31U, 32U, 33U}) {
    for (std::size_t extended = 0; extended <= 34; ++extended) {
      expect_agreement_together(extended, messages(random, hashed, 200), random);
    }
  }
}

TEST_P(EveryImplementation, ExtendsAPcrTogetherWithOneMessageThatTakesLongerThanTheOthers) {
  std::mt19937_64 random(6);
  for (const std::size_t at : {0U, 5U, 19U}) {
    for (const std::size_t extended : {1U, 60U, 500U}) {
      std::vector<Bytes> bodies = messages(random, 20, 100);
      bodies[at] = Bytes(5000, std::byte{1});
      expect_agreement_together(extended, bodies, random);
    }
  }
}

std::string test_name(const testing::TestParamInfo<Implementation>& test) {
  std::string name(implementation_name(test.param));
  std::ranges::replace_if(
      name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Digest, EveryImplementation, testing::ValuesIn(implementations()), test_name);

TEST(Implementation, IsTakenByItsName) {
  ASSERT_TRUE(use_implementation("portable"));
  EXPECT_EQ(implementation(), Implementation::kPortable);
  EXPECT_EQ(use_implementation("abacus").error().code, ErrorCode::kUsage);
  EXPECT_EQ(implementation(), Implementation::kPortable);
  ASSERT_TRUE(use_implementation(implementation_name(implementations().back())));
  EXPECT_EQ(implementation(), implementations().back());
}

}  // namespace hash_many_test
}  // namespace imakeep::digest
