// SPDX-License-Identifier: Apache-2.0
#include "signature/modsig.h"

#include <algorithm>

#include <openssl/cms.h>

#include "base/openssl_objects.h"
#include "signature/certificate_text.h"
#include "signature/key_trial.h"

namespace imakeep::signature {

using openssl::der_bytes;
using openssl::ErrorQueueCleared;
using openssl::Owned;
using openssl::take_der;
namespace {

using Cms = Owned<CMS_ContentInfo, CMS_ContentInfo_free>;

tl::unexpected<Error> bad_blob(std::string message, std::size_t offset = 0) {
  return unexpected(Error{.code = ErrorCode::kMalformed, .message = std::move(message), .offset = offset});
}

// The size that the outermost header of DER states, header included. X.690, 8.1.3.
Result<std::size_t> stated_bytes(ByteView der) {
  constexpr std::byte kSequence{0x30};
  constexpr std::size_t kMaxLengthBytes = 4;
  if (der.empty()) return bad_blob("the module signature is empty");
  if (der[0] != kSequence) return bad_blob("the module signature is no DER: it does not begin with a SEQUENCE");
  const auto cut = [&] { return bad_blob("the module signature is cut short within its first length", der.size()); };
  if (der.size() < 2) return cut();
  const auto first = std::to_integer<std::size_t>(der[1]);
  if (first < 0x80) return 2 + first;
  const std::size_t length_bytes = first - 0x80;
  if (length_bytes == 0 || length_bytes > kMaxLengthBytes) {
    return bad_blob("the module signature is no DER: its first length is not a definite one of 4 bytes at most", 1);
  }
  if (der.size() < 2 + length_bytes) return cut();
  std::size_t length = 0;
  for (const std::byte each : der.subspan(2, length_bytes)) length = length << 8 | std::to_integer<std::size_t>(each);
  return 2 + length_bytes + length;
}

Result<void> check_size(ByteView field) {
  if (field.size() > kMaxModsigBytes) {
    return bad_blob("the module signature has more than " + std::to_string(kMaxModsigBytes) + " bytes");
  }
  IMAKEEP_TRY(const std::size_t stated, stated_bytes(field));
  if (stated > field.size()) {
    return bad_blob("the module signature is cut short: its DER states " + std::to_string(stated) + " bytes, and " +
                        std::to_string(field.size()) + " are there",
                    field.size());
  }
  if (stated < field.size()) {
    return bad_blob(std::to_string(field.size() - stated) + " bytes follow the module signature", stated);
  }
  return {};
}

std::optional<HashAlgorithm> hash_of_oid(const X509_ALGOR* algorithm) {
  const ASN1_OBJECT* oid = nullptr;
  X509_ALGOR_get0(&oid, nullptr, nullptr, algorithm);
  const int kind = OBJ_obj2nid(oid);
  if (kind == NID_undef) return std::nullopt;
  for (std::uint8_t number = 0; const auto hash = hash_from_number(number); ++number) {
    const std::string_view name = info(*hash).openssl_name;
    if (!name.empty() && OBJ_txt2nid(name.data()) == kind) return hash;
  }
  return std::nullopt;
}

// Whether the signer's algorithms are those that verify() has, and which obstacle they are otherwise.
Obstacle scheme_obstacle(const X509_ALGOR* hash, const X509_ALGOR* signature) {
  const ASN1_OBJECT* hash_oid = nullptr;
  const ASN1_OBJECT* oid = nullptr;
  X509_ALGOR_get0(&hash_oid, nullptr, nullptr, hash);
  X509_ALGOR_get0(&oid, nullptr, nullptr, signature);
  const int kind = OBJ_obj2nid(oid);
  if (kind == NID_rsaEncryption || kind == NID_X9_62_id_ecPublicKey) return Obstacle::kNone;
  int hash_kind = NID_undef;
  int key_kind = NID_undef;
  if (OBJ_find_sigid_algs(kind, &hash_kind, &key_kind) != 1) {
    return ml_dsa_name(oid_text(oid)).empty() ? Obstacle::kScheme : Obstacle::kMlDsa;
  }
  const bool known = key_kind == NID_rsaEncryption || key_kind == NID_X9_62_id_ecPublicKey;
  return known && hash_kind == OBJ_obj2nid(hash_oid) ? Obstacle::kNone : Obstacle::kScheme;
}

// The signed attributes as the key signs them: RFC 5652, 5.4, a SET OF in place of the tag [0] of the blob. OpenSSL
// reads some forms that are no DER, and would write other bytes than the blob has: kMalformed.
Result<Bytes> signed_attributes_of(const CMS_SignerInfo* signer, ByteView field) {
  Bytes members;
  for (int i = 0; i < CMS_signed_get_attr_count(signer); ++i) {
    append_bytes(members, der_bytes(i2d_X509_ATTRIBUTE, CMS_signed_get_attr(signer, i)));
  }
  if (as_text(field).find(as_text(members)) == std::string_view::npos) {
    return bad_blob("the module signature's signed attributes are no DER");
  }
  const int size = ASN1_object_size(1, static_cast<int>(members.size()), V_ASN1_SET);
  Bytes set(static_cast<std::size_t>(size) - members.size());
  auto* at = reinterpret_cast<unsigned char*>(set.data());
  ASN1_put_object(&at, 1, static_cast<int>(members.size()), V_ASN1_SET, V_ASN1_UNIVERSAL);
  append_bytes(set, members);
  return set;
}

// The one value of an attribute that must be there once. nullptr otherwise.
template <class Value>
const Value* only_value(const CMS_SignerInfo* signer, int attribute, int type) {
  constexpr int kOnceWithOneValue = -3;
  // OpenSSL does not change its argument.
  auto* const unchanged = const_cast<CMS_SignerInfo*>(signer);
  return static_cast<const Value*>(
      CMS_signed_get0_data_by_OBJ(unchanged, OBJ_nid2obj(attribute), kOnceWithOneValue, type));
}

ByteView bytes_of(const ASN1_STRING* string) {
  if (string == nullptr) return {};
  return {reinterpret_cast<const std::byte*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

}  // namespace

struct Modsig::Parts {
  Cms cms;
  CMS_SignerInfo* signer = nullptr;  // belongs to `cms`
  HashAlgorithm algorithm = HashAlgorithm::kSha256;
  Obstacle obstacle = Obstacle::kNone;
  std::string wanted_key;
  Bytes key_identifier;     // empty if the blob names its key by issuer and serial
  Bytes signed_attributes;  // empty without
  Bytes message_digest;     // of the signed attributes
  std::size_t certificates = 0;
};

namespace {

Result<CMS_SignerInfo*> only_signer(CMS_ContentInfo* cms) {
  if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed) return bad_blob("the module signature is no SignedData");
  if (CMS_is_detached(cms) != 1) return bad_blob("the module signature has content, which should be the file");
  STACK_OF(CMS_SignerInfo)* const signers = CMS_get0_SignerInfos(cms);
  const int count = sk_CMS_SignerInfo_num(signers);
  if (count != 1) {
    return fail(ErrorCode::kUnsupported,
                "the module signature has " + std::to_string(std::max(count, 0)) + " signers, not one");
  }
  return sk_CMS_SignerInfo_value(signers, 0);
}

struct WantedKey {
  std::string text;
  Bytes key_identifier;
};

Result<WantedKey> wanted_key_of(CMS_SignerInfo* signer) {
  ASN1_OCTET_STRING* identifier = nullptr;
  X509_NAME* issuer = nullptr;
  ASN1_INTEGER* serial = nullptr;
  if (CMS_SignerInfo_get0_signer_id(signer, &identifier, &issuer, &serial) != 1) {
    return bad_blob("the module signature names no signer");
  }
  if (identifier == nullptr) return WantedKey{"issuer " + name_text(issuer) + ", serial " + serial_text(serial), {}};
  const ByteView bytes = bytes_of(identifier);
  if (bytes.empty()) return bad_blob("the module signature names its key by an empty identifier");
  return WantedKey{"key identifier " + serial_text(identifier), Bytes(bytes.begin(), bytes.end())};
}

std::size_t certificates_in(CMS_ContentInfo* cms) {
  STACK_OF(X509)* const certificates = CMS_get1_certs(cms);
  const int count = sk_X509_num(certificates);
  sk_X509_pop_free(certificates, X509_free);
  return static_cast<std::size_t>(std::max(count, 0));
}

}  // namespace

Result<Modsig> Modsig::parse(ByteView field) {
  IMAKEEP_CHECK(check_size(field));
  const ErrorQueueCleared cleared;
  Parts parts;
  ByteView rest = field;
  parts.cms.reset(take_der(d2i_CMS_ContentInfo, rest));
  if (!parts.cms || !rest.empty()) return bad_blob("the module signature is no CMS, or its inner parts are cut short");
  IMAKEEP_TRY(parts.signer, only_signer(parts.cms.get()));
  X509_ALGOR* hash = nullptr;
  X509_ALGOR* scheme = nullptr;
  CMS_SignerInfo_get0_algs(parts.signer, nullptr, nullptr, &hash, &scheme);
  const auto algorithm = hash_of_oid(hash);
  if (!algorithm) return fail(ErrorCode::kUnsupported, "the module signature's hash is unknown to Linux");
  parts.algorithm = *algorithm;
  parts.obstacle = scheme_obstacle(hash, scheme);
  IMAKEEP_TRY(auto wanted, wanted_key_of(parts.signer));
  parts.wanted_key = std::move(wanted.text);
  parts.key_identifier = std::move(wanted.key_identifier);
  parts.certificates = certificates_in(parts.cms.get());
  if (CMS_signed_get_attr_count(parts.signer) > 0) {
    const auto* const type = only_value<ASN1_OBJECT>(parts.signer, NID_pkcs9_contentType, V_ASN1_OBJECT);
    const auto* const digest =
        only_value<ASN1_OCTET_STRING>(parts.signer, NID_pkcs9_messageDigest, V_ASN1_OCTET_STRING);
    if (type == nullptr || digest == nullptr || OBJ_cmp(type, CMS_get0_eContentType(parts.cms.get())) != 0) {
      return bad_blob("the module signature's signed attributes lack the content's type or digest, or name another");
    }
    const ByteView bytes = bytes_of(digest);
    parts.message_digest.assign(bytes.begin(), bytes.end());
    IMAKEEP_TRY(parts.signed_attributes, signed_attributes_of(parts.signer, field));
  }
  return Modsig(std::make_shared<const Parts>(std::move(parts)));
}

HashAlgorithm Modsig::algorithm() const {
  return parts_->algorithm;
}

const std::string& Modsig::wanted_key() const {
  return parts_->wanted_key;
}

bool Modsig::has_signed_attributes() const {
  return !parts_->signed_attributes.empty();
}

std::size_t Modsig::certificates() const {
  return parts_->certificates;
}

namespace {

// By key identifier, or by the issuer and serial of a certificate.
std::vector<KeyringEntry> keys_named(CMS_SignerInfo* signer, ByteView key_identifier, const Keyrings& keyrings) {
  std::vector<KeyringEntry> named;
  for (const KeyringEntry& entry : keyrings.all()) {
    X509* const certificate = entry.key->openssl_certificate();
    const bool matches = !key_identifier.empty()  //
                             ? equal(entry.key->identifier(), key_identifier)
                             : certificate != nullptr && CMS_SignerInfo_cert_cmp(signer, certificate) == 0;
    if (matches) named.push_back(entry);
  }
  return named;
}

}  // namespace

SignatureCheck check_modsig(const Modsig& modsig, const FileDigestView& digest, const Keyrings& keyrings,
                            const CheckOptions& options) {
  const ErrorQueueCleared cleared;
  const Modsig::Parts& parts = *modsig.parts_;
  SignatureCheck check{.algorithm = parts.algorithm, .wanted_key = parts.wanted_key};
  if (digest.algorithm != parts.algorithm || digest.digest.size() != info(parts.algorithm).digest_bytes) {
    check.outcome = Outcome::kOtherDigest;
    return check;
  }
  check.obstacle = parts.obstacle;
  if (check.obstacle != Obstacle::kNone) return check;
  digest::Digest over(digest.digest);
  if (!parts.signed_attributes.empty()) {
    const auto attributes = hash_of(parts.algorithm, {parts.signed_attributes});
    if (!attributes) {
      check.obstacle = Obstacle::kHashUnknown;
      return check;
    }
    if (!equal(parts.message_digest, digest.digest) && !equal(attributes->view(), digest.digest)) {
      check.outcome = Outcome::kOtherDigest;
      return check;
    }
    over = *attributes;
  }
  const ASN1_OCTET_STRING* const signature = CMS_SignerInfo_get0_signature(parts.signer);
  try_keys(check, keys_named(parts.signer, parts.key_identifier, keyrings), over.view(), bytes_of(signature), options);
  return check;
}

}  // namespace imakeep::signature
