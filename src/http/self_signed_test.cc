// SPDX-License-Identifier: Apache-2.0
#include "http/self_signed.h"

#include <gtest/gtest.h>

namespace imakeep::http {
namespace self_signed_test {

TEST(SelfSigned, TwoCertificatesHaveDifferentPins) {
  const auto first = make_self_signed({"localhost", "127.0.0.1", "::1"}, 1'800'000'000);
  const auto second = make_self_signed({}, 1'800'000'000);
  ASSERT_TRUE(first) << describe(first.error());
  ASSERT_TRUE(second) << describe(second.error());
  const auto first_pin = pin_of(first->certificate);
  const auto second_pin = pin_of(second->certificate);
  ASSERT_TRUE(first_pin);
  ASSERT_TRUE(second_pin);
  EXPECT_TRUE(first_pin->starts_with("sha256//"));
  EXPECT_EQ(first_pin->size(), 8u + 44u);
  EXPECT_NE(*first_pin, *second_pin);
}

TEST(SelfSigned, TextWithoutACertificateHasNoPin) {
  const auto pin = pin_of("no certificate");
  ASSERT_FALSE(pin);
  EXPECT_EQ(pin.error().code, ErrorCode::kMalformed);
}

TEST(SelfSigned, BadNameIsRefused) {
  EXPECT_FALSE(make_self_signed({"a,b:"}, 1'800'000'000));
}

}  // namespace self_signed_test
}  // namespace imakeep::http
