// SPDX-License-Identifier: Apache-2.0
#include "imalog/pcr_file.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "imalog/test_support.h"

namespace imakeep::imalog {
namespace pcr_file_test {

const std::string kSha1 = "9E21E647798146D301B59160F6D5BD0263A3E70E";
const std::string kSha256 = "825f01d4622a5e9c02bdaae64d7fe00e045090436e8e93c756debe7e29f3d13d";

PcrValue only_value(std::string_view text) {
  const auto values = test::must(parse_pcr_file(text));
  EXPECT_EQ(values.size(), 1u);
  return values.front();
}

void expect_error(std::string_view text, ErrorCode code, std::string_view message) {
  const auto values = parse_pcr_file(text);
  ASSERT_FALSE(values) << text;
  EXPECT_EQ(values.error().code, code) << text;
  EXPECT_EQ(values.error().message.substr(0, message.size()), message);
}

TEST(ParsePcrFile, ALineWithoutAnIndexIsImasPcr) {
  const PcrValue value = only_value("sha1 " + kSha1 + "\n");
  EXPECT_EQ(value.bank, test::bank("sha1"));
  EXPECT_EQ(value.pcr, kImaPcr);
  EXPECT_EQ(to_hex(value.value.view()), "9e21e647798146d301b59160f6d5bd0263a3e70e");
  EXPECT_EQ(test::must(parse_pcr_file("sha1 " + kSha1, 11)).front().pcr, 11u);
}

TEST(ParsePcrFile, ALineWithAnIndexIsThatPcr) {
  for (const char* index : {"0", "7", "10", "23"}) {
    EXPECT_EQ(std::to_string(only_value("sha256 " + std::string(index) + " " + kSha256).pcr), index);
  }
}

TEST(ParsePcrFile, SkipsCommentsEmptyLinesAndBlanks) {
  const auto values = test::must(
      parse_pcr_file("# read at noon\n\n \t\r\n\t sha1\t" + kSha1 + " \r\n  # more\nsha256  10 \t" + kSha256));
  ASSERT_EQ(values.size(), 2u);
  EXPECT_EQ(values[0].bank.name(), "sha1");
  EXPECT_EQ(values[1].bank.name(), "sha256");
}

TEST(ParsePcrFile, KeepsTheOrderOfTheLines) {
  const auto values = test::must(parse_pcr_file("sha256 " + kSha256 + "\nsha1 11 " + kSha1 + "\nsha1 10 " + kSha1));
  ASSERT_EQ(values.size(), 3u);
  EXPECT_EQ(values[0].bank.name(), "sha256");
  EXPECT_EQ(values[1].pcr, 11u);
  EXPECT_EQ(values[2].pcr, 10u);
}

TEST(ParsePcrFile, TakesEveryBankByLinuxsNameAndSm3ByTcgsToo) {
  for (const char* name : {"sha1", "sha256", "sha384", "sha512", "sm3", "tpm_alg_27", "tpm_alg_28", "tpm_alg_29"}) {
    const digest::Bank bank = test::bank(name);
    EXPECT_EQ(only_value(std::string(name) + " " + std::string(2 * bank.digest_bytes(), '0')).bank, bank);
  }
  EXPECT_EQ(only_value("sm3_256 " + kSha256).bank, test::bank("sm3"));
}

// ---- what other tools print ----------------------------------------------------------------------------------------

TEST(ParsePcrFile, TakesWhatTpm2PcrreadPrints) {
  const auto values = test::must(parse_pcr_file("  sha1:\n    0 : 0x" + kSha1 + "\n    10: 0x" + kSha1 +
                                                "\n  sha384:\n  sha256:\n    10: 0x" + kSha256 + "\n"));
  ASSERT_EQ(values.size(), 3u);
  EXPECT_EQ(values[0].bank.name(), "sha1");
  EXPECT_EQ(values[0].pcr, 0u);
  EXPECT_EQ(values[1].pcr, 10u);
  EXPECT_EQ(values[2].bank.name(), "sha256");
  EXPECT_EQ(to_hex(values[2].value.view()), kSha256);
}

TEST(ParsePcrFile, TakesADumpOfAllPcrsInSeveralBanks) {
  std::string text;
  for (const char* const name : {"sha1", "sha256", "sha384", "sha512", "sm3_256", "sha3_256", "sha3_384", "sha3_512"}) {
    text += std::string("  ") + name + ":\n";
    const bool sha3 = std::string_view(name).starts_with("sha3_");
    const std::string_view bits = std::string_view(name).substr(sha3 ? 5 : 3);
    const std::size_t digits = bits == "1" ? 40 : bits == "384" ? 96 : bits == "512" ? 128 : 64;
    for (int pcr = 0; pcr < 24; ++pcr) {
      text += "    " + std::to_string(pcr) + (pcr < 10 ? " : 0x" : ": 0x") + std::string(digits, 'A') + "\n";
    }
  }
  const auto values = test::must(parse_pcr_file(text));
  ASSERT_EQ(values.size(), 8u * 24);
  EXPECT_EQ(values[4 * 24].bank, test::bank("sm3"));
  EXPECT_EQ(values[5 * 24].bank, test::bank("tpm_alg_27"));
  EXPECT_EQ(values[7 * 24 + 23].bank, test::bank("tpm_alg_29"));
  EXPECT_EQ(values[7 * 24 + 23].pcr, 23u);
}

TEST(ParsePcrFile, TakesEvmctlsLinesInTheBankThatTheDigestsSizeTells) {
  for (const auto& [bytes, bank] : {std::pair{20, "sha1"}, {32, "sha256"}, {48, "sha384"}, {64, "sha512"}}) {
    std::string hex;
    for (int i = 0; i < bytes; ++i) hex += "AB ";
    const PcrValue value = only_value("PCR-09: " + hex);
    EXPECT_EQ(value.bank.name(), bank);
    EXPECT_EQ(value.pcr, 9u);
    EXPECT_EQ(value.value.view()[static_cast<std::size_t>(bytes) - 1], std::byte{0xab});
  }
  EXPECT_EQ(only_value("PCR-10: " + kSha256).pcr, 10u);
  EXPECT_EQ(only_value("PCR 10: " + kSha256).pcr, 10u);
  EXPECT_EQ(only_value("PCR\t 9: " + kSha1).bank.name(), "sha1");
}

TEST(ParsePcrFile, AnEvmctlLineWithAnotherBankOfItsSizeIsAmbiguous) {
  expect_error("sm3 11 " + kSha256 + "\nPCR-10: " + kSha256, ErrorCode::kMalformed,
               "line 2: names no bank, and its size is that of sha256 and of sm3; write ALG INDEX HEX");
  expect_error("PCR-10: " + kSha256 + "\nsha3_256:\n11: " + kSha256, ErrorCode::kMalformed, "line 1: names no bank");
  expect_error("PCR-10: " + std::string(96, '0') + "\nsha384:padded 10 " + std::string(96, '0'), ErrorCode::kMalformed,
               "line 1: names no bank");
  EXPECT_EQ(test::must(parse_pcr_file("PCR-10: " + kSha256 + "\nsha256 11 " + kSha256 + "\nsha1 10 " + kSha1)).size(),
            3u);
}

TEST(ParsePcrFile, SkipsAByteOrderMark) {
  const std::string mark = "\xef\xbb\xbf";
  EXPECT_EQ(only_value(mark + "sha1 " + kSha1).bank.name(), "sha1");
  EXPECT_EQ(only_value(mark + "# comment\nsha1 " + kSha1).bank.name(), "sha1");
  EXPECT_EQ(only_value(mark + "PCR-10: " + kSha1).bank.name(), "sha1");
  expect_error("sha1 " + kSha1 + "\n" + mark + "sha256 " + kSha256, ErrorCode::kUsage, "line 2: no such bank");
}

TEST(ParsePcrFile, TakesHexWithAPrefix) {
  EXPECT_EQ(only_value("sha1 0x" + kSha1).value, only_value("sha1 " + kSha1).value);
  EXPECT_EQ(only_value("sha1 10 0X" + kSha1).value, only_value("sha1 " + kSha1).value);
}

TEST(ParsePcrFile, MixesItsForms) {
  EXPECT_EQ(test::must(parse_pcr_file("sha256:\n1: " + kSha256 + "\nsha1 1 " + kSha1 + "\nPCR-2: " + kSha1 +
                                      "\n3 : " + kSha256 + "\nsha384:padded 10 " + std::string(96, '0')))
                .size(),
            5u);
}

TEST(ParsePcrFile, APcrWithoutABankIsMalformed) {
  expect_error("10: 0x" + kSha256, ErrorCode::kMalformed, "line 1: PCR without a bank; a heading such as 'sha256:'");
}

TEST(ParsePcrFile, AHeadingOfNoBankIsAUsageError) {
  expect_error("sha1:\n0: " + kSha1 + "\nmd5:\n", ErrorCode::kUsage, "line 3: no such bank: 'md5'");
}

TEST(ParsePcrFile, AValueBelowAHeadingHasItsBanksSize) {
  expect_error("sha256:\n 10: 0x" + kSha1, ErrorCode::kMalformed, "line 2: PCR value of 20 bytes; sha256 has 32");
  expect_error("sha256:\n 24: 0x" + kSha256, ErrorCode::kMalformed, "line 2: no PCR has index '24'");
  expect_error("sha256:\n10: 0x" + kSha256 + "\n 10: 0x" + kSha256, ErrorCode::kMalformed, "line 3: PCR named twice");
}

TEST(ParsePcrFile, AnEvmctlLineOfNoBanksSizeIsMalformed) {
  expect_error("PCR-10: AB CD", ErrorCode::kMalformed, "line 1: PCR value of 2 bytes; banks have 20, 32, 48 or 64");
  expect_error("PCR x: " + kSha1, ErrorCode::kMalformed, "line 1: no PCR has index 'x'");
  expect_error("PCR-24: " + kSha1, ErrorCode::kMalformed, "line 1: no PCR has index '24'");
  expect_error("PCR-10: " + kSha1 + "\nPCR-10: " + kSha1, ErrorCode::kMalformed, "line 2: PCR named twice");
}

TEST(ParsePcrFile, ABinaryFileIsNamedAsOne) {
  expect_error(std::string_view("\x03\0\0\0\n", 5), ErrorCode::kMalformed, "binary, not text; accepted are lines");
}

// ---- damage ---------------------------------------------------------------------------------------------------------

TEST(ParsePcrFile, ATextWithoutPcrsIsMalformed) {
  for (const char* text : {"", "\n\n", "# sha1 00\n", "  sha256:\n"}) {
    expect_error(text, ErrorCode::kMalformed, "no PCR values in it; accepted are lines of ALG HEX or ALG INDEX HEX");
  }
}

TEST(ParsePcrFile, ALineOfAnotherNumberOfWordsIsMalformed) {
  expect_error(
      "sha1\n", ErrorCode::kMalformed,
      "line 1: not a PCR; accepted are lines of ALG HEX or ALG INDEX HEX, what tpm2_pcrread prints, and lines of "
      "PCR-INDEX: HEX or PCR INDEX: HEX");
  expect_error("sha1 10 " + kSha1 + " more", ErrorCode::kMalformed, "line 1: not a PCR");
}

TEST(ParsePcrFile, ABankThatDoesNotExistIsAUsageError) {
  expect_error("sha3-256 " + kSha256, ErrorCode::kUsage, "line 1: no such bank: 'sha3-256'");
  expect_error("SHA1 " + kSha1, ErrorCode::kUsage, "line 1: no such bank: 'SHA1'");
}

TEST(ParsePcrFile, AnIndexThatNoTpmHasIsMalformed) {
  for (const char* index : {"24", "-1", "+1", "0x0a", "1o", "x", "99999999999"}) {
    expect_error("sha1 " + std::string(index) + " " + kSha1, ErrorCode::kMalformed, "line 1: no PCR has index");
  }
}

TEST(ParsePcrFile, AValueThatIsNoHexIsMalformed) {
  expect_error("sha1 " + kSha1.substr(1), ErrorCode::kMalformed, "line 1: PCR value is not hexadecimal");
  expect_error("sha1 x" + kSha1.substr(1), ErrorCode::kMalformed, "line 1: PCR value is not hexadecimal");
  expect_error("sha1 0x0x" + kSha1, ErrorCode::kMalformed, "line 1: PCR value is not hexadecimal");
}

TEST(ParsePcrFile, AValueOfAnotherLengthThanItsBanksIsMalformed) {
  expect_error("sha1 " + kSha256, ErrorCode::kMalformed, "line 1: PCR value of 32 bytes; sha1 has 20");
  expect_error("sha256 " + kSha1, ErrorCode::kMalformed, "line 1: PCR value of 20 bytes; sha256 has 32");
}

TEST(ParsePcrFile, APcrNamedTwiceIsMalformedInTheSecondLine) {
  expect_error("sha1 " + kSha1 + "\nsha1 10 " + kSha1, ErrorCode::kMalformed, "line 2: PCR named twice");
  expect_error("sm3 " + kSha256 + "\n\nsm3_256 " + kSha256, ErrorCode::kMalformed, "line 3: PCR named twice");
}

TEST(ParsePcrFile, NamesTheLineAsAnEditorCountsIt) {
  expect_error("# comment\n\nsha1 " + kSha1 + "\nbad\n", ErrorCode::kMalformed, "line 4: ");
}

// ---- writing --------------------------------------------------------------------------------------------------------

TEST(FormatPcrs, WritesEveryTouchedPcrOfEveryBankInLowerCase) {
  PcrState state(test::banks("sha1,sha256"));
  state.set(0, 10, digest::Digest(test::must(from_hex(kSha1))));
  state.set(1, 11, digest::Digest(test::must(from_hex(kSha256))));
  EXPECT_EQ(format_pcrs(state),
            "sha1 10 9e21e647798146d301b59160f6d5bd0263a3e70e\n"
            "sha1 11 0000000000000000000000000000000000000000\n"
            "sha256 10 0000000000000000000000000000000000000000000000000000000000000000\n"
            "sha256 11 " +
                kSha256 + "\n");
}

TEST(FormatPcrs, OfAnUntouchedStateIsEmpty) {
  EXPECT_EQ(format_pcrs(PcrState(test::banks("sha1,sha256"))), "");
}

RC_GTEST_PROP(ParsePcrFile, UndoesFormatPcrs, ()) {
  PcrState state(test::banks("sha1,sha512,sm3,tpm_alg_28"));
  const auto contents =
      *rc::gen::nonEmpty(rc::gen::container<std::vector<test::Content>>(test::any_content(ByteOrder::kLittle)));
  for (const test::Content& content : contents) extend(state, content.view());

  PcrState parsed(state.banks());
  for (const PcrValue& value : test::must(parse_pcr_file(format_pcrs(state)))) {
    const auto bank = std::find(state.banks().begin(), state.banks().end(), value.bank);
    parsed.set(static_cast<std::size_t>(bank - state.banks().begin()), value.pcr, value.value);
  }
  RC_ASSERT(parsed == state);
}

}  // namespace pcr_file_test
}  // namespace imakeep::imalog
