// SPDX-License-Identifier: Apache-2.0
#include "evidence/cbor_item.h"

#include <cbor.h>

#include <array>
#include <string>

namespace imakeep::evidence {
namespace {

// The longest head of an item.
constexpr std::size_t kMostHeadBytes = 9;

// libcbor calls one of these for each item. `into` is the CborItem.
template <class T>
void on_number(void* into, T number) {
  *static_cast<CborItem*>(into) = {.kind = ItemKind::kNumber, .number = number};
}

template <ItemKind kKind>
void on_string(void* into, cbor_data data, std::size_t size) {
  *static_cast<CborItem*>(into) = {.kind = kKind, .bytes = {reinterpret_cast<const std::byte*>(data), size}};
}

template <ItemKind kKind>
void on_collection(void* into, std::size_t size) {
  *static_cast<CborItem*>(into) = {.kind = kKind, .number = size};
}

template <ItemKind kKind>
void on_mark(void* into) {
  *static_cast<CborItem*>(into) = {.kind = kKind};
}

// Whatever is not set here leaves the item at kOther.
cbor_callbacks item_callbacks() {
  cbor_callbacks callbacks = cbor_empty_callbacks;
  callbacks.uint8 = on_number<std::uint8_t>;
  callbacks.uint16 = on_number<std::uint16_t>;
  callbacks.uint32 = on_number<std::uint32_t>;
  callbacks.uint64 = on_number<std::uint64_t>;
  callbacks.byte_string = on_string<ItemKind::kBytes>;
  callbacks.byte_string_start = on_mark<ItemKind::kChunks>;
  callbacks.string = on_string<ItemKind::kText>;
  callbacks.array_start = on_collection<ItemKind::kArray>;
  callbacks.map_start = on_collection<ItemKind::kMap>;
  callbacks.indef_break = on_mark<ItemKind::kEnd>;
  return callbacks;
}

unexpected<Error> too_long(std::size_t most_string_bytes) {
  return fail(ErrorCode::kUnsupported, "a string of more than " + std::to_string(most_string_bytes) +
                                           " bytes; send a shorter one, or the records in chunks");
}

// Appends a head that `encode` writes from `arguments`.
template <class Encode, class... Arguments>
void put_head(Bytes& out, Encode encode, Arguments... arguments) {
  std::array<unsigned char, kMostHeadBytes> head{};
  const std::size_t size = encode(arguments..., head.data(), head.size());
  append_bytes(out, std::as_bytes(std::span(head)).first(size));
}

}  // namespace

Result<std::optional<CborItem>> take_item(ByteView& in, std::size_t most_string_bytes) {
  static const cbor_callbacks kCallbacks = item_callbacks();
  // The decoder reads a string only if all of it is there.
  const ByteView front = in.first(std::min(in.size(), most_string_bytes + kMostHeadBytes));
  CborItem item;
  const cbor_decoder_result decoded =
      cbor_stream_decode(reinterpret_cast<cbor_data>(front.data()), front.size(), &kCallbacks, &item);
  switch (decoded.status) {
    case CBOR_DECODER_NEDATA:
      // libcbor adds the head to the length, which overflows for a length near 2^64: then too few bytes seem to
      // suffice.
      if (decoded.required > most_string_bytes + kMostHeadBytes || decoded.required <= front.size() ||
          front.size() < in.size()) {
        return too_long(most_string_bytes);
      }
      return std::nullopt;
    case CBOR_DECODER_ERROR:
      return fail(ErrorCode::kMalformed, "no CBOR");
    case CBOR_DECODER_FINISHED:
      break;
  }
  if (item.bytes.size() > most_string_bytes) return too_long(most_string_bytes);
  in = in.subspan(decoded.read);
  return item;
}

void put_number(Bytes& out, std::uint64_t number) {
  put_head(out, cbor_encode_uint, number);
}

void put_bytes(Bytes& out, ByteView bytes) {
  put_head(out, cbor_encode_bytestring_start, bytes.size());
  append_bytes(out, bytes);
}

void put_text(Bytes& out, std::string_view text) {
  put_head(out, cbor_encode_string_start, text.size());
  append_bytes(out, as_bytes(text));
}

void put_array(Bytes& out, std::size_t elements) {
  put_head(out, cbor_encode_array_start, elements);
}

void put_map(Bytes& out, std::size_t pairs) {
  put_head(out, cbor_encode_map_start, pairs);
}

void put_chunks(Bytes& out) {
  put_head(out, cbor_encode_indef_bytestring_start);
}

void put_end(Bytes& out) {
  put_head(out, cbor_encode_break);
}

}  // namespace imakeep::evidence
