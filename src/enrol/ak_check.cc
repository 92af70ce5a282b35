// SPDX-License-Identifier: Apache-2.0
#include "enrol/ak_check.h"

#include <optional>
#include <string>

#include "enrol/public_area.h"
#include "tpm/openssl_key.h"

namespace imakeep::enrol {
namespace {

constexpr std::uint16_t kLeastAkRsaBits = 2048;
constexpr std::uint32_t kUsualExponent = 65537;

unexpected<Error> ak_refused(std::string_view reason, const std::string& what) {
  return fail(ErrorCode::kUnsupported, "AK refused (" + std::string(reason) + "): " + what +
                                           "; make a restricted signing key in the TPM, as tpm2_createak does");
}

Result<void> check_attributes(TPMA_OBJECT attributes) {
  if ((attributes & TPMA_OBJECT_SIGN_ENCRYPT) == 0) return ak_refused("not-signing", "the key does not sign");
  if ((attributes & TPMA_OBJECT_DECRYPT) != 0) return ak_refused("decrypts", "the key decrypts besides");
  if ((attributes & TPMA_OBJECT_RESTRICTED) == 0) {
    return ak_refused("not-restricted", "the key could sign a statement that no TPM made");
  }
  if ((attributes & TPMA_OBJECT_FIXEDTPM) == 0) return ak_refused("not-fixed-tpm", "the key can leave its TPM");
  if ((attributes & TPMA_OBJECT_FIXEDPARENT) == 0) {
    return ak_refused("not-fixed-parent", "the key can get another parent");
  }
  if ((attributes & TPMA_OBJECT_SENSITIVEDATAORIGIN) == 0) {
    return ak_refused("imported", "the key's private part was not made in the TPM");
  }
  return {};
}

bool at_least_sha256(std::uint16_t tpm_alg) {
  const auto hash = digest::algorithm_from_tpm_alg(tpm_alg);
  return hash && *hash != digest::Algorithm::kSha1;
}

Result<void> check_hash(TPMI_ALG_HASH hash) {
  if (at_least_sha256(hash)) return {};
  return ak_refused("weak-hash", "the key signs with a hash that is weaker than sha256, or not known");
}

Result<void> check_rsa(const PublicArea& parsed) {
  const TPMS_RSA_PARMS& rsa = parsed.area.parameters.rsaDetail;
  if (rsa.scheme.scheme != TPM2_ALG_RSASSA && rsa.scheme.scheme != TPM2_ALG_RSAPSS) {
    return ak_refused("scheme", "the key's scheme is neither RSASSA nor RSAPSS");
  }
  // RSASSA and RSAPSS have the same layout.
  IMAKEEP_CHECK(check_hash(rsa.scheme.details.rsassa.hashAlg));
  if (rsa.keyBits < kLeastAkRsaBits || parsed.key.modulus.size() * 8 != rsa.keyBits) {
    return ak_refused("weak-key", "the key has not the RSA modulus of 2048 bits or more that it claims");
  }
  if (parsed.key.exponent != kUsualExponent) return ak_refused("exponent", "the key's RSA exponent is not 65537");
  return {};
}

Result<void> check_ecc(const PublicArea& parsed) {
  const TPMS_ECC_PARMS& ecc = parsed.area.parameters.eccDetail;
  if (ecc.scheme.scheme != TPM2_ALG_ECDSA) return ak_refused("scheme", "the key's scheme is not ECDSA");
  IMAKEEP_CHECK(check_hash(ecc.scheme.details.ecdsa.hashAlg));
  if (parsed.key.curve < tpm::EccCurve::kP256) return ak_refused("weak-key", "the key is on a curve below P-256");
  return {};
}

}  // namespace

Result<AttestationKey> check_ak(ByteView public_area) {
  IMAKEEP_TRY(const PublicArea parsed, parse_public_area(public_area));
  IMAKEEP_CHECK(check_attributes(parsed.area.objectAttributes));
  if (!at_least_sha256(parsed.area.nameAlg)) {
    return ak_refused("weak-name", "the key's name algorithm is weaker than sha256");
  }
  IMAKEEP_CHECK(parsed.key.ecc ? check_ecc(parsed) : check_rsa(parsed));
  if (!tpm::openssl_key(parsed.key)) {
    return ak_refused("not-a-key", "the key is not a point of its curve, or not an RSA key");
  }
  return AttestationKey{.public_area = parsed.bytes, .name = name_of(parsed)};
}

}  // namespace imakeep::enrol
