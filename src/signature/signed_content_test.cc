// SPDX-License-Identifier: Apache-2.0
#include "signature/signed_content.h"

#include <gtest/gtest.h>

namespace imakeep::signature {
namespace signed_content_test {

Bytes field_of(std::string_view prefix, std::size_t digest_bytes) {
  Bytes field(prefix.size() + 1);
  std::copy_n(as_bytes(prefix).begin(), prefix.size(), field.begin());
  field.resize(field.size() + digest_bytes, std::byte{0x5a});
  return field;
}

TEST(ParseDigestField, ReadsAlgorithmKindAndDigest) {
  const std::pair<std::string_view, DigestKind> prefixes[] = {{"sha256:", DigestKind::kUnstated},
                                                              {"ima:sha256:", DigestKind::kContent},
                                                              {"verity:sha256:", DigestKind::kVerity}};
  for (const auto& [prefix, kind] : prefixes) {
    const Bytes field = field_of(prefix, 32);
    const auto digest = parse_digest_field(field);
    ASSERT_TRUE(digest) << prefix;
    EXPECT_EQ(digest->algorithm, HashAlgorithm::kSha256);
    EXPECT_EQ(digest->kind, kind);
    EXPECT_EQ(Bytes(digest->digest.begin(), digest->digest.end()), Bytes(32, std::byte{0x5a}));
  }
}

TEST(ParseDigestField, RefusesADigestOfAnotherSize) {
  for (const std::size_t digest_bytes : {0u, 31u, 33u}) {
    const auto refused = parse_digest_field(field_of("sha256:", digest_bytes));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kMalformed);
    EXPECT_EQ(refused.error().offset, 8u);
  }
}

TEST(ParseDigestField, TellsUnknownNamesFromDamage) {
  for (const std::string_view prefix : {"sha257:", "tpm:sha256:"}) {
    EXPECT_EQ(parse_digest_field(field_of(prefix, 32)).error().code, ErrorCode::kUnsupported) << prefix;
  }
  for (const std::string_view prefix : {"", "sha256", "a:b:sha256:"}) {
    EXPECT_EQ(parse_digest_field(field_of(prefix, 32)).error().code, ErrorCode::kMalformed) << prefix;
  }
  EXPECT_EQ(parse_digest_field(as_bytes("sha256:")).error().code, ErrorCode::kMalformed);
}

// The bytes that the kernel hashes, by hand: Linux's numbers of the types, and 4 for sha256.
TEST(FileIdDigest, IsOverTypeAlgorithmAndTheDigestWithoutPadding) {
  const Bytes digest(32, std::byte{0x11});
  const std::pair<SignatureType, std::string_view> types[] = {
      {SignatureType::kFile, "0304"}, {SignatureType::kPortable, "0504"}, {SignatureType::kVerity, "0604"}};
  for (const auto& [type, front] : types) {
    EXPECT_EQ(file_id_digest(type, HashAlgorithm::kSha256, digest),
              hash_of(HashAlgorithm::kSha256, {*from_hex(front), digest}))
        << front;
  }
}

TEST(EvmDigest, IsOverTheValuesAndTheMiscFieldsInTheOrderOfTheHost) {
  const EvmMetadataView metadata{
      .attribute_values = as_bytes("values"), .uid = 1, .gid = 2, .mode = 0100644, .order = ByteOrder::kLittle};
  EXPECT_EQ(evm_digest(HashAlgorithm::kSha1, metadata),
            hash_of(HashAlgorithm::kSha1, {as_bytes("values"), *from_hex("0000000000000000"
                                                                         "00000000"
                                                                         "01000000"
                                                                         "02000000"
                                                                         "a481"
                                                                         "0000")}));
  EvmMetadataView of_32_bits = metadata;
  of_32_bits.inode_bytes = 4;
  of_32_bits.order = ByteOrder::kBig;
  EXPECT_EQ(evm_digest(HashAlgorithm::kSha1, of_32_bits),
            hash_of(HashAlgorithm::kSha1, {as_bytes("values"), *from_hex("00000000"
                                                                         "00000000"
                                                                         "00000001"
                                                                         "00000002"
                                                                         "81a4"
                                                                         "0000")}));
}

}  // namespace signed_content_test
}  // namespace imakeep::signature
