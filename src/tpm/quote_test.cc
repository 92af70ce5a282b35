// SPDX-License-Identifier: Apache-2.0
#include "tpm/quote.h"

#include <gtest/gtest.h>

#include "base/file.h"

namespace imakeep::tpm {
namespace quote_test {

Bytes captured(const std::string& file) {
  return *read_file(IMAKEEP_TESTDATA "/linux-7.3.4/templates/quote-mid/" + file);
}

Bytes with(Bytes bytes, std::size_t at, std::initializer_list<std::uint8_t> values) {
  for (const std::uint8_t value : values) bytes[at++] = std::byte{value};
  return bytes;
}

Bytes u16(std::size_t value) {
  Bytes bytes;
  append_int(bytes, static_cast<std::uint16_t>(value), ByteOrder::kBig);
  return bytes;
}

// No proper prefix is taken, and none is taken for anything but a prefix.
template <class Parse>
void expect_no_prefix_is_taken(const Bytes& whole, Parse parse) {
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto parsed = parse(ByteView(whole).first(size));
    ASSERT_FALSE(parsed) << size;
    EXPECT_EQ(parsed.error().code, ErrorCode::kTruncated) << size << " " << describe(parsed.error());
  }
}

// ---- quotes ---------------------------------------------------------------------------------------------------------

// The offsets of the captured TPMS_ATTEST's fields: its signer has 34 bytes and its nonce 16.
constexpr std::size_t kTypeAt = 4;
constexpr std::size_t kSafeAt = 76;
constexpr std::size_t kSelectionsAt = 85;

TEST(Quote, SaysWhatTheTpmSaid) {
  const auto quote = parse_quote(captured("quote.msg"));
  ASSERT_TRUE(quote) << describe(quote.error());
  EXPECT_EQ(quote->signed_bytes, captured("quote.msg"));
  EXPECT_EQ(to_hex(quote->signer), "000bcaeef890eebc206c6b0d279912b153d6a91d33961eb4d57fd92c38cad497b799");
  EXPECT_EQ(to_hex(quote->extra_data), "0102030405060708090a0b0c0d0e0f10");
  EXPECT_EQ(quote->clock.clock_ms, 4203u);
  EXPECT_EQ(quote->clock.reset_count, 2u);
  EXPECT_EQ(quote->clock.restart_count, 0u);
  EXPECT_TRUE(quote->clock.safe);
  EXPECT_EQ(quote->firmware_version, 0x2019102300163636u);
  EXPECT_EQ(to_hex(quote->pcr_digest), "43091879c42e7b1e17e570789dd8e99cef2243b1a4000cf47319a95c2c651dcd");
}

TEST(Quote, NamesItsPcrsBankByBankInTheOrderOfTheTpm) {
  const auto quote = parse_quote(captured("quote.msg"));
  ASSERT_EQ(quote->selections.size(), 3u);
  const char* const names[] = {"sha1", "sha256", "sha384"};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(quote->selections[i].bank.name(), names[i]);
    EXPECT_EQ(quote->selections[i].pcrs, std::vector<std::uint32_t>{10});
  }
}

TEST(Quote, ReadsTheBitmapOfPcrsFromItsLowestBit) {
  const auto quote = parse_quote(with(captured("quote.msg"), kSelectionsAt + 7, {0x81, 0x02, 0x80}));
  ASSERT_TRUE(quote) << describe(quote.error());
  EXPECT_EQ(quote->selections[0].pcrs, (std::vector<std::uint32_t>{0, 7, 9, 23}));
}

TEST(Quote, CutShortIsTruncatedWhereverItIsCut) {
  expect_no_prefix_is_taken(captured("quote.msg"), parse_quote);
}

TEST(Quote, TakesNothingAfterItsEnd) {
  Bytes bytes = captured("quote.msg");
  bytes.push_back(std::byte{0});
  const auto quote = parse_quote(bytes);
  ASSERT_FALSE(quote);
  EXPECT_EQ(quote.error().code, ErrorCode::kMalformed);
  EXPECT_EQ(describe(quote.error()), "1 bytes after the quote (TPMS_ATTEST) (byte offset 141)");
}

TEST(Quote, WithoutTheMagicWasMadeByNoTpm) {
  const auto quote = parse_quote(with(captured("quote.msg"), 0, {0xfe}));
  ASSERT_FALSE(quote);
  EXPECT_EQ(quote.error().code, ErrorCode::kMalformed);
  EXPECT_EQ(quote.error().message, "not made by a TPM: it does not begin with ff544347");
}

TEST(Quote, OfAnotherKindOfStatementIsNamed) {
  const auto certify = parse_quote(with(captured("quote.msg"), kTypeAt, {0x80, 0x17}));
  ASSERT_FALSE(certify);
  EXPECT_EQ(certify.error().code, ErrorCode::kMalformed);
  EXPECT_EQ(certify.error().message, "not a quote but a certified key (type 0x8017)");
  const auto unknown = parse_quote(with(captured("quote.msg"), kTypeAt, {0x12, 0x34}));
  EXPECT_EQ(unknown.error().message, "not a quote but a statement of an unknown kind (type 0x1234)");
}

TEST(Quote, OverABankThatIsNotKnownNamesItsNumber) {
  const auto quote = parse_quote(with(captured("quote.msg"), kSelectionsAt + 4, {0x00, 0x55}));
  ASSERT_FALSE(quote);
  EXPECT_EQ(quote.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(quote.error().message, "the quoted PCR bank with TPM_ALG_ID 0x0055 is not supported");
}

TEST(Quote, OverAPcrAbove23IsUnsupported) {
  Bytes bytes = captured("quote.msg");
  bytes[kSelectionsAt + 6] = std::byte{4};
  bytes.insert(bytes.begin() + kSelectionsAt + 10, std::byte{1});
  const auto quote = parse_quote(bytes);
  ASSERT_FALSE(quote);
  EXPECT_EQ(quote.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(quote.error().message, "the quote selects PCR 24; a TPM has 0 to 23");
}

TEST(Quote, HasABitForSafe) {
  EXPECT_FALSE(parse_quote(with(captured("quote.msg"), kSafeAt, {0}))->clock.safe);
  EXPECT_EQ(parse_quote(with(captured("quote.msg"), kSafeAt, {2})).error().code, ErrorCode::kMalformed);
}

TEST(Quote, WithMoreBanksThanATpmHasIsMalformed) {
  EXPECT_EQ(parse_quote(with(captured("quote.msg"), kSelectionsAt, {0, 0, 0, 17})).error().code, ErrorCode::kMalformed);
}

// ---- signatures -----------------------------------------------------------------------------------------------------

Bytes rsa_signature(std::uint8_t scheme) {
  Bytes bytes{std::byte{0}, std::byte{scheme}, std::byte{0}, std::byte{0x0c}};
  append_bytes(bytes, u16(256));
  bytes.resize(bytes.size() + 256, std::byte{0x77});
  return bytes;
}

TEST(Signature, ByEcdsaHasTwoNumbers) {
  const auto signature = parse_signature(captured("quote.sig"));
  ASSERT_TRUE(signature) << describe(signature.error());
  EXPECT_EQ(signature->scheme, SignatureScheme::kEcdsa);
  EXPECT_EQ(signature->hash, digest::Algorithm::kSha256);
  EXPECT_EQ(to_hex(signature->r), "141d3924135e40ab895c1a8ba8cbc3da70f5d0efcfc043a951dae8a54622096f");
  EXPECT_EQ(to_hex(signature->s), "92730b473e2856569335f6de445ef194d68e928480845d998880f235207c3ae7");
}

TEST(Signature, ByRsaIsOneStringUnderEitherScheme) {
  const auto ssa = parse_signature(rsa_signature(0x14));
  ASSERT_TRUE(ssa) << describe(ssa.error());
  EXPECT_EQ(ssa->scheme, SignatureScheme::kRsaSsa);
  EXPECT_EQ(ssa->hash, digest::Algorithm::kSha384);
  EXPECT_EQ(ssa->rsa, Bytes(256, std::byte{0x77}));
  EXPECT_EQ(parse_signature(rsa_signature(0x16))->scheme, SignatureScheme::kRsaPss);
}

TEST(Signature, CutShortIsTruncatedWhereverItIsCut) {
  expect_no_prefix_is_taken(captured("quote.sig"), parse_signature);
  expect_no_prefix_is_taken(rsa_signature(0x14), parse_signature);
}

TEST(Signature, TakesNothingAfterItsEnd) {
  Bytes bytes = captured("quote.sig");
  bytes.push_back(std::byte{0});
  EXPECT_EQ(parse_signature(bytes).error().code, ErrorCode::kMalformed);
}

TEST(Signature, OfASchemeOrHashThatIsNotKnownNamesItsNumber) {
  const auto scheme = parse_signature(with(captured("quote.sig"), 0, {0x00, 0x1c}));
  EXPECT_EQ(scheme.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(scheme.error().message, "the signature scheme with TPM_ALG_ID 0x001c is not supported");
  const auto hash = parse_signature(with(captured("quote.sig"), 2, {0x00, 0x0a}));
  EXPECT_EQ(hash.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(hash.error().message, "the signature's hash with TPM_ALG_ID 0x000a is not supported");
}

// ---- keys -----------------------------------------------------------------------------------------------------------

// TPMT_PUBLIC: type, name_hash, attributes, policy, symmetric null, rsassa with sha256, 2048 bits, exponent, modulus.
Bytes rsa_key(std::uint32_t exponent = 0, std::size_t modulus_bytes = 256) {
  Bytes bytes = *from_hex("0001000b00050072000000100014000b0800");
  append_int(bytes, exponent, ByteOrder::kBig);
  append_bytes(bytes, u16(modulus_bytes));
  bytes.resize(bytes.size() + modulus_bytes, std::byte{0xc1});
  return bytes;
}

Bytes sized(const Bytes& key) {
  Bytes bytes = u16(key.size());
  append_bytes(bytes, key);
  return bytes;
}

TEST(PublicKey, OnACurveIsAPoint) {
  const auto key = parse_public_key(captured("ak.tpmt"));
  ASSERT_TRUE(key) << describe(key.error());
  EXPECT_TRUE(key->ecc);
  EXPECT_TRUE(key->attests);
  EXPECT_EQ(key->curve, EccCurve::kP256);
  EXPECT_EQ(to_hex(key->x), "7bbb302005dd4d15234e0b45bc573ee5bc201b5099cd441b7e035867bd0bcca1");
  EXPECT_EQ(to_hex(key->y), "bfe9d836164405230b2c37cdbd2669e47299b8ee04706267d2b6ba596fe49fa3");
}

TEST(PublicKey, OfRsaHasTheDefaultExponentForZero) {
  const auto key = parse_public_key(rsa_key());
  ASSERT_TRUE(key) << describe(key.error());
  EXPECT_FALSE(key->ecc);
  EXPECT_EQ(key->exponent, 65537u);
  EXPECT_EQ(key->modulus, Bytes(256, std::byte{0xc1}));
  EXPECT_EQ(parse_public_key(rsa_key(3))->exponent, 3u);
}

TEST(PublicKey, IsTakenAfterItsSizeToo) {
  for (const Bytes& key : {captured("ak.tpmt"), rsa_key()}) {
    const auto bare = parse_public_key(key);
    const auto after_size = parse_public_key(sized(key));
    ASSERT_TRUE(after_size) << describe(after_size.error());
    EXPECT_EQ(after_size->x, bare->x);
    EXPECT_EQ(after_size->modulus, bare->modulus);
  }
}

TEST(PublicKey, CutShortIsTruncatedWhereverItIsCut) {
  for (const Bytes& key : {captured("ak.tpmt"), rsa_key()}) {
    expect_no_prefix_is_taken(key, parse_public_key);
    expect_no_prefix_is_taken(sized(key), parse_public_key);
  }
}

TEST(PublicKey, TakesNothingAfterItsEnd) {
  for (Bytes key : {captured("ak.tpmt"), rsa_key(), sized(rsa_key())}) {
    key.push_back(std::byte{0});
    EXPECT_EQ(parse_public_key(key).error().code, ErrorCode::kMalformed);
  }
}

TEST(PublicKey, AttestsOnlyIfItSignsIsRestrictedAndStaysInItsTpm) {
  // TPMA_OBJECT: sign 1 << 18, restricted 1 << 16, fixedTPM 1 << 1.
  EXPECT_FALSE(parse_public_key(with(captured("ak.tpmt"), 4, {0x00, 0x01, 0x00, 0x72}))->attests);
  EXPECT_FALSE(parse_public_key(with(captured("ak.tpmt"), 4, {0x00, 0x04, 0x00, 0x72}))->attests);
  EXPECT_FALSE(parse_public_key(with(captured("ak.tpmt"), 4, {0x00, 0x05, 0x00, 0x70}))->attests);
  EXPECT_TRUE(parse_public_key(with(captured("ak.tpmt"), 4, {0x00, 0x05, 0x00, 0x02}))->attests);
}

TEST(PublicKey, OfAKindOrCurveThatIsNotKnownNamesItsNumber) {
  const auto kind = parse_public_key(with(captured("ak.tpmt"), 0, {0x00, 0x08}));
  EXPECT_EQ(kind.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(kind.error().message, "the type of key with TPM_ALG_ID 0x0008 is not supported");
  const auto curve = parse_public_key(with(captured("ak.tpmt"), 16, {0x00, 0x10}));
  EXPECT_EQ(curve.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(curve.error().message, "the key's curve with TPM_ECC_CURVE 0x0010 is not supported");
}

TEST(PublicKey, WithoutAnyKeyIsMalformed) {
  EXPECT_EQ(parse_public_key(rsa_key(0, 0)).error().code, ErrorCode::kMalformed);
}

}  // namespace quote_test
}  // namespace imakeep::tpm
