// SPDX-License-Identifier: Apache-2.0
#include "policy/compiled_policy.h"

#include <atomic>
#include <map>
#include <random>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/test_support.h"

namespace imakeep::policy {
namespace compiled_policy_test {

using digest::Algorithm;
using ::testing::ElementsAre;

std::string array_of(std::initializer_list<std::string> texts) {
  std::string array;
  for (const std::string& text : texts) array += (array.empty() ? "[\"" : ", \"") + text + '"';
  return array + "]";
}

Verdict verdict_of(const CompiledPolicy& policy, std::string_view name, const Bytes& digest,
                   std::optional<Algorithm> algorithm = Algorithm::kSha256, DigestMap map = DigestMap::kFiles,
                   std::optional<std::uint64_t> record = std::nullopt) {
  return policy.look_up({.map = map, .name = name, .algorithm = algorithm, .digest = digest, .record = record}).verdict;
}

TEST(LookUp, TellsAcceptedFromOtherDigestAndUnknownName) {
  for (const Mode mode : {Mode::kStrict, Mode::kKeylime}) {
    const CompiledPolicy policy =
        compiled(PolicyText{.digests = R"({"/usr/bin/a": )" + array_of({hex_of('a'), hex_of('b')}) +
                                       R"(, "/usr/bin/ab": )" + array_of({hex_of('c')}) + "}"}
                     .str(),
                 mode);
    EXPECT_EQ(policy.mode(), mode);
    EXPECT_EQ(verdict_of(policy, "/usr/bin/a", bytes_of_hex('a')), Verdict::kAccepted);
    EXPECT_EQ(verdict_of(policy, "/usr/bin/a", bytes_of_hex('b')), Verdict::kAccepted);
    EXPECT_EQ(verdict_of(policy, "/usr/bin/a", bytes_of_hex('c')), Verdict::kOtherDigest);
    EXPECT_EQ(verdict_of(policy, "/usr/bin/a", bytes_of_hex('d')), Verdict::kOtherDigest);
    EXPECT_EQ(verdict_of(policy, "/usr/bin/a", {}), Verdict::kOtherDigest);
    for (const char* name : {"", "/", "a", "/usr/bin/", "/usr/bin/abc", "usr/bin/a", "/usr//bin/a"}) {
      EXPECT_EQ(verdict_of(policy, name, bytes_of_hex('a')), Verdict::kUnknownName) << name;
    }
  }
}

TEST(LookUp, NamesOfEachMapAreTheirOwn) {
  const CompiledPolicy policy =
      compiled(PolicyText{.digests = R"({"n": )" + array_of({hex_of('a')}) + "}",
                          .keyrings = R"({"n": )" + array_of({hex_of('b')}) + "}",
                          .ima_buf = R"({"n": )" + array_of({hex_of('c')}) + "}",
                          .imakeep = R"({"version": 1, "verity_digests": {"n": )" + array_of({hex_of('d')}) + "}}"}
                   .str());
  const char* const digits = "abcd";
  for (std::size_t map = 0; map < kDigestMapCount; ++map) {
    for (std::size_t digit = 0; digit < 4; ++digit) {
      EXPECT_EQ(verdict_of(policy, "n", bytes_of_hex(digits[digit]), Algorithm::kSha256, static_cast<DigestMap>(map)),
                map == digit ? Verdict::kAccepted : Verdict::kOtherDigest);
    }
  }
}

TEST(LookUp, ComparesTheAlgorithmOnlyInModeStrict) {
  const std::string text = PolicyText{.digests = R"({"/a": )" + array_of({hex_of('a')}) + "}"}.str();
  const CompiledPolicy strict = compiled(text);
  const CompiledPolicy keylime = compiled(text, Mode::kKeylime);
  for (const std::optional<Algorithm> other : {std::optional(Algorithm::kSm3_256), std::optional(Algorithm::kSha3_256),
                                               std::optional(Algorithm::kSha1), std::optional<Algorithm>()}) {
    EXPECT_EQ(verdict_of(strict, "/a", bytes_of_hex('a'), other), Verdict::kOtherDigest);
    EXPECT_EQ(verdict_of(keylime, "/a", bytes_of_hex('a'), other), Verdict::kAccepted);
  }
  const CompiledPolicy sm3 = compiled(PolicyText{.digests = R"({"/a": )" + array_of({hex_of('a')}) + "}",
                                                 .imakeep = R"({"version": 1, "algorithms": ["sm3"]})"}
                                          .str());
  EXPECT_EQ(verdict_of(sm3, "/a", bytes_of_hex('a'), Algorithm::kSm3_256), Verdict::kAccepted);
  EXPECT_EQ(verdict_of(sm3, "/a", bytes_of_hex('a'), Algorithm::kSha256), Verdict::kOtherDigest);
}

TEST(LookUp, KeylimesExcludesComeBeforeTheDigestAndCoverAllMaps) {
  const std::string text = PolicyText{.digests = R"({"/tmp/a": )" + array_of({hex_of('a')}) + "}",
                                      .excludes = R"(["/tmp"])",
                                      .keyrings = R"({"/tmp": )" + array_of({hex_of('a')}) + "}"}
                               .str();
  const CompiledPolicy keylime = compiled(text, Mode::kKeylime);
  EXPECT_EQ(verdict_of(keylime, "/tmp/a", bytes_of_hex('b')), Verdict::kExcluded);
  EXPECT_EQ(verdict_of(keylime, "/tmpfoo", bytes_of_hex('b')), Verdict::kExcluded);
  EXPECT_EQ(verdict_of(keylime, "/tmp", bytes_of_hex('b'), {}, DigestMap::kKeyrings), Verdict::kExcluded);
  EXPECT_EQ(verdict_of(keylime, "/tmp", bytes_of_hex('b'), {}, DigestMap::kBuffers), Verdict::kExcluded);
  EXPECT_EQ(verdict_of(keylime, "/a/tmp", bytes_of_hex('b')), Verdict::kUnknownName);
  const CompiledPolicy strict = compiled(text);
  EXPECT_EQ(verdict_of(strict, "/tmp/a", bytes_of_hex('b')), Verdict::kOtherDigest);
  EXPECT_EQ(verdict_of(strict, "/tmp", bytes_of_hex('b')), Verdict::kExcluded);
  EXPECT_EQ(strict.excluded("/tmp").index, 0u);
  EXPECT_FALSE(strict.excluded("/tmpfoo").index);
}

TEST(LookUp, ADigestOfOddLengthMakesItsNameKnownInModeKeylime) {
  const CompiledPolicy policy =
      compiled(PolicyText{.digests = R"({"/a": )" + array_of({hex_of('a', 41)}) + "}"}.str(), Mode::kKeylime);
  const Answer answer = policy.look_up({.name = "/a", .algorithm = {}, .digest = bytes_of_hex('a', 40)});
  EXPECT_EQ(answer.verdict, Verdict::kOtherDigest);
  EXPECT_TRUE(answer.nearest.empty());
}

TEST(LookUp, NamesTheNearestDigestsWithTheirPackages) {
  const CompiledPolicy policy = compiled(PolicyText{
      .digests =
          R"({"/a": )" + array_of({hex_of('1', 40), hex_of('2', 40), hex_of('3', 40), hex_of('4'), hex_of('5')}) + "}",
      .imakeep = R"({"version": 1, "packages": [
                   {"name": "p", "version": "1-1", "architecture": "amd64", "digests": )" +
                 array_of({hex_of('5'), hex_of('6')}) + R"(},
                   {"name": "q", "version": "2", "digests": )" +
                 array_of({hex_of('5')}) + "}]}"}
                                             .str());
  const Answer answer = policy.look_up({.name = "/a", .algorithm = Algorithm::kSha256, .digest = bytes_of_hex('6')});
  ASSERT_EQ(answer.verdict, Verdict::kOtherDigest);
  ASSERT_EQ(answer.nearest.size(), kMostNearest);
  EXPECT_EQ(to_hex(answer.nearest[0].digest), hex_of('4'));
  EXPECT_EQ(to_hex(answer.nearest[1].digest), hex_of('5'));
  EXPECT_EQ(to_hex(answer.nearest[2].digest), hex_of('1', 40));
  EXPECT_EQ(answer.nearest[0].package, nullptr);
  ASSERT_NE(answer.nearest[1].package, nullptr);
  EXPECT_EQ(*answer.nearest[1].package, (Package{"p", "1-1", "amd64"}));
  // A package names a digest; it accepts none.
  EXPECT_EQ(policy.package_of(bytes_of_hex('6'))->name, "p");
  EXPECT_EQ(policy.package_of(bytes_of_hex('4')), nullptr);
  EXPECT_EQ(policy.package_of(bytes_of_hex('7')), nullptr);
  EXPECT_TRUE(policy.names_of(bytes_of_hex('6'), 9).empty());
}

TEST(LookUp, AcceptsDigestsAtAnyPathForFilesOnlyAndOnlyInModeStrict) {
  const std::string text = PolicyText{.digests = R"({"/a": )" + array_of({hex_of('a')}) + "}",
                                      .imakeep = R"({"version": 1, "any_path": )" + array_of({hex_of('b')}) + "}"}
                               .str();
  const CompiledPolicy strict = compiled(text);
  EXPECT_EQ(verdict_of(strict, "/a", bytes_of_hex('b')), Verdict::kAnyPath);
  EXPECT_EQ(verdict_of(strict, "/unknown", bytes_of_hex('b')), Verdict::kAnyPath);
  EXPECT_EQ(verdict_of(strict, "/unknown", bytes_of_hex('a')), Verdict::kUnknownName);
  EXPECT_EQ(verdict_of(strict, "/a", bytes_of_hex('b'), Algorithm::kSm3_256), Verdict::kOtherDigest);
  EXPECT_EQ(verdict_of(strict, "/a", bytes_of_hex('b'), Algorithm::kSha256, DigestMap::kVerity), Verdict::kUnknownName);
  EXPECT_TRUE(strict.accepted_at_any_path(bytes_of_hex('b')));
  EXPECT_FALSE(strict.accepted_at_any_path(bytes_of_hex('a')));
  const CompiledPolicy keylime = compiled(text, Mode::kKeylime);
  EXPECT_EQ(verdict_of(keylime, "/a", bytes_of_hex('b')), Verdict::kOtherDigest);
  EXPECT_EQ(verdict_of(keylime, "/unknown", bytes_of_hex('b')), Verdict::kUnknownName);
}

TEST(LookUp, AcceptsOldAndNewDigestsAroundAnUpdate) {
  const std::string update = R"({"version": 1, "updates": [{"name": "u", "from_record": 10, "to_record": 20,
    "old": {"/a": )" + array_of({hex_of('1')}) +
                             R"(}, "new": {"/a": )" + array_of({hex_of('2')}) + "}}]}";
  const std::string text = PolicyText{.digests = R"({"/a": )" + array_of({hex_of('0')}) + "}", .imakeep = update}.str();
  const CompiledPolicy policy = compiled(text);
  const auto accepted = [&](char digit, std::optional<std::uint64_t> record) {
    return verdict_of(policy, "/a", bytes_of_hex(digit), Algorithm::kSha256, DigestMap::kFiles, record) ==
           Verdict::kAccepted;
  };
  for (const std::uint64_t record : {0u, 9u, 10u, 19u, 20u, 1000u}) {
    EXPECT_TRUE(accepted('0', record));
    EXPECT_EQ(accepted('1', record), record < 20) << record;
    EXPECT_EQ(accepted('2', record), record >= 10) << record;
  }
  EXPECT_TRUE(accepted('1', std::nullopt));
  EXPECT_TRUE(accepted('2', std::nullopt));
  const Answer late = policy.look_up(
      {.name = "/a", .algorithm = Algorithm::kSha256, .digest = bytes_of_hex('1'), .record = std::uint64_t{20}});
  ASSERT_EQ(late.nearest.size(), 3u);
  EXPECT_EQ(late.nearest[0].update, nullptr);
  ASSERT_NE(late.nearest[1].update, nullptr);
  EXPECT_EQ(late.nearest[1].update->name, "u");
  EXPECT_EQ(verdict_of(compiled(text, Mode::kKeylime), "/a", bytes_of_hex('2')), Verdict::kOtherDigest);
}

TEST(LookUp, AddsBootAggregatesToThoseOfKeylimesMember) {
  const CompiledPolicy policy =
      compiled(PolicyText{.digests = R"({"boot_aggregate": )" + array_of({hex_of('a')}) + "}",
                          .imakeep = R"({"version": 1, "boot_aggregates": )" + array_of({hex_of('b')}) + "}"}
                   .str());
  EXPECT_EQ(policy.name_count(), 1u);
  for (const char digit : {'a', 'b'}) {
    EXPECT_EQ(verdict_of(policy, "boot_aggregate", bytes_of_hex(digit)), Verdict::kAccepted);
  }
}

TEST(NamesOf, FindsEachNameOfADigestOnce) {
  const CompiledPolicy policy = compiled(PolicyText{
      .digests = R"({"/a": )" + array_of({hex_of('a')}) + R"(, "/d/b": )" + array_of({hex_of('a')}) + "}",
      .keyrings = R"({".ima": )" + array_of({hex_of('a')}) + "}",
      .imakeep = R"({"version": 1, "updates": [{"name": "u", "old": {"/a": )" + array_of({hex_of('a')}) + "}}]}"}
                                             .str());
  std::set<std::string> names;
  for (const KnownName& name : policy.names_of(bytes_of_hex('a'), 9)) {
    EXPECT_TRUE(names.insert(name.name).second);
    EXPECT_EQ(name.map, name.name == ".ima" ? DigestMap::kKeyrings : DigestMap::kFiles);
  }
  EXPECT_THAT(names, ElementsAre(".ima", "/a", "/d/b"));
  EXPECT_EQ(policy.names_of(bytes_of_hex('a'), 2).size(), 2u);
}

TEST(Rules, OfTheSupersetAreAskedByPath) {
  const std::string text = PolicyText{.imakeep = R"({"version": 1,
    "path_classes": {"logs": {"paths": ["/var/log/x"], "patterns": ["/var/log/.*\\.log"]},
                     "x": {"paths": ["/var/log/x"]}},
    "violations": {"classes": ["logs"], "paths": ["/a"]},
    "signatures": [{"where": {"patterns": ["/lib/.*"]}, "keyrings": [".ima"]}, {"where": {"paths": ["/lib/a"]}}],
    "records": {"pcrs": [10, 11], "templates": ["ima-sig"]}})"}
                               .str();
  const CompiledPolicy policy = compiled(text);
  for (const char* path : {"/a", "/var/log/x", "/var/log/b.log"}) EXPECT_TRUE(policy.violation_accepted(path)) << path;
  for (const char* path : {"", "/ab", "/var/log/y"}) EXPECT_FALSE(policy.violation_accepted(path)) << path;
  EXPECT_EQ(policy.required_signatures("/lib/a").size(), 2u);
  ASSERT_EQ(policy.required_signatures("/lib/b").size(), 1u);
  EXPECT_THAT(policy.required_signatures("/lib/b")[0]->keyrings, ElementsAre(".ima"));
  EXPECT_TRUE(policy.required_signatures("/usr/lib/b").empty());
  EXPECT_EQ(policy.classes_of("/var/log/x").size(), 2u);
  ASSERT_EQ(policy.classes_of("/var/log/b.log").size(), 1u);
  EXPECT_EQ(policy.classes_of("/var/log/b.log")[0]->name, "logs");
  EXPECT_TRUE(policy.record_accepted(11, "ima-sig"));
  EXPECT_FALSE(policy.record_accepted(12, "ima-sig"));
  EXPECT_FALSE(policy.record_accepted(11, "ima-ng"));
  const CompiledPolicy keylime = compiled(text, Mode::kKeylime);
  EXPECT_TRUE(keylime.violation_accepted("/none"));
  EXPECT_TRUE(keylime.required_signatures("/lib/a").empty());
  EXPECT_TRUE(keylime.record_accepted(12, "ima-ng"));
  EXPECT_FALSE(compiled(PolicyText{}.str()).violation_accepted("/a"));
  EXPECT_TRUE(compiled(PolicyText{}.str()).record_accepted(12, "ima-ng"));
}

TEST(Rules, OfKeylimesMembersAreThere) {
  const CompiledPolicy policy =
      compiled(PolicyText{.meta = R"({"version": 1, "generator": 2})",
                          .release = "7",
                          .ima = R"({"ignored_keyrings": ["*", ".x"], "log_hash_alg": "sha384", "dm_policy": null})"}
                   .str());
  EXPECT_EQ(policy.rules().generator, 2u);
  EXPECT_EQ(policy.rules().release, 7u);
  EXPECT_THAT(policy.rules().ignored_keyrings, ElementsAre("*", ".x"));
  EXPECT_EQ(policy.rules().log_hash_algorithm, Algorithm::kSha384);
}

// ---- against a model ------------------------------------------------------------------------------------------------

// A policy made by chance, as text and as what it means.
struct ModelPolicy {
  std::array<std::map<std::string, std::set<std::string>>, 3> maps;

  static ModelPolicy random(std::mt19937& random) {
    const auto below = [&](std::size_t end) { return std::uniform_int_distribution<std::size_t>(0, end - 1)(random); };
    constexpr const char* kDirectories[] = {"", "/", "/usr/bin/", "/usr/lib/", "/usr/lib/a/", "relative/"};
    ModelPolicy model;
    for (std::size_t left = below(200); left > 0; --left) {
      const std::string name = kDirectories[below(6)] + std::string(1 + below(2), static_cast<char>('a' + below(6)));
      auto& digests = model.maps[below(8) == 0 ? 1 + below(2) : 0][name];
      for (std::size_t digest = 1 + below(4); digest > 0; --digest) digests.insert(random_digest(random));
    }
    return model;
  }

  // Few digests, so that many are equal, and many of the same first bytes.
  static std::string random_digest(std::mt19937& random) {
    constexpr std::size_t kDigits[] = {40, 64, 96, 128};
    std::string hex(kDigits[random() % 4], "048c"[random() % 4]);
    hex[random() % 2 == 0 ? 0 : hex.size() - 1] = "0123456789abcdef"[random() % 16];
    return hex;
  }

  std::string text() const {
    std::array<std::string, 3> json;
    for (std::size_t map = 0; map < maps.size(); ++map) {
      for (const auto& [name, digests] : maps[map]) {
        std::string list;
        for (const std::string& digest : digests) list += (list.empty() ? "\"" : ", \"") + digest + '"';
        json[map] += (json[map].empty() ? "{\"" : ", \"") + name + "\": [" + list + "]";
      }
      json[map] += json[map].empty() ? "{}" : "}";
    }
    return PolicyText{.digests = json[0], .keyrings = json[1], .ima_buf = json[2]}.str();
  }

  Verdict look_up(std::size_t map, const std::string& name, const std::string& hex) const {
    const auto found = maps[map].find(name);
    if (found == maps[map].end()) return Verdict::kUnknownName;
    return found->second.contains(hex) ? Verdict::kAccepted : Verdict::kOtherDigest;
  }

  std::set<std::string> names_of(const std::string& hex) const {
    std::set<std::string> names;
    for (std::size_t map = 0; map < maps.size(); ++map) {
      for (const auto& [name, digests] : maps[map]) {
        if (digests.contains(hex)) names.insert(std::to_string(map) + name);
      }
    }
    return names;
  }
};

Algorithm algorithm_of(const std::string& hex) {
  return hex.size() == 40   ? Algorithm::kSha1
         : hex.size() == 64 ? Algorithm::kSha256
         : hex.size() == 96 ? Algorithm::kSha384
                            : Algorithm::kSha512;
}

TEST(CompiledPolicy, AnswersAsAModelDoesOverPoliciesMadeByChance) {
  std::size_t accepted = 0;
  for (unsigned seed = 1; seed <= 150; ++seed) {
    std::mt19937 random(seed);
    const ModelPolicy model = ModelPolicy::random(random);
    const CompiledPolicy policy = compiled(model.text(), seed % 2 == 0 ? Mode::kStrict : Mode::kKeylime);
    const auto check = [&](std::size_t map, const std::string& name, const std::string& hex) {
      const Verdict expected = model.look_up(map, name, hex);
      const Answer answer = policy.look_up(
          {.map = static_cast<DigestMap>(map), .name = name, .algorithm = algorithm_of(hex), .digest = *from_hex(hex)});
      ASSERT_EQ(answer.verdict, expected) << "seed " << seed << " name " << name << " digest " << hex;
      if (expected == Verdict::kAccepted) ++accepted;
      for (const KnownDigestView& known : answer.nearest) {
        ASSERT_EQ(model.look_up(map, name, to_hex(known.digest)), Verdict::kAccepted);
      }
      std::set<std::string> names;
      for (const KnownName& known : policy.names_of(*from_hex(hex), 1000)) {
        ASSERT_TRUE(names.insert(std::to_string(static_cast<std::size_t>(known.map)) + known.name).second);
      }
      ASSERT_EQ(names, model.names_of(hex));
    };
    for (std::size_t map = 0; map < model.maps.size(); ++map) {
      for (const auto& [name, digests] : model.maps[map]) {
        for (const std::string& digest : digests) check(map, name, digest);
        check(map, name, ModelPolicy::random_digest(random));
        check((map + 1) % 3, name, *digests.begin());
        check(map, name + "a", *digests.begin());
        check(map, name.substr(0, name.size() - 1), *digests.begin());
      }
    }
  }
  EXPECT_GT(accepted, 10'000u);
}

TEST(CompiledPolicy, SeveralThreadsLookUpAtOnce) {
  for (const Mode mode : {Mode::kStrict, Mode::kKeylime}) {
    const CompiledPolicy policy =
        compiled(PolicyText{.digests = R"({"/a": )" + array_of({hex_of('a')}) + "}",
                            .excludes = R"(["/tmp/.*\\.log", "/var/(a|b)*c"])",
                            .imakeep = R"({"version": 1, "violations": {"patterns": ["/v.*"]}})"}
                     .str(),
                 mode);
    std::atomic<int> wrong = 0;
    const auto look = [&] {
      for (int i = 0; i < 2000; ++i) {
        const std::string number = std::to_string(i % 50);
        if (verdict_of(policy, "/a", bytes_of_hex('a')) != Verdict::kAccepted) ++wrong;
        if (verdict_of(policy, "/tmp/" + number + ".log", bytes_of_hex('a')) != Verdict::kExcluded) ++wrong;
        if (verdict_of(policy, "/tmp/" + number, bytes_of_hex('a')) != Verdict::kUnknownName) ++wrong;
        if (!policy.violation_accepted("/v" + number)) ++wrong;
      }
    };
    std::thread one(look), two(look);
    one.join();
    two.join();
    EXPECT_EQ(wrong, 0);
  }
}

}  // namespace compiled_policy_test
}  // namespace imakeep::policy
