// SPDX-License-Identifier: Apache-2.0
#include "enrol/ak_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "digest/digest.h"
#include "enrol/test_support.h"

namespace imakeep::enrol {
namespace ak_check_test {

using ::testing::StartsWith;

std::string checking(const TPMT_PUBLIC& area) {
  const auto checked = check_ak(marshalled(area));
  if (checked) return "taken";
  EXPECT_EQ(checked.error().code, ErrorCode::kUnsupported);
  return checked.error().message;
}

template <class Change>
std::string checking_ecc(Change change) {
  TPMT_PUBLIC area = ecc_ak(generator_x(), generator_y());
  change(area);
  return checking(area);
}

template <class Change>
std::string checking_rsa(Change change) {
  TPMT_PUBLIC area = rsa_ak(some_modulus());
  change(area);
  return checking(area);
}

std::string refused_as(const std::string& reason) {
  return "AK refused (" + reason + "): ";
}

TEST(CheckAk, TakesAnAttestationKeyAndNamesIt) {
  const Bytes sized = marshalled(ecc_ak(generator_x(), generator_y()));
  const Bytes area(sized.begin() + 2, sized.end());
  Bytes name = *from_hex("000b");
  append_bytes(name, digest::hash(digest::Algorithm::kSha256, area).view());
  for (const Bytes& form : {sized, area}) {
    const auto key = check_ak(form);
    ASSERT_TRUE(key) << key.error().message;
    EXPECT_EQ(key->public_area, area);
    EXPECT_EQ(key->name, name);
  }
  EXPECT_EQ(checking_rsa([](TPMT_PUBLIC&) {}), "taken");
  EXPECT_EQ(checking_rsa([](TPMT_PUBLIC& a) { a.parameters.rsaDetail.scheme.scheme = TPM2_ALG_RSAPSS; }), "taken");
  EXPECT_EQ(checking_ecc([](TPMT_PUBLIC& a) { a.parameters.eccDetail.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA512; }),
            "taken");
}

TEST(CheckAk, RefusesEveryAttributeThatIsNotAsItHasToBe) {
  const struct {
    TPMA_OBJECT attribute;
    const char* reason;
  } attributes[] = {{TPMA_OBJECT_SIGN_ENCRYPT, "not-signing"},     {TPMA_OBJECT_DECRYPT, "decrypts"},
                    {TPMA_OBJECT_RESTRICTED, "not-restricted"},    {TPMA_OBJECT_FIXEDTPM, "not-fixed-tpm"},
                    {TPMA_OBJECT_FIXEDPARENT, "not-fixed-parent"}, {TPMA_OBJECT_SENSITIVEDATAORIGIN, "imported"}};
  for (const auto& each : attributes) {
    const auto flip = [&each](TPMT_PUBLIC& area) { area.objectAttributes ^= each.attribute; };
    EXPECT_THAT(checking_ecc(flip), StartsWith(refused_as(each.reason)));
    EXPECT_THAT(checking_rsa(flip), StartsWith(refused_as(each.reason)));
  }
}

TEST(CheckAk, RefusesWeakHashes) {
  EXPECT_THAT(checking_ecc([](TPMT_PUBLIC& a) { a.nameAlg = TPM2_ALG_SHA1; }), StartsWith(refused_as("weak-name")));
  EXPECT_THAT(checking_ecc([](TPMT_PUBLIC& a) { a.parameters.eccDetail.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA1; }),
              StartsWith(refused_as("weak-hash")));
  EXPECT_THAT(
      checking_rsa([](TPMT_PUBLIC& a) { a.parameters.rsaDetail.scheme.details.rsassa.hashAlg = TPM2_ALG_SHA1; }),
      StartsWith(refused_as("weak-hash")));
}

TEST(CheckAk, RefusesOtherSchemes) {
  EXPECT_THAT(checking_ecc([](TPMT_PUBLIC& a) { a.parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL; }),
              StartsWith(refused_as("scheme")));
  EXPECT_THAT(checking_ecc([](TPMT_PUBLIC& a) { a.parameters.eccDetail.scheme.scheme = TPM2_ALG_SM2; }),
              StartsWith(refused_as("scheme")));
  EXPECT_THAT(checking_rsa([](TPMT_PUBLIC& a) { a.parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL; }),
              StartsWith(refused_as("scheme")));
}

TEST(CheckAk, RefusesWeakKeys) {
  EXPECT_THAT(checking(rsa_ak(some_modulus(128))), StartsWith(refused_as("weak-key")));
  EXPECT_THAT(checking_rsa([](TPMT_PUBLIC& a) { a.unique.rsa.size = 128; }), StartsWith(refused_as("weak-key")));
  EXPECT_THAT(checking_rsa([](TPMT_PUBLIC& a) { a.parameters.rsaDetail.exponent = 3; }),
              StartsWith(refused_as("exponent")));
  EXPECT_THAT(checking_ecc([](TPMT_PUBLIC& a) { a.parameters.eccDetail.curveID = TPM2_ECC_NIST_P224; }),
              StartsWith(refused_as("weak-key")));
  EXPECT_THAT(checking_ecc([](TPMT_PUBLIC& a) { a.unique.ecc.y.buffer[31] ^= 1; }),
              StartsWith(refused_as("not-a-key")));
}

TEST(CheckAk, RefusesWhatIsNoPublicArea) {
  Bytes bytes = marshalled(ecc_ak(generator_x(), generator_y()));
  bytes.push_back(std::byte{0});
  EXPECT_EQ(check_ak(bytes).error().code, ErrorCode::kMalformed);
  EXPECT_FALSE(check_ak({}));
}

}  // namespace ak_check_test
}  // namespace imakeep::enrol
