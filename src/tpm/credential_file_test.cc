// SPDX-License-Identifier: Apache-2.0
#include "tpm/credential_file.h"

#include <gtest/gtest.h>

namespace imakeep::tpm {
namespace credential_file_test {

Bytes file(std::uint32_t magic = 0xbadcc0de, std::uint32_t version = 1, std::uint16_t id_bytes = 52,
           std::uint16_t secret_bytes = 256) {
  Bytes bytes;
  append_int(bytes, magic, ByteOrder::kBig);
  append_int(bytes, version, ByteOrder::kBig);
  append_int(bytes, id_bytes, ByteOrder::kBig);
  append_bytes(bytes, Bytes(id_bytes, std::byte{0x11}));
  append_int(bytes, secret_bytes, ByteOrder::kBig);
  append_bytes(bytes, Bytes(secret_bytes, std::byte{0x22}));
  return bytes;
}

ErrorCode refused(const Bytes& bytes) {
  const auto parsed = parse_credential(bytes);
  EXPECT_FALSE(parsed);
  return parsed ? ErrorCode::kIo : parsed.error().code;
}

TEST(ParseCredential, GivesBothPartsWithoutTheirSizes) {
  const auto parsed = parse_credential(file());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->id_object, Bytes(52, std::byte{0x11}));
  EXPECT_EQ(parsed->secret, Bytes(256, std::byte{0x22}));
}

TEST(ParseCredential, EveryProperPrefixIsTruncated) {
  const Bytes whole = file();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(refused(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))), ErrorCode::kTruncated);
  }
}

TEST(ParseCredential, RefusesWhatIsNoneOrTooLarge) {
  EXPECT_EQ(refused(file(0xbadcc0df)), ErrorCode::kMalformed);
  EXPECT_EQ(refused(file(0xbadcc0de, 2)), ErrorCode::kUnsupported);
  EXPECT_EQ(refused(file(0xbadcc0de, 1, 0)), ErrorCode::kMalformed);
  EXPECT_EQ(refused(file(0xbadcc0de, 1, 133)), ErrorCode::kMalformed);
  EXPECT_EQ(refused(file(0xbadcc0de, 1, 52, 0)), ErrorCode::kMalformed);
  EXPECT_EQ(refused(file(0xbadcc0de, 1, 52, 513)), ErrorCode::kMalformed);
  Bytes longer = file();
  longer.push_back(std::byte{0});
  EXPECT_EQ(refused(longer), ErrorCode::kMalformed);
}

}  // namespace credential_file_test
}  // namespace imakeep::tpm
