// SPDX-License-Identifier: Apache-2.0
#include "ear/signing_key.h"

#include <array>
#include <cstring>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/pem.h>

#include "ear/jose.h"
#include "ear/public_keys.h"

namespace imakeep::ear {
namespace {

using BioOwner = std::unique_ptr<BIO, FreedBy<BIO_free>>;
using NumberOwner = std::unique_ptr<BIGNUM, FreedBy<BN_clear_free>>;
using TextOwner = std::unique_ptr<char, FreedBy<free>>;

constexpr std::size_t kMostPemBytes = 64u << 10;

// OpenSSL would ask the terminal for a passphrase.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) {
  return -1;
}

bool on_p256(const EVP_PKEY* key) {
  std::array<char, 64> group{};
  return EVP_PKEY_is_a(key, "EC") == 1 && EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) == 1 &&
         std::string_view(group.data()) == "prime256v1";
}

// The number of the key by that name, big-endian with kCoordinateBytes; empty if the key lacks it.
Bytes number_of(const EVP_PKEY* key, const char* name) {
  BIGNUM* got = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &got) != 1) return {};
  const NumberOwner number(got);
  Bytes bytes(kCoordinateBytes);
  const int size = BN_bn2binpad(number.get(), reinterpret_cast<unsigned char*>(bytes.data()), kCoordinateBytes);
  return size == static_cast<int>(kCoordinateBytes) ? bytes : Bytes();
}

// Wipes the private number.
struct Wiped {
  explicit Wiped(Bytes number) : bytes(std::move(number)) {}
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;
  ~Wiped() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
  Bytes bytes;
};

unexpected<Error> library_failed(const std::string& what, const cjose_err& error) {
  const std::string why = error.message == nullptr ? "" : std::string(": ") + error.message;
  return fail(ErrorCode::kEnvironment, "libcjose cannot " + what + why);
}

}  // namespace

struct SigningKey::Parts {
  KeyOwner key;
  JwkOwner jwk;
  PointOfKey point;
  std::string id;
};

struct KeyMaker {
  static Result<SigningKey> make(KeyOwner key) {
    PointOfKey point = {.x = number_of(key.get(), OSSL_PKEY_PARAM_EC_PUB_X),
                        .y = number_of(key.get(), OSSL_PKEY_PARAM_EC_PUB_Y)};
    const Wiped d(number_of(key.get(), OSSL_PKEY_PARAM_PRIV_KEY));
    JwkOwner jwk = point.x.empty() || point.y.empty() || d.bytes.empty() ? nullptr : jwk_of(point, d.bytes);
    if (!jwk) return fail(ErrorCode::kMalformed, "the key's numbers are not those of a key on P-256");
    std::string id = thumbprint_of(point);
    return SigningKey(std::make_shared<const SigningKey::Parts>(SigningKey::Parts{
        .key = std::move(key), .jwk = std::move(jwk), .point = std::move(point), .id = std::move(id)}));
  }
};

Result<SigningKey> SigningKey::parse_pem(ByteView file, const std::string& name) {
  const ErrorsCleared cleared;
  if (file.size() > kMostPemBytes) return fail(ErrorCode::kMalformed, name + ": too large for a key");
  const BioOwner bio(BIO_new_mem_buf(file.data(), static_cast<int>(file.size())));
  KeyOwner key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
  if (!key) {
    const bool encrypted = as_text(file).find("ENCRYPTED") != std::string_view::npos;
    return fail(ErrorCode::kMalformed,
                name + (encrypted ? ": the private key is encrypted; decrypt it with openssl pkey"
                                  : ": no private key in PEM; make one with openssl ecparam -name prime256v1 -genkey"));
  }
  if (!on_p256(key.get())) {
    return fail(ErrorCode::kUnsupported, name + ": the key is not one of the curve P-256, which ES256 needs");
  }
  auto made = KeyMaker::make(std::move(key));
  if (!made) return unexpected(named(std::move(made).error(), name));
  return made;
}

Result<SigningKey> SigningKey::generate() {
  const ErrorsCleared cleared;
  KeyOwner key(EVP_EC_gen("P-256"));
  if (!key) return fail(ErrorCode::kEnvironment, "OpenSSL cannot make a key");
  return KeyMaker::make(std::move(key));
}

std::string SigningKey::pem() const {
  const ErrorsCleared cleared;
  const BioOwner bio(BIO_new(BIO_s_secmem()));
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), parts_->key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return {};
  }
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

const std::string& SigningKey::id() const {
  return parts_->id;
}

PublicKey SigningKey::public_key() const {
  return PublicKey(parts_->point, parts_->id);
}

Result<std::string> SigningKey::sign(std::string_view payload) const {
  const ErrorsCleared cleared;
  cjose_err error = {};
  const HeaderOwner header(cjose_header_new(&error));
  if (!header || !cjose_header_set(header.get(), CJOSE_HDR_ALG, CJOSE_HDR_ALG_ES256, &error) ||
      !cjose_header_set(header.get(), "typ", "eat+jwt", &error) ||
      !cjose_header_set(header.get(), CJOSE_HDR_KID, parts_->id.c_str(), &error)) {
    return library_failed("make a header", error);
  }
  const JwsOwner jws(cjose_jws_sign(parts_->jwk.get(), header.get(),
                                    reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size(), &error));
  const char* text = nullptr;  // belongs to `jws`; 0.6.2 may say that it exported and give none
  if (!jws || !cjose_jws_export(jws.get(), &text, &error) || text == nullptr) return library_failed("sign", error);
  return std::string(text);
}

}  // namespace imakeep::ear
