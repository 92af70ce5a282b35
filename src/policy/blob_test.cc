// SPDX-License-Identifier: Apache-2.0
// The bytes of a compiled policy: the same for the same policy, and refused if damaged.
#include "policy/blob.h"

#include <unistd.h>

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "policy/blob_layout.h"
#include "policy/test_support.h"

namespace imakeep::policy {
namespace blob_test {

using ::testing::HasSubstr;

// Every section of its blob holds something.
const std::string kEverything =
    PolicyText{.digests = R"({"/usr/bin/a": [")" + hex_of('a') + R"("], "/usr/bin/b": [")" + hex_of('b', 40) +
                          "\", \"" + hex_of('c') + R"("], "boot_aggregate": [")" + hex_of('d', 96) + "\"]}",
               .excludes = R"(["/tmp/.*"])",
               .keyrings = R"({".ima": [")" + hex_of('e') + "\"]}",
               .imakeep = R"({"version": 1, "any_path": [")" + hex_of('f') + R"("],
                 "path_classes": {"c": {"paths": ["/x"]}}, "violations": {"classes": ["c"]},
                 "signatures": [{"where": {"patterns": ["/lib/.*"]}, "keyrings": [".ima"]}],
                 "updates": [{"name": "u", "from_record": 3, "new": {"/usr/bin/a": [")" +
                          hex_of('1') + R"("]}}], "records": {"pcrs": [10], "templates": ["ima-sig"]},
                 "packages": [{"name": "p", "version": "1", "digests": [")" +
                          hex_of('a') + "\"]}]}"}
        .str();

Bytes blob_of(const std::string& text) {
  return make_blob(*parse_policy(as_bytes(text), Mode::kStrict));
}

std::string open_error(const Bytes& blob) {
  const auto policy = CompiledPolicy::from_blob(blob);
  return policy ? "accepted" : policy.error().message;
}

// With the checksum that fits the bytes, as a damage before the blob was written would leave it.
Bytes resealed(Bytes blob) {
  const auto sum = digest::hash(digest::Algorithm::kSha256,
                                {ByteView(blob).first(layout::kChecksumAt), ByteView(blob).subspan(layout::kCountsAt)});
  std::copy_n(sum.view().begin(), layout::kHashBytes, blob.begin() + layout::kChecksumAt);
  return blob;
}

TEST(Blob, EachFlippedBitIsFound) {
  const Bytes blob = blob_of(kEverything);
  ASSERT_EQ(open_error(blob), "accepted");
  for (std::size_t bit = 0; bit < blob.size() * 8; ++bit) {
    Bytes flipped = blob;
    flipped[bit / 8] ^= std::byte{1} << bit % 8;
    ASSERT_NE(open_error(flipped), "accepted") << "bit " << bit;
  }
}

TEST(Blob, EachPrefixAndEachAddedByteIsFound) {
  const Bytes blob = blob_of(kEverything);
  for (std::size_t bytes = 0; bytes < blob.size(); ++bytes) {
    ASSERT_NE(open_error(Bytes(blob.begin(), blob.begin() + static_cast<std::ptrdiff_t>(bytes))), "accepted") << bytes;
  }
  Bytes longer = blob;
  longer.push_back(std::byte{0});
  EXPECT_THAT(open_error(longer), HasSubstr("its size is not the one that it states"));
}

// A blob whose checksum fits may still hold anything. Under the sanitizers, no look-up may read outside.
TEST(Blob, DamageUnderAFittingChecksumIsRefusedOrHarmless) {
  const Bytes blob = blob_of(kEverything);
  const Bytes a = bytes_of_hex('a');
  std::size_t refused = 0;
  for (std::size_t at = 0; at < blob.size(); ++at) {
    if (at >= layout::kChecksumAt && at < layout::kCountsAt) continue;
    for (const unsigned value : {0x00u, 0x01u, 0x7fu, 0x80u, 0xffu}) {
      Bytes damaged = blob;
      damaged[at] = static_cast<std::byte>(value);
      if (damaged == blob) continue;
      const auto policy = CompiledPolicy::from_blob(resealed(std::move(damaged)));
      if (!policy) {
        ++refused;
        continue;
      }
      for (const char* name : {"/usr/bin/a", "/usr/bin/b", "boot_aggregate", "/tmp/x", "/none"}) {
        static_cast<void>(policy->look_up(
            {.name = name, .algorithm = digest::Algorithm::kSha256, .digest = a, .record = std::uint64_t{5}}));
        static_cast<void>(policy->look_up({.name = name, .algorithm = digest::Algorithm::kSha1, .digest = {}}));
      }
      for (const char digit : {'a', 'b', 'c', 'd', 'e', 'f', '1'}) {
        static_cast<void>(policy->names_of(bytes_of_hex(digit), 10));
        static_cast<void>(policy->package_of(bytes_of_hex(digit)));
      }
    }
  }
  EXPECT_GT(refused, blob.size());
}

TEST(Blob, RefusesForeignBytesAndOtherVersions) {
  EXPECT_THAT(open_error({}), HasSubstr("no compiled policy"));
  EXPECT_THAT(open_error(Bytes(5000)), HasSubstr("no compiled policy"));
  Bytes newer = blob_of(kEverything);
  newer[layout::kVersionAt] = std::byte{2};
  const auto policy = CompiledPolicy::from_blob(resealed(newer));
  ASSERT_FALSE(policy);
  EXPECT_EQ(policy.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(policy.error().message, HasSubstr("has version 2, and this build reads version 1"));
}

TEST(Blob, IsTheSameWhateverTheOrderOfNames) {
  const std::string a = R"("/a": [")" + hex_of('a') + "\"]";
  const std::string b = R"("/b": [")" + hex_of('b') + "\", \"" + hex_of('c') + "\"]";
  const std::string turned = R"("/b": [")" + hex_of('c') + "\", \"" + hex_of('b') + "\"]";
  auto one = parse_policy(as_bytes(PolicyText{.digests = "{" + a + ", " + b + "}"}.str()), Mode::kStrict);
  auto two = parse_policy(as_bytes(PolicyText{.digests = "{" + turned + ", " + a + "}"}.str()), Mode::kStrict);
  two->source = one->source;
  EXPECT_EQ(make_blob(*one), make_blob(*two));
}

TEST(Blob, IsMappedFromAFile) {
  const std::string path = std::filesystem::temp_directory_path() / ("policy-" + std::to_string(::getpid()));
  const CompiledPolicy made = compiled(kEverything);
  ASSERT_TRUE(replace_file(path, made.blob(), 0600));
  auto mapped = CompiledPolicy::map_file(path);
  ASSERT_TRUE(mapped) << mapped.error().message;
  CompiledPolicy moved = std::move(*mapped);
  EXPECT_TRUE(equal(moved.blob(), made.blob()));
  EXPECT_EQ(moved.source(), made.source());
  EXPECT_EQ(moved.source(), digest::hash(digest::Algorithm::kSha256, as_bytes(kEverything)));
  EXPECT_EQ(moved.look_up({.name = "/usr/bin/a", .algorithm = digest::Algorithm::kSha256, .digest = bytes_of_hex('a')})
                .verdict,
            Verdict::kAccepted);
  ASSERT_TRUE(replace_file(path, ByteView(), 0600));
  EXPECT_THAT(CompiledPolicy::map_file(path).error().message, HasSubstr("no compiled policy"));
  std::filesystem::remove(path);
  EXPECT_EQ(CompiledPolicy::map_file(path).error().code, ErrorCode::kEnvironment);
}

TEST(RulesBytes, AreReadAsTheyWereWritten) {
  const auto policy = parse_policy(as_bytes(kEverything), Mode::kStrict);
  const Bytes bytes = encode_rules(policy->rules);
  const auto rules = decode_rules(bytes);
  ASSERT_TRUE(rules) << rules.error().message;
  EXPECT_EQ(encode_rules(*rules), bytes);
  EXPECT_EQ(rules->signatures.at(0).keyrings, std::vector<std::string>{".ima"});
  EXPECT_EQ(rules->updates.at(0).from_record, 3u);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(decode_rules(ByteView(bytes).first(cut))) << cut;
  }
}

}  // namespace blob_test
}  // namespace imakeep::policy
