// SPDX-License-Identifier: Apache-2.0
#include "evidence/nonce.h"

#include <algorithm>
#include <new>

#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace imakeep::evidence {
namespace {

constexpr std::string_view kNonceLabel = "imakeep nonce 1";
constexpr std::size_t kMadeAt = 4;
constexpr std::size_t kRandomAt = 12;

using NonceValue = std::array<std::byte, kNonceBytes>;

unexpected<Error> nonce_refused(ErrorCode code, std::string_view reason, const std::string& what) {
  return fail(code, "nonce refused (" + std::string(reason) + "): " + what);
}

void append_sized(Bytes& message, std::string_view text) {
  append_int(message, static_cast<std::uint32_t>(text.size()), ByteOrder::kBig);
  append_bytes(message, as_bytes(text));
}

Result<NonceValue> nonce_value(const NonceKey& key, const NonceScope& scope, ByteView token) {
  if (key.secret.size() < kLeastNonceKeyBytes) {
    return fail(ErrorCode::kUsage, "nonce key " + std::to_string(key.id) + " has " + std::to_string(key.secret.size()) +
                                       " bytes; make one of at least " + std::to_string(kLeastNonceKeyBytes));
  }
  Bytes message;
  append_bytes(message, as_bytes(kNonceLabel));
  append_sized(message, scope.tenant);
  append_sized(message, scope.host);
  append_int(message, scope.epoch, ByteOrder::kBig);
  append_bytes(message, token);
  NonceValue value;
  std::size_t size = 0;
  const unsigned char* const made =
      EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, key.secret.data(), key.secret.size(),
                reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                reinterpret_cast<unsigned char*>(value.data()), value.size(), &size);
  // SHA-256 is in every OpenSSL, so the only possible error is a lack of memory.
  if (made == nullptr || size != value.size()) throw std::bad_alloc();
  return value;
}

Result<void> check_time(std::uint64_t made_unix_s, std::uint64_t now_unix_s, std::uint64_t lifetime_s) {
  if (made_unix_s > now_unix_s && made_unix_s - now_unix_s > kNonceSkewS) {
    return nonce_refused(ErrorCode::kMismatch, "future",
                         "it was made " + std::to_string(made_unix_s - now_unix_s) +
                             " s after now; set the clocks of the verifier's machines");
  }
  if (made_unix_s < now_unix_s && now_unix_s - made_unix_s > lifetime_s) {
    return nonce_refused(ErrorCode::kMismatch, "expired",
                         "it is " + std::to_string(now_unix_s - made_unix_s) + " s old, and good for " +
                             std::to_string(lifetime_s) + " s; ask for a new challenge");
  }
  return {};
}

}  // namespace

Result<ChallengeNonce> make_nonce(const NonceKey& key, const NonceScope& scope, std::uint64_t now_unix_s,
                                  std::span<const std::byte, kTokenRandomBytes> random) {
  ChallengeNonce made;
  store(made.token.data(), key.id, ByteOrder::kBig);
  store(made.token.data() + kMadeAt, now_unix_s, ByteOrder::kBig);
  std::copy(random.begin(), random.end(), made.token.begin() + kRandomAt);
  IMAKEEP_TRY(made.nonce, nonce_value(key, scope, made.token));
  return made;
}

Result<void> check_nonce(ByteView token, ByteView quoted, std::span<const NonceKey> keys, const NonceScope& scope,
                         std::uint64_t now_unix_s, std::uint64_t lifetime_s) {
  if (token.size() != kTokenBytes || quoted.size() != kNonceBytes) {
    return nonce_refused(ErrorCode::kMalformed, "malformed",
                         "the token has " + std::to_string(token.size()) + " bytes instead of " +
                             std::to_string(kTokenBytes) + ", or the quoted nonce has " +
                             std::to_string(quoted.size()) + " bytes instead of " + std::to_string(kNonceBytes) +
                             "; send both as the challenge gave them");
  }
  const auto id = load<std::uint32_t>(token.data(), ByteOrder::kBig);
  const auto key = std::find_if(keys.begin(), keys.end(), [id](const NonceKey& each) { return each.id == id; });
  if (key == keys.end()) {
    return nonce_refused(ErrorCode::kMismatch, "unknown-key",
                         "the verifier has no key " + std::to_string(id) + "; ask for a new challenge");
  }
  IMAKEEP_TRY(const NonceValue expected, nonce_value(*key, scope, token));
  if (CRYPTO_memcmp(expected.data(), quoted.data(), expected.size()) != 0) {
    return nonce_refused(ErrorCode::kMismatch, "foreign",
                         "this verifier did not make it for this tenant, host and state of the host; ask for a new "
                         "challenge");
  }
  return check_time(load<std::uint64_t>(token.data() + kMadeAt, ByteOrder::kBig), now_unix_s, lifetime_s);
}

}  // namespace imakeep::evidence
