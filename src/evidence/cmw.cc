// SPDX-License-Identifier: Apache-2.0
#include "evidence/cmw.h"

#include <algorithm>
#include <limits>

#include "base/base64.h"
#include "evidence/cbor_item.h"
#include "evidence/message.h"

namespace imakeep::evidence {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::uint64_t kMostIndicator = std::numeric_limits<std::uint32_t>::max();

unexpected<Error> bad_cmw(const std::string& what, ErrorCode code = ErrorCode::kMalformed) {
  return fail(code, "CMW: " + what);
}

unexpected<Error> no_collection() {
  return bad_cmw("a collection is not supported; send one record", ErrorCode::kUnsupported);
}

bool is_media_type(std::string_view type) {
  const auto graphic = [](char c) { return c >= ' ' && c < 0x7f; };
  return type.size() <= kMostTypeBytes && type.find('/') != std::string_view::npos &&
         std::all_of(type.begin(), type.end(), graphic);
}

Result<void> check_cmw(const Cmw& cmw) {
  const auto* const media_type = std::get_if<MediaType>(&cmw.type);
  if (media_type != nullptr && !is_media_type(*media_type)) return bad_cmw("its type is no media type");
  if (cmw.indicator && *cmw.indicator == 0) return bad_cmw("its indicator is 0; leave it out");
  return {};
}

Result<void> check_size(std::size_t bytes, std::size_t most_bytes) {
  if (bytes <= most_bytes) return {};
  return bad_cmw("it has more than " + std::to_string(most_bytes) + " bytes", ErrorCode::kUnsupported);
}

Result<std::uint32_t> indicator_of(bool is_number, std::uint64_t number) {
  if (!is_number || number > kMostIndicator) return bad_cmw("its indicator is no number of 32 bits");
  return static_cast<std::uint32_t>(number);
}

// Takes an item of the record. A record ends with its last element.
Result<CborItem> take_element(ByteView& rest, std::size_t most_bytes) {
  auto item = take_item(rest, most_bytes);
  if (!item) return bad_cmw(item.error().message, item.error().code);
  if (!*item) return unexpected(Error{.code = ErrorCode::kTruncated, .message = "CMW: it ends too early"});
  return **item;
}

Result<std::variant<MediaType, ContentFormat>> type_of(const CborItem& item) {
  if (item.kind == ItemKind::kText) return MediaType(as_text(item.bytes));
  if (item.kind == ItemKind::kNumber && item.number <= std::numeric_limits<ContentFormat>::max()) {
    return static_cast<ContentFormat>(item.number);
  }
  return bad_cmw("its type is neither a text nor a number of 16 bits");
}

}  // namespace

Result<std::string> make_cmw_json(const Cmw& cmw) {
  if (auto checked = check_cmw(cmw); !checked) return fail(ErrorCode::kUsage, checked.error().message);
  const auto* const media_type = std::get_if<MediaType>(&cmw.type);
  if (media_type == nullptr) return fail(ErrorCode::kUsage, "CMW: a content format needs CBOR; give a media type");
  ordered_json array = {*media_type, to_base64url(cmw.value)};
  if (cmw.indicator) array.push_back(*cmw.indicator);
  return text_of(array);
}

Result<Bytes> make_cmw_cbor(const Cmw& cmw) {
  if (auto checked = check_cmw(cmw); !checked) return fail(ErrorCode::kUsage, checked.error().message);
  Bytes out;
  put_array(out, cmw.indicator ? 3 : 2);
  if (const auto* const media_type = std::get_if<MediaType>(&cmw.type)) {
    put_text(out, *media_type);
  } else {
    put_number(out, std::get<ContentFormat>(cmw.type));
  }
  put_bytes(out, cmw.value);
  if (cmw.indicator) put_number(out, *cmw.indicator);
  return out;
}

Result<Cmw> read_cmw_json(std::string_view text, std::size_t most_bytes) {
  IMAKEEP_CHECK(check_size(text.size(), most_bytes));
  IMAKEEP_TRY(const json value, jsontext::read_value(text, "CMW"));
  if (value.is_object()) return no_collection();
  if (!value.is_array() || value.size() < 2 || value.size() > 3) {
    return bad_cmw("it is no array of type, value and perhaps an indicator");
  }
  if (!value[0].is_string() || !value[1].is_string()) return bad_cmw("its type or its value is no text");
  auto bytes = from_base64url(value[1].get_ref<const std::string&>());
  if (!bytes) return bad_cmw("its value is no base64url without padding");
  Cmw cmw = {.type = value[0].get<std::string>(), .value = std::move(*bytes)};
  if (value.size() == 3) {
    const bool is_number = value[2].is_number_unsigned();
    IMAKEEP_TRY(cmw.indicator, indicator_of(is_number, is_number ? value[2].get<std::uint64_t>() : 0));
  }
  IMAKEEP_CHECK(check_cmw(cmw));
  return cmw;
}

Result<Cmw> read_cmw_cbor(ByteView bytes, std::size_t most_bytes) {
  IMAKEEP_CHECK(check_size(bytes.size(), most_bytes));
  ByteView rest = bytes;
  IMAKEEP_TRY(const CborItem array, take_element(rest, most_bytes));
  if (array.kind == ItemKind::kMap) return no_collection();
  if (array.kind == ItemKind::kOther) {
    return bad_cmw("it is no array of definite length; send one record, without a tag", ErrorCode::kUnsupported);
  }
  if (array.kind != ItemKind::kArray || array.number < 2 || array.number > 3) {
    return bad_cmw("it is no array of type, value and perhaps an indicator");
  }
  Cmw cmw;
  IMAKEEP_TRY(const CborItem type, take_element(rest, most_bytes));
  IMAKEEP_TRY(cmw.type, type_of(type));
  IMAKEEP_TRY(const CborItem value, take_element(rest, most_bytes));
  if (value.kind == ItemKind::kChunks) {
    return bad_cmw("its value is split into chunks; send it as one byte string", ErrorCode::kUnsupported);
  }
  if (value.kind != ItemKind::kBytes) return bad_cmw("its value is no byte string");
  cmw.value.assign(value.bytes.begin(), value.bytes.end());
  if (array.number == 3) {
    IMAKEEP_TRY(const CborItem indicator, take_element(rest, most_bytes));
    IMAKEEP_TRY(cmw.indicator, indicator_of(indicator.kind == ItemKind::kNumber, indicator.number));
  }
  if (!rest.empty()) return bad_cmw("bytes follow its end");
  IMAKEEP_CHECK(check_cmw(cmw));
  return cmw;
}

}  // namespace imakeep::evidence
