// SPDX-License-Identifier: Apache-2.0
// evidence/nonce.h - the nonce of a challenge, which any verifier process with the key can check without a stored row.
//
//   token   := key_id:u32  made_unix_s:u64  random[16]                                       big-endian, 28 bytes
//   nonce   := HMAC-SHA256(key, message)                                                     32 bytes
//   message := "imakeep nonce 1"  len:u32 tenant[len]  len:u32 host[len]  epoch:u64  token   big-endian
// The verifier sends both. The host's TPM quotes the nonce (qualifyingData), and the host sends the token back. A nonce
// can be used once, since the verifier moves the host's epoch when it accepts a quote.
//
// Source: RFC 2104; FIPS 198-1. Threads: no shared state.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace imakeep::evidence {

inline constexpr std::size_t kTokenBytes = 28;
inline constexpr std::size_t kNonceBytes = 32;
inline constexpr std::size_t kTokenRandomBytes = 16;
// A shorter key could be guessed.
inline constexpr std::size_t kLeastNonceKeyBytes = 32;
// The clocks of two verifier processes may differ by this much.
inline constexpr std::uint64_t kNonceSkewS = 60;

struct NonceKey {
  std::uint32_t id = 0;
  Bytes secret;  // kLeastNonceKeyBytes or more
};

// What a nonce is bound to.
struct NonceScope {
  std::string tenant;  // the verifier's own name of it: a message's empty tenant is replaced before
  std::string host;
  std::uint64_t epoch = 0;  // of the host's state
};

struct ChallengeNonce {
  std::array<std::byte, kNonceBytes> nonce{};
  std::array<std::byte, kTokenBytes> token{};
};

// `random` comes from a generator that nobody can predict. kUsage if the key is too short.
Result<ChallengeNonce> make_nonce(const NonceKey& key, const NonceScope& scope, std::uint64_t now_unix_s,
                                  std::span<const std::byte, kTokenRandomBytes> random);

// `quoted` is the extra data of the quote. `keys` are all keys that may have made the nonce. Errors say
// "nonce refused (REASON): ...":
//   malformed    kMalformed  the token is not kTokenBytes long, or the quoted nonce is not kNonceBytes long
//   unknown-key  kMismatch   no key has the token's key id
//   foreign      kMismatch   the quoted nonce was not made by this key for this tenant, host and epoch, or the token
//   was
//                            altered
//   future       kMismatch   the token was made more than kNonceSkewS seconds after now
//   expired      kMismatch   the token was made more than `lifetime_s` seconds before now
// The times are looked at last, so `future` and `expired` are said of nonces of a key in `keys` only. kUsage if the key
// is too short.
Result<void> check_nonce(ByteView token, ByteView quoted, std::span<const NonceKey> keys, const NonceScope& scope,
                         std::uint64_t now_unix_s, std::uint64_t lifetime_s);

}  // namespace imakeep::evidence
