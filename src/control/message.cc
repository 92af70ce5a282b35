// SPDX-License-Identifier: Apache-2.0
#include "control/message.h"

#include <array>

namespace imakeep::control {
namespace {

constexpr std::array<const char*, 8> kCodeNames = {"truncated", "malformed", "unsupported", "mismatch",
                                                   "usage",     "refused",   "environment", "io"};

}  // namespace

nlohmann::json error_to_json(const Error& error) {
  nlohmann::json json{{"code", kCodeNames[static_cast<std::size_t>(error.code)]}, {"message", error.message}};
  if (error.offset) json["offset"] = *error.offset;
  if (error.record) json["record"] = *error.record;
  if (error.os_errno != 0) json["errno"] = error.os_errno;
  return json;
}

Error error_from_json(const nlohmann::json& json) {
  Error error{.code = ErrorCode::kIo, .message = json.value("message", "the list gave no reason")};
  const std::string code = json.value("code", "");
  for (std::size_t i = 0; i < kCodeNames.size(); ++i) {
    if (code == kCodeNames[i]) error.code = static_cast<ErrorCode>(i);
  }
  if (json.contains("offset")) error.offset = json["offset"].get<std::uint64_t>();
  if (json.contains("record")) error.record = json["record"].get<std::uint64_t>();
  error.os_errno = json.value("errno", 0);
  return error;
}

}  // namespace imakeep::control
