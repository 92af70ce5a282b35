// SPDX-License-Identifier: Apache-2.0
#include "policy/json_value.h"

#include <algorithm>

namespace imakeep::policy {

Result<std::string> JsonValue::text() const {
  if (!value_->is_string()) return bad("a text is needed here", "write it in quotes");
  return value_->get_ref<const std::string&>();
}

Result<std::uint64_t> JsonValue::count(std::uint64_t max) const {
  if (!value_->is_number_unsigned() || value_->get<std::uint64_t>() > max) {
    return bad("a whole number is needed here", "write a number from 0 to " + std::to_string(max));
  }
  return value_->get<std::uint64_t>();
}

Result<std::vector<std::string>> JsonValue::texts() const {
  IMAKEEP_TRY(const auto& values, elements());
  std::vector<std::string> texts;
  texts.reserve(values.size());
  for (const JsonValue& value : values) {
    IMAKEEP_TRY(auto text, value.text());
    texts.push_back(std::move(text));
  }
  return texts;
}

Result<std::vector<JsonValue>> JsonValue::elements() const {
  if (!value_->is_array()) return bad("an array is needed here", "write it as [...]");
  std::vector<JsonValue> values;
  values.reserve(value_->size());
  for (const nlohmann::json& element : *value_) values.emplace_back(element, pointer_to(pointer_, values.size()));
  return values;
}

Result<std::vector<std::pair<std::string, JsonValue>>> JsonValue::members() const {
  if (!value_->is_object()) return bad("an object is needed here", "write it as {...}");
  std::vector<std::pair<std::string, JsonValue>> members;
  for (const auto& [name, value] : value_->items()) {
    members.emplace_back(name, JsonValue(value, pointer_to(pointer_, name)));
  }
  return members;
}

Result<JsonValue> JsonValue::required(const char* member) const {
  if (!value_->is_object()) return bad("an object is needed here", "write it as {...}");
  if (auto found = optional(member)) return std::move(*found);
  return bad("the member \"" + std::string(member) + "\" is missing", "add it");
}

std::optional<JsonValue> JsonValue::optional(const char* member) const {
  const auto found = value_->find(member);
  if (found == value_->end()) return std::nullopt;
  return JsonValue(*found, pointer_to(pointer_, std::string_view(member)));
}

Result<void> JsonValue::only(std::initializer_list<std::string_view> known) const {
  IMAKEEP_TRY(const auto& members_here, members());
  for (const auto& [name, value] : members_here) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string list;
    for (const std::string_view one : known) list += (list.empty() ? "" : ", ") + std::string(one);
    return value.unknown("this build knows no such member", "correct its name, one of " + list + ", or leave it out");
  }
  return {};
}

}  // namespace imakeep::policy
