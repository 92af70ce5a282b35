// SPDX-License-Identifier: Apache-2.0
#include "evidence/cbor_item.h"

#include <gtest/gtest.h>

namespace imakeep::evidence {
namespace cbor_item_test {

constexpr std::size_t kMostBytes = 300;

CborItem only_item(const std::string& hex) {
  const Bytes bytes = *from_hex(hex);
  ByteView rest = bytes;
  const auto item = take_item(rest, kMostBytes);
  EXPECT_TRUE(item && *item) << hex;
  EXPECT_TRUE(rest.empty()) << hex;
  return item && *item ? **item : CborItem{};
}

TEST(TakeItem, TakesNumbersOfAnyWidth) {
  // RFC 8949, appendix A, and wider forms of the same numbers.
  const struct {
    const char* hex;
    std::uint64_t number;
  } numbers[] = {{"00", 0},
                 {"17", 23},
                 {"1818", 24},
                 {"1903e8", 1000},
                 {"1a000f4240", 1000000},
                 {"1bffffffffffffffff", ~std::uint64_t{0}},
                 {"1800", 0},
                 {"190017", 23},
                 {"1a00000018", 24},
                 {"1b00000000000003e8", 1000}};
  for (const auto& each : numbers) {
    const CborItem item = only_item(each.hex);
    EXPECT_EQ(item.kind, ItemKind::kNumber) << each.hex;
    EXPECT_EQ(item.number, each.number) << each.hex;
  }
}

TEST(TakeItem, TellsTheKinds) {
  EXPECT_EQ(only_item("5f").kind, ItemKind::kChunks);
  EXPECT_EQ(only_item("ff").kind, ItemKind::kEnd);
  EXPECT_EQ(only_item("83").kind, ItemKind::kArray);
  EXPECT_EQ(only_item("83").number, 3u);
  EXPECT_EQ(only_item("b818").kind, ItemKind::kMap);
  EXPECT_EQ(only_item("b818").number, 24u);
  // A negative number, a text in chunks, an array and a map of indefinite length, a tag, a float, null, true.
  for (const char* const hex : {"20", "7f", "9f", "bf", "c1", "fb3ff199999999999a", "f6", "f5"}) {
    EXPECT_EQ(only_item(hex).kind, ItemKind::kOther) << hex;
  }
}

TEST(TakeItem, TakesWhatIsPut) {
  Bytes out;
  put_map(out, 2);
  put_number(out, 1000);
  put_text(out, "text");
  put_array(out, 1);
  put_bytes(out, as_bytes("bytes"));
  put_chunks(out);
  put_end(out);
  EXPECT_EQ(to_hex(out), "a21903e8647465787481456279746573" + std::string("5fff"));
  ByteView rest = out;
  for (const ItemKind kind : {ItemKind::kMap, ItemKind::kNumber, ItemKind::kText, ItemKind::kArray, ItemKind::kBytes,
                              ItemKind::kChunks, ItemKind::kEnd}) {
    const auto item = take_item(rest, kMostBytes);
    ASSERT_TRUE(item && *item);
    EXPECT_EQ((*item)->kind, kind);
    if (kind == ItemKind::kText) {
      EXPECT_EQ(as_text((*item)->bytes), "text");
    }
    if (kind == ItemKind::kBytes) {
      EXPECT_EQ(as_text((*item)->bytes), "bytes");
    }
  }
  EXPECT_TRUE(rest.empty());
}

TEST(TakeItem, WaitsForEveryByteOfAnItem) {
  Bytes out;
  put_bytes(out, Bytes(kMostBytes));
  for (std::size_t size = 0; size < out.size(); ++size) {
    ByteView rest = ByteView(out).first(size);
    const auto item = take_item(rest, kMostBytes);
    ASSERT_TRUE(item) << size;
    EXPECT_FALSE(*item) << size;
    EXPECT_EQ(rest.size(), size);
  }
  ByteView rest = out;
  EXPECT_TRUE(*take_item(rest, kMostBytes));
}

TEST(TakeItem, RefusesALongStringAtItsLength) {
  Bytes out;
  put_bytes(out, Bytes(kMostBytes + 1));
  ByteView whole = out;
  EXPECT_EQ(take_item(whole, kMostBytes).error().code, ErrorCode::kUnsupported);
  // 2^62 and 2^64 - 1 bytes.
  for (const char* const hex : {"5b4000000000000000", "5bffffffffffffffff", "7bffffffffffffffff"}) {
    const Bytes head = *from_hex(hex);
    ByteView rest = head;
    const auto item = take_item(rest, kMostBytes);
    ASSERT_FALSE(item) << hex;
    EXPECT_EQ(item.error().code, ErrorCode::kUnsupported) << hex;
  }
}

TEST(TakeItem, RefusesWhatIsNoCbor) {
  // Reserved additional information, RFC 8949, section 3.
  for (const char* const hex : {"1c", "5d", "9e", "fc"}) {
    const Bytes bytes = *from_hex(hex);
    ByteView rest = bytes;
    const auto item = take_item(rest, kMostBytes);
    ASSERT_FALSE(item) << hex;
    EXPECT_EQ(item.error().code, ErrorCode::kMalformed) << hex;
  }
}

}  // namespace cbor_item_test
}  // namespace imakeep::evidence
