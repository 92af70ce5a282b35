// SPDX-License-Identifier: Apache-2.0
#include "archiveappraisal/refused_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/test_support.h"
#include "support/test_archive.h"

namespace imakeep::archiveappraisal {
namespace refused_records_test {

using imakeep::test::TestArchive;
using policy::PolicyText;
using ::testing::ElementsAre;

class RefusedRecordsTest : public ::testing::Test {
 protected:
  std::vector<std::string> names(const PolicyText& text, policy::Mode mode = policy::Mode::kStrict) {
    const logappraisal::LoadedPolicy policy{
        .file = "p.json", .policy = std::make_shared<policy::CompiledPolicy>(policy::compiled(text.str()))};
    RefusedRecords filter(policy, mode, nullptr);
    std::vector<std::string> names;
    const auto walked =
        query::walk(archive_.archive(), {.filter = &filter},
                    {.on_record =
                         [&](const query::SeenRecord& record) {
                           names.push_back(std::to_string(record.chain.value()) + std::string(record.facts.name));
                           return Result<void>();
                         },
                     .on_damage = [](archive::ChainId, const archive::Damage&) {}});
    if (!walked) names.push_back(walked.error().message);
    return names;
  }

  TestArchive archive_;
};

// A policy that accepts this content under the path.
PolicyText accepts(const std::string& path, const std::string& content) {
  const std::string hex = imakeep::test::sha256_of(content).substr(7);
  return {.digests = "{\"" + path + "\": [\"" + hex + "\"]}"};
}

TEST_F(RefusedRecordsTest, AreThoseOfEveryChainThatThePolicyRefuses) {
  for (int i = 0; i < 2; ++i) {
    archive_.append(archive_.begin_chain(),
                    {{.path = "/a", .content = "1"}, {.path = "/a", .content = "2"}, {.path = "/v"}}, 100);
  }
  EXPECT_THAT(names(accepts("/a", "1")), ElementsAre("1/a", "1/v", "2/a", "2/v"));
  EXPECT_THAT(names({.excludes = R"(["/.*"])"}), ElementsAre("1/v", "2/v")) << "an exclude accepts no violation";
}

TEST_F(RefusedRecordsTest, IncludeARecordWhoseDigestDoesNotMatchItsData) {
  const auto chain = archive_.begin_chain();
  const imakeep::test::Event event{.path = "/a", .content = "1"};
  const Bytes body = imakeep::test::body_of(event);
  const digest::Digest wrong = digest::Digest::filled(20, std::byte{1});
  const archive::IncomingView record{.content = imakeep::test::content_of(event, body), .shown = wrong.view()};
  imalog::test::must(archive_.archive().append(chain, 0, std::span(&record, 1), imalog::test::bank("sha1"), 100));
  EXPECT_THAT(names(accepts("/a", "1")), ElementsAre("1/a"));
}

TEST_F(RefusedRecordsTest, NameThePolicyOfTheOtherMode) {
  archive_.begin_chain();
  EXPECT_THAT(names({}, policy::Mode::kKeylime), ElementsAre(::testing::StartsWith("p.json: ")));
}

}  // namespace refused_records_test
}  // namespace imakeep::archiveappraisal
