// SPDX-License-Identifier: Apache-2.0
#include "appraisal/learned_keys.h"

#include "appraisal/appraiser.h"
#include "imalog/template_data.h"
#include "imalog/template_digest.h"
#include "policy/test_support.h"
#include "support/key_tools.h"

namespace imakeep::appraisal {
namespace learned_keys_test {

using imakeep::test::bytes_of_file;
using imakeep::test::KeyFiles;
using imakeep::test::kP256;
using imakeep::test::make_key;
using imakeep::test::must;
using imakeep::test::ScratchDirectory;

struct Certified {
  explicit Certified(const KeyFiles& files)
      : buffer(bytes_of_file(files.certificate_der())), key(files.certified_key()) {}
  Bytes buffer;
  signature::Key key;
};

TEST(LearnedKeys, ComeBackFromTheirBytes) {
  const ScratchDirectory scratch;
  const Certified one(make_key(scratch, "one", kP256));
  const Certified two(make_key(scratch, "two", kP256));
  LearnedKeys keys;
  EXPECT_TRUE(must(keys.learn(3, ".ima", one.buffer, one.key)));
  EXPECT_FALSE(must(keys.learn(4, ".ima", one.buffer, one.key))) << "the keyring has it";
  EXPECT_TRUE(must(keys.learn(5, ".evm", one.buffer, one.key))) << "another keyring";
  EXPECT_TRUE(must(keys.learn(6, ".ima", two.buffer, two.key)));
  const LearnedKeys loaded = must(LearnedKeys::load(keys.save()));
  ASSERT_EQ(loaded.keys().size(), 3u);
  EXPECT_EQ(loaded.keys()[0].record, 3u);
  EXPECT_EQ(loaded.keys()[1].keyring, ".evm");
  EXPECT_EQ(loaded.keys()[2].key.fingerprint(), two.key.fingerprint());
  EXPECT_EQ(loaded.keys()[2].key.id(), two.key.id());
  EXPECT_EQ(loaded.save(), keys.save());
}

TEST(LearnedKeys, AreRefusedIfTheirBytesAreCutShortOrChanged) {
  const ScratchDirectory scratch;
  const Certified one(make_key(scratch, "one", kP256));
  LearnedKeys keys;
  must(keys.learn(3, ".ima", one.buffer, one.key));
  const Bytes saved = keys.save();
  for (std::size_t size = 0; size < saved.size(); ++size) {
    EXPECT_EQ(LearnedKeys::load(ByteView(saved).first(size)).error().code, ErrorCode::kTruncated) << size;
  }
  Bytes longer = saved;
  longer.push_back(std::byte{0});
  EXPECT_EQ(LearnedKeys::load(longer).error().code, ErrorCode::kMalformed);
  Bytes other = saved;
  other[0] ^= std::byte{1};
  EXPECT_EQ(LearnedKeys::load(other).error().code, ErrorCode::kMalformed);
  Bytes no_key = saved;
  no_key[saved.size() - one.buffer.size()] ^= std::byte{1};
  EXPECT_EQ(LearnedKeys::load(no_key).error().code, ErrorCode::kMalformed);
  Bytes twice = saved;
  store(twice.data() + 8, std::uint32_t{2}, ByteOrder::kLittle);
  append_bytes(twice, ByteView(saved).subspan(12));
  EXPECT_EQ(LearnedKeys::load(twice).error().code, ErrorCode::kMalformed);
}

TEST(LearnedKeys, AreBoundedInNumberAndBytes) {
  const ScratchDirectory scratch;
  const Certified one(make_key(scratch, "one", kP256));
  LearnedKeys many;
  for (std::size_t i = 0; i < kMaxLearnedKeys; ++i) must(many.learn(i, std::to_string(i), one.buffer, one.key));
  EXPECT_EQ(many.learn(0, "more", one.buffer, one.key).error().code, ErrorCode::kUsage);
  EXPECT_EQ(many.keys().size(), kMaxLearnedKeys);
  LearnedKeys large;
  EXPECT_TRUE(must(large.learn(0, "a", Bytes(kMaxLearnedBytes), one.key)));
  EXPECT_EQ(large.learn(0, "b", Bytes(1), one.key).error().code, ErrorCode::kUsage);
  EXPECT_FALSE(LearnedKeys().learn(0, "", one.buffer, one.key));
  EXPECT_EQ(LearnedKeys().learn(0, std::string(256, 'a'), one.buffer, one.key).error().code, ErrorCode::kUsage);
}

// The record of a key that was added to a keyring.
struct KeyRecord {
  KeyRecord(const Certified& key, const std::string& keyring)
      : digest(digest::hash(digest::Algorithm::kSha256, key.buffer)),
        body(*imalog::make_body("ima-buf",
                                {.path = keyring, .is_file = false, .file_digest = digest.view(), .buffer = key.buffer},
                                ByteOrder::kLittle)),
        record{.content = {.pcr = 10, .template_name = "ima-buf", .body = body}},
        shown(imalog::shown_digest(record.bank, record.content)) {
    record.shown = shown.view();
  }

  digest::Digest digest;
  Bytes body;
  Record record;
  digest::Digest shown;
};

TEST(LearnedKeys, BeyondTheBoundAreAFinding) {
  const ScratchDirectory scratch;
  const Certified one(make_key(scratch, "one", kP256));
  const KeyRecord added(one, ".ima");
  const std::string listed = R"({".ima": [")" + to_hex(added.digest.view()) + R"("]})";
  for (const auto mode : {policy::Mode::kStrict, policy::Mode::kKeylime}) {
    const auto policy = policy::compiled(policy::PolicyText{.keyrings = listed}.str(), mode);
    LearnedKeys learned;
    for (std::size_t i = 0; learned.keys().size() < 250; ++i) {
      must(learned.learn(i, "keyring " + std::to_string(i), one.buffer, one.key));
    }
    // 250 keyrings, and one for the policy's keys: there is room for a few more, and then there is none.
    Appraiser appraiser = must(Appraiser::make(&policy, mode, {.learned = learned}));
    EXPECT_TRUE(appraiser.appraise(added.record).accepted);
    EXPECT_EQ(appraiser.learned().keys().size(), 251u);
    for (std::size_t i = 250; i < signature::kMaxKeyrings; ++i) {
      must(learned.learn(i, "keyring " + std::to_string(i), one.buffer, one.key));
    }
    Appraiser at_bound = must(Appraiser::make(&policy, mode, {.learned = learned}));
    const Verdict verdict = at_bound.appraise(added.record);
    ASSERT_TRUE(verdict.finding);
    EXPECT_EQ(verdict.finding->reasons, std::vector{Reason::kTooManyKeys});
  }
}

}  // namespace learned_keys_test
}  // namespace imakeep::appraisal
