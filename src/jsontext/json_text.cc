// SPDX-License-Identifier: Apache-2.0
#include "jsontext/json_text.h"

#include <algorithm>
#include <limits>
#include <set>
#include <vector>

#include "base/text.h"

namespace imakeep::jsontext {

using nlohmann::json;

Result<json> read_value(std::string_view text, const std::string& what) {
  std::vector<std::set<std::string>> names;  // of the objects that are open
  std::optional<std::string> twice;
  bool too_deep = false;
  const auto on_event = [&](int depth, json::parse_event_t event, json& parsed) {
    const bool begins = event == json::parse_event_t::object_start || event == json::parse_event_t::array_start;
    if (begins && depth >= kMostJsonDepth) too_deep = true;
    if (event == json::parse_event_t::object_start) names.emplace_back();
    if (event == json::parse_event_t::object_end) names.pop_back();
    if (event == json::parse_event_t::key) {
      const auto& name = parsed.get_ref<const std::string&>();
      if (!names.back().insert(name).second && !twice) twice = name;
    }
    return true;
  };
  json read = json::parse(text, on_event, /*allow_exceptions=*/false);
  if (read.is_discarded()) return fail(ErrorCode::kMalformed, what + ": not JSON");
  if (too_deep) return fail(ErrorCode::kMalformed, what + ": too many levels of objects and arrays");
  if (twice) return fail(ErrorCode::kMalformed, what + ": the member \"" + printable(*twice) + "\" is there twice");
  return read;
}

Result<json> read_object(std::string_view text, const std::string& what) {
  IMAKEEP_TRY(json read, read_value(text, what));
  if (!read.is_object()) return fail(ErrorCode::kMalformed, what + ": not a JSON object");
  return read;
}

unexpected<Error> Members::bad(std::string_view name, const std::string& problem) const {
  return fail(ErrorCode::kMalformed, where_ + ": " + printable(name) + ' ' + problem);
}

const json* Members::find(std::string_view name) const {
  const auto found = object_.find(name);
  return found == object_.end() ? nullptr : &*found;
}

Result<std::optional<std::string>> Members::optional_text(std::string_view name) const {
  const json* const value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) return bad(name, "is no text");
  return value->get<std::string>();
}

Result<std::string> Members::text(std::string_view name) const {
  IMAKEEP_TRY(auto value, optional_text(name));
  if (!value) return bad(name, "is missing");
  return std::move(*value);
}

Result<std::optional<std::uint64_t>> Members::optional_count(std::string_view name) const {
  const json* const value = find(name);
  if (value == nullptr) return std::nullopt;
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!value->is_number_unsigned() || value->get<std::uint64_t>() > kMost) return bad(name, "is no whole number");
  return value->get<std::uint64_t>();
}

Result<std::uint64_t> Members::count(std::string_view name) const {
  IMAKEEP_TRY(const auto value, optional_count(name));
  if (!value) return bad(name, "is missing");
  return *value;
}

Result<const json*> Members::object(std::string_view name) const {
  const json* const value = find(name);
  if (value == nullptr) return bad(name, "is missing");
  if (!value->is_object()) return bad(name, "is no object");
  return value;
}

Result<const json*> Members::array(std::string_view name) const {
  const json* const value = find(name);
  if (value == nullptr) return bad(name, "is missing");
  if (!value->is_array()) return bad(name, "is no array");
  return value;
}

Result<void> Members::only(std::initializer_list<std::string_view> known) const {
  for (const auto& [name, value] : object_.items()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) return bad(name, "is unknown here");
  }
  return {};
}

}  // namespace imakeep::jsontext
