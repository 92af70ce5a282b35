// SPDX-License-Identifier: Apache-2.0
#include "enrol/make_credential.h"

#include <array>
#include <new>
#include <optional>
#include <string>

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include "base/openssl_objects.h"
#include "digest/digest.h"
#include "enrol/public_area.h"
#include "tpm/openssl_key.h"

namespace imakeep::enrol {
namespace {

using openssl::data_of;
using openssl::ErrorQueueCleared;
using openssl::HashFunction;
using openssl::KeyContext;
using openssl::Number;
using openssl::Owned;

using Kdf = Owned<EVP_KDF, EVP_KDF_free>;
using KdfContext = Owned<EVP_KDF_CTX, EVP_KDF_CTX_free>;
using Cipher = Owned<EVP_CIPHER, EVP_CIPHER_free>;
using CipherContext = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

constexpr std::uint32_t kFileMagic = 0xbadcc0de;
constexpr std::uint32_t kFileVersion = 1;
// Labels end with a NUL (part 1, section 4, "label"), which these lengths count.
using namespace std::string_view_literals;
constexpr std::string_view kIdentityLabel = "IDENTITY\0"sv;  // the NUL belongs to it
constexpr int kLeastEkRsaBits = 2048;

unexpected<Error> ek_refused(std::string_view reason, const std::string& what) {
  return fail(ErrorCode::kUnsupported, "EK refused (" + std::string(reason) + "): " + what);
}

unexpected<Error> openssl_refuses(const std::string& what) {
  return fail(ErrorCode::kUnsupported, "credential: this machine's OpenSSL refuses to " + what);
}

OSSL_PARAM text_param(const char* name, const char* value) {
  return OSSL_PARAM_construct_utf8_string(name, const_cast<char*>(value), 0);
}

OSSL_PARAM bytes_param(const char* name, ByteView bytes) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::byte*>(bytes.data()), bytes.size());
}

const char* openssl_hash(digest::Algorithm hash) {
  return digest::info(hash).openssl_name.data();
}

Result<Bytes> derived(const char* kdf_name, const OSSL_PARAM* params, std::size_t bytes) {
  const Kdf kdf(EVP_KDF_fetch(nullptr, kdf_name, nullptr));
  const KdfContext context(kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr);
  Bytes out(bytes);
  if (!context || EVP_KDF_derive(context.get(), data_of(out), out.size(), params) != 1) {
    return openssl_refuses(std::string("derive a key with ") + kdf_name);
  }
  return out;
}

// KDFa is SP 800-108's counter mode with HMAC: counter, label, 0, context, length in bits. OpenSSL writes the 0 itself.
Result<Bytes> kdf_a(digest::Algorithm hash, ByteView key, std::string_view label, ByteView context, std::size_t bytes) {
  std::array<OSSL_PARAM, 7> params = {text_param(OSSL_KDF_PARAM_MODE, "COUNTER"),
                                      text_param(OSSL_KDF_PARAM_MAC, "HMAC"),
                                      text_param(OSSL_KDF_PARAM_DIGEST, openssl_hash(hash)),
                                      bytes_param(OSSL_KDF_PARAM_KEY, key),
                                      bytes_param(OSSL_KDF_PARAM_SALT, as_bytes(label)),
                                      OSSL_PARAM_construct_end(),
                                      OSSL_PARAM_construct_end()};
  if (!context.empty()) params[5] = bytes_param(OSSL_KDF_PARAM_INFO, context);
  return derived("KBKDF", params.data(), bytes);
}

// KDFe is SP 800-56C's one-step derivation with a hash: counter, Z, label, x of both parties.
Result<Bytes> kdf_e(digest::Algorithm hash, ByteView z, std::string_view label, ByteView ephemeral_x, ByteView ek_x) {
  Bytes info;
  append_bytes(info, as_bytes(label));
  append_bytes(info, ephemeral_x);
  append_bytes(info, ek_x);
  const std::array<OSSL_PARAM, 4> params = {text_param(OSSL_KDF_PARAM_DIGEST, openssl_hash(hash)),
                                            bytes_param(OSSL_KDF_PARAM_KEY, z), bytes_param(OSSL_KDF_PARAM_INFO, info),
                                            OSSL_PARAM_construct_end()};
  return derived("SSKDF", params.data(), digest::digest_bytes(hash));
}

Result<Bytes> aes_cfb(unsigned key_bits, const Bytes& key, ByteView plain) {
  const std::string name = "AES-" + std::to_string(key_bits) + "-CFB";
  const Cipher cipher(EVP_CIPHER_fetch(nullptr, name.c_str(), nullptr));
  const CipherContext context(EVP_CIPHER_CTX_new());
  const std::array<unsigned char, 16> zero_iv{};
  Bytes out(plain.size());
  int size = 0;
  if (!cipher || !context ||
      EVP_EncryptInit_ex2(context.get(), cipher.get(), data_of(key), zero_iv.data(), nullptr) != 1 ||
      EVP_EncryptUpdate(context.get(), data_of(out), &size, data_of(plain), static_cast<int>(plain.size())) != 1 ||
      static_cast<std::size_t>(size) != plain.size()) {
    return openssl_refuses("encrypt with " + name);
  }
  return out;
}

Result<Bytes> hmac(digest::Algorithm hash, const Bytes& key, ByteView message) {
  Bytes mac(digest::digest_bytes(hash));
  std::size_t size = 0;
  if (EVP_Q_mac(nullptr, "HMAC", nullptr, openssl_hash(hash), nullptr, key.data(), key.size(), data_of(message),
                message.size(), data_of(mac), mac.size(), &size) == nullptr ||
      size != mac.size()) {
    return openssl_refuses("make an HMAC");
  }
  return mac;
}

void append_tpm2b(Bytes& out, ByteView content) {
  append_int(out, static_cast<std::uint16_t>(content.size()), ByteOrder::kBig);
  append_bytes(out, content);
}

// A coordinate, as long as the curve's field.
Result<Bytes> coordinate(const EVP_PKEY* key, const char* name) {
  BIGNUM* value = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &value) != 1) return openssl_refuses("give a coordinate");
  const Number number(value);
  Bytes bytes((static_cast<std::size_t>(EVP_PKEY_get_bits(key)) + 7) / 8);
  if (BN_bn2binpad(number.get(), data_of(bytes), static_cast<int>(bytes.size())) < 0) {
    return openssl_refuses("write a coordinate");
  }
  return bytes;
}

struct Secret {
  Bytes seed;
  Bytes encrypted;
};

Result<Secret> rsa_secret(EVP_PKEY* key, digest::Algorithm hash, ByteView seed) {
  const KeyContext context(EVP_PKEY_CTX_new(key, nullptr));
  const HashFunction function(EVP_MD_fetch(nullptr, openssl_hash(hash), nullptr));
  if (!context || !function || EVP_PKEY_encrypt_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
      EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), function.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), function.get()) != 1) {
    return openssl_refuses("encrypt with OAEP");
  }
  void* const label = OPENSSL_memdup(kIdentityLabel.data(), kIdentityLabel.size());
  if (label == nullptr) throw std::bad_alloc();
  // The context owns the label from here on.
  if (EVP_PKEY_CTX_set0_rsa_oaep_label(context.get(), label, static_cast<int>(kIdentityLabel.size())) != 1) {
    OPENSSL_free(label);
    return openssl_refuses("take OAEP's label");
  }
  Secret secret = {.seed = Bytes(seed.begin(), seed.end()),
                   .encrypted = Bytes(static_cast<std::size_t>(EVP_PKEY_get_size(key)))};
  std::size_t size = secret.encrypted.size();
  if (EVP_PKEY_encrypt(context.get(), data_of(secret.encrypted), &size, data_of(seed), seed.size()) != 1) {
    return openssl_refuses("encrypt to this EK");
  }
  secret.encrypted.resize(size);
  return secret;
}

Result<Bytes> shared_x(EVP_PKEY* own, EVP_PKEY* other) {
  const KeyContext context(EVP_PKEY_CTX_new(own, nullptr));
  std::size_t size = 0;
  if (!context || EVP_PKEY_derive_init(context.get()) != 1 || EVP_PKEY_derive_set_peer(context.get(), other) != 1 ||
      EVP_PKEY_derive(context.get(), nullptr, &size) != 1) {
    return openssl_refuses("agree on a secret with this EK");
  }
  Bytes z(size);
  if (EVP_PKEY_derive(context.get(), data_of(z), &size) != 1) return openssl_refuses("agree on a secret with this EK");
  z.resize(size);
  return z;
}

Result<Secret> ecc_secret(EVP_PKEY* key, digest::Algorithm hash) {
  std::array<char, 64> group{};
  if (EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) != 1) return openssl_refuses("name the curve");
  const Owned<EVP_PKEY, EVP_PKEY_free> ephemeral(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", group.data()));
  if (!ephemeral) return openssl_refuses("make an ephemeral key");
  IMAKEEP_TRY(const Bytes z, shared_x(ephemeral.get(), key));
  IMAKEEP_TRY(const Bytes x, coordinate(ephemeral.get(), OSSL_PKEY_PARAM_EC_PUB_X));
  IMAKEEP_TRY(const Bytes y, coordinate(ephemeral.get(), OSSL_PKEY_PARAM_EC_PUB_Y));
  IMAKEEP_TRY(const Bytes ek_x, coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X));
  Secret secret;
  IMAKEEP_TRY(secret.seed, kdf_e(hash, z, kIdentityLabel, x, ek_x));
  append_tpm2b(secret.encrypted, x);
  append_tpm2b(secret.encrypted, y);
  return secret;
}

bool is_ecc(const EVP_PKEY* key) {
  return EVP_PKEY_is_a(key, "EC") == 1;
}

// Takes parts off the front of a file.
class FileParts {
 public:
  explicit FileParts(ByteView file) : rest_(file) {}

  Result<ByteView> take(std::size_t bytes) {
    if (bytes > rest_.size()) return fail(ErrorCode::kTruncated, "credential: the file ends too early");
    const ByteView part = rest_.first(bytes);
    rest_ = rest_.subspan(bytes);
    return part;
  }
  Result<std::uint32_t> take_u32() {
    IMAKEEP_TRY(const ByteView bytes, take(4));
    return load<std::uint32_t>(bytes.data(), ByteOrder::kBig);
  }
  Result<Bytes> take_tpm2b(std::size_t most) {
    IMAKEEP_TRY(const ByteView size_bytes, take(2));
    const std::size_t size = load<std::uint16_t>(size_bytes.data(), ByteOrder::kBig);
    if (size == 0 || size > most) {
      return fail(ErrorCode::kMalformed,
                  "credential: a part has " + std::to_string(size) + " bytes instead of 1 to " + std::to_string(most));
    }
    IMAKEEP_TRY(const ByteView bytes, take(size));
    return Bytes(bytes.begin(), bytes.end());
  }
  bool at_end() const { return rest_.empty(); }

 private:
  ByteView rest_;
};

}  // namespace

// ---- endorsement keys -----------------------------------------------------------------------------------------------

Result<EndorsementKey> EndorsementKey::from_public(ByteView public_area) {
  const ErrorQueueCleared cleared;
  IMAKEEP_TRY(const PublicArea parsed, parse_public_area(public_area));
  constexpr TPMA_OBJECT kStorage = TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT | TPMA_OBJECT_FIXEDTPM;
  if ((parsed.area.objectAttributes & (kStorage | TPMA_OBJECT_SIGN_ENCRYPT)) != kStorage) {
    return ek_refused("not-storage",
                      "it is no restricted decryption key that is fixed to its TPM; send the EK, not another key");
  }
  // RSA and ECC keys have it at the same place.
  const TPMT_SYM_DEF_OBJECT& symmetric = parsed.area.parameters.asymDetail.symmetric;
  if (symmetric.algorithm != TPM2_ALG_AES || symmetric.mode.aes != TPM2_ALG_CFB ||
      (symmetric.keyBits.aes != 128 && symmetric.keyBits.aes != 192 && symmetric.keyBits.aes != 256)) {
    return ek_refused("symmetric", "it protects with another cipher than AES-CFB; use a template of TCG's EK profile");
  }
  const bool weak_key =
      parsed.key.ecc ? parsed.key.curve < tpm::EccCurve::kP256 : parsed.key.modulus.size() * 8 < kLeastEkRsaBits;
  if (weak_key || parsed.name_hash == digest::Algorithm::kSha1) {
    return ek_refused("weak", "RSA 2048 or P-256, and a name algorithm of sha256 are needed at least");
  }
  auto key = tpm::openssl_key(parsed.key);
  if (!key) return ek_refused("not-a-key", "its numbers are no RSA key, or no point of its curve");
  return EndorsementKey(std::move(key), parsed.name_hash, symmetric.keyBits.aes);
}

Result<EndorsementKey> EndorsementKey::with_default_template(std::shared_ptr<evp_pkey_st> key) {
  const ErrorQueueCleared cleared;
  const int bits = EVP_PKEY_get_bits(key.get());
  const bool ecc = is_ecc(key.get());
  if (ecc || EVP_PKEY_is_a(key.get(), "RSA") == 1) {
    using digest::Algorithm;
    if (bits == (ecc ? 256 : 2048)) return EndorsementKey(std::move(key), Algorithm::kSha256, 128);
    if (ecc ? bits == 384 : (bits == 3072 || bits == 4096)) {
      return EndorsementKey(std::move(key), Algorithm::kSha384, 256);
    }
    if (ecc && bits == 521) return EndorsementKey(std::move(key), Algorithm::kSha512, 256);
  }
  return ek_refused("template", "no template of TCG's EK profile has a key of this kind; send its public area");
}

std::size_t EndorsementKey::seed_bytes() const {
  return is_ecc(key_.get()) ? 0 : digest::digest_bytes(name_hash_);
}

// ---- credentials ----------------------------------------------------------------------------------------------------

class CredentialMaker {
 public:
  static Result<Credential> make(const EndorsementKey& ek, ByteView ak_name, ByteView secret, ByteView seed) {
    EVP_PKEY* const key = ek.key_.get();
    const digest::Algorithm hash = ek.name_hash_;
    IMAKEEP_TRY(const Secret shared, is_ecc(key) ? ecc_secret(key, hash) : rsa_secret(key, hash, seed));
    IMAKEEP_TRY(const Bytes storage_key, kdf_a(hash, shared.seed, "STORAGE", ak_name, ek.aes_bits_ / 8));
    IMAKEEP_TRY(const Bytes hmac_key, kdf_a(hash, shared.seed, "INTEGRITY", {}, digest::digest_bytes(hash)));
    Bytes identity;
    append_tpm2b(identity, secret);
    IMAKEEP_TRY(const Bytes encrypted, aes_cfb(ek.aes_bits_, storage_key, identity));
    Bytes message = encrypted;
    append_bytes(message, ak_name);
    IMAKEEP_TRY(const Bytes mac, hmac(hash, hmac_key, message));
    Credential credential = {.id_object = {}, .encrypted_secret = shared.encrypted};
    append_tpm2b(credential.id_object, mac);
    append_bytes(credential.id_object, encrypted);
    return credential;
  }
};

Result<Credential> make_credential(const EndorsementKey& ek, ByteView ak_name, ByteView secret, ByteView seed) {
  const ErrorQueueCleared cleared;
  if (secret.empty() || secret.size() > digest::digest_bytes(ek.name_hash()) || seed.size() != ek.seed_bytes() ||
      ak_name.empty()) {
    return fail(ErrorCode::kUsage, "credential: it needs a Name, a secret of 1 to " +
                                       std::to_string(digest::digest_bytes(ek.name_hash())) + " bytes and a seed of " +
                                       std::to_string(ek.seed_bytes()) + " bytes");
  }
  return CredentialMaker::make(ek, ak_name, secret, seed);
}

Bytes credential_file(const Credential& credential) {
  Bytes file;
  append_int(file, kFileMagic, ByteOrder::kBig);
  append_int(file, kFileVersion, ByteOrder::kBig);
  append_tpm2b(file, credential.id_object);
  append_tpm2b(file, credential.encrypted_secret);
  return file;
}

Result<Credential> parse_credential_file(ByteView file) {
  FileParts parts(file);
  IMAKEEP_TRY(const auto magic, parts.take_u32());
  if (magic != kFileMagic) return fail(ErrorCode::kMalformed, "credential: the file does not begin with badcc0de");
  IMAKEEP_TRY(const auto version, parts.take_u32());
  if (version != kFileVersion) {
    return fail(ErrorCode::kUnsupported,
                "credential: version " + std::to_string(version) + "; only version 1 is known");
  }
  Credential credential;
  IMAKEEP_TRY(credential.id_object, parts.take_tpm2b(sizeof(TPMS_ID_OBJECT)));
  IMAKEEP_TRY(credential.encrypted_secret, parts.take_tpm2b(sizeof(TPMU_ENCRYPTED_SECRET)));
  if (!parts.at_end()) return fail(ErrorCode::kMalformed, "credential: bytes follow the end of the file");
  return credential;
}

}  // namespace imakeep::enrol
