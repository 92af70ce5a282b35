// SPDX-License-Identifier: Apache-2.0
// evidence/cbor_item.h - CBOR item by item: the heads, numbers and strings that our messages have.
//
// libcbor decodes and encodes. A number may have any of CBOR's widths, whether or not a shorter one would do: nothing
// is signed over these encodings. Arrays and maps of indefinite length, text in chunks, tags, floats, negative numbers
// and simple values are `kOther`, which no message has. Internal to src/evidence. Source: RFC 8949. Threads: no shared
// state.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace imakeep::evidence {

enum class ItemKind : std::uint8_t {
  kNumber,  // `number`
  kBytes,   // `bytes`
  kText,    // `bytes`; whether they are UTF-8 is not checked
  kChunks,  // a byte string of indefinite length: items kBytes follow, up to kEnd
  kArray,   // `number` elements follow
  kMap,     // `number` pairs follow
  kEnd,     // of chunks
  kOther,
};

// Borrows the bytes that it was decoded from.
struct CborItem {
  ItemKind kind = ItemKind::kOther;
  std::uint64_t number = 0;
  ByteView bytes = {};
};

// Takes the item at the front off `in`, with the bytes of a string; what an array or a map holds follows as items.
// Empty if `in` ends within it, and then `in` is unchanged. kMalformed: no CBOR. kUnsupported: a string of more than
// `most_string_bytes`, which is said as soon as its length is there.
Result<std::optional<CborItem>> take_item(ByteView& in, std::size_t most_string_bytes);

// Each appends one item.
void put_number(Bytes& out, std::uint64_t number);
void put_bytes(Bytes& out, ByteView bytes);
void put_text(Bytes& out, std::string_view text);
void put_array(Bytes& out, std::size_t elements);
void put_map(Bytes& out, std::size_t pairs);
void put_chunks(Bytes& out);
void put_end(Bytes& out);

}  // namespace imakeep::evidence
