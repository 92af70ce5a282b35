// SPDX-License-Identifier: Apache-2.0
#include "http/self_signed.h"

#include <arpa/inet.h>

#include <array>
#include <memory>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "base/base64.h"
#include "base/openssl_objects.h"

namespace imakeep::http {
namespace {

using openssl::Bio;
using openssl::Certificate;
using openssl::Owned;

tl::unexpected<Error> openssl_failed(const std::string& what) {
  const std::string reason = ERR_reason_error_string(ERR_peek_last_error()) == nullptr
                                 ? "no reason given"
                                 : ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return fail(ErrorCode::kEnvironment, "OpenSSL cannot " + what + ": " + reason);
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long bytes = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(bytes)};
}

// "DNS:host,IP:192.0.2.1"
std::string alternative_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    std::array<unsigned char, sizeof(in6_addr)> address{};
    const bool is_address = ::inet_pton(AF_INET, name.c_str(), address.data()) == 1 ||
                            ::inet_pton(AF_INET6, name.c_str(), address.data()) == 1;
    text += (text.empty() ? "" : ",") + std::string(is_address ? "IP:" : "DNS:") + name;
  }
  return text;
}

bool add_extension(X509* certificate, int kind, const std::string& value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Owned<X509_EXTENSION, X509_EXTENSION_free> extension(
      X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

Certificate make_certificate(EVP_PKEY* key, const std::vector<std::string>& names, std::int64_t now_unix_s) {
  constexpr long kHour = 3600;
  constexpr long kTenYears = 10 * 365 * 24 * kHour;
  constexpr int kVersion3 = 2;
  Certificate certificate(X509_new());
  const Owned<BIGNUM, BN_free> serial(BN_new());
  if (!certificate || !serial) return nullptr;
  std::time_t now = now_unix_s;
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  const auto* const common_name = reinterpret_cast<const unsigned char*>("imakeep-verifier");
  const bool made =
      X509_set_version(certificate.get(), kVersion3) == 1 && BN_rand(serial.get(), 127, BN_RAND_TOP_ANY, 0) == 1 &&
      BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate.get())) != nullptr &&
      X509_time_adj_ex(X509_getm_notBefore(certificate.get()), 0, -kHour, &now) != nullptr &&
      X509_time_adj_ex(X509_getm_notAfter(certificate.get()), 0, kTenYears, &now) != nullptr &&
      X509_set_pubkey(certificate.get(), key) == 1 &&
      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, common_name, -1, -1, 0) == 1 &&
      X509_set_issuer_name(certificate.get(), subject) == 1 &&
      add_extension(certificate.get(), NID_basic_constraints, "critical,CA:FALSE") &&
      add_extension(certificate.get(), NID_ext_key_usage, "serverAuth") &&
      (names.empty() || add_extension(certificate.get(), NID_subject_alt_name, alternative_names(names))) &&
      X509_sign(certificate.get(), key, EVP_sha256()) > 0;
  return made ? std::move(certificate) : nullptr;
}

}  // namespace

Result<Identity> make_self_signed(const std::vector<std::string>& names, std::int64_t now_unix_s) {
  const Owned<EVP_PKEY, EVP_PKEY_free> key(EVP_EC_gen("P-256"));
  if (!key) return openssl_failed("make a key for the server");
  const Certificate certificate = make_certificate(key.get(), names, now_unix_s);
  if (!certificate) return openssl_failed("make a certificate for the server");
  const Bio certificate_text(BIO_new(BIO_s_mem()));
  const Bio key_text(BIO_new(BIO_s_mem()));
  if (!certificate_text || !key_text || PEM_write_bio_X509(certificate_text.get(), certificate.get()) != 1 ||
      PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return openssl_failed("write the server's certificate");
  }
  return Identity{.certificate = text_of(certificate_text.get()), .private_key = text_of(key_text.get())};
}

Result<std::string> pin_of(const std::string& certificates) {
  const Bio text(BIO_new_mem_buf(certificates.data(), static_cast<int>(certificates.size())));
  const Certificate certificate(text ? PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr) : nullptr);
  ERR_clear_error();
  if (!certificate) return fail(ErrorCode::kMalformed, "no certificate in PEM; name a file that begins with one");
  const Bytes der = openssl::der_bytes(i2d_PUBKEY, static_cast<const EVP_PKEY*>(X509_get0_pubkey(certificate.get())));
  if (der.empty()) return openssl_failed("write the public key of a certificate");
  std::array<unsigned char, SHA256_DIGEST_LENGTH> hash{};
  SHA256(openssl::data_of(der), der.size(), hash.data());
  return "sha256//" + to_base64(std::as_bytes(std::span(hash)));
}

}  // namespace imakeep::http
