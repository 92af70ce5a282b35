// SPDX-License-Identifier: Apache-2.0
// policy/json_value.h - a value of a JSON tree together with its pointer, so that each error names its place.
//
// Internal to src/policy; only its .cc files include it, since it includes all of nlohmann-json. Threads: no shared
// state.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "policy/json_document.h"

namespace imakeep::policy {

class JsonValue {
 public:
  JsonValue(const nlohmann::json& value, std::string pointer) : value_(&value), pointer_(std::move(pointer)) {}

  const std::string& pointer() const { return pointer_; }
  const nlohmann::json& json() const { return *value_; }

  unexpected<Error> bad(const std::string& reason, const std::string& remedy) const {
    return unexpected(at_pointer(ErrorCode::kMalformed, pointer_, reason, remedy));
  }
  unexpected<Error> unknown(const std::string& reason, const std::string& remedy) const {
    return unexpected(at_pointer(ErrorCode::kUnsupported, pointer_, reason, remedy));
  }

  Result<std::string> text() const;
  Result<std::uint64_t> count(std::uint64_t max) const;
  Result<std::vector<std::string>> texts() const;
  Result<std::vector<JsonValue>> elements() const;
  // The members of an object, sorted by name.
  Result<std::vector<std::pair<std::string, JsonValue>>> members() const;
  Result<JsonValue> required(const char* member) const;
  std::optional<JsonValue> optional(const char* member) const;
  // kUnsupported for a member that is none of these; kMalformed if it is no object.
  Result<void> only(std::initializer_list<std::string_view> known) const;

 private:
  const nlohmann::json* value_;  // not owned
  std::string pointer_;
};

}  // namespace imakeep::policy
