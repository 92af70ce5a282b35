// SPDX-License-Identifier: Apache-2.0
#include "attest/quote_file.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>

#include "attest/test_support.h"

// tests/e2e/inputs.sh verifies the files of tss2_quote end to end.
namespace imakeep::attest {
namespace quote_file_test {

using nlohmann::json;
using test::must;

constexpr const char* kFolder = "templates/quote-mid";

Bytes message() {
  return test::captured(kFolder, "quote.msg");
}

Bytes as_file(std::string_view text) {
  return {as_bytes(text).begin(), as_bytes(text).end()};
}

std::string base64(ByteView bytes) {
  std::string text(bytes.size() / 3 * 4 + 5, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::string keylime_quote() {
  return "r" + base64(message()) + ":" + base64(test::captured(kFolder, "quote.sig")) + ":" +
         base64(test::captured(kFolder, "quote.pcrs"));
}

// The captured quote as FAPI writes it.
json fapi_quote() {
  const auto quote = test::captured_quote(kFolder).quote;
  json selections = json::array();
  for (const tpm::PcrSelection& selection : quote.selections) {
    std::string name = selection.bank.name();
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
    selections.push_back({{"hash", name}, {"pcrSelect", selection.pcrs}});
  }
  return {{"sig_scheme", {{"scheme", "ECDSA"}, {"details", {{"hashAlg", "SHA256"}}}}},
          {"attest",
           {{"magic", "VALUE"},
            {"type", "ATTEST_QUOTE"},
            {"qualifiedSigner", to_hex(quote.signer)},
            {"extraData", to_hex(quote.extra_data)},
            {"clockInfo",
             {{"clock", quote.clock.clock_ms},
              {"resetCount", quote.clock.reset_count},
              {"restartCount", quote.clock.restart_count},
              {"safe", quote.clock.safe ? "YES" : "NO"}}},
            {"firmwareVersion", {quote.firmware_version >> 32, quote.firmware_version & 0xffffffff}},
            {"attested", {{"pcrSelect", selections}, {"pcrDigest", to_hex(quote.pcr_digest)}}}}}};
}

Result<QuoteFile> parse(const json& file) {
  return parse_quote_file(as_file(file.dump(2)));
}

void expect_error(const Result<QuoteFile>& parsed, ErrorCode code, std::string_view message) {
  ASSERT_FALSE(parsed) << message;
  EXPECT_EQ(parsed.error().code, code);
  EXPECT_EQ(parsed.error().message.substr(0, message.size()), message);
}

TEST(ParseQuoteFile, TakesAnythingElseForAStatement) {
  EXPECT_EQ(must(parse_quote_file(message())).statement, message());
  EXPECT_FALSE(must(parse_quote_file(message())).signature);
  EXPECT_TRUE(must(parse_quote_file({})).statement.empty());
}

TEST(ParseQuoteFile, TakesKeylimesQuoteWithItsSignature) {
  for (const std::string& text : {keylime_quote(), keylime_quote() + "\n"}) {
    const auto file = must(parse_quote_file(as_file(text)));
    EXPECT_EQ(file.statement, message());
    EXPECT_EQ(file.signature, test::captured(kFolder, "quote.sig"));
  }
}

TEST(ParseQuoteFile, NamesWhatIsWrongWithKeylimesQuote) {
  const std::string good = keylime_quote();
  expect_error(parse_quote_file(as_file(good.substr(0, good.rfind(':')))), ErrorCode::kMalformed,
               "Keylime's quote, but of 2 parts");
  expect_error(parse_quote_file(as_file("rAAA:AAAA:AAAA")), ErrorCode::kMalformed,
               "Keylime's quote, but a part is not base64");
  expect_error(parse_quote_file(as_file("r=A==:AAAA:AAAA")), ErrorCode::kMalformed,
               "Keylime's quote, but a part is not base64");
}

TEST(ParseQuoteFile, WritesFapisStatementAsTheTpmDid) {
  const auto file = must(parse(fapi_quote()));
  EXPECT_EQ(file.statement, message());
  EXPECT_EQ(file.plain_hash, digest::Algorithm::kSha256);
  EXPECT_FALSE(file.signature);
}

TEST(ParseQuoteFile, TakesFapisNumbersAndNamesInEveryForm) {
  json quote = fapi_quote();
  quote["sig_scheme"]["details"]["hashAlg"] = "sha384";
  quote["attest"]["firmwareVersion"] = 7;
  quote["attest"]["clockInfo"]["clock"] = {1, 2};
  quote["attest"]["clockInfo"]["safe"] = "NO";
  quote["attest"]["attested"]["pcrSelect"][0]["hash"] = "sha3_256";
  const auto file = must(parse(quote));
  EXPECT_EQ(file.plain_hash, digest::Algorithm::kSha384);
  const auto parsed = must(tpm::parse_quote(file.statement));
  EXPECT_EQ(parsed.firmware_version, 7u);
  EXPECT_EQ(parsed.clock.clock_ms, 0x100000002u);
  EXPECT_FALSE(parsed.clock.safe);
  EXPECT_EQ(parsed.selections[0].bank.name(), "tpm_alg_27");
}

TEST(ParseQuoteFile, NamesTheFieldOfFapisThatIsWrong) {
  const std::pair<const char*, json> wrong[] = {
      {"/attest/magic", "value"},           {"/attest/type", "ATTEST_CERTIFY"}, {"/attest/qualifiedSigner", "0"},
      {"/attest/extraData", nullptr},       {"/attest/clockInfo", 1},           {"/attest/firmwareVersion", {1, 2, 3}},
      {"/attest/attested/pcrSelect", "10"}, {"/attest/attested/pcrDigest", 7},  {"/sig_scheme/details/hashAlg", ""},
  };
  for (const auto& [path, value] : wrong) {
    json quote = fapi_quote();
    quote[json::json_pointer(path)] = value;
    const std::string name = std::string(path).substr(std::string(path).rfind('/') + 1);
    expect_error(parse(quote), ErrorCode::kMalformed, "FAPI's quote info, but its " + name + " is missing");
  }
  for (const json& value : {json(24), json(-1), json("10"), json(1.5)}) {
    json quote = fapi_quote();
    quote["attest"]["attested"]["pcrSelect"][0]["pcrSelect"] = {value};
    expect_error(parse(quote), ErrorCode::kMalformed, "FAPI's quote info, but its pcrSelect is missing");
  }
  json quote = fapi_quote();
  quote["sig_scheme"]["details"]["hashAlg"] = "MD5";
  expect_error(parse(quote), ErrorCode::kUnsupported, "FAPI's quote info: the hash 'md5' is not supported");
}

TEST(ParseQuoteFile, NamesJsonThatIsNotFapis) {
  for (const char* const text : {"{", "{}", "{\"attest\": []}", "{\"attest\": 1, \"sig_scheme\""}) {
    expect_error(parse_quote_file(as_file(text)), ErrorCode::kMalformed, "JSON, but not FAPI's quote info; give");
  }
  expect_error(parse_quote_file(as_file("{\"attest\": 1, \"sig_scheme\": 2}")), ErrorCode::kMalformed,
               "FAPI's quote info, but its hashAlg");
}

}  // namespace quote_file_test
}  // namespace imakeep::attest
