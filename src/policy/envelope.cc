// SPDX-License-Identifier: Apache-2.0
#include "policy/envelope.h"

#include <algorithm>
#include <array>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

namespace imakeep::policy {
namespace {

template <auto Free>
struct FreedBy {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using KeyOwner = std::shared_ptr<EVP_PKEY>;
using CertificateOwner = std::unique_ptr<X509, FreedBy<X509_free>>;
using BioOwner = std::unique_ptr<BIO, FreedBy<BIO_free>>;
using ContextOwner = std::unique_ptr<EVP_MD_CTX, FreedBy<EVP_MD_CTX_free>>;
using EcdsaOwner = std::unique_ptr<ECDSA_SIG, FreedBy<ECDSA_SIG_free>>;

// OpenSSL queues its errors for each thread. The destructor clears the queue, so that other code does not find them.
struct ErrorsCleared {
  ErrorsCleared() = default;
  ErrorsCleared(const ErrorsCleared&) = delete;
  ErrorsCleared& operator=(const ErrorsCleared&) = delete;
  ~ErrorsCleared() { ERR_clear_error(); }
};

const unsigned char* uchars(ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

KeyOwner key_owner(EVP_PKEY* key) {
  return {key, FreedBy<EVP_PKEY_free>()};
}

// The public key in this DER, which is a SubjectPublicKeyInfo or a certificate and nothing after it. nullptr if not.
KeyOwner key_in_der(ByteView der) {
  const unsigned char* at = uchars(der);
  const unsigned char* const end = at + der.size();
  if (KeyOwner key = key_owner(d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size()))); key && at == end) return key;
  at = uchars(der);
  const CertificateOwner certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  return certificate && at == end ? key_owner(X509_get_pubkey(certificate.get())) : nullptr;
}

std::vector<KeyOwner> keys_in_pem(ByteView file) {
  std::vector<KeyOwner> keys;
  const BioOwner bio(BIO_new_mem_buf(file.data(), static_cast<int>(file.size())));
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* der = nullptr;
  long size = 0;
  while (bio && PEM_read_bio(bio.get(), &name, &header, &der, &size) == 1) {
    const std::string_view kind(name);
    if (kind == PEM_STRING_PUBLIC || kind == PEM_STRING_X509) {
      const auto* const begin = reinterpret_cast<const std::byte*>(der);
      if (KeyOwner key = key_in_der({begin, static_cast<std::size_t>(size)})) keys.push_back(std::move(key));
    }
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(der);
  }
  return keys;
}

// Bytes of each of the two numbers of a signature on the key's curve; 0 if the key is not on one of the NIST curves.
std::size_t curve_bytes(const EVP_PKEY* key) {
  std::array<char, 64> name{};
  if (EVP_PKEY_get_group_name(key, name.data(), name.size(), nullptr) != 1) return 0;
  const std::string_view curve(name.data());
  return curve == "prime256v1" ? 32 : curve == "secp384r1" ? 48 : curve == "secp521r1" ? 66 : 0;
}

bool usable(const EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "EC") == 1) return curve_bytes(key) != 0;
  return EVP_PKEY_is_a(key, "RSA") == 1 && EVP_PKEY_get_bits(key) >= 2048;
}

// `padding` is for RSA; 0 for ECDSA.
bool verifies_with(EVP_PKEY* key, const char* hash, int padding, ByteView bytes, ByteView signature) {
  const ErrorsCleared cleared;
  const ContextOwner context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;  // belongs to `context`
  if (!context || EVP_DigestVerifyInit_ex(context.get(), &key_context, hash, nullptr, nullptr, key, nullptr) != 1) {
    return false;
  }
  if (padding != 0 && EVP_PKEY_CTX_set_rsa_padding(key_context, padding) <= 0) return false;
  if (padding == RSA_PKCS1_PSS_PADDING && EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_AUTO) <= 0) {
    return false;
  }
  return EVP_DigestVerify(context.get(), uchars(signature), signature.size(), uchars(bytes), bytes.size()) == 1;
}

// The DER of a signature that is both numbers one after the other. Empty if OpenSSL fails.
Bytes der_of_numbers(ByteView numbers) {
  const int half = static_cast<int>(numbers.size() / 2);
  const EcdsaOwner pair(ECDSA_SIG_new());
  BIGNUM* const r = BN_bin2bn(uchars(numbers), half, nullptr);
  BIGNUM* const s = BN_bin2bn(uchars(numbers) + half, half, nullptr);
  if (!pair || r == nullptr || s == nullptr || ECDSA_SIG_set0(pair.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return {};
  }
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &der);
  if (size <= 0) return {};
  const auto* const begin = reinterpret_cast<const std::byte*>(der);
  Bytes bytes(begin, begin + size);
  OPENSSL_free(der);
  return bytes;
}

}  // namespace

Result<std::vector<PolicyKey>> PolicyKey::parse(ByteView file) {
  const ErrorsCleared cleared;
  std::vector<KeyOwner> found;
  if (file.size() <= kMostKeyFileBytes) {
    if (as_text(file).find("-----BEGIN ") != std::string_view::npos) {
      found = keys_in_pem(file);
    } else if (KeyOwner key = key_in_der(file)) {
      found.push_back(std::move(key));
    }
  }
  if (found.empty()) {
    return fail(ErrorCode::kMalformed, "neither a public key nor a certificate; give PEM or DER of one");
  }
  std::vector<PolicyKey> keys;
  for (KeyOwner& key : found) {
    if (!usable(key.get())) {
      return fail(ErrorCode::kUnsupported,
                  "key " + std::to_string(keys.size() + 1) +
                      " cannot check a policy; give RSA of 2048 bits or more, or ECDSA on P-256, P-384 or P-521");
    }
    keys.push_back(PolicyKey(std::move(key)));
  }
  return keys;
}

bool PolicyKey::signed_by(ByteView bytes, ByteView signature) const {
  const std::size_t half = curve_bytes(key_.get());
  if (half == 0) {
    return verifies_with(key_.get(), "SHA256", RSA_PKCS1_PADDING, bytes, signature) ||
           verifies_with(key_.get(), "SHA256", RSA_PKCS1_PSS_PADDING, bytes, signature);
  }
  std::vector<const char*> hashes = {"SHA256"};
  if (half > 32) hashes.push_back(half == 48 ? "SHA384" : "SHA512");
  const Bytes from_numbers = signature.size() == 2 * half ? der_of_numbers(signature) : Bytes();
  return std::any_of(hashes.begin(), hashes.end(), [&](const char* hash) {
    return verifies_with(key_.get(), hash, 0, bytes, signature) ||
           (!from_numbers.empty() && verifies_with(key_.get(), hash, 0, bytes, from_numbers));
  });
}

Bytes signed_bytes(std::string_view payload_type, ByteView payload) {
  std::string head = "DSSEv1 " + std::to_string(payload_type.size()) + ' ';
  head += payload_type;
  head += ' ' + std::to_string(payload.size()) + ' ';
  Bytes bytes;
  bytes.reserve(head.size() + payload.size());
  append_bytes(bytes, as_bytes(head));
  append_bytes(bytes, payload);
  return bytes;
}

Result<void> check_envelope(const Envelope& envelope, const std::vector<PolicyKey>& keys) {
  const Bytes bytes = signed_bytes(envelope.payload_type, envelope.payload);
  for (const Bytes& signature : envelope.signatures) {
    for (const PolicyKey& key : keys) {
      if (key.signed_by(bytes, signature)) return {};
    }
  }
  const std::string count = std::to_string(envelope.signatures.size());
  return fail(ErrorCode::kMismatch, "/signatures: none of the policy's signatures (" + count +
                                        ") is by one of the given keys, or the policy was altered; sign it again, or "
                                        "give the key that signed it");
}

}  // namespace imakeep::policy
