// SPDX-License-Identifier: Apache-2.0
#include "attest/boot_aggregate.h"

#include <gtest/gtest.h>

#include "imalog/test_support.h"

namespace imakeep::attest {
namespace boot_aggregate_test {

using imalog::PcrState;
using imalog::PcrValue;
using imalog::test::Content;

std::vector<PcrValue> values_in(const digest::Bank& bank, std::uint32_t count) {
  std::vector<PcrValue> values;
  for (std::uint32_t pcr = 0; pcr < count; ++pcr) {
    const auto fill = static_cast<std::byte>(pcr + 1);
    values.push_back({.bank = bank, .pcr = pcr, .value = digest::Digest::filled(bank.digest_bytes(), fill)});
  }
  return values;
}

digest::Digest hash_of_first(const std::vector<PcrValue>& values, std::size_t count) {
  Bytes joined;
  for (std::size_t i = 0; i < count; ++i) append_bytes(joined, values[i].value.view());
  return digest::hash(values[0].bank.algorithm, joined);
}

Content record(std::string_view prefix, const digest::Digest& digest, const std::string& name = "boot_aggregate") {
  Bytes field = imalog::test::bytes_of(std::string(prefix) + '\0');
  append_bytes(field, digest.view());
  Bytes path = imalog::test::bytes_of(name + '\0');
  const bool v2 = std::ranges::count(prefix, ':') == 2;
  return {.template_name = v2 ? "ima-ngv2" : "ima-ng", .body = imalog::test::data_of({field, path})};
}

std::optional<BootAggregateCheck> check(const Content& content, const std::vector<PcrValue>& values,
                                        std::uint32_t extended_pcrs = 0) {
  const auto stated = boot_aggregate_of(content.view(), ByteOrder::kLittle);
  if (!stated) return std::nullopt;
  return check_boot_aggregate(*stated, values, PcrState({values[0].bank}), extended_pcrs);
}

TEST(BootAggregate, IsTheHashOverPcrs0To9InEveryBankButSha1) {
  for (const char* const name : {"sha256", "sha384", "sha512"}) {
    const auto values = values_in(imalog::test::bank(name), 10);
    const std::string prefix = std::string(name) + ":";
    const auto good = check(record(prefix, hash_of_first(values, 10)), values);
    ASSERT_TRUE(good) << name;
    EXPECT_TRUE(good->matches);
    EXPECT_EQ(good->pcrs, 10u);
    EXPECT_FALSE(check(record(prefix, hash_of_first(values, 9)), values)->matches) << name;
  }
}

TEST(BootAggregate, MayBeOverPcrs0To7InEveryBank) {
  for (const char* const name : {"sha256", "sha384"}) {
    const auto values = values_in(imalog::test::bank(name), 10);
    const Content content = record(std::string(name) + ":", hash_of_first(values, 8));
    for (const std::uint32_t given : {10u, 9u, 8u}) {
      const auto good = check(content, {values.begin(), values.begin() + given});
      ASSERT_TRUE(good) << name << ' ' << given;
      EXPECT_TRUE(good->matches);
      EXPECT_EQ(good->pcrs, 8u);
    }
    EXPECT_FALSE(check(content, {values.begin(), values.begin() + 7}));
  }
}

TEST(BootAggregate, OfSha1IsNeverOverMore) {
  const auto values = values_in(imalog::test::bank("sha1"), 10);
  const auto bad = check(record("sha1:", hash_of_first(values, 10)), values);
  ASSERT_TRUE(bad);
  EXPECT_FALSE(bad->matches);
}

TEST(BootAggregate, OfSha1IsTheHashOverPcrs0To7) {
  const auto values = values_in(imalog::test::bank("sha1"), 8);
  const auto good = check(record("sha1:", hash_of_first(values, 8)), values);
  ASSERT_TRUE(good);
  EXPECT_TRUE(good->matches);
  EXPECT_EQ(good->pcrs, 8u);
}

TEST(BootAggregate, OfTheOldTemplateIsOfSha1) {
  const auto values = values_in(imalog::test::bank("sha1"), 10);
  const Content old{.template_name = "ima",
                    .body = imalog::test::ima_body(hash_of_first(values, 8).view(), "boot_aggregate")};
  EXPECT_TRUE(check(old, values)->matches);
}

TEST(BootAggregate, MayNameTheKindOfItsDigest) {
  const auto values = values_in(imalog::test::bank("sha256"), 10);
  EXPECT_TRUE(check(record("ima:sha256:", hash_of_first(values, 10)), values)->matches);
}

TEST(BootAggregate, OfOtherPcrsDoesNotMatch) {
  const auto values = values_in(imalog::test::bank("sha256"), 10);
  EXPECT_FALSE(check(record("sha256:", digest::Digest(32)), values)->matches);
}

TEST(BootAggregate, IsNotComparedWithoutEachOfItsPcrsInItsBank) {
  const auto values = values_in(imalog::test::bank("sha256"), 10);
  const Content content = record("sha256:", hash_of_first(values, 10));
  EXPECT_FALSE(check(content, values_in(imalog::test::bank("sha256"), 9)));
  EXPECT_FALSE(check(content, values_in(imalog::test::bank("sha384"), 10)));
}

TEST(BootAggregate, TakesPcrsThatTheLogExtendsAsTheyWereAtItsStart) {
  auto values = values_in(imalog::test::bank("sha256"), 10);
  const auto now = values;
  values[9].value = digest::Digest(32);
  EXPECT_TRUE(check(record("sha256:", hash_of_first(values, 10)), now, 1u << 9)->matches);
}

TEST(BootAggregate, IsNoOtherRecordAndNoUnknownAlgorithm) {
  const digest::Digest digest(32);
  EXPECT_FALSE(boot_aggregate_of(record("sha256:", digest, "/boot_aggregate").view(), ByteOrder::kLittle));
  EXPECT_FALSE(boot_aggregate_of(record("md9:", digest).view(), ByteOrder::kLittle));
  EXPECT_FALSE(boot_aggregate_of(record("sha256", digest).view(), ByteOrder::kLittle));
}

}  // namespace boot_aggregate_test
}  // namespace imakeep::attest
