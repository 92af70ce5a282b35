// SPDX-License-Identifier: Apache-2.0
#include "signature/check.h"

#include "base/text.h"
#include "signature/key_trial.h"

namespace imakeep::signature {
namespace {

// FIPS 204, table 2: sizes of ML-DSA-44, ML-DSA-65 and ML-DSA-87. An RSA signature of such a size needs a key of 19,360
// bits or more, which OpenSSL refuses.
bool has_ml_dsa_size(ByteView signature) {
  return signature.size() == 2420 || signature.size() == 3309 || signature.size() == 4627;
}

// The digest that the key signed, or why it is not known.
struct SignedDigest {
  std::optional<digest::Digest> digest;
  Outcome outcome = Outcome::kNotCheckable;
  Obstacle obstacle = Obstacle::kNone;
};

SignedDigest no_digest(Obstacle obstacle) {
  return {.obstacle = obstacle};
}

SignedDigest hashed(std::optional<digest::Digest> digest) {
  if (!digest) return no_digest(Obstacle::kHashUnknown);
  return {.digest = digest};
}

SignedDigest with_file_id(const SignatureView& signature, ByteView digest) {
  if (signature.version == 2) return {.digest = digest::Digest(digest)};
  return hashed(file_id_digest(signature.type, signature.algorithm, digest));
}

SignedDigest signed_digest(const SignatureView& signature, const SignedContent& content) {
  if (signature.type == SignatureType::kPortable) {
    if (!content.metadata) return no_digest(Obstacle::kNoEvmMetadata);
    const auto digest = evm_digest(signature.algorithm, *content.metadata);
    return digest ? with_file_id(signature, digest->view()) : no_digest(Obstacle::kHashUnknown);
  }
  if (!content.file) return no_digest(Obstacle::kNoFileDigest);
  const DigestKind signed_kind = signature.type == SignatureType::kVerity ? DigestKind::kVerity : DigestKind::kContent;
  const bool same_kind = content.file->kind == DigestKind::kUnstated || content.file->kind == signed_kind;
  if (!same_kind || content.file->algorithm != signature.algorithm ||
      content.file->digest.size() != info(signature.algorithm).digest_bytes) {
    return {.outcome = Outcome::kOtherDigest};
  }
  return with_file_id(signature, content.file->digest);
}

std::string with_signer(const Signer& signer) {
  std::string text = signer.key_name;
  if (!signer.subject.empty()) text += " " + printable(signer.subject);
  return text + " of keyring " + printable(signer.keyring);
}

std::string_view dates_text(Validity validity) {
  if (validity == Validity::kExpired) return ", whose certificate has expired";
  if (validity == Validity::kNotYetValid) return ", whose certificate is not valid yet";
  return "";
}

std::string obstacle_text(const SignatureCheck& check) {
  const std::string key = check.signer ? with_signer(*check.signer) : "";
  switch (check.obstacle) {
    case Obstacle::kNone:
      break;
    case Obstacle::kMlDsa:
      return "the signature is by ML-DSA" + (key.empty() ? "" : " (" + key + ")");
    case Obstacle::kKeyKind:
      return "the key is neither ECDSA on a NIST curve nor RSA of 1024 bits or more: " + key;
    case Obstacle::kScheme:
      return "the signature is neither RSA PKCS#1 v1.5 nor ECDSA";
    case Obstacle::kHashUnknown:
      return "this machine's OpenSSL lacks " + std::string(info(check.algorithm).name);
    case Obstacle::kNoFileDigest:
      return "the file digest is not known";
    case Obstacle::kNoEvmMetadata:
      return "the signature is over EVM metadata, which is not known";
  }
  return "unknown";
}

}  // namespace

SignatureCheck check_signature(const SignatureView& signature, const SignedContent& content, const Keyrings& keyrings,
                               const CheckOptions& options) {
  SignatureCheck check{.algorithm = signature.algorithm, .wanted_key = "key id " + key_id_text(signature.key_id)};
  const SignedDigest over = signed_digest(signature, content);
  if (!over.digest) {
    check.outcome = over.outcome;
    check.obstacle = over.obstacle;
    return check;
  }
  try_keys(check, keyrings.find(signature.key_id), over.digest->view(), signature.bytes, options);
  if (check.outcome == Outcome::kNoSuchKey && has_ml_dsa_size(signature.bytes)) {
    check.outcome = Outcome::kNotCheckable;
    check.obstacle = Obstacle::kMlDsa;
  }
  return check;
}

std::string describe(const SignatureCheck& check) {
  switch (check.outcome) {
    case Outcome::kVerified:
      return "signed by " + with_signer(*check.signer) + std::string(dates_text(check.signer->validity));
    case Outcome::kOutsideValidity:
      return "refused, although signed by " + with_signer(*check.signer) +
             std::string(dates_text(check.signer->validity));
    case Outcome::kNoSuchKey:
      return "no keyring has the signature's key: " + check.wanted_key;
    case Outcome::kBadSignature:
      return "the signature does not match the digest by " + with_signer(*check.signer);
    case Outcome::kOtherDigest:
      return "the signature is over a digest by " + std::string(info(check.algorithm).name) +
             ", and the record's digest is of another algorithm or kind, or another one";
    case Outcome::kNotCheckable:
      return "not checkable: " + obstacle_text(check);
  }
  return "unknown";
}

}  // namespace imakeep::signature
