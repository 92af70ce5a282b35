// SPDX-License-Identifier: Apache-2.0
#include "query/record_facts.h"

#include <gtest/gtest.h>

#include "support/test_archive.h"

namespace imakeep::query {
namespace record_facts_test {

using namespace imakeep::test;

// Keeps the bytes that the facts borrow.
struct Facts {
  explicit Facts(const Event& event) : body(body_of(event)), facts(facts_of(content_of(event, body), kHostOrder)) {}
  Facts(const Facts&) = delete;
  Facts& operator=(const Facts&) = delete;
  const Bytes body;
  const RecordFactsView facts;
};

TEST(FactsOf, ReadsPathAndDigestOfEachTemplateWithBoth) {
  for (const char* name : {"ima-ng", "ima-sig", "ima-ngv2", "ima-sigv2", "ima-modsig", "evm-sig"}) {
    const Event event{.path = "/usr/bin/x", .content = "x", .template_name = name};
    const Facts of(event);
    EXPECT_EQ(of.facts.name, "/usr/bin/x") << name;
    EXPECT_EQ(of.facts.digest_text(), sha256_of("x")) << name;
    EXPECT_TRUE(of.facts.is_file) << name;
  }
  const Event old{.path = "/a", .content = "x", .template_name = "ima"};
  const Facts of(old);
  EXPECT_EQ(of.facts.algorithm, "sha1");
  EXPECT_EQ(of.facts.digest.size(), 20u);
}

TEST(FactsOf, TellsADigestOfVerityFromOneOfTheContent) {
  const Event event{.path = "/a", .content = "x", .template_name = "ima-sigv2", .digest_type = "verity"};
  const Facts of(event);
  EXPECT_EQ(of.facts.digest_type, "verity");
  EXPECT_EQ(of.facts.digest_text(), "verity:" + sha256_of("x"));
}

TEST(FactsOf, TellsWhetherThereIsASignature) {
  const Event plain{.path = "/a", .content = "x"};
  const Event unsigned_file{.path = "/a", .content = "x", .template_name = "ima-sig"};
  const Event signed_file{.path = "/a", .content = "x", .template_name = "ima-sig", .signature = "\x03"};
  EXPECT_EQ(Facts(plain).facts.is_signed, std::nullopt);
  EXPECT_EQ(Facts(unsigned_file).facts.is_signed, false);
  EXPECT_EQ(Facts(signed_file).facts.is_signed, true);
}

TEST(FactsOf, ReadsOwnerAndMode) {
  const Event event{.path = "/a", .content = "x", .template_name = "evm-sig"};
  const Facts of(event);
  EXPECT_EQ(of.facts.uid, 1000u);
  EXPECT_EQ(of.facts.gid, 100u);
  EXPECT_EQ(of.facts.mode, 0100755u);
}

TEST(FactsOf, GivesNoDigestForAViolation) {
  const Event event{.path = "/a"};
  const Facts of(event);
  EXPECT_EQ(of.facts.name, "/a");
  EXPECT_EQ(of.facts.digest_text(), "");
}

TEST(FactsOf, TellsBuffersAndTheBootAggregateFromFiles) {
  const Event buffer{.path = "kexec-cmdline", .content = "x", .template_name = "ima-buf", .buffer = "x"};
  const Event boot{.path = "boot_aggregate", .content = "x"};
  const Event memory_file{.path = "memfd:x", .content = "x"};
  EXPECT_FALSE(Facts(buffer).facts.is_file);
  EXPECT_FALSE(Facts(boot).facts.is_file);
  EXPECT_TRUE(Facts(memory_file).facts.is_file);
  EXPECT_FALSE(Facts(memory_file).facts.has_path());
}

TEST(FactsOf, AreEmptyIfTheDataDoNotSplitIntoFields) {
  const Event event{.path = "/a", .content = "x"};
  Bytes body = body_of(event);
  body.pop_back();
  EXPECT_EQ(facts_of(content_of(event, body), kHostOrder).name, "");
  EXPECT_EQ(facts_of({.pcr = 10, .template_name = "acme-v9", .body = body}, kHostOrder).name, "");
}

TEST(Directory, IsThePathUpToItsLastSlash) {
  const auto directory = [](std::string_view name) { return RecordFactsView{.name = name}.directory(); };
  EXPECT_EQ(directory("/usr/bin/x"), "/usr/bin");
  EXPECT_EQ(directory("/init"), "/");
  EXPECT_EQ(directory("memfd:a/b"), "");
}

}  // namespace record_facts_test
}  // namespace imakeep::query
