// SPDX-License-Identifier: Apache-2.0
#include "signature/key.h"

#include <ctime>

#include <openssl/core_names.h>
#include <openssl/x509v3.h>

#include "base/openssl_objects.h"
#include "signature/certificate_text.h"
#include "signature/curves.h"
#include "signature/key_file.h"

namespace imakeep::signature {

using openssl::copy_of;
using openssl::der_bytes;
using openssl::ErrorQueueCleared;
using openssl::Number;
using openssl::Owned;

struct Key::Parts {
  KeyInFile file;
  KeyKind kind = KeyKind::kOther;
  std::string name;
  Bytes identifier;
  digest::Digest fingerprint;
  std::optional<CertificateInfo> certificate;
};

namespace {

using OctetString = Owned<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free>;

constexpr std::size_t kKeyIdBytes = 4;
constexpr int kLeastRsaBits = 1024;  // fewer were factored: RSA-768 in 2009

struct NamedKind {
  KeyKind kind = KeyKind::kOther;
  std::string name;
};

NamedKind kind_of(const KeyInFile& file) {
  const std::string algorithm = algorithm_oid(file.encoding.get());
  if (const auto name = ml_dsa_name(algorithm); !name.empty()) {
    return {.kind = KeyKind::kMlDsa, .name = std::string(name)};
  }
  EVP_PKEY* const key = file.key.get();
  if (key == nullptr) return {.kind = KeyKind::kOther, .name = algorithm};
  if (EVP_PKEY_is_a(key, "RSA") == 1) {
    const int bits = EVP_PKEY_get_bits(key);
    return {.kind = bits < kLeastRsaBits ? KeyKind::kOther : KeyKind::kRsa, .name = "RSA " + std::to_string(bits)};
  }
  if (EVP_PKEY_is_a(key, "EC") == 1) {
    const Curve* const curve = nist_curve_of(key);
    if (curve != nullptr) return {.kind = KeyKind::kEcdsa, .name = std::string("ECDSA ") + curve->nist_name};
  }
  const char* const name = EVP_PKEY_get0_type_name(key);
  return {.kind = KeyKind::kOther, .name = name == nullptr ? algorithm : name};
}

// SEC 1, 2.3.3: the point without compression, whatever form the key's encoding has. Empty if it has no coordinates.
Bytes uncompressed_point(const EVP_PKEY* key, std::size_t field_bytes) {
  Bytes point(1 + 2 * field_bytes);
  point[0] = std::byte{POINT_CONVERSION_UNCOMPRESSED};
  std::size_t at = 1;
  for (const char* const name : {OSSL_PKEY_PARAM_EC_PUB_X, OSSL_PKEY_PARAM_EC_PUB_Y}) {
    BIGNUM* coordinate = nullptr;
    if (EVP_PKEY_get_bn_param(key, name, &coordinate) != 1) return {};
    const Number owned(coordinate);
    auto* const to = reinterpret_cast<unsigned char*>(point.data() + at);
    if (BN_bn2binpad(owned.get(), to, static_cast<int>(field_bytes)) < 0) return {};
    at += field_bytes;
  }
  return point;
}

// The public key's bits as SubjectPublicKeyInfo has them: for RSA, the RSAPublicKey of PKCS#1.
ByteView public_bits(const X509_PUBKEY* encoding) {
  const unsigned char* bits = nullptr;
  int size = 0;
  if (X509_PUBKEY_get0_param(nullptr, &bits, &size, nullptr, encoding) != 1) return {};
  return {reinterpret_cast<const std::byte*>(bits), static_cast<std::size_t>(size)};
}

Bytes identifier_of(const KeyInFile& file, KeyKind kind) {
  if (file.certificate) {
    // Not X509_get0_subject_key_id(), which finds none if another extension is damaged.
    const OctetString skid(static_cast<ASN1_OCTET_STRING*>(
        X509_get_ext_d2i(file.certificate.get(), NID_subject_key_identifier, nullptr, nullptr)));
    if (skid && static_cast<std::size_t>(ASN1_STRING_length(skid.get())) >= kKeyIdBytes) {
      return copy_of(ASN1_STRING_get0_data(skid.get()), static_cast<std::size_t>(ASN1_STRING_length(skid.get())));
    }
  }
  Bytes point;
  if (kind == KeyKind::kEcdsa) point = uncompressed_point(file.key.get(), nist_curve_of(file.key.get())->field_bytes);
  const ByteView hashed = point.empty() ? public_bits(file.encoding.get()) : ByteView(point);
  const digest::Digest digest = digest::hash(digest::Algorithm::kSha1, hashed);
  return {digest.view().begin(), digest.view().end()};
}

std::optional<std::int64_t> seconds_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return ::timegm(&parts);
}

Result<CertificateInfo> info_of(const X509* certificate) {
  const auto not_before_s = seconds_of(X509_get0_notBefore(certificate));
  const auto not_after_s = seconds_of(X509_get0_notAfter(certificate));
  if (!not_before_s || !not_after_s) {
    return fail(ErrorCode::kMalformed, "the certificate's dates cannot be read");
  }
  return CertificateInfo{.subject = name_text(X509_get_subject_name(certificate)),
                         .issuer = name_text(X509_get_issuer_name(certificate)),
                         .serial = serial_text(X509_get0_serialNumber(certificate)),
                         .not_before_s = *not_before_s,
                         .not_after_s = *not_after_s};
}

}  // namespace

Result<std::vector<Key>> Key::parse(ByteView file) {
  IMAKEEP_TRY(auto found, keys_in_file(file));
  const ErrorQueueCleared cleared;
  std::vector<Key> keys;
  for (KeyInFile& each : found) {
    Parts parts;
    auto [kind, name] = kind_of(each);
    if (each.certificate) {
      IMAKEEP_TRY(parts.certificate, info_of(each.certificate.get()));
    }
    parts.identifier = identifier_of(each, kind);
    parts.fingerprint = digest::hash(digest::Algorithm::kSha256, der_bytes(i2d_X509_PUBKEY, each.encoding.get()));
    parts.kind = kind;
    parts.name = std::move(name);
    parts.file = std::move(each);
    keys.push_back(Key(std::make_shared<const Parts>(std::move(parts))));
  }
  return keys;
}

std::uint32_t Key::id() const {
  const ByteView whole = parts_->identifier;
  return load<std::uint32_t>(whole.last(kKeyIdBytes).data(), ByteOrder::kBig);
}

ByteView Key::identifier() const {
  return parts_->identifier;
}

KeyKind Key::kind() const {
  return parts_->kind;
}

const std::string& Key::name() const {
  return parts_->name;
}

const std::optional<CertificateInfo>& Key::certificate() const {
  return parts_->certificate;
}

const digest::Digest& Key::fingerprint() const {
  return parts_->fingerprint;
}

evp_pkey_st* Key::openssl_key() const {
  return parts_->file.key.get();
}

x509_st* Key::openssl_certificate() const {
  return parts_->file.certificate.get();
}

}  // namespace imakeep::signature
