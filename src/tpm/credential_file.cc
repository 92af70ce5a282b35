// SPDX-License-Identifier: Apache-2.0
#include "tpm/credential_file.h"

#include "base/byte_reader.h"

namespace imakeep::tpm {
namespace {

constexpr std::uint32_t kCredentialMagic = 0xbadcc0de;
constexpr std::uint32_t kCredentialVersion = 1;
// Of TPM2B_ID_OBJECT: an HMAC and an encrypted digest, each of at most 64 bytes with its size. Of
// TPM2B_ENCRYPTED_SECRET: encrypted by a key of RSA 4096.
constexpr std::size_t kMostIdObjectBytes = 132;
constexpr std::size_t kMostSecretBytes = 512;

Result<Bytes> sized(ByteReader& reader, std::size_t most, const std::string& what) {
  IMAKEEP_TRY(const auto size, reader.number<std::uint16_t>(ByteOrder::kBig));
  if (size == 0 || size > most) {
    return fail(ErrorCode::kMalformed, "the credential: its " + what + " has " + std::to_string(size) + " bytes");
  }
  IMAKEEP_TRY(const ByteView bytes, reader.take(size));
  return Bytes(bytes.begin(), bytes.end());
}

}  // namespace

Result<Credential> parse_credential(ByteView file) {
  ByteReader reader(file, "the credential");
  IMAKEEP_TRY(const auto magic, reader.number<std::uint32_t>(ByteOrder::kBig));
  if (magic != kCredentialMagic) {
    return fail(ErrorCode::kMalformed, "the credential does not begin with 0xbadcc0de as tpm2_makecredential's do");
  }
  IMAKEEP_TRY(const auto version, reader.number<std::uint32_t>(ByteOrder::kBig));
  if (version != kCredentialVersion) {
    return fail(ErrorCode::kUnsupported, "the credential has version " + std::to_string(version) + ", not 1");
  }
  Credential credential;
  IMAKEEP_TRY(credential.id_object, sized(reader, kMostIdObjectBytes, "identity object"));
  IMAKEEP_TRY(credential.secret, sized(reader, kMostSecretBytes, "encrypted secret"));
  if (!reader.at_end()) return fail(ErrorCode::kMalformed, "the credential: bytes follow after its end");
  return credential;
}

}  // namespace imakeep::tpm
