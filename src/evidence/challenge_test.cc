// SPDX-License-Identifier: Apache-2.0
#include "evidence/challenge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "evidence/nonce.h"

namespace imakeep::evidence {
namespace challenge_test {

using ::testing::HasSubstr;
using ::testing::StartsWith;

ChallengeRequest sample_request() {
  return {.tenant = "blue",
          .host = "web-1",
          .banks = {digest::Algorithm::kSha256, digest::Algorithm::kSha1},
          .reset_count = 7,
          .records = 1234};
}

Challenge sample_challenge() {
  return {.nonce = Bytes(kNonceBytes, std::byte{0xfb}),
          .token = Bytes(kTokenBytes, std::byte{0x11}),
          .chain = 3,
          .first = 120,
          .reset_count = 7,
          .pcrs = {{.bank = digest::Algorithm::kSha1, .pcrs = {10}},
                   {.bank = digest::Algorithm::kSha256, .pcrs = {0, 1, 10}}},
          .most_records = 1000,
          .most_bytes = 1 << 20,
          .policies = {"sha256:" + std::string(64, 'a')},
          .interval_s = 60};
}

// `text` with `from` replaced by `to` once.
std::string edited(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from << " is not in " << text;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

std::string reading_request(const std::string& from, const std::string& to) {
  const auto read = read_challenge_request(edited(*make_challenge_request(sample_request()), from, to));
  return read ? "read" : read.error().message;
}

std::string reading(const std::string& from, const std::string& to) {
  const auto read = read_challenge(edited(*make_challenge(sample_challenge()), from, to));
  return read ? "read" : read.error().message;
}

TEST(ChallengeRequest, IsReadAsItWasMade) {
  const std::string text = *make_challenge_request(sample_request());
  EXPECT_EQ(text, R"({"version":1,"tenant":"blue","host":"web-1","banks":["sha256","sha1"],"reset_count":7,)"
                  R"("records":1234})");
  EXPECT_EQ(*read_challenge_request(text), sample_request());
  const ChallengeRequest least = {.host = "h"};
  EXPECT_EQ(*make_challenge_request(least), R"({"version":1,"host":"h"})");
  EXPECT_EQ(*read_challenge_request(R"({"version":1,"host":"h"})"), least);
}

TEST(ChallengeRequest, IgnoresMembersAndBanksThatAreNotKnown) {
  EXPECT_EQ(*read_challenge_request(R"({"version":1,"host":"h","x":[{"y":1}],"banks":["md4"]})"),
            (ChallengeRequest{.host = "h"}));
}

TEST(ChallengeRequest, RefusesWhatBreaksARule) {
  EXPECT_EQ(reading_request("\"version\":1", "\"version\":2"), "challenge request: version 2; only version 1 is known");
  EXPECT_EQ(reading_request("\"version\":1,", ""), "challenge request: version is missing");
  EXPECT_EQ(reading_request("}", ",\"host\":\"x\"}"), "challenge request: the member \"host\" is there twice");
  EXPECT_EQ(reading_request("\"host\":\"web-1\",", ""), "challenge request: host is missing");
  EXPECT_THAT(reading_request("web-1", "web 1"), HasSubstr("host: a name has"));
  EXPECT_THAT(reading_request("blue", "a/b"), HasSubstr("tenant: a name has"));
  EXPECT_THAT(reading_request("blue", ""), HasSubstr("tenant is empty"));
  EXPECT_THAT(reading_request("[\"sha256\"", "[1"), HasSubstr("banks has an element that is no text"));
  EXPECT_THAT(reading_request("sha1", "sha256"), HasSubstr("banks names a bank twice"));
  EXPECT_THAT(reading_request(":7", ":4294967296"), HasSubstr("reset_count has more than 32 bits"));
  EXPECT_THAT(reading_request(":1234", ":-1"), HasSubstr("records is no whole number"));
  EXPECT_THAT(reading_request("{", ""), HasSubstr("not JSON"));
}

TEST(ChallengeRequest, RefusesALongText) {
  std::string text = *make_challenge_request(sample_request());
  text.resize(kMostControlBytes, ' ');
  EXPECT_TRUE(read_challenge_request(text));
  text += ' ';
  EXPECT_EQ(read_challenge_request(text).error().code, ErrorCode::kUnsupported);
}

TEST(MakeChallengeRequest, MakesNothingThatIsRefused) {
  ChallengeRequest request = sample_request();
  request.host = "a b";
  EXPECT_EQ(make_challenge_request(request).error().code, ErrorCode::kUsage);
}

TEST(Challenge, IsReadAsItWasMade) {
  const std::string text = *make_challenge(sample_challenge());
  EXPECT_EQ(text, R"({"version":1,"nonce":"-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s",)"
                  R"("token":"EREREREREREREREREREREREREREREREREREREQ","chain":3,"first":120,)"
                  R"("reset_count":7,"pcrs":{"sha1":[10],"sha256":[0,1,10]},)"
                  R"("limits":{"records":1000,"bytes":1048576},"policies":["sha256:)" +
                      std::string(64, 'a') + R"("],"interval_s":60})");
  EXPECT_EQ(*read_challenge(text), sample_challenge());
}

TEST(Challenge, RefusesWhatBreaksARule) {
  EXPECT_THAT(reading("\"version\":1", "\"version\":0"), HasSubstr("version 0"));
  EXPECT_THAT(reading("-_v7", "-_v="), HasSubstr("nonce is no base64url"));
  EXPECT_THAT(reading("-_v7", ""), HasSubstr("nonce has 29 bytes instead of 32"));
  EXPECT_THAT(reading("ERER", ""), HasSubstr("token has"));
  EXPECT_THAT(reading("\"chain\":3,", ""), HasSubstr("chain is missing"));
  EXPECT_THAT(reading(":120", ":1.5"), HasSubstr("first is no whole number"));
  EXPECT_THAT(reading(":120", ":9223372036854775808"), HasSubstr("first is no whole number"));
  EXPECT_THAT(reading(R"({"sha1":[10],"sha256":[0,1,10]})", "{}"), HasSubstr("pcrs is empty"));
  EXPECT_THAT(reading("sha256\":[0", "md4\":[0"), HasSubstr("no known PCR bank: \"md4\""));
  EXPECT_THAT(reading("[0,1,10]", "[]"), HasSubstr("without an array of PCRs"));
  EXPECT_THAT(reading("[0,1,10]", "[0,24]"), HasSubstr("no number from 0 to 23"));
  EXPECT_THAT(reading("[0,1,10]", "[0,0]"), HasSubstr("ascending order"));
  EXPECT_THAT(reading(R"("sha1":[10],"sha256")", R"("sm3":[10],"sm3_256")"), HasSubstr("names a bank twice"));
  EXPECT_EQ(reading("\"bytes\":1048576", "\"b\":1"), "challenge: limits: bytes is missing");
  EXPECT_THAT(reading("sha256:a", "sha256:A"), HasSubstr("no \"sha256:\" and 64 digits"));
  EXPECT_THAT(reading("sha256:a", "sha256:"), HasSubstr("no \"sha256:\" and 64 digits"));
  EXPECT_THAT(reading("\"interval_s\":60", "\"x\":1"), HasSubstr("interval_s is missing"));
}

TEST(MakeChallenge, MakesNothingThatIsRefused) {
  Challenge challenge = sample_challenge();
  challenge.pcrs.clear();
  EXPECT_EQ(make_challenge(challenge).error().code, ErrorCode::kUsage);
  challenge = sample_challenge();
  challenge.pcrs[0].bank = challenge.pcrs[1].bank;
  EXPECT_EQ(make_challenge(challenge).error().code, ErrorCode::kUsage);
  challenge = sample_challenge();
  challenge.policies.assign(kMostPolicies + 1, challenge.policies[0]);
  EXPECT_THAT(make_challenge(challenge).error().message, StartsWith("challenge: policies has more than 64"));
}

}  // namespace challenge_test
}  // namespace imakeep::evidence
