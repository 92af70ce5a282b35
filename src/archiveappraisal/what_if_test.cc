// SPDX-License-Identifier: Apache-2.0
#include "archiveappraisal/what_if.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "archive/sqlite/sqlite_store.h"
#include "archive/test_support.h"
#include "archiveappraisal/what_if_report.h"
#include "attest/test_support.h"
#include "imalog/template_data.h"
#include "policy/test_support.h"
#include "support/key_tools.h"

namespace imakeep::archiveappraisal {
namespace what_if_test {

using appraisal::Reason;
using appraisal::Rule;
using imakeep::test::ScratchDirectory;
using imalog::test::Content;
using imalog::test::must;
using policy::bytes_of_hex;
using policy::hex_of;
using policy::PolicyText;
using ::testing::HasSubstr;

const digest::Bank kBank = imalog::test::bank("sha256");

// A record of template ima-ng over a digest of sha256 that repeats one digit.
Content measured(const std::string& path, char digit) {
  return {.body = *imalog::make_body("ima-ng", {.path = path, .file_digest = bytes_of_hex(digit)}, ByteOrder::kLittle)};
}

logappraisal::LoadedPolicy policy_of(const PolicyText& text, const std::string& file,
                                     policy::Mode mode = policy::Mode::kStrict) {
  return {.file = file, .policy = std::make_shared<policy::CompiledPolicy>(policy::compiled(text.str(), mode))};
}

// "/a" with 64 digits 'a'.
std::string digests(const std::string& paths_and_digits) {
  std::string text;
  for (std::size_t i = 0; i + 1 < paths_and_digits.size(); i += 2) {
    text += std::string(text.empty() ? "" : ", ") + "\"/" + paths_and_digits[i] + "\": [\"" +
            hex_of(paths_and_digits[i + 1]) + "\"]";
  }
  return "{" + text + "}";
}

const logappraisal::LoadedPolicy& old_policy() {
  static const logappraisal::LoadedPolicy policy = policy_of({.digests = digests("aabbcc")}, "old.json");
  return policy;
}

// Lacks /b, has another digest for /c, and accepts /d.
const logappraisal::LoadedPolicy& new_policy() {
  static const logappraisal::LoadedPolicy policy = policy_of({.digests = digests("aaceddx1")}, "new.json");
  return policy;
}

WhatIfResult judged(const std::vector<Content>& contents, const logappraisal::LoadedPolicy& policy,
                    const logappraisal::LoadedPolicy* before, WhatIfOptions options = {}, std::uint64_t first = 0) {
  attest::ListLog log = attest::test::log_of(imalog::test::list_of(contents, kBank));
  WhatIf what_if(policy, before, options);
  must(what_if.judge("host.imk", archive::ChainId(3), first, log));
  return what_if.result();
}

TEST(WhatIf, NamesEachKindOfChange) {
  const auto result =
      judged({measured("/a", 'a'), measured("/b", 'b'), measured("/c", 'c'), measured("/d", 'd'), measured("/x", 'f')},
             new_policy(), &old_policy());
  ASSERT_EQ(result.changes.size(), 4u);
  const VerdictChange& gone = result.changes[0];
  EXPECT_EQ(gone.change, Change::kRefused);
  EXPECT_EQ(gone.path, "/b");
  EXPECT_EQ(gone.digest, "sha256:" + hex_of('b'));
  EXPECT_EQ(gone.before, Outcome{.rule = Rule::kDigest});
  EXPECT_EQ(gone.after, Outcome{.reasons = {Reason::kUnknownPath}});
  EXPECT_EQ(gone.first, 1u);
  EXPECT_EQ(result.changes[1].change, Change::kRefused);
  EXPECT_EQ(result.changes[1].after, Outcome{.reasons = {Reason::kOtherDigest}});
  EXPECT_EQ(result.changes[2].change, Change::kAccepted);
  EXPECT_EQ(result.changes[2].path, "/d");
  EXPECT_EQ(result.changes[2].after, Outcome{.rule = Rule::kDigest});
  EXPECT_EQ(result.changes[3].change, Change::kOtherReason);
  EXPECT_EQ(result.changes[3].before, Outcome{.reasons = {Reason::kUnknownPath}});
  EXPECT_EQ(result.changed(Change::kRefused), 2u);
  EXPECT_EQ(result.records(), 5u);
}

TEST(WhatIf, ReportsNothingOfEqualVerdicts) {
  const auto result =
      judged({measured("/a", 'a'), measured("/b", 'a'), measured("/z", 'a')}, old_policy(), &old_policy());
  EXPECT_TRUE(result.changes.empty());
  EXPECT_EQ(result.chains.at(0).refused_alike, 2u);
  EXPECT_TRUE(what_if_problems(result, old_policy(), &old_policy()).empty());
}

TEST(WhatIf, GroupsTheRecordsOfOneFile) {
  const auto result = judged({measured("/b", 'b'), measured("/a", 'a'), measured("/b", 'b'), measured("/b", 'b')},
                             new_policy(), &old_policy(), {}, 100);
  ASSERT_EQ(result.changes.size(), 1u);
  EXPECT_EQ(result.changes[0].first, 100u);
  EXPECT_EQ(result.changes[0].records, 3u);
  EXPECT_EQ(result.changed(Change::kRefused), 3u);
}

TEST(WhatIf, KeepsDigestsOfOnePathApart) {
  const logappraisal::LoadedPolicy any = policy_of({.excludes = R"(["/b"])"}, "any.json");
  const auto result = judged({measured("/b", 'b'), measured("/b", 'c')}, new_policy(), &any);
  ASSERT_EQ(result.changes.size(), 2u);
  EXPECT_EQ(result.changes[0].before, Outcome{.rule = Rule::kExclude});
}

TEST(WhatIf, KeepsChangesOfOneFileApart) {
  const std::string bracket = R"({"version": 1, "updates": [{"name": "u", "to_record": 1, "old": {"/b": [")" +
                              hex_of('b') + R"("]}, "new": {"/b": [")" + hex_of('c') + "\"]}}]}";
  const logappraisal::LoadedPolicy updates = policy_of({.imakeep = bracket}, "updates.json");
  const auto result = judged({measured("/b", 'b'), measured("/b", 'b')}, new_policy(), &updates);
  ASSERT_EQ(result.changes.size(), 2u);
  EXPECT_EQ(result.changes[0].change, Change::kRefused);
  EXPECT_EQ(result.changes[1].change, Change::kOtherReason);
}

TEST(WhatIf, KeepsChainsApart) {
  WhatIf what_if(new_policy(), &old_policy(), {});
  for (const std::uint64_t chain : {std::uint64_t{1}, std::uint64_t{2}}) {
    attest::ListLog log = attest::test::log_of(imalog::test::list_of({measured("/b", 'b')}, kBank));
    must(what_if.judge("host.imk", archive::ChainId(chain), 0, log));
  }
  ASSERT_EQ(what_if.result().changes.size(), 2u);
  EXPECT_EQ(what_if.result().changes[1].chain, 1u);
}

TEST(WhatIf, CountsChangesBeyondItsBound) {
  const auto result = judged({measured("/1", 'a'), measured("/2", 'a'), measured("/3", 'a'), measured("/1", 'a')},
                             new_policy(), nullptr, {.most_changes = 1});
  ASSERT_EQ(result.changes.size(), 1u);
  EXPECT_EQ(result.changes[0].records, 2u);
  EXPECT_EQ(result.not_kept, 2u);
  EXPECT_EQ(result.changed(Change::kRefused), 4u);
  EXPECT_THAT(what_if_text(result, new_policy(), nullptr), HasSubstr("changes of 2 more records are not shown\n"));
}

TEST(WhatIf, WithoutAPolicyBeforeNamesEveryRefusal) {
  const auto result = judged({measured("/a", 'a'), measured("/b", 'b')}, new_policy(), nullptr);
  ASSERT_EQ(result.changes.size(), 1u);
  EXPECT_EQ(result.changes[0].change, Change::kRefused);
  EXPECT_EQ(result.changes[0].before, std::nullopt);
}

TEST(WhatIf, JudgesTheDigestThatTheLogShows) {
  Bytes list = imalog::test::list_of({measured("/a", 'a'), measured("/a", 'a')}, kBank);
  list[4] ^= std::byte{1};  // in the template digest of the first record
  attest::ListLog log = attest::test::log_of(list);
  WhatIf what_if(old_policy(), nullptr, {});
  must(what_if.judge("host.imk", archive::ChainId(1), 0, log));
  ASSERT_EQ(what_if.result().changes.size(), 1u);
  EXPECT_EQ(what_if.result().changes[0].after, Outcome{.reasons = {Reason::kTemplateDigest}});
}

// A record that shows the key being added to keyring .ima.
Content added_key(const Bytes& certificate) {
  const digest::Digest digest = digest::hash(digest::Algorithm::kSha256, certificate);
  return {.template_name = "ima-buf",
          .body = *imalog::make_body(
              "ima-buf", {.path = ".ima", .is_file = false, .file_digest = digest.view(), .buffer = certificate},
              ByteOrder::kLittle)};
}

// A record of /signed, whose digest the key signed.
Content signed_file(const ScratchDirectory& scratch, const imakeep::test::KeyFiles& key) {
  const Bytes digest = bytes_of_hex('5');
  imakeep::test::write_file(scratch.file("digest"), digest);
  imakeep::test::must_run("openssl pkeyutl -sign -inkey " + key.pair() + " -pkeyopt digest:sha256 -in " +
                          scratch.file("digest") + " -out " + scratch.file("signature"));
  const Bytes made = imakeep::test::bytes_of_file(scratch.file("signature"));
  Bytes signature{std::byte{3}, std::byte{2}, std::byte{4}};  // of a file, version 2, sha256
  append_int(signature, key.certified_key().id(), ByteOrder::kBig);
  append_int(signature, static_cast<std::uint16_t>(made.size()), ByteOrder::kBig);
  append_bytes(signature, made);
  return {.template_name = "ima-sig",
          .body = *imalog::make_body("ima-sig", {.path = "/signed", .file_digest = digest, .signature = signature},
                                     ByteOrder::kLittle)};
}

TEST(WhatIf, EachPolicyLearnsTheKeysOfEachChain) {
  const ScratchDirectory scratch;
  const auto key = imakeep::test::make_key(scratch, "key", imakeep::test::kP256);
  const Bytes certificate = imakeep::test::bytes_of_file(key.certificate_der());
  const std::string hash = to_hex(digest::hash(digest::Algorithm::kSha256, certificate).view());
  const logappraisal::LoadedPolicy learns = policy_of({.keyrings = R"({".ima": [")" + hash + "\"]}"}, "learns.json");
  const logappraisal::LoadedPolicy ignores = policy_of(
      {.ima = R"({"ignored_keyrings": [".ima"], "log_hash_alg": "sha1", "dm_policy": null})"}, "ignores.json");
  const Content file = signed_file(scratch, key);
  WhatIf what_if(ignores, &learns, {});
  for (const auto& contents : {std::vector{added_key(certificate), file}, std::vector{file}}) {
    attest::ListLog log = attest::test::log_of(imalog::test::list_of(contents, kBank));
    must(what_if.judge("host.imk", archive::ChainId(1), 0, log));
  }
  const WhatIfResult& result = what_if.result();
  ASSERT_EQ(result.changes.size(), 1u) << "both accept the key, and in the second chain nobody learned it";
  EXPECT_EQ(result.changes[0].path, "/signed");
  EXPECT_EQ(result.changes[0].before, Outcome{.rule = Rule::kSignature});
  EXPECT_EQ(result.chains[1].refused_alike, 1u);
}

TEST(WhatIf, RefusesPoliciesOfTheOtherMode) {
  attest::ListLog log = attest::test::log_of({});
  const auto judged =
      WhatIf(new_policy(), &old_policy(), {.mode = policy::Mode::kKeylime}).judge("a", archive::ChainId(1), 0, log);
  ASSERT_FALSE(judged);
  EXPECT_THAT(judged.error().message, HasSubstr("new.json: "));
}

TEST(WhatIf, JudgesAsKeylimeDoes) {
  const PolicyText same{.digests = digests("aa")};
  const logappraisal::LoadedPolicy keylime = policy_of(same, "keylime.json", policy::Mode::kKeylime);
  const auto result =
      judged({measured("/a", 'a'), measured("/b", 'b')}, keylime, nullptr, {.mode = policy::Mode::kKeylime});
  ASSERT_EQ(result.changes.size(), 1u);
  EXPECT_EQ(result.changes[0].path, "/b");
}

// ---- archives -------------------------------------------------------------------------------------------------------

// Archives with one chain for each list.
class Archives : public testing::Test {
 protected:
  std::string archive(const std::string& file, const std::vector<std::vector<Content>>& chains) {
    const std::string path = scratch_.file(file);
    const auto store = must(archive::SqliteStore::open(path, archive::OpenMode::kCreate));
    archive::Archive archive(*store);
    for (const std::vector<Content>& contents : chains) {
      const archive::test::Incoming log(imalog::test::list_of(contents, kBank), kBank);
      const auto chain = must(archive.begin_chain({kBank}, archive::ChainStart::kBoot)).chain;
      must(archive.append(chain, 0, log.records, kBank, 0));
    }
    return path;
  }
  std::string damaged_archive(const std::string& file) {
    const std::string path = archive(file, {{measured("/b", 'b')}});
    const auto store = must(archive::SqliteStore::open(path, archive::OpenMode::kWrite));
    must(store->begin());
    must(store->remove_segment(archive::ChainId(1), 0));
    must(store->commit());
    return path;
  }

  const ScratchDirectory scratch_;
};

TEST_F(Archives, AreJudgedChainByChain) {
  const std::string one = archive("one", {{measured("/a", 'a')}, {measured("/b", 'b'), measured("/b", 'b')}});
  const std::string two = archive("two", {{measured("/c", 'c')}});
  const auto result = must(judge_archives({one, two}, new_policy(), &old_policy(), {}));
  ASSERT_EQ(result.chains.size(), 3u);
  EXPECT_EQ(result.chains[1].archive, one);
  EXPECT_EQ(result.chains[1].chain, archive::ChainId(2));
  EXPECT_EQ(result.chains[1].changed[0], 2u);
  ASSERT_EQ(result.changes.size(), 2u);
  EXPECT_EQ(result.chains[result.changes[1].chain].archive, two);
}

TEST_F(Archives, AreRefusedBeforeAnyRecordIsJudged) {
  const std::string one = archive("one", {{measured("/a", 'a')}});
  EXPECT_EQ(judge_archives({one, one}, new_policy(), &old_policy(), {}).error().code, ErrorCode::kUsage);
  EXPECT_EQ(judge_archives({one, archive("empty", {})}, new_policy(), &old_policy(), {}).error().code,
            ErrorCode::kUsage);
  EXPECT_EQ(judge_archives({one, scratch_.file("none")}, new_policy(), &old_policy(), {}).error().code,
            ErrorCode::kEnvironment);
}

TEST_F(Archives, WithDamageAreJudgedUpToIt) {
  const std::string bad = damaged_archive("bad");
  const std::string good = archive("good", {{measured("/b", 'b')}});
  const auto result = must(judge_archives({bad, good}, new_policy(), &old_policy(), {}));
  ASSERT_EQ(result.chains.size(), 2u);
  EXPECT_TRUE(result.chains[0].unread);
  EXPECT_EQ(result.chains[1].records, 1u);
  const auto problems = what_if_problems(result, new_policy(), &old_policy());
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_THAT(problems[0].message, HasSubstr(bad));
  EXPECT_THAT(problems[0].message, HasSubstr("were not judged"));
  EXPECT_THAT(what_if_text(result, new_policy(), &old_policy()), HasSubstr("; the rest cannot be read\n"));
}

// ---- reports --------------------------------------------------------------------------------------------------------

TEST(WhatIfReport, HasALineForEachChangeAndEachChain) {
  const auto result = judged({measured("/b", 'b'), measured("/b", 'b'), measured("/d\x1b", 'd'), measured("/d", 'd')},
                             new_policy(), &old_policy());
  const std::string text = what_if_text(result, new_policy(), &old_policy());
  EXPECT_THAT(
      text, HasSubstr("policy new.json, sha256 " + to_hex(new_policy().policy->source().view()) + "\nbefore old.json"));
  EXPECT_THAT(text, HasSubstr("refused host.imk 3 0 2 digest unknown-path sha256:" + hex_of('b') + " /b\n"));
  EXPECT_THAT(text, HasSubstr("accepted host.imk 3 3 1 unknown-path digest sha256:" + hex_of('d') + " /d\n"));
  EXPECT_THAT(text, HasSubstr("host.imk, chain 3: 4 records, 2 refused that were accepted, 1 accepted that were "
                              "refused, 0 refused for another reason, 1 refused as before\n"));
  const auto problems = what_if_problems(result, new_policy(), &old_policy());
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].code, ErrorCode::kMismatch);
  EXPECT_THAT(problems[0].message, HasSubstr("new.json refuses 2 of 4 records that old.json accepts; "));
}

TEST(WhatIfReport, EscapesNamesOfRecords) {
  const std::string text =
      what_if_text(judged({measured("/\x1b[2J\nx", 'a')}, new_policy(), nullptr), new_policy(), nullptr);
  EXPECT_THAT(text, HasSubstr(" - unknown-path sha256:" + hex_of('a') + " /\\x1b[2J\\x0ax\n"));
  EXPECT_THAT(text, HasSubstr("host.imk, chain 3: 1 record, 1 refused\n"));
}

TEST(WhatIfReport, HasTheSameInJson) {
  const auto result = judged({measured("/b", 'b'), measured("/d", 'd')}, new_policy(), &old_policy());
  const nlohmann::json json = what_if_json(result, new_policy(), &old_policy());
  EXPECT_EQ(json["policy"]["file"], "new.json");
  EXPECT_EQ(json["before"]["file"], "old.json");
  EXPECT_EQ(json["chains"], nlohmann::json::array({{{"archive", "host.imk"},
                                                    {"chain", 3},
                                                    {"records", 2},
                                                    {"refused", 1},
                                                    {"accepted", 1},
                                                    {"other_reason", 0},
                                                    {"refused_alike", 0},
                                                    {"whole", true}}}));
  EXPECT_EQ(json["changes"][0], (nlohmann::json{{"change", "refused"},
                                                {"archive", "host.imk"},
                                                {"chain", 3},
                                                {"first", 0},
                                                {"records", 1},
                                                {"before", {{"rule", "digest"}}},
                                                {"after", {{"reasons", {"unknown-path"}}}},
                                                {"digest", "sha256:" + hex_of('b')},
                                                {"path", "/b"}}));
  EXPECT_EQ(what_if_json(result, new_policy(), nullptr)["before"], nullptr);
}

}  // namespace what_if_test
}  // namespace imakeep::archiveappraisal
