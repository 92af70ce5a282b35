// SPDX-License-Identifier: Apache-2.0
#include "enrol/ek_pins.h"

#include <algorithm>

#include "base/openssl_objects.h"
#include "base/text.h"
#include "enrol/public_area.h"
#include "tpm/openssl_key.h"

namespace imakeep::enrol {

Result<EkPins> EkPins::parse(std::string_view text) {
  constexpr std::string_view kPinPrefix = "sha256:";
  EkPins pins;
  std::size_t number = 0;
  for (const std::string_view line : split(text, "\n")) {
    ++number;
    std::string_view pin = trimmed(line);
    if (pin.empty() || pin.starts_with('#')) continue;
    if (pin.starts_with(kPinPrefix)) pin.remove_prefix(kPinPrefix.size());
    const auto bytes = from_hex(pin);
    if (!bytes || bytes->size() != digest::digest_bytes(digest::Algorithm::kSha256)) {
      return fail(ErrorCode::kMalformed, "line " + std::to_string(number) +
                                             ": a pin is \"sha256:\" and 64 hexadecimal digits; correct the line");
    }
    pins.pins_.emplace_back(*bytes);
  }
  return pins;
}

Result<EkHashes> ek_hashes(ByteView public_area) {
  const openssl::ErrorQueueCleared cleared;
  IMAKEEP_TRY(const PublicArea parsed, parse_public_area(public_area));
  const auto key = tpm::openssl_key(parsed.key);
  const Bytes info = key ? openssl::der_bytes(i2d_PUBKEY, static_cast<const EVP_PKEY*>(key.get())) : Bytes();
  if (info.empty()) return fail(ErrorCode::kMalformed, "the EK's numbers are no RSA key, or no point of its curve");
  return EkHashes{.public_area = digest::hash(digest::Algorithm::kSha256, parsed.bytes),
                  .public_key_info = digest::hash(digest::Algorithm::kSha256, info)};
}

Result<void> EkPins::check(ByteView public_area) const {
  IMAKEEP_TRY(const EkHashes hashes, ek_hashes(public_area));
  const auto pinned = [this](const digest::Digest& hash) {
    return std::find(pins_.begin(), pins_.end(), hash) != pins_.end();
  };
  if (pinned(hashes.public_area) || pinned(hashes.public_key_info)) return {};
  return fail(ErrorCode::kMismatch, "EK refused (not-pinned): no pin is sha256:" + to_hex(hashes.public_area.view()) +
                                        " (public area) or sha256:" + to_hex(hashes.public_key_info.view()) +
                                        " (public key); if the TPM is the right one, add one of them to the pins");
}

}  // namespace imakeep::enrol
