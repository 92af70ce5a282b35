// SPDX-License-Identifier: Apache-2.0
// The lists that a real kernel gave (testdata/README.md), judged by policies that are made from these lists.
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "appraisal/appraiser.h"
#include "appraisal/record_fields.h"
#include "imalog/test_support.h"

namespace imakeep::appraisal {
namespace {

using imalog::test::Capture;
using imalog::test::Content;
using imalog::test::must;
using nlohmann::json;
using policy::Mode;

const digest::Bank kBank = imalog::test::bank("sha256");

std::vector<Content> records_of(const Capture& capture) {
  const Bytes list = imalog::test::captured_binary(capture, kBank);
  std::vector<Content> records;
  for (const auto& record : imalog::test::records_of(list, imalog::test::format_of(kBank))) {
    records.push_back({.pcr = record.pcr,
                       .template_name = std::string(record.template_name),
                       .body = Bytes(record.body.begin(), record.body.end()),
                       .violation = record.content().violation});
  }
  return records;
}

RecordFields fields_in(const Content& content) {
  return must(fields_of(content.view(), ByteOrder::kLittle));
}

void add_once(json& list, const std::string& value) {
  if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(value);
}

// A policy that lists what the records have.
json policy_from(const std::vector<Content>& records) {
  json made = json::parse(R"({"meta": {"version": 1, "generator": 3}, "release": 0, "digests": {}, "excludes": [],
    "keyrings": {}, "ima": {"ignored_keyrings": [], "log_hash_alg": "sha256", "dm_policy": null}, "ima-buf": {},
    "verification-keys": "", "imakeep": {"version": 1, "violations": {"paths": []}, "verity_digests": {}}})");
  for (const Content& record : records) {
    const RecordFields fields = fields_in(record);
    const std::string name(fields.name);
    if (record.violation) {
      add_once(made["imakeep"]["violations"]["paths"], name);
      continue;
    }
    const auto digest = must(file_digest(fields));
    const bool verity = digest.kind == signature::DigestKind::kVerity;
    json& map = !fields.buffer.empty() ? made["ima-buf"] : verity ? made["imakeep"]["verity_digests"] : made["digests"];
    add_once(map[name], to_hex(digest.digest));
  }
  return made;
}

policy::CompiledPolicy compiled(const json& policy, Mode mode) {
  const std::string text = policy.dump();
  return must(policy::CompiledPolicy::compile(must(policy::parse_policy(as_bytes(text), mode))));
}

// The names of the reasons by which each refused record is refused, by its number.
std::map<std::size_t, std::string> refused(const std::vector<Content>& records, const json& policy,
                                           Mode mode = Mode::kStrict, Options options = {}) {
  const auto by = compiled(policy, mode);
  Appraiser appraiser = must(Appraiser::make(&by, mode, std::move(options)));
  std::map<std::size_t, std::string> found;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto shown = imalog::shown_digest(kBank, records[i].view());
    const Verdict verdict = appraiser.appraise(
        {.number = i, .content = records[i].view(), .bank = kBank, .shown = shown.view(), .order = ByteOrder::kLittle});
    if (!verdict.finding) continue;
    for (const Reason reason : verdict.finding->reasons) found[i] += " " + std::string(info(reason).name);
  }
  return found;
}

// The numbers of the records of this name and kind.
std::set<std::size_t> numbers_of(const std::vector<Content>& records, std::string_view name, bool violation) {
  std::set<std::size_t> numbers;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i].violation == violation && fields_in(records[i]).name == name) numbers.insert(i);
  }
  return numbers;
}

std::map<std::size_t, std::string> all_by(const std::set<std::size_t>& numbers, const std::string& reason) {
  std::map<std::size_t, std::string> expected;
  for (const std::size_t number : numbers) expected[number] = " " + reason;
  return expected;
}

TEST(CapturedRecords, AreAllAcceptedByAPolicyMadeFromThem) {
  std::size_t records = 0;
  std::set<std::string> templates;
  for (const Capture& capture : imalog::test::kCaptures) {
    const auto contents = records_of(capture);
    EXPECT_EQ(refused(contents, policy_from(contents)), (std::map<std::size_t, std::string>())) << capture.folder;
    records += contents.size();
    for (const Content& content : contents) templates.insert(content.template_name);
  }
  EXPECT_GE(records, 500u);
  EXPECT_GE(templates.size(), 7u);
}

TEST(CapturedRecords, AreAcceptedByKeylimeUnlessItCannotReadThem) {
  for (const Capture& capture : imalog::test::kCaptures) {
    const auto contents = records_of(capture);
    std::map<std::size_t, std::string> expected;
    const std::set<std::string> known{"ima", "ima-ng", "ima-sig", "ima-buf"};
    for (std::size_t i = 0; i < contents.size(); ++i) {
      const bool newline = fields_in(contents[i]).name.find('\n') != std::string_view::npos;
      if (!known.contains(contents[i].template_name)) {
        expected[i] = " unknown-template";
      } else if (newline && !contents[i].violation) {
        expected[i] = contents[i].template_name == "ima-sig" ? " unreadable-record" : " template-digest";
      }
      if (contents[i].pcr != 10 && !expected.contains(i)) expected[i] = " pcr";
    }
    EXPECT_EQ(refused(contents, policy_from(contents), Mode::kKeylime), expected) << capture.folder;
  }
}

TEST(CapturedRecords, OneChangedDigestIsFound) {
  const auto contents = records_of(imalog::test::capture("templates"));
  std::size_t tried = 0;
  for (const Content& content : contents) {
    const RecordFields fields = fields_in(content);
    if (content.violation || !fields.buffer.empty() || fields.name == "boot_aggregate") continue;
    json policy = policy_from(contents);
    json& digests = policy["digests"][std::string(fields.name)];
    if (digests.size() != 1) continue;  // others of the path would still be accepted
    std::string changed = digests[0];
    changed.back() = changed.back() == '0' ? '1' : '0';
    digests[0] = changed;
    EXPECT_EQ(refused(contents, policy), all_by(numbers_of(contents, fields.name, false), "other-digest"))
        << fields.name;
    if (++tried == 20) break;
  }
  EXPECT_EQ(tried, 20u);
}

TEST(CapturedRecords, OneRemovedPathIsFound) {
  const auto contents = records_of(imalog::test::capture("templates"));
  const json whole = policy_from(contents);
  std::size_t tried = 0;
  for (const auto& [path, digests] : whole["digests"].items()) {
    json policy = whole;
    policy["digests"].erase(path);
    const std::string reason = path == "boot_aggregate" ? "unknown-boot-aggregate" : "unknown-path";
    EXPECT_EQ(refused(contents, policy), all_by(numbers_of(contents, path, false), reason)) << path;
    if (++tried == 20) break;
  }
  EXPECT_EQ(tried, 20u);
}

TEST(CapturedRecords, OneViolationThatNobodyAllowsIsFound) {
  const auto contents = records_of(imalog::test::capture("templates"));
  const json whole = policy_from(contents);
  const json& paths = whole["imakeep"]["violations"]["paths"];
  ASSERT_FALSE(paths.empty());
  for (std::size_t i = 0; i < paths.size(); ++i) {
    json policy = whole;
    policy["imakeep"]["violations"]["paths"].erase(i);
    EXPECT_EQ(refused(contents, policy), all_by(numbers_of(contents, paths[i].get<std::string>(), true), "violation"));
  }
}

signature::Keyrings captured_keys() {
  signature::Keyrings keyrings;
  for (const std::string name : {"rsa", "ec"}) {
    const auto keys = must(signature::read_key_file(std::string(IMAKEEP_TESTDATA) + "/keys/" + name + ".crt.pem"));
    must(keyrings.add(".ima", keys.front()));
  }
  return keyrings;
}

TEST(CapturedRecords, OneBadSignatureIsFound) {
  const signature::Keyrings keys = captured_keys();
  auto contents = records_of(imalog::test::capture("templates"));
  json policy = policy_from(contents);
  std::vector<std::size_t> signed_records;
  json paths = json::array();
  for (std::size_t i = 0; i < contents.size(); ++i) {
    const RecordFields fields = fields_in(contents[i]);
    if (fields.signature.empty() || !signature::parse_signature(fields.signature)) continue;
    signed_records.push_back(i);
  }
  ASSERT_GE(signed_records.size(), 2u);
  // Only the record itself needs the signature: a path may have other records without one.
  std::size_t tried = 0;
  for (const std::size_t number : signed_records) {
    const std::string path(fields_in(contents[number]).name);
    if (numbers_of(contents, path, false).size() != 1) continue;
    policy["imakeep"]["signatures"] = {{{"where", {{"paths", {path}}}}, {"keyrings", {".ima"}}}};
    EXPECT_EQ(refused(contents, policy, Mode::kStrict, {.keys = &keys}), (std::map<std::size_t, std::string>()))
        << path;
    const ByteView signature = fields_in(contents[number]).signature;
    const auto last = static_cast<std::size_t>(signature.data() - contents[number].body.data()) + signature.size() - 1;
    contents[number].body[last] ^= std::byte{1};
    EXPECT_EQ(refused(contents, policy, Mode::kStrict, {.keys = &keys}), all_by({number}, "signature-bad")) << path;
    contents[number].body[last] ^= std::byte{1};
    ++tried;
  }
  EXPECT_GE(tried, 2u);
}

}  // namespace
}  // namespace imakeep::appraisal
