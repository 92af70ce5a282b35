// SPDX-License-Identifier: Apache-2.0
#include "ear/ear.h"

#include <algorithm>

#include "base/text.h"

namespace imakeep::ear {
namespace {

constexpr std::string_view kMediaType = "application/eat+jwt";

bool same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

// Splits at `separator`, but not within a quoted text.
std::vector<std::string_view> split_unquoted(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  bool quoted = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (text[i] != separator || quoted) continue;
    parts.push_back(text.substr(begin, i - begin));
    begin = i + 1;
  }
  parts.push_back(text.substr(begin));
  return parts;
}

// The profile that a media range asks for; empty if it is none of ours.
std::optional<Profile> profile_of_range(std::string_view range) {
  const auto parts = split_unquoted(range, ';');
  const std::string_view type = trimmed(parts.front());
  if (!same_word(type, kMediaType) && type != "*/*" && !same_word(type, "application/*")) return std::nullopt;
  std::optional<Profile> profile = Profile::kVeraison;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::string_view parameter = trimmed(parts[i]);
    const std::size_t equals = parameter.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = trimmed(parameter.substr(0, equals));
    std::string_view value = trimmed(parameter.substr(equals + 1));
    // A weight of 0 refuses the range (RFC 9110, 12.4.2).
    if (same_word(name, "q") && !value.empty() && value.find_first_not_of("0.") == std::string_view::npos) {
      return std::nullopt;
    }
    if (!same_word(name, "eat_profile")) continue;
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
    profile.reset();
    for (const Profile known : {Profile::kVeraison, Profile::kIetf}) {
      if (value == profile_tag(known)) profile = known;
    }
  }
  return profile;
}

}  // namespace

std::string_view profile_tag(Profile profile) {
  return profile == Profile::kVeraison ? "tag:github.com,2023:veraison/ear" : "tag:ietf.org,2026:rats/ear#03";
}

std::string media_type(Profile profile) {
  return std::string(kMediaType) + "; eat_profile=\"" + std::string(profile_tag(profile)) + '"';
}

std::optional<Profile> accepted_profile(std::string_view accept) {
  for (const std::string_view range : split_unquoted(accept, ',')) {
    if (const auto profile = profile_of_range(range)) return profile;
  }
  return std::nullopt;
}

}  // namespace imakeep::ear
