// SPDX-License-Identifier: Apache-2.0
// enrol/test_support.h - public areas made for tests, and keys and certificates made by openssl. Threads: one at a
// time.
#pragma once

#include <tss2/tss2_mu.h>
#include <tss2/tss2_tpm2_types.h>

#include <string>

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace imakeep::enrol {

// A TPM2B_PUBLIC.
inline Bytes marshalled(const TPMT_PUBLIC& area) {
  TPM2B_PUBLIC sized = {.size = 0, .publicArea = area};
  Bytes bytes(sizeof sized);
  std::size_t end = 0;
  EXPECT_EQ(Tss2_MU_TPM2B_PUBLIC_Marshal(&sized, reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size(), &end),
            TSS2_RC_SUCCESS);
  bytes.resize(end);
  return bytes;
}

template <class Buffer>
void fill(Buffer& sized, ByteView bytes) {
  sized.size = static_cast<std::uint16_t>(bytes.size());
  std::memcpy(sized.buffer, bytes.data(), bytes.size());
}

inline constexpr TPMA_OBJECT kAkAttributes = TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_FIXEDTPM |
                                             TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
                                             TPMA_OBJECT_USERWITHAUTH;
inline constexpr TPMA_OBJECT kEkAttributes = TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT | TPMA_OBJECT_FIXEDTPM |
                                             TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
                                             TPMA_OBJECT_ADMINWITHPOLICY;

// The generator of P-256, SEC 2, section 2.4.2.
inline Bytes generator_x() {
  return *from_hex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
}
inline Bytes generator_y() {
  return *from_hex("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
}

inline TPMT_PUBLIC ecc_ak(ByteView x, ByteView y) {
  TPMT_PUBLIC area{};
  area.type = TPM2_ALG_ECC;
  area.nameAlg = TPM2_ALG_SHA256;
  area.objectAttributes = kAkAttributes;
  area.parameters.eccDetail.symmetric.algorithm = TPM2_ALG_NULL;
  area.parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDSA;
  area.parameters.eccDetail.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
  area.parameters.eccDetail.curveID = TPM2_ECC_NIST_P256;
  area.parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
  fill(area.unique.ecc.x, x);
  fill(area.unique.ecc.y, y);
  return area;
}

inline TPMT_PUBLIC rsa_ak(ByteView modulus) {
  TPMT_PUBLIC area{};
  area.type = TPM2_ALG_RSA;
  area.nameAlg = TPM2_ALG_SHA256;
  area.objectAttributes = kAkAttributes;
  area.parameters.rsaDetail.symmetric.algorithm = TPM2_ALG_NULL;
  area.parameters.rsaDetail.scheme.scheme = TPM2_ALG_RSASSA;
  area.parameters.rsaDetail.scheme.details.rsassa.hashAlg = TPM2_ALG_SHA256;
  area.parameters.rsaDetail.keyBits = static_cast<std::uint16_t>(modulus.size() * 8);
  fill(area.unique.rsa, modulus);
  return area;
}

inline Bytes some_modulus(std::size_t bytes = 256) {
  Bytes modulus(bytes, std::byte{0xc1});
  modulus.back() = std::byte{1};
  return modulus;
}

inline void as_ek(TPMT_PUBLIC& area) {
  area.objectAttributes = kEkAttributes;
  // RSA and ECC keys have both at the same place.
  area.parameters.asymDetail.symmetric.algorithm = TPM2_ALG_AES;
  area.parameters.asymDetail.symmetric.keyBits.aes = 128;
  area.parameters.asymDetail.symmetric.mode.aes = TPM2_ALG_CFB;
  area.parameters.asymDetail.scheme.scheme = TPM2_ALG_NULL;
}

inline TPMT_PUBLIC ecc_ek(ByteView x, ByteView y) {
  TPMT_PUBLIC area = ecc_ak(x, y);
  as_ek(area);
  return area;
}
inline TPMT_PUBLIC rsa_ek(ByteView modulus) {
  TPMT_PUBLIC area = rsa_ak(modulus);
  as_ek(area);
  return area;
}

}  // namespace imakeep::enrol
