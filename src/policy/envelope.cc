// SPDX-License-Identifier: Apache-2.0
#include "policy/envelope.h"

#include <algorithm>
#include <array>

#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "base/openssl_objects.h"
#include "signature/key_file.h"

namespace imakeep::policy {
namespace {

using openssl::data_of;
using EcdsaSignature = openssl::Owned<ECDSA_SIG, ECDSA_SIG_free>;

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
  const openssl::ErrorQueueCleared cleared;
  const openssl::DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;  // belongs to `context`
  if (!context || EVP_DigestVerifyInit_ex(context.get(), &key_context, hash, nullptr, nullptr, key, nullptr) != 1) {
    return false;
  }
  if (padding != 0 && EVP_PKEY_CTX_set_rsa_padding(key_context, padding) <= 0) return false;
  if (padding == RSA_PKCS1_PSS_PADDING && EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_AUTO) <= 0) {
    return false;
  }
  return EVP_DigestVerify(context.get(), data_of(signature), signature.size(), data_of(bytes), bytes.size()) == 1;
}

// The DER of a signature that is both numbers one after the other. Empty if OpenSSL fails.
Bytes der_of_numbers(ByteView numbers) {
  const int half = static_cast<int>(numbers.size() / 2);
  const EcdsaSignature pair(ECDSA_SIG_new());
  BIGNUM* const r = BN_bin2bn(data_of(numbers), half, nullptr);
  BIGNUM* const s = BN_bin2bn(data_of(numbers) + half, half, nullptr);
  if (!pair || r == nullptr || s == nullptr || ECDSA_SIG_set0(pair.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return {};
  }
  return openssl::der_bytes(i2d_ECDSA_SIG, pair.get());
}

}  // namespace

Result<std::vector<PolicyKey>> PolicyKey::parse(ByteView file) {
  const std::string remedy = "; give PEM or DER of a public key or a certificate";
  if (file.size() > kMostKeyFileBytes) {
    return fail(ErrorCode::kMalformed, "larger than " + std::to_string(kMostKeyFileBytes) + " bytes" + remedy);
  }
  auto found = signature::keys_in_file(file);
  if (!found) return fail(found.error().code, found.error().message + remedy);
  std::vector<PolicyKey> keys;
  for (signature::KeyInFile& each : *found) {
    if (!each.key || !usable(each.key.get())) {
      return fail(ErrorCode::kUnsupported,
                  "key " + std::to_string(keys.size() + 1) +
                      " cannot check a policy; give RSA of 2048 bits or more, or ECDSA on P-256, P-384 or P-521");
    }
    keys.push_back(PolicyKey(std::move(each.key)));
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
