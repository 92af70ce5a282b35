// SPDX-License-Identifier: Apache-2.0
#include "evidence/message.h"

#include "base/base64.h"
#include "evidence/challenge.h"
#include "evidence/names.h"

namespace imakeep::evidence {
namespace {

using jsontext::Members;

Result<Bytes> sized(const Members& members, std::string_view name, Result<Bytes> bytes, const char* form,
                    std::size_t least, std::size_t most) {
  if (!bytes) return members.bad(name, std::string("is no ") + form);
  if (bytes->size() >= least && bytes->size() <= most) return bytes;
  const std::string sizes =
      least == most ? std::to_string(most) : std::to_string(least) + " to " + std::to_string(most);
  return members.bad(name, "has " + std::to_string(bytes->size()) + " bytes instead of " + sizes);
}

}  // namespace

Result<nlohmann::json> read_message(std::string_view text, const std::string& what, std::size_t most_bytes) {
  if (text.size() > most_bytes) {
    return fail(ErrorCode::kUnsupported, what + ": it has more than " + std::to_string(most_bytes) + " bytes");
  }
  IMAKEEP_TRY(nlohmann::json object, jsontext::read_object(text, what));
  IMAKEEP_TRY(const auto version, Members(object, what).count("version"));
  if (version != kControlVersion) {
    return fail(ErrorCode::kUnsupported, what + ": version " + std::to_string(version) + "; only version " +
                                             std::to_string(kControlVersion) + " is known");
  }
  return object;
}

Result<Bytes> read_base64(const Members& members, std::string_view name, std::size_t least, std::size_t most) {
  IMAKEEP_TRY(const auto& text, members.text(name));
  return sized(members, name, from_base64(text), "base64", least, most);
}

Result<Bytes> read_base64url(const Members& members, std::string_view name, std::size_t least, std::size_t most) {
  IMAKEEP_TRY(const auto& text, members.text(name));
  return sized(members, name, from_base64url(text), "base64url without padding", least, most);
}

Result<bool> read_flag(const Members& members, std::string_view name) {
  const auto* const flag = members.find(name);
  if (flag == nullptr) return false;
  if (!flag->is_boolean()) return members.bad(name, "is no boolean");
  return flag->get<bool>();
}

Result<HostName> read_host_name(const Members& members) {
  HostName name;
  IMAKEEP_TRY(const auto tenant, members.optional_text("tenant"));
  if (tenant) {
    if (tenant->empty()) return members.bad("tenant", "is empty; leave it out");
    if (auto checked = check_tenant(*tenant); !checked) return members.bad("tenant", checked.error().message);
    name.tenant = *tenant;
  }
  IMAKEEP_TRY(name.host, members.text("host"));
  if (auto checked = check_host(name.host); !checked) return members.bad("host", checked.error().message);
  return name;
}

std::string text_of(const nlohmann::ordered_json& object) {
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace imakeep::evidence
