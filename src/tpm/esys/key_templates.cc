// SPDX-License-Identifier: Apache-2.0
#include "tpm/esys/key_templates.h"

#include <algorithm>
#include <array>

namespace imakeep::tpm {
namespace {

constexpr UINT16 kRsaBytes = 256;
constexpr UINT16 kP256Bytes = 32;
constexpr TPMA_OBJECT kOwnKey = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN;

// TPM2_PolicySecret(TPM_RH_ENDORSEMENT), by SHA-256.
constexpr std::array<BYTE, 32> kEkPolicy = {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc,
                                            0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52,
                                            0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};

TPMT_SYM_DEF_OBJECT aes_128_cfb() {
  TPMT_SYM_DEF_OBJECT symmetric{};
  symmetric.algorithm = TPM2_ALG_AES;
  symmetric.keyBits.aes = 128;
  symmetric.mode.aes = TPM2_ALG_CFB;
  return symmetric;
}

TPMT_SYM_DEF_OBJECT no_symmetric() {
  TPMT_SYM_DEF_OBJECT symmetric{};
  symmetric.algorithm = TPM2_ALG_NULL;
  return symmetric;
}

TPM2B_PUBLIC key(bool ecc, TPMA_OBJECT attributes, const TPMT_SYM_DEF_OBJECT& symmetric) {
  TPM2B_PUBLIC made{};
  TPMT_PUBLIC& area = made.publicArea;
  area.type = ecc ? TPM2_ALG_ECC : TPM2_ALG_RSA;
  area.nameAlg = TPM2_ALG_SHA256;
  area.objectAttributes = attributes;
  if (ecc) {
    area.parameters.eccDetail.symmetric = symmetric;
    area.parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
    area.parameters.eccDetail.curveID = TPM2_ECC_NIST_P256;
    area.parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
  } else {
    area.parameters.rsaDetail.symmetric = symmetric;
    area.parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
    area.parameters.rsaDetail.keyBits = 2048;
  }
  return made;
}

// A `unique` of zeros, as both guidelines have it for primary keys.
void set_zeros(TPMT_PUBLIC& area) {
  if (area.type == TPM2_ALG_ECC) {
    area.unique.ecc.x.size = kP256Bytes;
    area.unique.ecc.y.size = kP256Bytes;
  } else {
    area.unique.rsa.size = kRsaBytes;
  }
}

}  // namespace

TPM2B_PUBLIC ek_template(EkKind kind) {
  TPM2B_PUBLIC made =
      key(kind == EkKind::kEccP256,
          kOwnKey | TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT, aes_128_cfb());
  made.publicArea.authPolicy.size = kEkPolicy.size();
  std::ranges::copy(kEkPolicy, made.publicArea.authPolicy.buffer);
  set_zeros(made.publicArea);
  return made;
}

TPM2B_PUBLIC storage_template(KeyParent parent) {
  TPM2B_PUBLIC made =
      key(parent == KeyParent::kEccPrimary,
          kOwnKey | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
          aes_128_cfb());
  set_zeros(made.publicArea);
  return made;
}

TPM2B_PUBLIC ak_template(bool ecc) {
  TPM2B_PUBLIC made = key(
      ecc, kOwnKey | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT,
      no_symmetric());
  TPMU_PUBLIC_PARMS& parameters = made.publicArea.parameters;
  if (ecc) {
    parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDSA;
    parameters.eccDetail.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
  } else {
    parameters.rsaDetail.scheme.scheme = TPM2_ALG_RSASSA;
    parameters.rsaDetail.scheme.details.rsassa.hashAlg = TPM2_ALG_SHA256;
  }
  return made;
}

}  // namespace imakeep::tpm
