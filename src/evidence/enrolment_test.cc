// SPDX-License-Identifier: Apache-2.0
#include "evidence/enrolment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace imakeep::evidence {
namespace enrolment_test {

using ::testing::HasSubstr;

Bytes some_bytes(std::string_view text) {
  const ByteView bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

EnrolmentRequest sample_request() {
  return {.tenant = "blue",
          .host = "web-1",
          .ek_certificates = {some_bytes("ek"), some_bytes("maker")},
          .ek_public = some_bytes("ek public"),
          .ak_certificates = {some_bytes("ak")},
          .ak_public = some_bytes("ak public"),
          .token = "t0ken",
          .retain = true};
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from << " is not in " << text;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

std::string reading_request(const std::string& from, const std::string& to) {
  const auto read = read_enrolment_request(replaced(*make_enrolment_request(sample_request()), from, to));
  return read ? "read" : read.error().message;
}

TEST(EnrolmentRequest, IsReadAsItWasMade) {
  const std::string text = *make_enrolment_request(sample_request());
  EXPECT_EQ(text, R"({"version":1,"tenant":"blue","host":"web-1","ek_certificates":["ZWs=","bWFrZXI="],)"
                  R"("ek_public":"ZWsgcHVibGlj","ak_public":"YWsgcHVibGlj","ak_certificates":["YWs="],)"
                  R"("token":"t0ken","retain":true})");
  EXPECT_EQ(*read_enrolment_request(text), sample_request());
  const EnrolmentRequest pinned = {.host = "h", .ek_public = Bytes(3), .ak_public = Bytes(3)};
  EXPECT_EQ(*read_enrolment_request(*make_enrolment_request(pinned)), pinned);
}

TEST(EnrolmentRequest, RefusesWhatBreaksARule) {
  EXPECT_THAT(reading_request("\"version\":1", "\"version\":\"1\""), HasSubstr("version is no whole number"));
  EXPECT_THAT(reading_request("\"version\":1", "\"version\":9"), HasSubstr("version 9"));
  EXPECT_THAT(reading_request("}", ",\"host\":\"x\"}"), HasSubstr("is there twice"));
  EXPECT_THAT(reading_request("web-1", ""), HasSubstr("host: a name has"));
  EXPECT_THAT(reading_request(R"(["ZWs=","bWFrZXI="])", "[]"), HasSubstr("ek_certificates has not 1 to 8"));
  EXPECT_THAT(reading_request(R"("ZWs=")", "1"), HasSubstr("ek_certificates has an element that is no text"));
  EXPECT_THAT(reading_request(R"("ZWs=")", "\"ZWs\""), HasSubstr("ek_certificates has an element that is no base64"));
  EXPECT_THAT(reading_request(R"("ZWs=")", "\"\""), HasSubstr("ek_certificates has an element that is no base64"));
  EXPECT_THAT(reading_request("ZWsgcHVibGlj", ""), HasSubstr("ek_public has 0 bytes"));
  EXPECT_THAT(reading_request("\"ak_public\":\"YWsgcHVibGlj\",", ""), HasSubstr("ak_public is missing"));
  EXPECT_THAT(reading_request("YWsgcHVibGlj", "!"), HasSubstr("ak_public is no base64"));
  EXPECT_THAT(reading_request("t0ken", ""), HasSubstr("token is no text of"));
  EXPECT_THAT(reading_request("t0ken", "t 0"), HasSubstr("token is no text of"));
  EXPECT_THAT(reading_request("t0ken", std::string(kMostEnrolmentTokenBytes + 1, 't')),
              HasSubstr("token is no text of"));
}

TEST(EnrolmentRequest, RefusesOneThatTellsNoTpm) {
  EnrolmentRequest request = {.host = "h", .ak_public = Bytes(3)};
  EXPECT_EQ(make_enrolment_request(request).error().code, ErrorCode::kUsage);
  EXPECT_THAT(read_enrolment_request(R"({"version":1,"host":"h","ak_public":"AAAA"})").error().message,
              HasSubstr("nothing tells the TPM"));
  request.ak_certificates = {Bytes(3)};
  EXPECT_TRUE(make_enrolment_request(request));
}

TEST(EnrolmentRequest, RefusesWhatIsTooLarge) {
  EnrolmentRequest request = sample_request();
  request.ek_certificates.assign(kMostCertificates + 1, Bytes(3));
  EXPECT_EQ(make_enrolment_request(request).error().code, ErrorCode::kUsage);
  request.ek_certificates.assign(1, Bytes(kMostCertificateBytes + 1));
  EXPECT_EQ(make_enrolment_request(request).error().code, ErrorCode::kUsage);
  request = sample_request();
  request.ak_public.resize(kMostPublicBytes + 1);
  EXPECT_EQ(make_enrolment_request(request).error().code, ErrorCode::kUsage);
  std::string text = *make_enrolment_request(sample_request());
  text.resize(kMostEnrolmentBytes + 1, ' ');
  EXPECT_EQ(read_enrolment_request(text).error().code, ErrorCode::kUnsupported);
}

TEST(EnrolmentCredential, IsReadAsItWasMade) {
  const EnrolmentCredential credential = {.enrolment = "e-1", .credential = some_bytes("blob")};
  const std::string text = *make_enrolment_credential(credential);
  EXPECT_EQ(text, R"({"version":1,"enrolment":"e-1","credential":"YmxvYg=="})");
  EXPECT_EQ(*read_enrolment_credential(text), credential);
  EXPECT_THAT(read_enrolment_credential(replaced(text, "e-1", "e/1")).error().message,
              HasSubstr("enrolment is no name"));
  EXPECT_THAT(
      read_enrolment_credential(replaced(text, "e-1", std::string(kMostEnrolmentIdBytes + 1, 'e'))).error().message,
      HasSubstr("enrolment is no name"));
  EXPECT_THAT(read_enrolment_credential(replaced(text, "YmxvYg==", "")).error().message, HasSubstr("credential has 0"));
  EXPECT_THAT(read_enrolment_credential(replaced(text, "1,", "2,")).error().message, HasSubstr("version 2"));
}

TEST(EnrolmentProof, IsReadAsItWasMade) {
  const EnrolmentProof proof = {.enrolment = "e-1", .secret = some_bytes("secret")};
  const std::string text = *make_enrolment_proof(proof);
  EXPECT_EQ(text, R"({"version":1,"enrolment":"e-1","secret":"c2VjcmV0"})");
  EXPECT_EQ(*read_enrolment_proof(text), proof);
  EXPECT_THAT(read_enrolment_proof(replaced(text, "c2VjcmV0", "")).error().message, HasSubstr("secret has 0 bytes"));
  EXPECT_EQ(make_enrolment_proof({.enrolment = "e", .secret = Bytes(kMostSecretBytes + 1)}).error().code,
            ErrorCode::kUsage);
}

TEST(EnrolmentResult, IsReadAsItWasMade) {
  for (const EnrolmentStatus status : {EnrolmentStatus::kEnrolled, EnrolmentStatus::kWaitingForApproval}) {
    EXPECT_EQ(*read_enrolment_result(*make_enrolment_result(status)), status);
  }
  EXPECT_EQ(*make_enrolment_result(EnrolmentStatus::kWaitingForApproval),
            R"({"version":1,"status":"waiting-for-approval"})");
  EXPECT_EQ(read_enrolment_result(R"({"version":1,"status":"no"})").error().message,
            "enrolment result: unknown status \"no\"");
  EXPECT_FALSE(read_enrolment_result(R"({"version":1})"));
}

}  // namespace enrolment_test
}  // namespace imakeep::evidence
