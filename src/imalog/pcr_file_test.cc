#include "imalog/pcr_file.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "imalog/test_support.h"

namespace imakeep::imalog {
namespace {

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

// ---- damage ---------------------------------------------------------------------------------------------------------

TEST(ParsePcrFile, ATextWithoutPcrsIsMalformed) {
  for (const char* text : {"", "\n\n", "# sha1 00\n"}) expect_error(text, ErrorCode::kMalformed, "no PCR values in it");
}

TEST(ParsePcrFile, ALineOfAnotherNumberOfWordsIsMalformed) {
  expect_error("sha1\n", ErrorCode::kMalformed, "line 1: not a PCR; expected ALG HEX or ALG INDEX HEX");
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
  expect_error("sha1 0x" + kSha1.substr(2), ErrorCode::kMalformed, "line 1: PCR value is not hexadecimal");
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

}  // namespace
}  // namespace imakeep::imalog
