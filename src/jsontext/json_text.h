// SPDX-License-Identifier: Apache-2.0
// jsontext/json_text.h - reads small JSON texts of tokens and messages, strictly: two readers of the same text must not
// see two different objects.
//
// Only .cc files include it, since it includes all of nlohmann-json. The caller limits the size of the text. Threads:
// no shared state.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/result.h"

namespace imakeep::jsontext {

// Objects and arrays in one another; ours have 5 levels.
inline constexpr int kMostJsonDepth = 16;

// Any JSON value. `what` names the text in messages. kMalformed: not JSON (RFC 8259, UTF-8), a member twice, or too
// many levels.
Result<nlohmann::json> read_value(std::string_view text, const std::string& what);
// An object. kMalformed as read_value(), and if the value is no object.
Result<nlohmann::json> read_object(std::string_view text, const std::string& what);

// The members of an object; `where` is its place in messages, such as "ear.verifier-id". Each call: kMalformed if the
// member has another type; `required` also if it is missing.
class Members {
 public:
  Members(const nlohmann::json& object, std::string where) : object_(object), where_(std::move(where)) {}

  const nlohmann::json* find(std::string_view name) const;
  Result<std::string> text(std::string_view name) const;
  Result<std::optional<std::string>> optional_text(std::string_view name) const;
  // A whole number without fraction and exponent, from 0 to 2^63 - 1.
  Result<std::uint64_t> count(std::string_view name) const;
  Result<std::optional<std::uint64_t>> optional_count(std::string_view name) const;
  Result<const nlohmann::json*> object(std::string_view name) const;
  Result<const nlohmann::json*> array(std::string_view name) const;
  // kMalformed for a member that is none of these.
  Result<void> only(std::initializer_list<std::string_view> known) const;

  // kMalformed: "WHERE: NAME PROBLEM".
  unexpected<Error> bad(std::string_view name, const std::string& problem) const;

 private:
  const nlohmann::json& object_;
  const std::string where_;
};

}  // namespace imakeep::jsontext
