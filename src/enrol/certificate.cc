// SPDX-License-Identifier: Apache-2.0
#include "enrol/certificate.h"

#include <algorithm>
#include <new>

#include <openssl/bio.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/openssl_objects.h"
#include "base/text.h"
#include "enrol/public_area.h"
#include "tpm/openssl_key.h"

namespace imakeep::enrol {

// Gives the functions of this file OpenSSL's object.
class CertificateView {
 public:
  static X509* of(const Certificate& certificate) { return certificate.certificate_.get(); }
  static Certificate made(X509* certificate) { return Certificate({certificate, X509_free}); }
};

namespace {

using openssl::Bio;
using openssl::data_of;
using openssl::ErrorQueueCleared;
using openssl::Owned;
using Store = Owned<X509_STORE, X509_STORE_free>;
using StoreContext = Owned<X509_STORE_CTX, X509_STORE_CTX_free>;
using Object = Owned<ASN1_OBJECT, ASN1_OBJECT_free>;
using GeneralNames = Owned<GENERAL_NAMES, GENERAL_NAMES_free>;
using KeyUsages = Owned<EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free>;
struct StackFree {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }  // not the certificates
};
using Stack = std::unique_ptr<STACK_OF(X509), StackFree>;

// TCG EK Credential Profile 2.3, section 3.1.2 and 3.2.16; TCG OID Registry.
constexpr const char* kManufacturerOid = "2.23.133.2.1";
constexpr const char* kModelOid = "2.23.133.2.2";
constexpr const char* kVersionOid = "2.23.133.2.3";
constexpr const char* kEkPurposeOid = "2.23.133.8.1";
constexpr const char* kAkPurposeOid = "2.23.133.8.3";
// Chains of TPM makers have up to three intermediates.
constexpr int kMostChainDepth = 8;

unexpected<Error> certificate_refused(std::string_view reason, const std::string& what) {
  return fail(ErrorCode::kMismatch, "certificate refused (" + std::string(reason) + "): " + what);
}

std::string subject_text(const X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) < 0) return "";
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

bool same_oid(const ASN1_OBJECT* object, const char* oid) {
  const Object wanted(OBJ_txt2obj(oid, 1));
  return wanted && OBJ_cmp(object, wanted.get()) == 0;
}

// The text of the attribute with this OID; empty if the name has none.
std::string attribute_text(const X509_NAME* name, const char* oid) {
  const Object wanted(OBJ_txt2obj(oid, 1));
  const int at = wanted ? X509_NAME_get_index_by_OBJ(name, wanted.get(), -1) : -1;
  if (at < 0) return "";
  const ASN1_STRING* const value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
          static_cast<std::size_t>(ASN1_STRING_length(value))};
}

// Whether the certificate may be of a key of this kind: it names no purposes, or this one.
bool has_purpose(const X509* certificate, CertifiedKey kind) {
  const KeyUsages purposes(
      static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(certificate, NID_ext_key_usage, nullptr, nullptr)));
  // No such extension; a damaged one counts as one that does not have the purpose.
  if (!purposes) return X509_get_ext_by_NID(certificate, NID_ext_key_usage, -1) < 0;
  const char* const wanted = kind == CertifiedKey::kEndorsement ? kEkPurposeOid : kAkPurposeOid;
  for (int i = 0; i < sk_ASN1_OBJECT_num(purposes.get()); ++i) {
    if (same_oid(sk_ASN1_OBJECT_value(purposes.get(), i), wanted)) return true;
  }
  return false;
}

void push(STACK_OF(X509) * stack, const Certificate& certificate) {
  if (sk_X509_push(stack, CertificateView::of(certificate)) == 0) throw std::bad_alloc();
}

// What X509_verify_cert() found.
Result<void> chain_fault(int error, const X509* at) {
  const std::string where = at == nullptr ? "" : " (" + printable(subject_text(at)) + ")";
  switch (error) {
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return certificate_refused("dates", std::string(X509_verify_cert_error_string(error)) + where +
                                              "; check the clock, or let the operator allow any date");
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return certificate_refused("no-root", "it leads to no trusted root" + where + "; add its maker's certificates");
    case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
      return certificate_refused("critical", "it has a critical extension that is not known" + where);
    default:
      return certificate_refused("chain", std::string(X509_verify_cert_error_string(error)) + where);
  }
}

// NIST SP 800-131A rev. 2, section 3. The key of the first certificate is checked with its public area.
Result<void> check_strength(STACK_OF(X509) * chain) {
  constexpr int kLeastSecurityBits = 112;
  // The last one is the root, whose own signature proves nothing.
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    X509* const each = sk_X509_value(chain, i);
    int signature_bits = 0;
    const bool known = X509_get_signature_info(each, nullptr, nullptr, &signature_bits, nullptr) == 1;
    const bool weak_signature = i + 1 < sk_X509_num(chain) && (!known || signature_bits < kLeastSecurityBits);
    const EVP_PKEY* const key = X509_get0_pubkey(each);
    const bool weak_key = i > 0 && (key == nullptr || EVP_PKEY_get_security_bits(key) < kLeastSecurityBits);
    if (weak_signature || weak_key) {
      return certificate_refused("weak", "it rests on a signature or a key that can be forged (" +
                                             printable(subject_text(each)) + "); pin the TPM's key instead");
    }
  }
  return {};
}

// The key bits of a SubjectPublicKeyInfo.
ByteView key_bits(const X509_PUBKEY* key) {
  const unsigned char* bits = nullptr;
  int size = 0;
  if (X509_PUBKEY_get0_param(nullptr, &bits, &size, nullptr, key) != 1) return {};
  return {reinterpret_cast<const std::byte*>(bits), static_cast<std::size_t>(size)};
}

bool same_key(const X509* certificate, EVP_PKEY* key) {
  if (EVP_PKEY* const certified = X509_get0_pubkey(certificate)) return EVP_PKEY_eq(certified, key) == 1;
  // OpenSSL reads no key whose algorithm is id-RSAES-OAEP. Its bits are those of any RSA key.
  X509_PUBKEY* const info = X509_get_X509_PUBKEY(certificate);
  ASN1_OBJECT* algorithm = nullptr;
  if (X509_PUBKEY_get0_param(&algorithm, nullptr, nullptr, nullptr, info) != 1 ||
      OBJ_obj2nid(algorithm) != NID_rsaesOaep || EVP_PKEY_is_a(key, "RSA") != 1) {
    return false;
  }
  X509_PUBKEY* made = nullptr;
  if (X509_PUBKEY_set(&made, key) != 1) return false;
  const Owned<X509_PUBKEY, X509_PUBKEY_free> owned(made);
  return equal(key_bits(info), key_bits(made));
}

}  // namespace

// ---- certificates ---------------------------------------------------------------------------------------------------

Result<Certificate> Certificate::parse(ByteView bytes) {
  const ErrorQueueCleared cleared;
  const unsigned char* at = data_of(bytes);
  X509* const read = d2i_X509(nullptr, &at, static_cast<long>(bytes.size()));
  if (read == nullptr) return fail(ErrorCode::kMalformed, "not a certificate in DER");
  Certificate certificate = CertificateView::made(read);
  const ByteView padding = bytes.subspan(static_cast<std::size_t>(at - data_of(bytes)));
  const auto all = [padding](std::byte value) {
    return std::all_of(padding.begin(), padding.end(), [value](std::byte each) { return each == value; });
  };
  if (!all(std::byte{0}) && !all(std::byte{0xff})) {
    return fail(ErrorCode::kMalformed, "bytes follow the certificate that are no padding of a TPM's NV index");
  }
  return certificate;
}

Bytes Certificate::der() const {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate_.get(), &der);
  if (size <= 0) return {};
  const auto* const begin = reinterpret_cast<const std::byte*>(der);
  Bytes bytes(begin, begin + size);
  OPENSSL_free(der);
  return bytes;
}

std::string Certificate::subject() const {
  const ErrorQueueCleared cleared;
  return subject_text(certificate_.get());
}

std::optional<TpmIdentity> Certificate::tpm_identity() const {
  const ErrorQueueCleared cleared;
  const GeneralNames names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate_.get(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DIRNAME) continue;
    TpmIdentity identity = {.manufacturer = attribute_text(name->d.directoryName, kManufacturerOid),
                            .model = attribute_text(name->d.directoryName, kModelOid),
                            .version = attribute_text(name->d.directoryName, kVersionOid)};
    if (!identity.manufacturer.empty() && !identity.model.empty() && !identity.version.empty()) return identity;
  }
  return std::nullopt;
}

Result<EndorsementKey> Certificate::endorsement_key() const {
  const ErrorQueueCleared cleared;
  std::shared_ptr<EVP_PKEY> key(X509_get_pubkey(certificate_.get()), EVP_PKEY_free);
  if (!key) {
    return fail(ErrorCode::kUnsupported,
                "EK refused (template): the certificate's key is not known; send its public area");
  }
  return EndorsementKey::with_default_template(std::move(key));
}

Result<void> check_certified(const Certificate& certificate, ByteView public_area) {
  const ErrorQueueCleared cleared;
  IMAKEEP_TRY(const PublicArea parsed, parse_public_area(public_area));
  const auto key = tpm::openssl_key(parsed.key);
  if (!key || !same_key(CertificateView::of(certificate), key.get())) {
    return certificate_refused("other-key",
                               "it is of another key than the public area; send the certificate of this TPM");
  }
  return {};
}

// ---- trust ----------------------------------------------------------------------------------------------------------

Result<void> TrustStore::add(ByteView bytes, const std::string& file) {
  const ErrorQueueCleared cleared;
  std::vector<Certificate> found;
  if (as_text(bytes).find("-----BEGIN ") != std::string_view::npos) {
    const Bio bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
    if (!bio) throw std::bad_alloc();
    while (X509* const read = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
      found.push_back(CertificateView::made(read));
    }
    // At the end of the file there is no further begin line. Anything else is a damaged certificate.
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE || found.empty()) {
      return fail(ErrorCode::kMalformed,
                  file + ": a certificate in PEM is damaged, or there is none; replace the file");
    }
  } else {
    auto certificate = Certificate::parse(bytes);
    if (!certificate) return unexpected(named(std::move(certificate).error(), file));
    found.push_back(std::move(*certificate));
  }
  for (Certificate& each : found) {
    const bool self_signed = X509_self_signed(CertificateView::of(each), 1) == 1;
    (self_signed ? roots_ : intermediates_).push_back(std::move(each));
  }
  return {};
}

Result<void> TrustStore::verify(const Certificate& certificate, CertifiedKey kind, std::span<const Certificate> others,
                                std::optional<std::int64_t> at_unix_s) const {
  const ErrorQueueCleared cleared;
  X509* const leaf = CertificateView::of(certificate);
  if (X509_check_ca(leaf) != 0) {
    return certificate_refused("ca", "it is a certificate of an authority, or self-signed; send that of the TPM's key");
  }
  if (!has_purpose(leaf, kind)) {
    return certificate_refused("purpose", kind == CertifiedKey::kEndorsement ? "it is not for endorsement keys"
                                                                             : "it is not for attestation keys");
  }
  const Store store(X509_STORE_new());
  const StoreContext context(X509_STORE_CTX_new());
  const Stack untrusted(sk_X509_new_null());
  if (!store || !context || !untrusted) throw std::bad_alloc();
  for (const Certificate& each : roots_) {
    if (X509_STORE_add_cert(store.get(), CertificateView::of(each)) != 1) throw std::bad_alloc();
  }
  for (const Certificate& each : others) push(untrusted.get(), each);
  for (const Certificate& each : intermediates_) push(untrusted.get(), each);
  if (X509_STORE_CTX_init(context.get(), store.get(), leaf, untrusted.get()) != 1) throw std::bad_alloc();
  X509_VERIFY_PARAM* const parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_depth(parameters, kMostChainDepth);
  if (at_unix_s) {
    X509_VERIFY_PARAM_set_time(parameters, static_cast<time_t>(*at_unix_s));
  } else {
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_NO_CHECK_TIME);
  }
  if (X509_verify_cert(context.get()) == 1) return check_strength(X509_STORE_CTX_get0_chain(context.get()));
  return chain_fault(X509_STORE_CTX_get_error(context.get()), X509_STORE_CTX_get_current_cert(context.get()));
}

}  // namespace imakeep::enrol
