// SPDX-License-Identifier: Apache-2.0
#include "signature/header.h"

namespace imakeep::signature {
namespace {

constexpr std::size_t kVersionAt = 1;
constexpr std::size_t kHashAt = 2;
constexpr std::size_t kKeyIdAt = 3;
constexpr std::size_t kSizeAt = 7;

tl::unexpected<Error> malformed(std::size_t offset, std::string message) {
  return unexpected(Error{.code = ErrorCode::kMalformed, .message = std::move(message), .offset = offset});
}

tl::unexpected<Error> unsupported(std::size_t offset, std::string message) {
  return unexpected(Error{.code = ErrorCode::kUnsupported, .message = std::move(message), .offset = offset});
}

std::uint8_t u8_at(ByteView attribute, std::size_t at) {
  return std::to_integer<std::uint8_t>(attribute[at]);
}

// Types 1, 2 and 4 are valid attributes, but no signatures.
Result<SignatureType> type_of(std::uint8_t number) {
  switch (number) {
    case 1:
    case 4:
      return unsupported(0, "the attribute is a digest, no signature");
    case 2:
      return unsupported(0, "the attribute is an HMAC of EVM, no signature");
    case 3:
    case 5:
    case 6:
      return static_cast<SignatureType>(number);
    default:
      return malformed(0, "attribute type " + std::to_string(number) + " is unknown");
  }
}

Result<void> check_version(SignatureType type, std::uint8_t version) {
  if (version == 1)
    return unsupported(kVersionAt, "the signature has version 1, an older format for RSA and sha1 alone");
  if (version != 2 && version != 3) {
    return malformed(kVersionAt, "signature version " + std::to_string(version) + " is unknown");
  }
  if (type == SignatureType::kVerity && version != 3) {
    return malformed(kVersionAt, "the signature is over an fs-verity digest and has version 2, not 3");
  }
  return {};
}

}  // namespace

Result<SignatureView> parse_signature(ByteView attribute) {
  if (attribute.empty()) return malformed(0, "the signature is empty");
  IMAKEEP_TRY(const SignatureType type, type_of(u8_at(attribute, 0)));
  if (attribute.size() > kVersionAt) {
    IMAKEEP_CHECK(check_version(type, u8_at(attribute, kVersionAt)));
  }
  if (attribute.size() < kSignatureHeaderBytes) {
    return malformed(attribute.size(), "the signature is cut short within its header of " +
                                           std::to_string(kSignatureHeaderBytes) + " bytes");
  }
  const auto algorithm = hash_from_number(u8_at(attribute, kHashAt));
  if (!algorithm) {
    return malformed(kHashAt, "hash algorithm " + std::to_string(u8_at(attribute, kHashAt)) + " is unknown");
  }
  const std::size_t stated_bytes = load<std::uint16_t>(attribute.data() + kSizeAt, ByteOrder::kBig);
  const ByteView bytes = attribute.subspan(kSignatureHeaderBytes);
  if (stated_bytes != bytes.size()) {
    return malformed(kSizeAt, "the header announces " + std::to_string(stated_bytes) + " bytes of signature, and " +
                                  std::to_string(bytes.size()) + " follow");
  }
  if (bytes.empty()) return malformed(kSizeAt, "the header is followed by no signature");
  return SignatureView{.type = type,
                       .version = u8_at(attribute, kVersionAt),
                       .algorithm = *algorithm,
                       .key_id = load<std::uint32_t>(attribute.data() + kKeyIdAt, ByteOrder::kBig),
                       .bytes = bytes};
}

std::string key_id_text(std::uint32_t key_id) {
  Bytes bytes;
  append_int(bytes, key_id, ByteOrder::kBig);
  return "0x" + to_hex(bytes);
}

}  // namespace imakeep::signature
