// SPDX-License-Identifier: Apache-2.0
#include "tpm/openssl_key.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

namespace imakeep::tpm {
namespace openssl_key_test {

// The generator of P-256, SEC 2, section 2.4.2.
PublicKey generator() {
  return {.ecc = true,
          .curve = EccCurve::kP256,
          .x = *from_hex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"),
          .y = *from_hex("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")};
}

TEST(OpensslKey, IsThePointOfTheCurve) {
  const auto key = openssl_key(generator());
  ASSERT_TRUE(key);
  EXPECT_EQ(EVP_PKEY_get_bits(key.get()), 256);
}

TEST(OpensslKey, IsNoneForAPointOffTheCurve) {
  PublicKey off = generator();
  off.y.back() ^= std::byte{1};
  EXPECT_FALSE(openssl_key(off));
  PublicKey longer = generator();
  longer.x.insert(longer.x.begin(), std::byte{0});
  EXPECT_FALSE(openssl_key(longer));
}

TEST(OpensslKey, HasTheModulus) {
  Bytes modulus(256, std::byte{0xc1});
  modulus.back() = std::byte{1};
  const auto key = openssl_key({.modulus = modulus, .exponent = 65537});
  ASSERT_TRUE(key);
  EXPECT_EQ(EVP_PKEY_get_bits(key.get()), 2048);
}

}  // namespace openssl_key_test
}  // namespace imakeep::tpm
