// SPDX-License-Identifier: Apache-2.0
#include "signature/key_file.h"

#include <algorithm>
#include <optional>
#include <string>

#include <openssl/pem.h>

#include "base/openssl_objects.h"

namespace imakeep::signature {

using openssl::Bio;
using openssl::copy_of;
using openssl::data_of;
using openssl::ErrorQueueCleared;
using openssl::Owned;
using openssl::take_der;
namespace {

using DecodeCertificate = X509*(X509**, const unsigned char**, long);

// An NV index may be larger than the certificate in it.
bool is_padding(ByteView rest) {
  const auto all = [&](std::byte value) {
    return std::all_of(rest.begin(), rest.end(), [value](std::byte b) { return b == value; });
  };
  return all(std::byte{0}) || all(std::byte{0xff});
}

// True if OpenSSL has these keys. If it then refuses one, the key is damaged.
bool is_known_kind(const X509_PUBKEY* encoding) {
  ASN1_OBJECT* algorithm = nullptr;
  if (X509_PUBKEY_get0_param(&algorithm, nullptr, nullptr, nullptr, encoding) != 1) return true;
  const int kind = OBJ_obj2nid(algorithm);
  return kind == NID_rsaEncryption || kind == NID_rsassaPss || kind == NID_X9_62_id_ecPublicKey;
}

// The encoding belongs to the certificate, if there is one.
std::optional<KeyInFile> with_key(std::shared_ptr<X509> certificate, std::shared_ptr<X509_PUBKEY> encoding) {
  std::shared_ptr<EVP_PKEY> key(X509_PUBKEY_get(encoding.get()), EVP_PKEY_free);
  if (!key && is_known_kind(encoding.get())) return std::nullopt;
  return KeyInFile{.certificate = std::move(certificate), .encoding = std::move(encoding), .key = std::move(key)};
}

std::optional<KeyInFile> public_key_of(ByteView der) {
  std::shared_ptr<X509_PUBKEY> encoding(take_der(d2i_X509_PUBKEY, der), X509_PUBKEY_free);
  if (!encoding || !der.empty()) return std::nullopt;
  return with_key(nullptr, std::move(encoding));
}

std::optional<KeyInFile> rsa_key_of(ByteView der) {
  const unsigned char* at = data_of(der);
  const Owned<EVP_PKEY, EVP_PKEY_free> key(d2i_PublicKey(EVP_PKEY_RSA, nullptr, &at, static_cast<long>(der.size())));
  X509_PUBKEY* encoding = nullptr;
  if (!key || at != data_of(der) + der.size() || X509_PUBKEY_set(&encoding, key.get()) != 1) return std::nullopt;
  return with_key(nullptr, std::shared_ptr<X509_PUBKEY>(encoding, X509_PUBKEY_free));
}

std::optional<KeyInFile> certificate_of(ByteView der, DecodeCertificate* decode) {
  std::shared_ptr<X509> certificate(take_der(decode, der), X509_free);
  if (!certificate || !is_padding(der)) return std::nullopt;
  std::shared_ptr<X509_PUBKEY> encoding(certificate, X509_get_X509_PUBKEY(certificate.get()));
  return with_key(std::move(certificate), std::move(encoding));
}

// One block of a PEM file.
struct PemBlock {
  std::string name;
  Bytes der;
};

// The next block, or nothing if no complete block follows.
std::optional<PemBlock> next_block(BIO* bio) {
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* der = nullptr;
  long size = 0;
  if (PEM_read_bio(bio, &name, &header, &der, &size) != 1) return std::nullopt;
  PemBlock block{.name = name, .der = copy_of(der, static_cast<std::size_t>(size))};
  OPENSSL_free(name);
  OPENSSL_free(header);
  OPENSSL_free(der);
  return block;
}

// The key in the block. Nothing if the block is of another kind or damaged.
std::optional<KeyInFile> key_of(const PemBlock& block) {
  if (block.name == PEM_STRING_PUBLIC) return public_key_of(block.der);
  if (block.name == PEM_STRING_RSA_PUBLIC) return rsa_key_of(block.der);
  if (block.name == PEM_STRING_X509 || block.name == PEM_STRING_X509_OLD) return certificate_of(block.der, d2i_X509);
  if (block.name == PEM_STRING_X509_TRUSTED) return certificate_of(block.der, d2i_X509_AUX);
  return std::nullopt;
}

Result<std::vector<KeyInFile>> pem_keys(ByteView text) {
  const Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  std::vector<KeyInFile> keys;
  while (const auto block = next_block(bio.get())) {
    auto key = key_of(*block);
    if (!key) continue;
    if (keys.size() == kMaxKeysInFile) {
      return fail(ErrorCode::kMalformed, "PEM, with more than " + std::to_string(kMaxKeysInFile) + " keys");
    }
    keys.push_back(std::move(*key));
  }
  if (keys.empty()) return fail(ErrorCode::kMalformed, "PEM, but neither a public key nor a certificate");
  return keys;
}

Result<std::vector<KeyInFile>> der_keys(ByteView der) {
  auto key = public_key_of(der);
  if (!key) key = certificate_of(der, d2i_X509);
  if (!key) {
    return fail(ErrorCode::kMalformed, "DER, but neither a public key (SubjectPublicKeyInfo) nor a certificate");
  }
  return std::vector<KeyInFile>{std::move(*key)};
}

}  // namespace

bool is_pem(ByteView file) {
  return as_text(file).find("-----BEGIN ") != std::string_view::npos;
}

Result<std::vector<KeyInFile>> keys_in_file(ByteView file) {
  const ErrorQueueCleared cleared;
  return is_pem(file) ? pem_keys(file) : der_keys(file);
}

}  // namespace imakeep::signature
