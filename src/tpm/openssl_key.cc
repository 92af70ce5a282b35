// SPDX-License-Identifier: Apache-2.0
#include "tpm/openssl_key.h"

#include <array>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "base/freed_by.h"

namespace imakeep::tpm {
namespace {

using BigNumber = std::unique_ptr<BIGNUM, FreedBy<BN_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, FreedBy<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, FreedBy<OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, FreedBy<EVP_PKEY_CTX_free>>;
using SharedKey = std::shared_ptr<EVP_PKEY>;

struct CurveSize {
  const char* openssl_name;
  std::size_t field_bytes;
};

// In the order of EccCurve. FIPS 186-4, appendix D.1.2.
constexpr std::array<CurveSize, 5> kCurveSizes = {
    {{"prime192v1", 24}, {"secp224r1", 28}, {"prime256v1", 32}, {"secp384r1", 48}, {"secp521r1", 66}}};

SharedKey from_params(const char* kind, OSSL_PARAM_BLD* builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1) return nullptr;
  if (EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) return nullptr;
  return {key, EVP_PKEY_free};
}

SharedKey rsa_key(const PublicKey& from) {
  const BigNumber modulus(BN_bin2bn(reinterpret_cast<const unsigned char*>(from.modulus.data()),
                                    static_cast<int>(from.modulus.size()), nullptr));
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (!modulus || !builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_uint32(builder.get(), OSSL_PKEY_PARAM_RSA_E, from.exponent) != 1) {
    return nullptr;
  }
  return from_params("RSA", builder.get());
}

// OpenSSL refuses a point that is not on the curve.
SharedKey ecc_key(const PublicKey& from) {
  const std::size_t field = field_bytes(from.curve);
  if (from.x.size() > field || from.y.size() > field) return nullptr;
  // SEC 1, 2.3.3: an uncompressed point. TPMs may leave leading zeros out.
  Bytes point = {std::byte{POINT_CONVERSION_UNCOMPRESSED}};
  for (const Bytes* const coordinate : {&from.x, &from.y}) {
    point.insert(point.end(), field - coordinate->size(), std::byte{0});
    append_bytes(point, *coordinate);
  }
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, openssl_name(from.curve), 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1) {
    return nullptr;
  }
  return from_params("EC", builder.get());
}

}  // namespace

const char* openssl_name(EccCurve curve) {
  return kCurveSizes[static_cast<std::size_t>(curve)].openssl_name;
}

std::size_t field_bytes(EccCurve curve) {
  return kCurveSizes[static_cast<std::size_t>(curve)].field_bytes;
}

std::shared_ptr<evp_pkey_st> openssl_key(const PublicKey& key) {
  SharedKey made = key.ecc ? ecc_key(key) : rsa_key(key);
  // OpenSSL queues its errors for each thread.
  ERR_clear_error();
  return made;
}

}  // namespace imakeep::tpm
