// SPDX-License-Identifier: Apache-2.0
#include "reference/sign.h"

#include <nlohmann/json.hpp>
#include <openssl/pem.h>

#include "base/openssl_objects.h"
#include "policy/envelope.h"
#include "policy/policy.h"
#include "signature/curves.h"

namespace imakeep::reference {
namespace {

using openssl::data_of;
using PrivateKey = openssl::Owned<EVP_PKEY, EVP_PKEY_free>;
constexpr std::size_t kLeastFieldBytes = 32;

std::string to_base64(ByteView bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), data_of(bytes), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

// OpenSSL would ask at the terminal.
int no_passphrase(char* /*to*/, int /*size*/, int /*writing*/, void* /*data*/) {
  return -1;
}

Result<PrivateKey> read_private_key(ByteView file) {
  const openssl::Bio bio(BIO_new_mem_buf(file.data(), static_cast<int>(file.size())));
  PrivateKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (!key) {
    return fail(ErrorCode::kMalformed,
                "no private key in PEM, or an encrypted one; give an EC key without a passphrase");
  }
  const signature::Curve* const curve =
      EVP_PKEY_is_a(key.get(), "EC") == 1 ? signature::nist_curve_of(key.get()) : nullptr;
  if (curve == nullptr || curve->field_bytes < kLeastFieldBytes) {
    return fail(ErrorCode::kUnsupported, "the key cannot sign a policy; give an EC key on P-256, P-384 or P-521");
  }
  return key;
}

Result<Bytes> signature_by(EVP_PKEY* key, ByteView bytes) {
  const openssl::DigestContext context(EVP_MD_CTX_new());
  std::size_t size = 0;
  if (!context || EVP_DigestSignInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, key, nullptr) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, data_of(bytes), bytes.size()) != 1) {
    return fail(ErrorCode::kEnvironment, "OpenSSL cannot sign by this key");
  }
  Bytes made(size);
  auto* const to = reinterpret_cast<unsigned char*>(made.data());
  if (EVP_DigestSign(context.get(), to, &size, data_of(bytes), bytes.size()) != 1) {
    return fail(ErrorCode::kEnvironment, "OpenSSL cannot sign by this key");
  }
  made.resize(size);
  return made;
}

std::string key_id_of(EVP_PKEY* key) {
  const openssl::Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_PUBKEY(bio.get(), key) != 1) return {};
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return to_hex(
      digest::hash(digest::Algorithm::kSha256, as_bytes(std::string_view(text, static_cast<std::size_t>(size))))
          .view());
}

}  // namespace

Result<std::string> sign_policy(ByteView policy, ByteView private_key) {
  const openssl::ErrorQueueCleared cleared;
  IMAKEEP_TRY(const auto& key, read_private_key(private_key));
  auto checked = policy::parse_policy(policy, policy::Mode::kStrict);
  if (!checked) {
    auto keylime = policy::parse_policy(policy, policy::Mode::kKeylime);
    if (!keylime) return unexpected(std::move(checked).error());
    checked = std::move(keylime);
  }
  const bool was_signed = !checked->payload.empty();
  const ByteView payload = was_signed ? ByteView(checked->payload) : policy;
  const Bytes covered = policy::signed_bytes(policy::kPolicyPayloadType, payload);
  IMAKEEP_TRY(const auto& made, signature_by(key.get(), covered));
  nlohmann::ordered_json signatures = nlohmann::ordered_json::array();
  if (was_signed) signatures = nlohmann::ordered_json::parse(as_text(policy))["signatures"];
  if (signatures.size() == policy::kMostSignatures) {
    return fail(ErrorCode::kUnsupported, "the policy has " + std::to_string(signatures.size()) +
                                             " signatures, and no more are allowed; sign the policy without envelope");
  }
  signatures.push_back({{"keyid", key_id_of(key.get())}, {"sig", to_base64(made)}});
  const nlohmann::ordered_json envelope = {
      {"payload", to_base64(payload)}, {"payloadType", policy::kPolicyPayloadType}, {"signatures", signatures}};
  return envelope.dump() + "\n";
}

}  // namespace imakeep::reference
