// SPDX-License-Identifier: Apache-2.0
#include "attester/direct_state.h"

#include <cerrno>

#include "base/base64.h"
#include "base/file.h"
#include "jsontext/json_text.h"

namespace imakeep::attester {
namespace {

constexpr std::uint64_t kDirectVersion = 1;

std::string direct_file(const std::string& directory) {
  return directory + "/direct.json";
}

Result<std::vector<attest::VerifiedChain>> parse_beginnings(std::string_view text) {
  const std::string where = "the beginning of the list";
  IMAKEEP_TRY(const auto& object, jsontext::read_object(text, where));
  const jsontext::Members members(object, where);
  IMAKEEP_TRY(const auto version, members.count("version"));
  if (version != kDirectVersion) {
    return fail(ErrorCode::kUnsupported,
                where + " has version " + std::to_string(version) + "; use the imakeep that wrote it");
  }
  IMAKEEP_TRY(const auto* const array, members.array("begins"));
  if (array->size() > kMostBeginnings) return members.bad("begins", "has more than two elements");
  std::vector<attest::VerifiedChain> begins;
  for (const auto& one : *array) {
    if (!one.is_string()) return members.bad("begins", "has an element that is no text");
    const auto bytes = from_base64(one.get_ref<const std::string&>());
    if (!bytes) return members.bad("begins", "has an element that is no base64");
    IMAKEEP_TRY(auto chain, attest::load_verified_chain(*bytes));
    begins.push_back(std::move(chain));
  }
  return begins;
}

}  // namespace

Result<void> save_beginnings(const std::string& directory, std::span<const attest::VerifiedChain> begins) {
  constexpr mode_t kOwnersFile = 0600;
  auto array = nlohmann::ordered_json::array();
  for (const attest::VerifiedChain& one : begins) array.push_back(to_base64(attest::save(one)));
  const nlohmann::ordered_json object = {{"version", kDirectVersion}, {"begins", std::move(array)}};
  return replace_file(direct_file(directory), as_bytes(object.dump(2) + "\n"), kOwnersFile, FileOwner::kOfDirectory);
}

Result<std::vector<attest::VerifiedChain>> load_beginnings(const std::string& directory) {
  const std::string path = direct_file(directory);
  const auto file = read_file(path, {.most_bytes = kMostTextBytes});
  if (!file && file.error().os_errno == ENOENT) return std::vector<attest::VerifiedChain>();
  if (!file) return unexpected(file.error());
  auto begins = parse_beginnings(as_text(*file));
  if (!begins) return unexpected(named(std::move(begins).error(), path));
  return begins;
}

}  // namespace imakeep::attester
