// SPDX-License-Identifier: Apache-2.0
#include "evidence/names.h"

#include <gtest/gtest.h>

namespace imakeep::evidence {
namespace names_test {

TEST(CheckHost, TakesNamesOfHostsAndIdentifiers) {
  for (const char* const name : {"a", "web-1.example.org", "d432fbb3-d2f1-4a97-9ef7-75bd81c00000", "A_b:9"}) {
    EXPECT_TRUE(check_host(name)) << name;
  }
  EXPECT_TRUE(check_host(std::string(kMostHostBytes, 'h')));
}

TEST(CheckHost, RefusesOtherNames) {
  using std::string_literals::operator""s;
  for (const std::string& name : {""s, "a b"s, "a/b"s, "a\n"s, "a\0"s, "\xc3\xa4"s, "a\""s, "a%2f"s}) {
    EXPECT_EQ(check_host(name).error().code, ErrorCode::kMalformed) << name;
  }
  EXPECT_FALSE(check_host(std::string(kMostHostBytes + 1, 'h')));
}

TEST(CheckTenant, TakesNoName) {
  EXPECT_TRUE(check_tenant(""));
  EXPECT_TRUE(check_tenant(std::string(kMostTenantBytes, 't')));
  EXPECT_FALSE(check_tenant(std::string(kMostTenantBytes + 1, 't')));
  EXPECT_FALSE(check_tenant("a/b"));
}

}  // namespace names_test
}  // namespace imakeep::evidence
