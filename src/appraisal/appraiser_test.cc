// SPDX-License-Identifier: Apache-2.0
// What a finding says. Which verdict a record gets is in corpus_test.cc.
#include "appraisal/appraiser.h"

#include "imalog/template_data.h"
#include "policy/test_support.h"

namespace imakeep::appraisal {
namespace appraiser_test {

using policy::bytes_of_hex;
using policy::compiled;
using policy::hex_of;
using policy::Mode;
using policy::PolicyText;

// A record of ima-ng over a digest of sha256.
struct NgRecord {
  NgRecord(const std::string& path, char digit, std::uint64_t number = 0)
      : body(*imalog::make_body("ima-ng", {.path = path, .file_digest = bytes_of_hex(digit)}, ByteOrder::kLittle)),
        record{.number = number, .content = {.pcr = 10, .template_name = "ima-ng", .body = body}} {}

  Bytes body;
  Record record;
};

Verdict appraised(const policy::CompiledPolicy& policy, const NgRecord& record) {
  return Appraiser::make(&policy, Mode::kStrict)->appraise(record.record);
}

TEST(Appraiser, AFindingNamesRecordPathDigestsPackagesAndPolicy) {
  const auto policy =
      compiled(PolicyText{.digests = R"({"/bin/a": [")" + hex_of('a') + R"("], "/bin/b": [")" + hex_of('b') + R"("]})",
                          .imakeep = R"({"version": 1, "packages": [
                   {"name": "a", "version": "1-1", "architecture": "amd64", "digests": [")" +
                                     hex_of('a') + R"("]},
                   {"name": "b", "version": "2", "digests": [")" +
                                     hex_of('b') + R"("]}]})"}
                   .str());
  const auto verdict = appraised(policy, NgRecord("/bin/a", 'b', 17));
  ASSERT_TRUE(verdict.finding);
  const Finding& finding = *verdict.finding;
  EXPECT_EQ(finding.record, 17u);
  EXPECT_EQ(finding.reasons, std::vector{Reason::kOtherDigest});
  EXPECT_EQ(finding.path, "/bin/a");
  EXPECT_EQ(finding.digest, "sha256:" + hex_of('b'));
  EXPECT_EQ(finding.package, "b 2") << "the file is that of another package";
  EXPECT_EQ(finding.policy, policy.source());
  ASSERT_EQ(finding.nearest.size(), 1u);
  EXPECT_EQ(finding.nearest[0].digest, hex_of('a'));
  EXPECT_EQ(finding.nearest[0].package, "a 1-1 amd64");
  EXPECT_EQ(finding.nearest[0].update, "");
}

TEST(Appraiser, AFindingNamesTheUpdateThatWouldAcceptTheDigest) {
  const auto policy = compiled(PolicyText{.imakeep = R"({"version": 1, "updates": [
    {"name": "november", "to_record": 5, "old": {"/bin/a": [")" +
                                                     hex_of('a') + R"("]}}]})"}
                                   .str());
  EXPECT_TRUE(appraised(policy, NgRecord("/bin/a", 'a', 4)).accepted);
  const auto verdict = appraised(policy, NgRecord("/bin/a", 'a', 5));
  ASSERT_TRUE(verdict.finding);
  EXPECT_EQ(verdict.finding->nearest.at(0).update, "november");
  EXPECT_EQ(verdict.finding->detail, "update november accepts this digest, but not for record 5");
}

TEST(Appraiser, AFindingSaysThatItsDigestIsOfFsVerity) {
  const auto policy = compiled(PolicyText{}.str());
  const digest::Digest digest(bytes_of_hex('a'));
  const Bytes body = *imalog::make_body(
      "ima-ngv2", {.path = "/bin/a", .file_digest = digest.view(), .digest_type = "verity"}, ByteOrder::kLittle);
  Appraiser appraiser = *Appraiser::make(&policy, Mode::kStrict);
  const auto verdict = appraiser.appraise({.content = {.pcr = 10, .template_name = "ima-ngv2", .body = body}});
  ASSERT_TRUE(verdict.finding);
  EXPECT_EQ(verdict.finding->digest, "verity:sha256:" + hex_of('a'));
}

TEST(Appraiser, IsRefusedAPolicyOfAnotherMode) {
  const auto policy = compiled(PolicyText{}.str());
  const auto made = Appraiser::make(&policy, Mode::kKeylime);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::kUsage);
}

TEST(Appraiser, IsRefusedAPolicyWithAKeyThatIsNone) {
  const auto policy =
      compiled(PolicyText{.verification_keys = R"("{\"keyids\": [1], \"pubkeys\": [\"AAAA\"]}")"}.str());
  const auto made = Appraiser::make(&policy, Mode::kStrict);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::kMalformed);
  EXPECT_EQ(made.error().message.substr(0, 26), "/verification-keys: key 0:");
}

TEST(Appraiser, GivesEveryBodyAVerdict) {
  // Whatever a record holds, it is either accepted by a rule or refused with a reason.
  const auto policy = compiled(PolicyText{}.str());
  Appraiser appraiser = *Appraiser::make(&policy, Mode::kStrict);
  for (const std::string_view template_name : imalog::Template::builtin_names()) {
    if (template_name == imalog::kImaTemplate) continue;  // decode_record() accepts only bodies that split
    for (std::size_t size = 0; size < 64; ++size) {
      for (const std::byte fill : {std::byte{0}, std::byte{1}, std::byte{0xff}}) {
        const Bytes body(size, fill);
        const Verdict verdict = appraiser.appraise({.content = {.template_name = template_name, .body = body}});
        ASSERT_FALSE(verdict.accepted) << template_name << " of " << size;
        ASSERT_TRUE(verdict.finding && !verdict.finding->reasons.empty()) << template_name << " of " << size;
      }
    }
  }
}

}  // namespace appraiser_test
}  // namespace imakeep::appraisal
