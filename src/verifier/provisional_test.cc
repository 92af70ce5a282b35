// SPDX-License-Identifier: Apache-2.0
#include "verifier/provisional.h"

#include <gtest/gtest.h>

namespace imakeep::verifier {
namespace provisional_test {

ProvisionalState example() {
  return {.epoch = 7,
          .evidence = digest::Digest::filled(32, std::byte{1}),
          .judged_by = digest::Digest::filled(32, std::byte{2}),
          .start = 5,
          .next = 1'000'000'000'000,
          .stated = attest::BootAggregate{.algorithm = digest::Algorithm::kSha384,
                                          .digest = digest::Digest::filled(48, std::byte{3})},
          .increment = Bytes(100, std::byte{4}),
          .appraisal = Bytes(200, std::byte{5})};
}

TEST(ProvisionalState, IsTheSameAfterSavingAndLoading) {
  ProvisionalState without = example();
  without.stated.reset();
  without.appraisal.clear();
  for (const ProvisionalState& state : {example(), without}) {
    const auto loaded = load_provisional(save(state));
    ASSERT_TRUE(loaded) << describe(loaded.error());
    EXPECT_EQ(loaded->epoch, state.epoch);
    EXPECT_EQ(loaded->evidence, state.evidence);
    EXPECT_EQ(loaded->judged_by, state.judged_by);
    EXPECT_EQ(loaded->start, state.start);
    EXPECT_EQ(loaded->next, state.next);
    ASSERT_EQ(loaded->stated.has_value(), state.stated.has_value());
    if (state.stated) {
      EXPECT_EQ(loaded->stated->algorithm, state.stated->algorithm);
      EXPECT_EQ(loaded->stated->digest, state.stated->digest);
    }
    EXPECT_EQ(loaded->increment, state.increment);
    EXPECT_EQ(loaded->appraisal, state.appraisal);
  }
}

TEST(ProvisionalState, ThatIsCutShortIsRefused) {
  const Bytes saved = save(example());
  for (std::size_t size = 0; size < saved.size(); ++size) {
    const auto loaded = load_provisional(ByteView(saved).first(size));
    ASSERT_FALSE(loaded) << size;
    EXPECT_EQ(loaded.error().code, ErrorCode::kTruncated) << size;
  }
}

TEST(ProvisionalState, ThatSaveDoesNotWriteIsRefused) {
  // magic  epoch@8  evidence@16  judged_by@48  start@80  next@88  stated@96
  const Bytes saved = save(example());
  const auto refused = [](const Bytes& bytes) {
    const auto loaded = load_provisional(bytes);
    return !loaded && loaded.error().code == ErrorCode::kMalformed;
  };
  const auto with = [&](std::size_t at, std::uint8_t value) {
    Bytes changed = saved;
    changed[at] = std::byte{value};
    return changed;
  };
  EXPECT_TRUE(refused(with(7, '2'))) << "another version";
  EXPECT_TRUE(refused(with(87, 1))) << "a start after the next record";
  EXPECT_TRUE(refused(with(95, 0x80))) << "a number of 64 bits";
  EXPECT_TRUE(refused(with(97, 0xee))) << "an unknown algorithm";
  Bytes longer = saved;
  longer.push_back(std::byte{0});
  EXPECT_TRUE(refused(longer));
  ProvisionalState none = example();
  none.next = none.start;
  EXPECT_TRUE(refused(save(none))) << "no record";
}

TEST(EvidenceIdentity, DiffersWithAllThatThePartsHaveInCommon) {
  const digest::Bank sha256 = digest::bank_of(digest::Algorithm::kSha256);
  const evidence::EvidenceHeader header{
      .host = "web-1",
      .token = Bytes(28, std::byte{1}),
      .quote = Bytes(10, std::byte{2}),
      .signature = Bytes(10, std::byte{3}),
      .pcrs = {{.bank = sha256, .pcr = 3, .value = digest::Digest::filled(32, std::byte{4})}},
      .first = 5,
      .count = 6,
      .more = true};
  const auto differs = [&header](auto change) {
    evidence::EvidenceHeader other = header;
    change(other);
    return evidence_identity(other) != evidence_identity(header);
  };
  using Header = evidence::EvidenceHeader;
  EXPECT_TRUE(differs([](Header& h) { h.token[0] ^= std::byte{1}; }));
  EXPECT_TRUE(differs([](Header& h) { h.quote[0] ^= std::byte{1}; }));
  EXPECT_TRUE(differs([](Header& h) { h.signature[0] ^= std::byte{1}; }));
  EXPECT_TRUE(differs([](Header& h) { h.byte_order = ByteOrder::kBig; }));
  EXPECT_TRUE(differs([](Header& h) { h.pcrs.clear(); }));
  EXPECT_TRUE(differs([](Header& h) { h.pcrs[0].pcr = 4; }));
  EXPECT_TRUE(differs([](Header& h) { h.pcrs[0].value = digest::Digest::filled(32, std::byte{5}); }));
  // A byte that moves from one member to the next is no collision.
  EXPECT_TRUE(differs([](Header& h) {
    h.quote.push_back(h.signature.front());
    h.signature.erase(h.signature.begin());
  }));
  EXPECT_FALSE(differs([](Header& h) {
    h.first = 11;
    h.count = 2;
    h.more = false;
    h.encoding = evidence::Encoding::kZstd;
  }));
}

TEST(JudgedBy, DiffersWithTheListItsVersionAndTheSettings) {
  const Settings settings;
  const digest::Digest same = judged_by(settings, "servers", 3);
  EXPECT_EQ(judged_by(settings, "servers", 3), same);
  EXPECT_NE(judged_by(settings, "servers", 4), same);
  EXPECT_NE(judged_by(settings, "others", 3), same);
  EXPECT_NE(judged_by(Settings{.mode = policy::Mode::kKeylime}, "servers", 3), same);
  EXPECT_NE(judged_by(Settings{.findings_hold_back = true}, "servers", 3), same);
}

}  // namespace provisional_test
}  // namespace imakeep::verifier
