// SPDX-License-Identifier: Apache-2.0
#include "attester/state.h"

#include <cerrno>

#include "base/base64.h"
#include "base/file.h"
#include "jsontext/json_text.h"

namespace imakeep::attester {
namespace {

constexpr std::uint64_t kStateVersion = 1;

std::string state_file(const std::string& directory) {
  return directory + "/attester.json";
}

Result<Bytes> base64_member(const jsontext::Members& members, std::string_view name) {
  IMAKEEP_TRY(const auto& text, members.text(name));
  auto bytes = from_base64(text);
  if (!bytes || bytes->empty()) return members.bad(name, "is no base64");
  return bytes;
}

Result<AttesterState> parse_state(std::string_view text) {
  const std::string where = "the attester's state";
  IMAKEEP_TRY(const auto& object, jsontext::read_object(text, where));
  const jsontext::Members members(object, where);
  IMAKEEP_TRY(const auto version, members.count("version"));
  if (version != kStateVersion) {
    return fail(ErrorCode::kUnsupported,
                where + " has version " + std::to_string(version) + "; use the imakeep that wrote it, or enrol again");
  }
  AttesterState state;
  IMAKEEP_TRY(state.server, members.text("server"));
  IMAKEEP_TRY(const auto& authorities, members.optional_text("authorities"));
  IMAKEEP_TRY(const auto& pin, members.optional_text("pin"));
  IMAKEEP_TRY(const auto& tenant, members.optional_text("tenant"));
  state.authorities = authorities.value_or("");
  state.pin = pin.value_or("");
  state.tenant = tenant.value_or("");
  IMAKEEP_TRY(state.host, members.text("host"));
  IMAKEEP_TRY(const auto parent, members.count("ak_parent"));
  if (parent < 1 || parent > static_cast<std::uint64_t>(tpm::KeyParent::kRsaPrimary)) {
    return members.bad("ak_parent", "is none of 1 to 3");
  }
  state.key.parent = static_cast<tpm::KeyParent>(parent);
  IMAKEEP_TRY(state.key.public_area, base64_member(members, "ak_public"));
  IMAKEEP_TRY(state.key.private_area, base64_member(members, "ak_private"));
  IMAKEEP_TRY(const auto& ek_certificate, members.optional_text("ek_certificate"));
  if (ek_certificate) {
    IMAKEEP_TRY(state.ek_certificate, base64_member(members, "ek_certificate"));
  }
  return state;
}

}  // namespace

Result<void> save_state(const std::string& directory, const AttesterState& state) {
  constexpr mode_t kOwnersDirectory = 0700;
  constexpr mode_t kOwnersFile = 0600;
  IMAKEEP_CHECK(make_directory(directory, kOwnersDirectory));
  nlohmann::ordered_json object = {{"version", kStateVersion}, {"server", state.server}};
  if (!state.authorities.empty()) object["authorities"] = state.authorities;
  if (!state.pin.empty()) object["pin"] = state.pin;
  if (!state.tenant.empty()) object["tenant"] = state.tenant;
  object["host"] = state.host;
  object["ak_parent"] = static_cast<int>(state.key.parent);
  object["ak_public"] = to_base64(state.key.public_area);
  object["ak_private"] = to_base64(state.key.private_area);
  if (!state.ek_certificate.empty()) object["ek_certificate"] = to_base64(state.ek_certificate);
  const std::string text = object.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  return replace_file(state_file(directory), as_bytes(text), kOwnersFile, FileOwner::kOfDirectory);
}

Result<std::optional<AttesterState>> load_state(const std::string& directory) {
  const std::string path = state_file(directory);
  const auto file = read_file(path, {.most_bytes = kMostTextBytes});
  if (!file && file.error().os_errno == ENOENT) return std::nullopt;
  if (!file) return unexpected(file.error());
  auto state = parse_state(as_text(*file));
  if (!state) return unexpected(named(std::move(state).error(), path));
  return std::move(*state);
}

}  // namespace imakeep::attester
