// SPDX-License-Identifier: Apache-2.0
#include "reference/log_intake.h"

#include <gmock/gmock.h>

#include "base/file.h"
#include "imalog/list_reader.h"
#include "imalog/template_data.h"
#include "reference/test_support.h"

namespace imakeep::reference {
namespace log_intake_test {

using imalog::EventView;
using ::testing::HasSubstr;

class TakeLog : public ::testing::Test {
 protected:
  void add(const std::string& template_name, const EventView& event, bool violation = false) {
    const Bytes body = *imalog::make_body(template_name, event, ByteOrder::kLittle);
    intake_.add({.pcr = 10, .template_name = template_name, .body = body, .violation = violation}, ByteOrder::kLittle);
  }

  Document document_;
  LogIntake intake_{document_, imalog::TemplateSet::mainline()};
};

const Bytes kSha256Digest(32, std::byte{0xab});
const Bytes kSha1Digest(20, std::byte{0xcd});

TEST_F(TakeLog, TakesNameAndDigestOfEachTemplate) {
  for (const std::string_view name : imalog::Template::builtin_names()) {
    const std::string path = "/" + std::string(name);
    add(std::string(name), {.path = path, .file_digest = kSha256Digest, .plain_file_digest = kSha1Digest});
    const auto map = name == "ima-buf" ? policy::DigestMap::kBuffers : policy::DigestMap::kFiles;
    EXPECT_EQ(document_.map(map)[path], DigestSet{name == "ima" ? to_hex(kSha1Digest) : to_hex(kSha256Digest)}) << name;
  }
  EXPECT_EQ(intake_.counts().without_value, 0u);
}

TEST_F(TakeLog, KeepsFsVerityDigestsApart) {
  add("ima-ngv2", {.path = "/v", .file_digest = kSha256Digest, .digest_type = "verity"});
  EXPECT_TRUE(document_.files().empty());
  EXPECT_EQ(document_.map(policy::DigestMap::kVerity)["/v"], DigestSet{to_hex(kSha256Digest)});
}

TEST_F(TakeLog, TellsKeysFromOtherBuffers) {
  const Bytes certificate = *read_file(std::string(IMAKEEP_TESTDATA) + "/keys/rsa.crt.der");
  add("ima-buf", {.path = ".ima", .is_file = false, .file_digest = kSha256Digest, .buffer = certificate});
  add("ima-buf", {.path = "kexec-cmdline", .is_file = false, .file_digest = kSha256Digest, .buffer = kSha1Digest});
  EXPECT_TRUE(document_.map(policy::DigestMap::kKeyrings).contains(".ima"));
  EXPECT_TRUE(document_.map(policy::DigestMap::kBuffers).contains("kexec-cmdline"));
  EXPECT_TRUE(document_.files().empty());
}

TEST_F(TakeLog, TakesNothingOfAViolation) {
  add("ima-ng", {.path = "/open"}, true);
  EXPECT_TRUE(document_.files().empty());
  EXPECT_EQ(intake_.counts().violations, 1u);
  EXPECT_EQ(intake_.violation_paths(), std::set<std::string>{"/open"});
}

TEST_F(TakeLog, SaysWhyARecordGivesNothing) {
  intake_.add({.pcr = 10, .template_name = "acme-v9", .body = kSha1Digest}, ByteOrder::kLittle);
  intake_.add({.pcr = 10, .template_name = "ima-ng", .body = kSha1Digest}, ByteOrder::kLittle);
  add("ima-ng", {.path = "/caf\xe9", .file_digest = kSha256Digest});
  add("ima", {.path = "/md5", .plain_file_digest = Bytes(16)});
  EXPECT_EQ(intake_.counts().without_value, 4u);
  EXPECT_EQ(intake_.reasons().size(), 4u);
  EXPECT_TRUE(document_.files().empty());
}

TEST_F(TakeLog, StatesAlgorithmsThatLengthsDoNotTell) {
  if (!digest::available(digest::Algorithm::kSm3_256)) GTEST_SKIP() << "no sm3";
  add("ima-ng", {.path = "/a", .algorithm = digest::Algorithm::kSm3_256, .file_digest = kSha256Digest});
  add("ima-ng", {.path = "/b", .file_digest = kSha256Digest});
  intake_.finish();
  EXPECT_EQ(document_.rules["algorithms"], R"(["sm3"])");
  EXPECT_FALSE(document_.files().contains("/b"));
  EXPECT_EQ(intake_.counts().without_value, 1u);
}

TEST_F(TakeLog, AcceptsAllOfARealListOfAllTemplates) {
  const Bytes list =
      *read_file(std::string(IMAKEEP_TESTDATA) + "/linux-7.3.4/templates/binary_runtime_measurements_sha256");
  imalog::ListReader reader(list, {.digest_bytes = 32});
  for (auto next = reader.next(); next && *next != nullptr; next = reader.next()) {
    intake_.add((*next)->content(), ByteOrder::kLittle);
  }
  EXPECT_GT(intake_.counts().records, 20u);
  EXPECT_EQ(intake_.counts().without_value, 0u);
  EXPECT_TRUE(document_.files().contains("boot_aggregate"));
  EXPECT_TRUE(policy::parse_policy(as_bytes(write_document(document_)), policy::Mode::kStrict));
}

}  // namespace log_intake_test
}  // namespace imakeep::reference
