// SPDX-License-Identifier: Apache-2.0
#include "attest/quote_check.h"

#include <algorithm>
#include <array>

#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "base/openssl_objects.h"
#include "signature/curves.h"
#include "signature/key_file.h"
#include "tpm/openssl_key.h"

namespace imakeep::attest {
namespace {

using openssl::data_of;
using openssl::DigestContext;
using openssl::ErrorQueueCleared;
using openssl::Number;
using openssl::Owned;
using openssl::take_der;
using signature::nist_curve_of;
using EcdsaSignature = Owned<ECDSA_SIG, ECDSA_SIG_free>;
using Key = std::shared_ptr<EVP_PKEY>;

Number number_of(ByteView big_endian) {
  return Number(BN_bin2bn(data_of(big_endian), static_cast<int>(big_endian.size()), nullptr));
}

Bytes bytes_of(const BIGNUM* number) {
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(number)));
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
  return bytes;
}

// ---- keys -----------------------------------------------------------------------------------------------------------

bool is_rsa(const EVP_PKEY* key) {
  return EVP_PKEY_is_a(key, "RSA") == 1 || EVP_PKEY_is_a(key, "RSA-PSS") == 1;
}

Result<Key> tpm_key(ByteView file) {
  IMAKEEP_TRY(const auto& area, tpm::parse_public_key(file));
  // Part 1, 31.3: a restricted key signs bytes from outside only if they do not begin with TPM_GENERATED_VALUE. Any
  // other key would also sign a forged statement that begins with it.
  if (!area.attests) {
    return fail(ErrorCode::kUnsupported,
                "the key's attributes are not those of an attestation key (signing, restricted, fixed to its TPM): it "
                "could sign a statement that no TPM made");
  }
  Key key = tpm::openssl_key(area);
  if (!key) return fail(ErrorCode::kMalformed, "the key is not a point of its curve, or not an RSA key");
  return key;
}

// Every key in DER begins with this, ASN.1's SEQUENCE. A TPMT_PUBLIC begins with 0x00. A TPM2B_PUBLIC that begins with
// 0x30 has at least 0x3000 bytes, which is larger than any TPM's.
constexpr std::byte kDerSequence{0x30};

Result<std::vector<Key>> parse_keys(ByteView file) {
  const ErrorQueueCleared cleared;
  const bool der = !file.empty() && file.front() == kDerSequence;
  if (!der && !signature::is_pem(file)) {
    IMAKEEP_TRY(auto key, tpm_key(file));
    return std::vector<Key>{std::move(key)};
  }
  IMAKEEP_TRY(auto found, signature::keys_in_file(file));
  std::vector<Key> keys;
  keys.reserve(found.size());
  for (signature::KeyInFile& each : found) keys.push_back(std::move(each.key));
  return keys;
}

// ---- signatures -----------------------------------------------------------------------------------------------------

// OpenSSL takes an ECDSA signature as DER (RFC 3279, 2.2.3). A TPM gives its two numbers.
Bytes der_of(const tpm::Signature& signature) {
  const EcdsaSignature numbers(ECDSA_SIG_new());
  Number r = number_of(signature.r);
  Number s = number_of(signature.s);
  if (!numbers || !r || !s || ECDSA_SIG_set0(numbers.get(), r.get(), s.get()) != 1) return {};
  // `numbers` owns them now.
  static_cast<void>(r.release());
  static_cast<void>(s.release());
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(numbers.get(), &der);
  if (size <= 0) return {};
  const auto* const begin = reinterpret_cast<const std::byte*>(der);
  Bytes bytes(begin, begin + size);
  OPENSSL_free(der);
  return bytes;
}

bool set_padding(EVP_PKEY_CTX* context, tpm::SignatureScheme scheme) {
  switch (scheme) {
    case tpm::SignatureScheme::kEcdsa:
      return true;
    case tpm::SignatureScheme::kRsaSsa:
      return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) > 0;
    case tpm::SignatureScheme::kRsaPss:
      // Part 1, B.7: the salt is as long as the key allows, or under FIPS as long as the digest.
      return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) > 0 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_AUTO) > 0;
  }
  return false;
}

bool verifies(EVP_PKEY* key, const tpm::Signature& signature, ByteView signed_bytes) {
  const ErrorQueueCleared cleared;
  const Bytes given = signature.scheme == tpm::SignatureScheme::kEcdsa ? der_of(signature) : signature.rsa;
  const DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;  // belongs to `context`
  const char* const hash = digest::info(signature.hash).openssl_name.data();
  return context && EVP_DigestVerifyInit_ex(context.get(), &key_context, hash, nullptr, nullptr, key, nullptr) == 1 &&
         set_padding(key_context, signature.scheme) &&
         EVP_DigestVerify(context.get(), data_of(given), given.size(), data_of(signed_bytes), signed_bytes.size()) == 1;
}

}  // namespace

Result<VerificationKey> VerificationKey::checked(std::shared_ptr<evp_pkey_st> key) {
  VerificationKey taken(std::move(key));
  if (!taken.key_ || (!taken.rsa() && nist_curve_of(taken.key_.get()) == nullptr)) {
    return fail(ErrorCode::kUnsupported, "the key is neither RSA nor on a NIST curve");
  }
  // NIST SP 800-131A rev. 2, section 3: at least 2048 bits for RSA, and curves of at least 224 bits.
  constexpr int kLeastSecurityBits = 112;
  if (EVP_PKEY_get_security_bits(taken.key_.get()) < kLeastSecurityBits) {
    return fail(ErrorCode::kUnsupported, "the key, " + taken.kind() + ", is too weak: RSA 2048 or P-224 at least");
  }
  return taken;
}

Result<std::vector<VerificationKey>> VerificationKey::parse(ByteView file) {
  IMAKEEP_TRY(const auto& keys, parse_keys(file));
  std::vector<VerificationKey> usable;
  std::optional<Error> unusable;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    auto key = checked(keys[i]);
    if (!key) {
      if (!unusable) unusable = std::move(key).error();
      continue;
    }
    if (keys.size() > 1) {
      key->position_ = ", key " + std::to_string(i + 1) + " of " + std::to_string(keys.size());
    }
    usable.push_back(std::move(*key));
  }
  if (usable.empty()) return unexpected(std::move(*unusable));
  return usable;
}

bool VerificationKey::rsa() const {
  return is_rsa(key_.get());
}

std::size_t VerificationKey::rsa_bytes() const {
  return rsa() ? static_cast<std::size_t>(EVP_PKEY_get_size(key_.get())) : 0;
}

std::string VerificationKey::kind() const {
  if (rsa()) return "RSA " + std::to_string(EVP_PKEY_get_bits(key_.get()));
  return std::string("ECDSA ") + nist_curve_of(key_.get())->nist_name;
}

std::string VerificationKey::name() const {
  return kind() + position_;
}

Result<void> check_signature(const tpm::Quote& quote, const tpm::Signature& signature, const VerificationKey& key) {
  if (key.rsa() == (signature.scheme == tpm::SignatureScheme::kEcdsa)) {
    return fail(ErrorCode::kMismatch, "the signature is " + std::string(tpm::name(signature.scheme)) +
                                          ", which a key of the kind " + key.kind() + " cannot make");
  }
  if (signature.hash == digest::Algorithm::kSha1) {
    return fail(ErrorCode::kUnsupported,
                "the quote is signed over sha1, which can be forged; quote with sha256 or better");
  }
  if (!digest::available(signature.hash)) {
    return fail(ErrorCode::kUnsupported,
                "this machine's OpenSSL lacks " + std::string(digest::info(signature.hash).name));
  }
  if (!verifies(key.key_.get(), signature, quote.signed_bytes)) {
    return fail(ErrorCode::kMismatch, "the signature is not by this key, or the quote was altered");
  }
  return {};
}

namespace {

std::vector<tpm::Signature> plain_signatures(ByteView file, const VerificationKey& key, digest::Algorithm hash) {
  if (key.rsa()) {
    if (file.size() != key.rsa_bytes()) return {};
    tpm::Signature ssa{.scheme = tpm::SignatureScheme::kRsaSsa, .hash = hash, .rsa = Bytes(file.begin(), file.end())};
    tpm::Signature pss = ssa;
    pss.scheme = tpm::SignatureScheme::kRsaPss;
    return {std::move(ssa), std::move(pss)};
  }
  const ErrorQueueCleared cleared;
  const EcdsaSignature numbers(take_der(d2i_ECDSA_SIG, file));
  if (!numbers || !file.empty()) return {};
  tpm::Signature ecdsa{.scheme = tpm::SignatureScheme::kEcdsa, .hash = hash};
  ecdsa.r = bytes_of(ECDSA_SIG_get0_r(numbers.get()));
  ecdsa.s = bytes_of(ECDSA_SIG_get0_s(numbers.get()));
  return {std::move(ecdsa)};
}

// Whether error `a` says more than error `b`.
bool closer(const Error& a, const Error& b) {
  constexpr std::string_view kAnotherKind = "which a key of the kind";
  return b.message.find(kAnotherKind) != std::string::npos && a.message.find(kAnotherKind) == std::string::npos;
}

// The error for all candidates together, made from that of one candidate.
Error for_all(Error error, const std::vector<Candidate>& candidates) {
  if (error.code != ErrorCode::kMismatch) return error;
  std::vector<std::string> keys;
  for (const Candidate& candidate : candidates) {
    if (keys.empty() || keys.back() != candidate.key.name()) keys.push_back(candidate.key.name());
  }
  const Candidate& first = candidates.front();
  if (keys.size() > 1) error.message = "the signature is by none of the " + std::to_string(keys.size()) + " keys";
  if (keys.size() > 1 || first.plain) {
    if (keys.size() == 1) error.message = "the signature is not by this key";
    if (first.plain) error.message += ", is not over " + std::string(digest::info(first.signature.hash).name);
    error.message += ", or the quote was altered";
  }
  return error;
}

}  // namespace

Result<std::vector<Candidate>> parse_candidates(ByteView file, const std::vector<VerificationKey>& keys,
                                                std::optional<digest::Algorithm> plain_hash) {
  std::vector<Candidate> candidates;
  const auto signature = tpm::parse_signature(file);
  if (signature && plain_hash && signature->hash != *plain_hash) {
    return fail(ErrorCode::kUsage, "the signature says that it is over " +
                                       std::string(digest::info(signature->hash).name) + ", not " +
                                       std::string(digest::info(*plain_hash).name));
  }
  for (const VerificationKey& key : keys) {
    if (signature) {
      candidates.push_back({.signature = *signature, .key = key});
      continue;
    }
    for (tpm::Signature& plain : plain_signatures(file, key, plain_hash.value_or(digest::Algorithm::kSha256))) {
      candidates.push_back({.signature = std::move(plain), .key = key, .plain = true});
    }
  }
  if (candidates.empty()) return unexpected(signature.error());
  return candidates;
}

Result<Candidate> check_quote(const tpm::Quote& quote, const std::vector<Candidate>& candidates,
                              const std::optional<Bytes>& nonce) {
  std::optional<Error> closest;
  for (const Candidate& candidate : candidates) {
    auto checked = check_signature(quote, candidate.signature, candidate.key);
    if (!checked) {
      if (!closest || closer(checked.error(), *closest)) closest = std::move(checked).error();
      continue;
    }
    if (nonce && !equal(quote.extra_data, *nonce)) {
      return fail(ErrorCode::kMismatch, "the nonce differs: the quote answers another request, or is an old one");
    }
    return candidate;
  }
  return unexpected(for_all(std::move(*closest), candidates));
}

}  // namespace imakeep::attest
