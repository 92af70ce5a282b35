#include "attest/quote_check.h"

#include <array>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

namespace imakeep::attest {
namespace {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
template <class T, auto Free>
using Owned = std::unique_ptr<T, Freed<Free>>;

using Bio = Owned<BIO, BIO_free>;
using Number = Owned<BIGNUM, BN_free>;
using Certificate = Owned<X509, X509_free>;
using KeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using ParamBuilder = Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Params = Owned<OSSL_PARAM, OSSL_PARAM_free>;
using EcdsaSignature = Owned<ECDSA_SIG, ECDSA_SIG_free>;
using Key = std::shared_ptr<EVP_PKEY>;

// OpenSSL queues for its thread why it refused; whoever asks next is not to find that.
struct ErrorQueueCleared {
  ErrorQueueCleared() = default;
  ErrorQueueCleared(const ErrorQueueCleared&) = delete;
  ErrorQueueCleared& operator=(const ErrorQueueCleared&) = delete;
  ~ErrorQueueCleared() { ERR_clear_error(); }
};

const unsigned char* data_of(ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

Number number_of(ByteView big_endian) {
  return Number(BN_bin2bn(data_of(big_endian), static_cast<int>(big_endian.size()), nullptr));
}

Key owned(EVP_PKEY* key) {
  return {key, EVP_PKEY_free};
}

// ---- keys -----------------------------------------------------------------------------------------------------------

struct Curve {
  const char* openssl_name;
  const char* nist_name;
  std::size_t field_bytes;
};

constexpr std::array<Curve, 5> kCurves = {{
    {"prime192v1", "P-192", 24},
    {"secp224r1", "P-224", 28},
    {"prime256v1", "P-256", 32},
    {"secp384r1", "P-384", 48},
    {"secp521r1", "P-521", 66},
}};

Key from_params(const char* kind, OSSL_PARAM_BLD* builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1) return nullptr;
  if (EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) return nullptr;
  return owned(key);
}

Key rsa_key(const tpm::PublicKey& from) {
  const Number modulus = number_of(from.modulus);
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (!modulus || !builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_uint32(builder.get(), OSSL_PKEY_PARAM_RSA_E, from.exponent) != 1) {
    return nullptr;
  }
  return from_params("RSA", builder.get());
}

// OpenSSL refuses a point that is not on the curve.
Key ecc_key(const tpm::PublicKey& from) {
  const Curve& curve = kCurves[static_cast<std::size_t>(from.curve)];
  if (from.x.size() > curve.field_bytes || from.y.size() > curve.field_bytes) return nullptr;
  // SEC 1, 2.3.3: an uncompressed point. TPMs may leave leading zeros out.
  Bytes point(1 + 2 * curve.field_bytes);
  point[0] = std::byte{POINT_CONVERSION_UNCOMPRESSED};
  std::copy(
      from.x.begin(), from.x.end(),
      point.begin() + static_cast<std::ptrdiff_t>(1 + curve.field_bytes) - static_cast<std::ptrdiff_t>(from.x.size()));
  std::copy(from.y.begin(), from.y.end(), point.end() - static_cast<std::ptrdiff_t>(from.y.size()));
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.openssl_name, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1) {
    return nullptr;
  }
  return from_params("EC", builder.get());
}

const Curve* curve_of(const EVP_PKEY* key) {
  std::array<char, 64> group{};
  if (EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) != 1) return nullptr;
  for (const Curve& curve : kCurves) {
    if (std::string_view(group.data()) == curve.openssl_name) return &curve;
  }
  return nullptr;
}

bool is_rsa(const EVP_PKEY* key) {
  return EVP_PKEY_is_a(key, "RSA") == 1 || EVP_PKEY_is_a(key, "RSA-PSS") == 1;
}

Key pem_key(ByteView text) {
  const Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (EVP_PKEY* const key = PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr)) return owned(key);
  const Bio again(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  const Certificate certificate(PEM_read_bio_X509(again.get(), nullptr, nullptr, nullptr));
  return certificate ? owned(X509_get_pubkey(certificate.get())) : nullptr;
}

Result<Key> tpm_key(ByteView file) {
  const auto area = tpm::parse_public_key(file);
  if (!area) return unexpected(area.error());
  // Part 1, 31.3: a restricted key signs bytes from outside only if they do not begin with TPM_GENERATED_VALUE; any
  // other key would sign a forged statement, magic and all.
  if (!area->attests) {
    return fail(ErrorCode::kUnsupported,
                "the key's attributes are not those of an attestation key (signing, restricted, fixed to its TPM): it "
                "could sign what no TPM stated");
  }
  Key key = area->ecc ? ecc_key(*area) : rsa_key(*area);
  if (!key) return fail(ErrorCode::kMalformed, "the key is no point of its curve, or no RSA key");
  return key;
}

Result<Key> parse_key(ByteView file) {
  const ErrorQueueCleared cleared;
  if (as_text(file).find("-----BEGIN ") == std::string_view::npos) return tpm_key(file);
  Key key = pem_key(file);
  if (!key) return fail(ErrorCode::kMalformed, "PEM, but neither a public key nor a certificate");
  return key;
}

// ---- signatures -----------------------------------------------------------------------------------------------------

// OpenSSL takes an ECDSA signature as DER (RFC 3279, 2.2.3), a TPM gives the two numbers.
Bytes der_of(const tpm::Signature& signature) {
  const EcdsaSignature numbers(ECDSA_SIG_new());
  Number r = number_of(signature.r);
  Number s = number_of(signature.s);
  if (!numbers || !r || !s || ECDSA_SIG_set0(numbers.get(), r.get(), s.get()) != 1) return {};
  // The signature has taken them over.
  static_cast<void>(r.release());
  static_cast<void>(s.release());
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(numbers.get(), &der);
  if (size <= 0) return {};
  const auto* const begin = reinterpret_cast<const std::byte*>(der);
  Bytes bytes(begin, begin + size);
  OPENSSL_free(der);
  return bytes;
}

bool set_padding(EVP_PKEY_CTX* context, tpm::SignatureScheme scheme) {
  switch (scheme) {
    case tpm::SignatureScheme::kEcdsa:
      return true;
    case tpm::SignatureScheme::kRsaSsa:
      return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) > 0;
    case tpm::SignatureScheme::kRsaPss:
      // Part 1, B.7: the salt is as long as the key allows, or under FIPS as the digest.
      return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) > 0 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_AUTO) > 0;
  }
  return false;
}

bool verifies(EVP_PKEY* key, const tpm::Signature& signature, ByteView signed_bytes) {
  const ErrorQueueCleared cleared;
  const Bytes given = signature.scheme == tpm::SignatureScheme::kEcdsa ? der_of(signature) : signature.rsa;
  const DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;  // belongs to `context`
  const char* const hash = digest::info(signature.hash).openssl_name.data();
  return context && EVP_DigestVerifyInit_ex(context.get(), &key_context, hash, nullptr, nullptr, key, nullptr) == 1 &&
         set_padding(key_context, signature.scheme) &&
         EVP_DigestVerify(context.get(), data_of(given), given.size(), data_of(signed_bytes), signed_bytes.size()) == 1;
}

}  // namespace

Result<VerificationKey> VerificationKey::parse(ByteView file) {
  auto key = parse_key(file);
  if (!key) return unexpected(key.error());
  VerificationKey parsed(std::move(*key));
  if (!parsed.rsa() && curve_of(parsed.key_.get()) == nullptr) {
    return fail(ErrorCode::kUnsupported, "the key is neither RSA nor on a NIST curve");
  }
  // NIST SP 800-131A rev. 2, section 3: 2048 bits of RSA and curves of 224 bits are the least.
  constexpr int kLeastSecurityBits = 112;
  if (EVP_PKEY_get_security_bits(parsed.key_.get()) < kLeastSecurityBits) {
    return fail(ErrorCode::kUnsupported, "the key, " + parsed.name() + ", is too weak: RSA 2048 or P-224 at least");
  }
  return parsed;
}

bool VerificationKey::rsa() const {
  return is_rsa(key_.get());
}

std::string VerificationKey::name() const {
  if (rsa()) return "RSA " + std::to_string(EVP_PKEY_get_bits(key_.get()));
  return std::string("ECDSA ") + curve_of(key_.get())->nist_name;
}

Result<void> check_signature(const tpm::Quote& quote, const tpm::Signature& signature, const VerificationKey& key) {
  if (key.rsa() == (signature.scheme == tpm::SignatureScheme::kEcdsa)) {
    return fail(ErrorCode::kMismatch, "the signature is " + std::string(tpm::name(signature.scheme)) +
                                          ", which a key of the kind " + key.name() + " cannot make");
  }
  if (signature.hash == digest::Algorithm::kSha1) {
    return fail(ErrorCode::kUnsupported,
                "the quote is signed over sha1, which can be forged; quote with sha256 or better");
  }
  if (!digest::available(signature.hash)) {
    return fail(ErrorCode::kUnsupported,
                "this machine's OpenSSL lacks " + std::string(digest::info(signature.hash).name));
  }
  if (!verifies(key.key_.get(), signature, quote.signed_bytes)) {
    return fail(ErrorCode::kMismatch, "the signature is not by this key, or the quote was altered");
  }
  return {};
}

Result<void> check_quote(const tpm::Quote& quote, const tpm::Signature& signature, const VerificationKey& key,
                         const std::optional<Bytes>& nonce) {
  IMAKEEP_CHECK(check_signature(quote, signature, key));
  if (nonce && !equal(quote.extra_data, *nonce)) {
    return fail(ErrorCode::kMismatch, "the nonce differs: the quote answers another request, or is an old one");
  }
  return {};
}

}  // namespace imakeep::attest
