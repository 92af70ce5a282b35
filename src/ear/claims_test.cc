// SPDX-License-Identifier: Apache-2.0
#include "ear/claims.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ear/test_support.h"

namespace imakeep::ear {
namespace claims_test {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr Profile kBoth[] = {Profile::kVeraison, Profile::kIetf};

// "read", or the error's message.
std::string reading(const std::string& claims, Profile profile) {
  const auto ear = read_claims(claims, profile);
  return ear ? "read" : ear.error().message;
}

std::string making(const Ear& ear, Profile profile) {
  const auto claims = make_claims(ear, profile);
  if (claims) return "made";
  EXPECT_EQ(claims.error().code, ErrorCode::kUsage);
  return claims.error().message;
}

std::string proof_json() {
  return R"({"chain":3,"first":120,"n":130,"pcrs":{"sha1":{"10":"ERERERERERERERERERERERERERE"},"sha256":{)"
         R"("1":"-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s","10":"IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI"}},)"
         R"("reset_count":7,"restart_count":1,"clock":123456,"quote_digest":"sha256:)" +
         std::string(64, 'a') + R"(","policies":[{"id":"base","digest":"sha256:)" + std::string(64, 'b') +
         R"(","from":0,"to":125},{"id":"new","digest":"sha256:)" + std::string(64, 'c') +
         R"(","from":125,"to":130}],"failed":1,"findings":[{"index":121,"path":"/opt/x","reason":"unknown-file",)"
         R"("rule":"base/digests"}],"deletable":100})";
}

constexpr const char* kVectorJson =
    R"({"instance-identity":2,"configuration":0,"executables":33,"file-system":0,"hardware":0,"runtime-opaque":0,)"
    R"("storage-opaque":0,"sourced-data":0})";

TEST(MakeClaims, WritesTheDeployedProfile) {
  EXPECT_EQ(*make_claims(sample_ear(), Profile::kVeraison),
            R"({"eat_profile":"tag:github.com,2023:veraison/ear","iat":1800000000,"exp":1800000300,)"
            R"("ear.verifier-id":{"developer":"https://example.com","build":"imakeep 0.1"},)"
            R"("eat_nonce":"MDEyMzQ1Njc=","submods":{"imakeep":{"ear.status":"warning",)"
            R"("ear.trustworthiness-vector":)" +
                std::string(kVectorJson) + R"(,"ear.appraisal-policy-id":"new","ear.imakeep.proof":)" + proof_json() +
                "}}}");
}

TEST(MakeClaims, WritesTheProfileOfTheIetf) {
  Ear ear = sample_ear();
  ear.appraisals[0].evidence_nonce = Bytes(8, std::byte{0});
  EXPECT_EQ(*make_claims(ear, Profile::kIetf),
            R"({"eat_profile":"tag:ietf.org,2026:rats/ear#03","iat":1800000000,"exp":1800000300,)"
            R"("ear_verifier_id":{"developer":"https://example.com","build":"imakeep 0.1"},)"
            R"("eat_nonce":"MDEyMzQ1Njc=","submods":{"imakeep":{"ear_status":"warning",)"
            R"("ear_trustworthiness_vector":)" +
                std::string(kVectorJson) +
                R"(,"ear_appraisal_policy_ids":["base","new"],"eat_nonce":"AAAAAAAAAAA=","ear_imakeep_proof":)" +
                proof_json() + "}}}");
}

TEST(ReadClaims, GivesWhatMakeClaimsWasGiven) {
  Ear ear = sample_ear();
  ear.appraisals[0].evidence_nonce = Bytes(64, std::byte{0xfe});
  EXPECT_EQ(read_claims(*make_claims(ear, Profile::kIetf), Profile::kIetf), ear);
  // The deployed profile has one policy id, and no nonce of the evidence.
  ear.appraisals[0].evidence_nonce.reset();
  ear.appraisals[0].policy_ids = {"new"};
  EXPECT_EQ(read_claims(*make_claims(ear, Profile::kVeraison), Profile::kVeraison), ear);
}

TEST(ReadClaims, ReadsTheExampleOfTheDraft) {
  // draft-ietf-rats-ear-03, figure 3.
  const auto ear = read_claims(
      R"({"eat_profile": "tag:ietf.org,2026:rats/ear#03", "iat": 1666529184,
          "ear_verifier_id": {"developer": "https://veraison-project.org", "build": "vts 0.0.1"},
          "ear_raw_evidence": "NzQ3MjY5NzM2NTYzNzQK",
          "submods": {"PSA": {"ear_status": "contraindicated",
            "ear_trustworthiness_vector": {"instance-identity": 2, "executables": 96, "hardware": 2},
            "ear_appraisal_policy_ids": ["https://veraison.example/policy/1/60a0068d"]}}})",
      Profile::kIetf);
  ASSERT_TRUE(ear) << ear.error().message;
  EXPECT_FALSE(ear->expires_at_s);
  EXPECT_EQ(ear->appraisals[0].status, Tier::kContraindicated);
  EXPECT_EQ(ear->appraisals[0].vector[Claim::kExecutables], 96);
}

TEST(ReadClaims, TakesANumberForTheStatusInTheDeployedProfileOnly) {
  EXPECT_EQ(reading(edited(Profile::kVeraison, R"("ear.status":"warning")", R"("ear.status":32)"), Profile::kVeraison),
            "read");
  EXPECT_THAT(
      reading(edited(Profile::kVeraison, R"("ear.status":"warning")", R"("ear.status":33)"), Profile::kVeraison),
      HasSubstr("ear.status is none of"));
  EXPECT_THAT(reading(edited(Profile::kIetf, R"("ear_status":"warning")", R"("ear_status":32)"), Profile::kIetf),
              HasSubstr("ear_status is none of"));
}

TEST(ReadClaims, IgnoresUnknownClaimsElsewhere) {
  for (const Profile profile : kBoth) {
    EXPECT_EQ(reading(edited(profile, R"("iat")", R"("x":{"y":[1.5e300,null]},"iat")"), profile), "read");
    EXPECT_EQ(reading(edited(profile, R"({"imakeep":{)", R"({"imakeep":{"x":0,)"), profile), "read");
    EXPECT_EQ(reading(edited(profile, R"({"chain")", R"({"x":0,"chain")"), profile), "read");
  }
}

TEST(ReadClaims, RefusesUnknownMembersOfTheVerifierAndTheVector) {
  for (const Profile profile : kBoth) {
    EXPECT_THAT(reading(edited(profile, R"("build")", R"("x":"","build")"), profile), HasSubstr("verifier"));
    EXPECT_THAT(reading(edited(profile, R"("hardware")", R"("x":0,"hardware")"), profile),
                HasSubstr("x is unknown here"));
  }
}

TEST(ReadClaims, RefusesTheOtherProfile) {
  for (const Profile profile : kBoth) {
    const auto ear = read_claims(*make_claims(sample_ear(), profile),
                                 profile == Profile::kIetf ? Profile::kVeraison : Profile::kIetf);
    ASSERT_FALSE(ear);
    EXPECT_EQ(ear.error().code, ErrorCode::kMismatch);
  }
}

struct Edit {
  const char* from;
  const char* to;
  const char* problem;
};

TEST(ReadClaims, NamesTheClaimThatIsBad) {
  const Edit edits[] = {
      {R"("iat":1800000000,)", "", "iat is missing"},
      {R"("iat":1800000000)", R"("iat":1800000000.0)", "iat is no whole number"},
      {R"("iat":1800000000)", R"("iat":-1)", "iat is no whole number"},
      {R"("iat":1800000000)", R"("iat":9223372036854775808)", "iat is no whole number"},
      {R"("iat":1800000000)", R"("iat":"1800000000")", "iat is no whole number"},
      {R"("exp":1800000300)", R"("exp":1.8e9)", "exp is no whole number"},
      {R"("eat_nonce":"MDEyMzQ1Njc=")", R"("eat_nonce":["MDEyMzQ1Njc="])", "eat_nonce is no text"},
      {R"("eat_nonce":"MDEyMzQ1Njc=")", R"("eat_nonce":"1234567")", "eat_nonce has 7 characters"},
      {R"("submods":{)", R"("submods":{},"x":{)", "submods is empty"},
      {R"("submods":{)", R"("submods":[],"x":{)", "submods is no object"},
      {R"("submods":{)", R"("submods":{"a":1},"x":{)", "submods/a is no object"},
      {R"("hardware":0)", R"("hardware":128)", "hardware is no whole number from -128 to 127"},
      {R"("hardware":0)", R"("hardware":2.0)", "hardware is no whole number from -128 to 127"},
      {R"("hardware":0)", R"("hardware":18446744073709551614)", "hardware is no whole number from -128 to 127"},
      {R"("hardware":0)", R"("hardware":96)", "promises more than the vector"},
      {R"("instance-identity":2)", R"("instance-identity":99)", "promises more than the vector"},
      {R"("developer":"https://example.com",)", "", "developer is missing"},
      {R"("build":"imakeep 0.1")", R"("build":1)", "build is no text"},
      {R"({"10":"ERERERERERERERERERERERERERE"})", R"({"10":"="})", "sha1 has a PCR whose value is no base64url"},
      {R"({"10":"ERERERERERERERERERERERERERE"})", R"({"x":"AA"})", "sha1 has a PCR whose name is no number"},
      {R"({"10":"ERERERERERERERERERERERERERE"})", "[]", "sha1 is no object"},
      {R"("reset_count":7)", R"("reset_count":4294967296)", "reset_count has more than 32 bits"},
      {R"("failed":1)", R"("failed":null)", "failed is no whole number"},
      {R"("findings":[{)", R"("findings":[1,{)", "findings has an element that is no object"},
      {R"("from":125)", R"("from":-125)", "from is no whole number"},
      {R"("quote_digest":)", R"("x":)", "quote_digest is missing"},
  };
  for (const Profile profile : kBoth) {
    for (const Edit& edit : edits) {
      EXPECT_THAT(reading(edited(profile, edit.from, edit.to), profile), HasSubstr(edit.problem)) << edit.to;
    }
  }
}

TEST(ReadClaims, RefusesANonceOfTheIetfThatIsNoBase64) {
  for (const char* nonce : {"with spaces 12", "AAAAAAAAAA", "AAAAAAAAA==="}) {
    const std::string claims = edited(Profile::kIetf, "MDEyMzQ1Njc=", nonce);
    EXPECT_THAT(reading(claims, Profile::kIetf), HasSubstr("eat_nonce")) << nonce;
  }
  EXPECT_EQ(reading(edited(Profile::kVeraison, "MDEyMzQ1Njc=", "with spaces 12"), Profile::kVeraison), "read");
}

TEST(ReadClaims, RefusesAProofThatFailedButHasN) {
  const std::string claims = edited(Profile::kIetf, R"("warning","ear_trustworthiness_vector":{"instance-identity":2)",
                                    R"("contraindicated","ear_trustworthiness_vector":{"instance-identity":99)");
  EXPECT_THAT(reading(claims, Profile::kIetf), HasSubstr("ear_imakeep_proof has an n"));
}

TEST(ReadClaims, RefusesAMemberThatIsThereTwice) {
  for (const Profile profile : kBoth) {
    EXPECT_THAT(reading(edited(profile, R"("n":130)", R"("n":131,"n":130)"), profile),
                HasSubstr("the member \"n\" is there twice"));
  }
}

TEST(ReadClaims, RefusesTextThatIsNoObject) {
  EXPECT_EQ(reading("[]", Profile::kIetf), "claims: not a JSON object");
  EXPECT_EQ(reading("", Profile::kIetf), "claims: not JSON");
  EXPECT_EQ(reading("{} {}", Profile::kIetf), "claims: not JSON");
  EXPECT_EQ(reading("{\"a\":\"\xff\"}", Profile::kIetf), "claims: not JSON");
  EXPECT_EQ(reading(std::string("{\"x\":") + std::string(1000, '[') + std::string(1000, ']') + "}", Profile::kIetf),
            "claims: too many levels of objects and arrays");
}

TEST(MakeClaims, RefusesWhatNoProfileAllows) {
  Ear ear = sample_ear();
  ear.appraisals.push_back(ear.appraisals.front());
  EXPECT_THAT(making(ear, Profile::kIetf), HasSubstr("a name of its own"));
  ear.appraisals.clear();
  EXPECT_THAT(making(ear, Profile::kIetf), HasSubstr("needs an appraisal"));
  ear = sample_ear();
  ear.expires_at_s = ear.issued_at_s;
  EXPECT_THAT(making(ear, Profile::kIetf), HasSubstr("must expire after"));
  ear = sample_ear();
  ear.nonce = "1234567";
  EXPECT_THAT(making(ear, Profile::kVeraison), HasSubstr("7 characters instead of 8 to 88"));
  ear.nonce = std::string(89, 'A');
  EXPECT_THAT(making(ear, Profile::kVeraison), HasSubstr("89 characters"));
  ear.nonce = "not base64 at all";
  EXPECT_EQ(making(ear, Profile::kVeraison), "made");
  EXPECT_THAT(making(ear, Profile::kIetf), HasSubstr("base64 of 8 to 64 bytes"));
  ear = sample_ear();
  ear.appraisals[0].evidence_nonce = Bytes(65);
  EXPECT_THAT(making(ear, Profile::kIetf), HasSubstr("8 to 64 bytes"));
  ear = sample_ear();
  ear.appraisals[0].vector.set(Claim::kInstanceIdentity, kCryptographicFailure);
  EXPECT_THAT(making(ear, Profile::kIetf), HasSubstr("has no n"));
  ear.appraisals[0].proof->n.reset();
  EXPECT_EQ(making(ear, Profile::kIetf), "made");
  EXPECT_THAT(*make_claims(ear, Profile::kIetf), Not(HasSubstr("\"n\":")));
}

TEST(MakeClaims, CutsFindingsAndTheirTexts) {
  Ear ear = sample_ear();
  Proof& proof = *ear.appraisals[0].proof;
  proof.failed = 1000;
  // printable() makes four characters of each byte that is not UTF-8.
  proof.findings.assign(1000, {.index = 1, .path = std::string(4096, '\xff'), .reason = "r", .rule = "\u00e4"});
  proof.findings[1].path.clear();
  for (int i = 0; i < 1000; ++i) proof.findings[1].path += "\u00e4";
  for (const Profile profile : kBoth) {
    const auto claims = make_claims(ear, profile);
    const auto read = read_claims(*claims, profile);
    ASSERT_TRUE(read) << read.error().message;
    const auto& findings = read->appraisals[0].proof->findings;
    EXPECT_EQ(read->appraisals[0].proof->failed, 1000u);
    ASSERT_EQ(findings.size(), kMostFindings);
    EXPECT_EQ(findings[0].path.size(), kMostFindingTextBytes);
    EXPECT_TRUE(findings[0].path.starts_with("\\xff\\xff"));
    // No half character before the dots.
    EXPECT_TRUE(findings[1].path.ends_with("\u00e4..."));
    EXPECT_EQ(findings[0].rule, "\u00e4");
  }
}

TEST(AcceptedProfile, IsThatOfTheFirstRangeThatAsksForATokenWeHave) {
  EXPECT_EQ(accepted_profile("application/eat+jwt"), Profile::kVeraison);
  EXPECT_EQ(accepted_profile("*/*"), Profile::kVeraison);
  EXPECT_EQ(accepted_profile(media_type(Profile::kIetf)), Profile::kIetf);
  EXPECT_EQ(accepted_profile(media_type(Profile::kVeraison)), Profile::kVeraison);
  EXPECT_EQ(
      accepted_profile(R"(text/html, Application/EAT+JWT ; q=0.5; EAT_profile = "tag:ietf.org,2026:rats/ear#03")"),
      Profile::kIetf);
  EXPECT_EQ(accepted_profile(R"(application/eat+jwt; eat_profile="tag:x,2026:y", application/*)"), Profile::kVeraison);
  EXPECT_EQ(accepted_profile(R"(application/eat+jwt; eat_profile="tag:x,2026:y")"), std::nullopt);
  EXPECT_EQ(accepted_profile("application/eat+cwt"), std::nullopt);
  EXPECT_EQ(accepted_profile("application/eat+jwt;q=0"), std::nullopt);
  EXPECT_EQ(accepted_profile("application/eat+jwt;q=0.000"), std::nullopt);
  EXPECT_EQ(accepted_profile(""), std::nullopt);
  EXPECT_EQ(accepted_profile("\"\",;=,;;q="), std::nullopt);
}

}  // namespace claims_test
}  // namespace imakeep::ear
