// SPDX-License-Identifier: Apache-2.0
#include "enrol/ek_pins.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "enrol/test_support.h"

namespace imakeep::enrol {
namespace ek_pins_test {

using ::testing::HasSubstr;

const Bytes kEk = marshalled(ecc_ek(generator_x(), generator_y()));

TEST(EkHashes, AreOverTheAreaAndTheKeyInDer) {
  const auto hashes = ek_hashes(kEk);
  ASSERT_TRUE(hashes);
  EXPECT_EQ(hashes->public_area, digest::hash(digest::Algorithm::kSha256, ByteView(kEk).subspan(2)));
  // RFC 5480: the head of any P-256 key.
  Bytes info = *from_hex("3059301306072a8648ce3d020106082a8648ce3d03010703420004");
  append_bytes(info, generator_x());
  append_bytes(info, generator_y());
  EXPECT_EQ(hashes->public_key_info, digest::hash(digest::Algorithm::kSha256, info));
}

TEST(EkPins, TakeAnEkByEitherHash) {
  const auto hashes = *ek_hashes(kEk);
  for (const digest::Digest& hash : {hashes.public_area, hashes.public_key_info}) {
    const std::string hex = to_hex(hash.view());
    for (const std::string& text : {hex, "sha256:" + hex, "# of web-1\n\n  sha256:" + hex + "  \n"}) {
      const auto pins = EkPins::parse(text);
      ASSERT_TRUE(pins) << text;
      EXPECT_EQ(pins->size(), 1u);
      EXPECT_TRUE(pins->check(kEk));
      EXPECT_TRUE(pins->check(ByteView(kEk).subspan(2)));
    }
  }
}

TEST(EkPins, RefuseAnyOtherEk) {
  const auto pins = *EkPins::parse("sha256:" + to_hex(ek_hashes(kEk)->public_area.view()));
  TPMT_PUBLIC other = ecc_ek(generator_x(), generator_y());
  other.objectAttributes ^= TPMA_OBJECT_USERWITHAUTH;
  const auto checked = pins.check(marshalled(other));
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::kMismatch);
  EXPECT_THAT(checked.error().message, HasSubstr(to_hex(ek_hashes(marshalled(other))->public_area.view())));
  EXPECT_FALSE(EkPins::parse("")->check(kEk));
}

TEST(EkPins, NameTheLineThatIsNoPin) {
  for (const std::string& line : {std::string("sha256:12"), std::string(63, 'a'), "sha1:" + std::string(64, 'a')}) {
    EXPECT_THAT(EkPins::parse("#\n" + line).error().message, HasSubstr("line 2: ")) << line;
  }
}

}  // namespace ek_pins_test
}  // namespace imakeep::enrol
