// SPDX-License-Identifier: Apache-2.0
#include "output/ecs_writer.h"

#include <fstream>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/test_archive.h"

namespace imakeep::output {
namespace ecs_writer_test {

using imalog::test::must;
using nlohmann::json;
using test::Event;
using test::sha256_of;
using test::TestArchive;

constexpr std::int64_t kTime = 1'796'058'303;  // 2026-11-30T17:05:03Z

// The lines of all records of the chain.
std::vector<json> lines_of(TestArchive& archive, archive::ChainId id) {
  const archive::Chain chain = archive.chain(id);
  const auto writer = make_ecs_writer(imalog::test::bank("sha256"), {});
  must(writer->enter(archive.archive(), chain, [](archive::ChainId, const archive::Damage&) { FAIL(); }));
  archive::ArchiveReader reader(archive.store(), chain, 0, chain.end);
  std::vector<json> lines;
  for (;;) {
    const auto step = must(reader.next());
    if (!step.record) return lines;
    std::string line;
    must(writer->append(line, *step.record));
    EXPECT_EQ(line.back(), '\n');
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    lines.push_back(json::parse(line));
  }
}

json line_of(const Event& event) {
  TestArchive archive;
  const auto chain = archive.begin_chain();
  archive.append(chain, {event}, kTime);
  return lines_of(archive, chain).front();
}

TEST(EcsWriter, PrintsEachFieldOfAFile) {
  const Event event{.path = "/usr/bin/x", .content = "x", .template_name = "ima-sig", .signature = "\x03"};
  const Bytes body = test::body_of(event);
  const auto digest = archive::shown_digest(imalog::test::bank("sha256"), {.content = test::content_of(event, body)});
  EXPECT_EQ(line_of(event), json::parse(R"({
    "@timestamp": "2026-11-30T17:05:03Z",
    "ecs": {"version": "8.11.0"},
    "event": {"kind": "event", "category": ["file"], "type": ["access"], "action": "measured", "outcome": "success",
              "provider": "ima", "module": "imakeep", "dataset": "imakeep.record", "id": "1-0", "sequence": 0},
    "file": {"path": "/usr/bin/x", "directory": "/usr/bin", "name": "x",
             "hash": {"sha256": ")" + sha256_of("x").substr(7) +
                                        R"("}, "code_signature": {"exists": true}},
    "imakeep": {"chain": 1, "number": 0, "proven": false, "violation": false, "pcr": 10, "template": "ima-sig",
                "template_digest": "sha256:)" +
                                        to_hex(digest.view()) + R"(", "digest": ")" + sha256_of("x") + R"(",
                "first_in_archive": true, "archived": {"not_before": "2026-11-30T17:05:03Z"}}})"));
}

TEST(EcsWriter, PrintsOwnerAndModeWhereTheTemplateHasThem) {
  const json file = line_of({.path = "/a", .content = "x", .template_name = "evm-sig"})["file"];
  EXPECT_EQ(file["uid"], "1000");
  EXPECT_EQ(file["gid"], "100");
  EXPECT_EQ(file["mode"], "0755");
  EXPECT_EQ(file["directory"], "/");
}

TEST(EcsWriter, PutsADigestOfVerityIntoNoHashOfTheContent) {
  const json line = line_of({.path = "/a", .content = "x", .template_name = "ima-ngv2", .digest_type = "verity"});
  EXPECT_FALSE(line["file"].contains("hash"));
  EXPECT_EQ(line["imakeep"]["digest"], "verity:" + sha256_of("x"));
}

TEST(EcsWriter, CallsABufferNoFile) {
  const json line =
      line_of({.path = "kexec-cmdline", .content = "x", .template_name = "ima-buf", .buffer = "root=/dev/sda"});
  EXPECT_FALSE(line.contains("file"));
  EXPECT_EQ(line["event"]["category"], json::array({"configuration"}));
  EXPECT_EQ(line["imakeep"]["name"], "kexec-cmdline");
}

TEST(EcsWriter, SaysWhatAViolationIs) {
  const json line = line_of({.path = "/a"});
  EXPECT_EQ(line["event"]["action"], "violation");
  EXPECT_EQ(line["event"]["outcome"], "unknown");
  EXPECT_EQ(line["imakeep"]["violation"], true);
  EXPECT_FALSE(line["imakeep"].contains("digest"));
  EXPECT_FALSE(line["imakeep"].contains("first_in_archive"));
}

TEST(EcsWriter, KeepsTheBytesOfANameThatIsNoUtf8) {
  const json line = line_of({.path = "/\xff\x1b", .content = "x"});
  EXPECT_EQ(line["file"]["path"], "/\uFFFD\x1b");
  EXPECT_EQ(line["imakeep"]["name_hex"], "2fff1b");
  EXPECT_FALSE(line_of({.path = "/\u00e4", .content = "x"})["imakeep"].contains("name_hex"));
}

TEST(EcsWriter, CallsADigestFirstOnceInAllChains) {
  TestArchive archive;
  const auto first = archive.begin_chain();
  archive.append(first, {{.path = "/a", .content = "1"}, {.path = "/b", .content = "1"}}, kTime);
  const auto second = archive.begin_chain();
  archive.append(second, {{.path = "/c", .content = "1"}, {.path = "/d", .content = "2"}}, kTime);
  const auto sights = [&](archive::ChainId chain) {
    std::vector<bool> first_sights;
    for (const json& line : lines_of(archive, chain)) first_sights.push_back(line["imakeep"]["first_in_archive"]);
    return first_sights;
  };
  EXPECT_EQ(sights(first), (std::vector{true, false}));
  EXPECT_EQ(sights(second), (std::vector{false, true}));
}

TEST(EcsWriter, CallsProvenWhatTheKeeperProved) {
  TestArchive archive;
  const auto chain = archive.begin_chain();
  const std::deque<Event> five(5, {.path = "/a", .content = "1"});
  archive.append(chain, five, kTime);
  // Nothing proves records 1 and 2, and the PCRs were last compared before record 4.
  digest::PcrState pcrs = archive.chain(chain).end_pcrs;
  const archive::AnchorRow anchor = {
      .chain = chain, .number = 5, .broken_at = 4, .why = "gap", .pcrs = archive::pcr_bytes(pcrs)};
  const archive::ListRow list = {.chain = chain, .proven = 5};
  archive.append(chain, {}, kTime, {.list = &list, .anchor = &anchor});
  archive.append(chain, {{.path = "/b", .content = "2"}, {.path = "/c", .content = "3"}}, kTime);
  const archive::ListRow later = {.chain = chain, .proven = 6};
  archive.append(chain, {}, kTime, {.list = &later});
  std::vector<bool> proven;
  for (const json& line : lines_of(archive, chain)) proven.push_back(line["imakeep"]["proven"]);
  EXPECT_EQ(proven, (std::vector{true, true, true, true, false, true, false}));
}

// Every member that a line has, as "a.b".
void add_members(const json& object, const std::string& prefix, std::set<std::string>& members) {
  for (const auto& [name, value] : object.items()) {
    if (value.is_object() && name != "hash") {
      add_members(value, prefix + name + ".", members);
    } else {
      members.insert(prefix + name);
    }
  }
}

TEST(EcsWriter, PrintsNoFieldThatThePageLacks) {
  std::ifstream file(IMAKEEP_DOCS "/reference/ecs.md");
  std::stringstream page;
  page << file.rdbuf();
  std::set<std::string> members;
  for (const char* name : {"ima", "ima-ng", "ima-sig", "ima-ngv2", "ima-buf", "ima-modsig", "evm-sig"}) {
    add_members(line_of({.path = "/\xff", .content = "x", .template_name = name}), "", members);
    add_members(line_of({.path = "name", .content = "x", .template_name = name, .buffer = "x"}), "", members);
  }
  EXPECT_GT(members.size(), 25u);
  for (const std::string& member : members) {
    EXPECT_NE(page.str().find("`" + member + "`"), std::string::npos) << member << " is not in docs/reference/ecs.md";
  }
}

}  // namespace ecs_writer_test
}  // namespace imakeep::output
