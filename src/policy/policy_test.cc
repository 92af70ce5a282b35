// SPDX-License-Identifier: Apache-2.0
#include "policy/policy.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "policy/test_support.h"

namespace imakeep::policy {
namespace policy_test {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr Mode kBothModes[] = {Mode::kStrict, Mode::kKeylime};

// The error names this pointer and reason, and has a remedy after them.
auto is_error(const std::string& pointer, const std::string& reason) {
  return AllOf(StartsWith(pointer + ": "), HasSubstr(reason), HasSubstr("; "));
}

TEST(ParsePolicy, AcceptsAnEmptyPolicyInBothModes) {
  for (const Mode mode : kBothModes) {
    EXPECT_EQ(error_of(PolicyText{}.str(), mode), "accepted");
  }
}

TEST(ParsePolicy, ToleratesFurtherMembersOfAnyShape) {
  EXPECT_EQ(error_of(PolicyText{.more = R"(, "x": {"y": [1, -2, 1.5, true, null, {"z": "t"}]}, "w": "t")"}.str()),
            "accepted");
  EXPECT_EQ(error_of(PolicyText{.meta = R"({"version": 1, "generator": 0, "timestamp": "noon", "x": 1})"}.str()),
            "accepted");
}

TEST(ParsePolicy, NamesEachRequiredMemberThatIsMissing) {
  for (const std::string member :
       {"meta", "release", "digests", "excludes", "keyrings", "ima", "ima-buf", "verification-keys"}) {
    std::string text = PolicyText{}.str();
    text.replace(text.find('"' + member + '"') + 1, 1, "X");
    EXPECT_THAT(error_of(text), is_error("(top)", "\"" + member + "\" is missing"));
  }
  EXPECT_THAT(error_of(PolicyText{.meta = R"({"version": 1})"}.str()), is_error("/meta", "\"generator\" is missing"));
  EXPECT_THAT(error_of(PolicyText{.meta = R"({"generator": 1})"}.str()), is_error("/meta", "\"version\" is missing"));
  EXPECT_THAT(error_of(PolicyText{.ima = R"({"ignored_keyrings": [], "log_hash_alg": "sha1"})"}.str()),
              is_error("/ima", "\"dm_policy\" is missing"));
  EXPECT_THAT(error_of(PolicyText{.ima = R"({"ignored_keyrings": [], "dm_policy": null})"}.str()),
              is_error("/ima", "\"log_hash_alg\" is missing"));
  EXPECT_THAT(error_of(PolicyText{.ima = R"({"log_hash_alg": "sha1", "dm_policy": null})"}.str()),
              is_error("/ima", "\"ignored_keyrings\" is missing"));
}

TEST(ParsePolicy, RefusesMembersOfAWrongType) {
  EXPECT_THAT(error_of("[]"), is_error("(top)", "not an object"));
  EXPECT_THAT(error_of("7"), is_error("(top)", "not an object"));
  EXPECT_THAT(error_of(PolicyText{.meta = "[]"}.str()), is_error("/meta", "an object is needed"));
  EXPECT_THAT(error_of(PolicyText{.meta = R"({"version": -1, "generator": 3})"}.str()),
              is_error("/meta/version", "a whole number"));
  EXPECT_THAT(error_of(PolicyText{.meta = R"({"version": 1, "generator": 4})"}.str()),
              is_error("/meta/generator", "a whole number"));
  EXPECT_THAT(error_of(PolicyText{.meta = R"({"version": 1, "generator": 3, "timestamp": 1})"}.str()),
              is_error("/meta/timestamp", "a text is needed"));
  EXPECT_THAT(error_of(PolicyText{.release = "true"}.str()), is_error("/release", "a whole number"));
  EXPECT_THAT(error_of(PolicyText{.digests = "[]"}.str()), is_error("/digests", "an object is needed"));
  EXPECT_THAT(error_of(PolicyText{.digests = R"({"/a": "x"})"}.str()), is_error("/digests/~1a", "an array is needed"));
  EXPECT_THAT(error_of(PolicyText{.digests = R"({"/a": {}})"}.str()), is_error("/digests/~1a", "an array is needed"));
  EXPECT_THAT(error_of(PolicyText{.keyrings = R"({".ima": [1]})"}.str()),
              is_error("/keyrings/.ima/0", "a text is needed"));
  EXPECT_THAT(error_of(PolicyText{.ima_buf = R"({"b": [[]]})"}.str()), is_error("/ima-buf/b/0", "a text is needed"));
  EXPECT_THAT(error_of(PolicyText{.excludes = "{}"}.str()), is_error("/excludes", "an array is needed"));
  EXPECT_THAT(error_of(PolicyText{.excludes = "[1]"}.str()), is_error("/excludes/0", "a text is needed"));
  EXPECT_THAT(
      error_of(PolicyText{.ima = R"({"ignored_keyrings": [], "log_hash_alg": "md5", "dm_policy": null})"}.str()),
      is_error("/ima/log_hash_alg", "does not know"));
  EXPECT_THAT(
      error_of(PolicyText{.ima = R"({"ignored_keyrings": [], "log_hash_alg": "sm3", "dm_policy": null})"}.str()),
      is_error("/ima/log_hash_alg", "does not know"));
  EXPECT_THAT(error_of(PolicyText{.ima = R"({"ignored_keyrings": [], "log_hash_alg": "sha1", "dm_policy": {}})"}.str()),
              is_error("/ima/dm_policy", "only null"));
  EXPECT_THAT(error_of(PolicyText{.verification_keys = "[]"}.str()),
              is_error("/verification-keys", "a text is needed"));
}

TEST(ParsePolicy, RefusesDigestsThatAreNone) {
  const auto with = [](const std::string& digest) {
    return PolicyText{.digests = R"({"/a": [")" + hex_of('a') + "\", \"" + digest + "\"]}"}.str();
  };
  for (const Mode mode : kBothModes) {
    EXPECT_THAT(error_of(with(hex_of('A')), mode), is_error("/digests/~1a/1", "character 1 "));
    EXPECT_THAT(error_of(with("sha256:" + hex_of('a')), mode), is_error("/digests/~1a/1", "character 1 "));
    EXPECT_THAT(error_of(with(hex_of('a', 41) + "g"), mode), is_error("/digests/~1a/1", "character 42 "));
    EXPECT_THAT(error_of(with(hex_of('a', 39)), mode), is_error("/digests/~1a/1", "39 digits"));
    EXPECT_THAT(error_of(with(hex_of('a', 129)), mode), is_error("/digests/~1a/1", "129 digits"));
    EXPECT_THAT(error_of(with(""), mode), is_error("/digests/~1a/1", "0 digits"));
    EXPECT_EQ(error_of(with(hex_of('a', 40)), mode), "accepted");
    EXPECT_EQ(error_of(with(hex_of('a', 128)), mode), "accepted");
    EXPECT_THAT(error_of(PolicyText{.digests = R"({"/a": []})"}.str(), mode),
                is_error("/digests/~1a", "the array is empty"));
  }
}

TEST(ParsePolicy, RefusesLengthsOfNoAlgorithmOnlyInModeStrict) {
  for (const std::size_t digits : {41u, 42u, 63u, 127u}) {
    const std::string text = PolicyText{.digests = R"({"/a": [")" + hex_of('a', digits) + "\"]}"}.str();
    EXPECT_THAT(error_of(text), is_error("/digests/~1a/0", "the length of no accepted algorithm"));
    EXPECT_EQ(error_of(text, Mode::kKeylime), "accepted");
  }
}

TEST(ParsePolicy, RefusesMembersThatAreThereTwice) {
  const std::string digests = "[\"" + hex_of('a') + "\"]";
  EXPECT_THAT(
      error_of(PolicyText{.digests = R"({"/a": )" + digests + R"(, "/b": )" + digests + R"(, "/a": )" + digests + "}"}
                   .str()),
      is_error("/digests/~1a", "twice"));
  EXPECT_EQ(error_of(PolicyText{.digests = R"({"a": )" + digests + "}", .keyrings = R"({"a": )" + digests + "}"}.str()),
            "accepted");
  EXPECT_THAT(error_of(PolicyText{.more = R"(, "release": 0)"}.str()), is_error("/release", "twice"));
  EXPECT_THAT(error_of(PolicyText{.more = R"(, "digests": {})"}.str()), is_error("/digests", "twice"));
  EXPECT_THAT(error_of(PolicyText{.meta = R"({"version": 1, "generator": 3, "version": 2})"}.str()),
              is_error("/meta/version", "twice"));
  EXPECT_THAT(error_of(PolicyText{.more = R"(, "x": [{"y": 1, "y": 2}])"}.str()), is_error("/x/0/y", "twice"));
}

TEST(ParsePolicy, RefusesWhatIsNoJson) {
  for (const std::string text : {"", "{", "{\"a\": 1,}", "{} {}", "{\"a\": \"\xff\"}", "{'a': 1}", "{\"a\": 1e999}"}) {
    EXPECT_THAT(error_of(text), is_error("(top)", "no JSON")) << text;
  }
  const std::string text = PolicyText{}.str();
  for (std::size_t bytes = 0; bytes < text.size(); ++bytes) {
    EXPECT_NE(error_of(text.substr(0, bytes)), "accepted") << bytes;
  }
}

TEST(ParsePolicy, PointersEscapeAsRfc6901AndForTheTerminal) {
  EXPECT_THAT(error_of(PolicyText{.digests = R"({"/a~b\u001b[1m": []})"}.str()),
              StartsWith("/digests/~1a~0b\\x1b[1m: "));
}

TEST(ParsePolicy, LimitsEachSize) {
  const std::string text = PolicyText{}.str();
  EXPECT_EQ(error_of(text, Mode::kStrict, {.most_bytes = text.size()}), "accepted");
  EXPECT_THAT(error_of(text, Mode::kStrict, {.most_bytes = text.size() - 1}), HasSubstr("are allowed; divide it"));
  const auto deep = [](std::size_t depth) {
    return PolicyText{.more = R"(, "x": )" + std::string(depth, '[') + std::string(depth, ']')}.str();
  };
  EXPECT_EQ(error_of(deep(15)), "accepted");
  EXPECT_THAT(error_of(deep(16)), is_error("/x/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0", "too many levels"));
  EXPECT_THAT(error_of(PolicyText{.more = R"(, "x": )" + std::string(1'000'000, '[')}.str()),
              HasSubstr("too many levels"));
  EXPECT_THAT(
      error_of(PolicyText{.more = R"(, "x": [0, 0, 0, 0, 0, 0, 0, 0, 0])"}.str(), Mode::kStrict, {.most_values = 15}),
      AllOf(StartsWith("/x/"), HasSubstr("too many values")));
}

TEST(ParsePolicy, LimitsTheNumberOfPatternsWithOneError) {
  const auto with = [](std::size_t count) {
    std::string excludes = "[";
    for (std::size_t i = 0; i < count; ++i) excludes += (i == 0 ? "\"/a" : ", \"/a") + std::to_string(i) + "\"";
    return PolicyText{.excludes = excludes + "]"}.str();
  };
  EXPECT_EQ(error_of(with(10'000)), "accepted");
  EXPECT_THAT(error_of(with(10'001)), is_error("/excludes/10000", "more than 10000 patterns"));
}

TEST(ParsePolicy, NamesThePatternThatIsBad) {
  EXPECT_THAT(error_of(PolicyText{.excludes = R"(["/tmp/.*", "(?!/usr)/a"])"}.str()),
              is_error("/excludes/1", R"(pattern "(?!/usr)/a" is none that RE2 can express)"));
  EXPECT_EQ(error_of(PolicyText{.excludes = R"(["/tmp/.*", "(?!/usr)/a"])"}.str(), Mode::kKeylime), "accepted");
  EXPECT_THAT(error_of(PolicyText{.excludes = R"(["/tmp("])"}.str(), Mode::kKeylime),
              is_error("/excludes/0", "Keylime ignores all excludes"));
}

TEST(ParsePolicy, ReadsVerificationKeysFromTheTextInTheText) {
  const auto with = [](const std::string& keys) {
    std::string escaped;
    for (const char c : keys) escaped += c == '"' ? "\\\"" : std::string(1, c);
    return PolicyText{.verification_keys = '"' + escaped + '"'}.str();
  };
  const std::string good = with(R"({"meta": {}, "keyids": [4294967295, 7], "pubkeys": ["Zm9v", "Zg=="]})");
  const auto policy = parse_policy(as_bytes(good), Mode::kStrict);
  ASSERT_TRUE(policy) << policy.error().message;
  ASSERT_EQ(policy->rules.file_keys.size(), 2u);
  EXPECT_EQ(policy->rules.file_keys[0].key_id, 0xffffffffu);
  EXPECT_EQ(as_text(policy->rules.file_keys[1].public_key), "f");
  EXPECT_THAT(error_of(with(R"({"keyids": [1], "pubkeys": []})")), is_error("/verification-keys/pubkeys", "0 keys"));
  EXPECT_THAT(error_of(with(R"({"keyids": [4294967296], "pubkeys": ["Zm9v"]})")),
              is_error("/verification-keys/keyids/0", "a whole number"));
  EXPECT_THAT(error_of(with(R"({"keyids": [1], "pubkeys": ["Zm9v!"]})")),
              is_error("/verification-keys/pubkeys/0", "no base64"));
  EXPECT_THAT(error_of(with(R"({"keyids": [1], "pubkeys": [""]})")),
              is_error("/verification-keys/pubkeys/0", "the key is empty"));
  EXPECT_THAT(error_of(with(R"({"keyids": [], "keyids": []})")), is_error("/verification-keys/keyids", "twice"));
  EXPECT_THAT(error_of(with("{")), is_error("/verification-keys", "no JSON"));
}

TEST(ParsePolicy, IdentifiesAPolicyByTheSha256OfItsText) {
  const std::string text = PolicyText{}.str();
  const auto policy = parse_policy(as_bytes(text), Mode::kStrict);
  ASSERT_TRUE(policy);
  EXPECT_EQ(policy->source, digest::hash(digest::Algorithm::kSha256, as_bytes(text)));
}

// The same cases as tests/tools/policy_schema.py, so that schema and reader cannot part.
TEST(ParsePolicy, SaysOfEachCaseOfTheTestDataWhatTheCaseSays) {
  std::ifstream file(IMAKEEP_TESTDATA "/policies/cases.json");
  const auto data = nlohmann::json::parse(file);
  for (const auto& one : data.at("cases")) {
    auto policy = data.at("base");
    policy.merge_patch(one.at("patch"));
    for (const Mode mode : kBothModes) {
      const auto expected = one.at(mode == Mode::kStrict ? "strict" : "keylime").get<std::string>();
      const std::string error = error_of(policy.dump(), mode);
      if (expected == "accepted") {
        EXPECT_EQ(error, "accepted") << one.at("name");
      } else {
        EXPECT_THAT(error, StartsWith(expected + ": ")) << one.at("name");
      }
    }
  }
}

// Every policy that the page shows.
TEST(ParsePolicy, AcceptsThePoliciesOfItsPage) {
  std::ifstream file(IMAKEEP_DOCS "/reference/policy.md");
  const std::string page((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::size_t policies = 0;
  for (std::size_t at = page.find("```json\n"); at != std::string::npos; at = page.find("```json\n", at)) {
    at += std::string_view("```json\n").size();
    EXPECT_EQ(error_of(page.substr(at, page.find("```", at) - at)), "accepted");
    ++policies;
  }
  EXPECT_GT(policies, 0u);
}

}  // namespace policy_test
}  // namespace imakeep::policy
