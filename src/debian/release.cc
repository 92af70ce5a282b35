// SPDX-License-Identifier: Apache-2.0
#include "debian/release.h"

#include <algorithm>
#include <ctime>

#include "base/quantity.h"
#include "base/text.h"
#include "debian/deb822.h"

namespace imakeep::debian {
namespace {

constexpr std::size_t kSha256Digits = 64;

bool is_sha256(std::string_view text) {
  return text.size() == kSha256Digits && from_hex(text).has_value();
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (const std::string_view word : split(line, " \t")) {
    if (!word.empty()) words.push_back(word);
  }
  return words;
}

}  // namespace

Result<Release> parse_release(std::string_view text) {
  Deb822Reader reader(text);
  IMAKEEP_TRY(const auto* paragraph, reader.next());
  if (paragraph == nullptr) return fail(ErrorCode::kMalformed, "the release is empty");
  const auto files = paragraph->find("SHA256");
  if (!files) return fail(ErrorCode::kMalformed, "the release has no SHA256; other hashes are not used");
  Release release{.suite = std::string(paragraph->value("Suite")),
                  .codename = std::string(paragraph->value("Codename")),
                  .by_hash = paragraph->value("Acquire-By-Hash") == "yes"};
  for (const std::string_view architecture : words_of(paragraph->value("Architectures"))) {
    release.architectures.emplace_back(architecture);
  }
  const auto unsupported = words_of(paragraph->value("No-Support-for-Architecture-all"));
  release.all_has_packages = std::find(unsupported.begin(), unsupported.end(), "Packages") == unsupported.end();
  if (const auto until = paragraph->find("Valid-Until")) {
    release.valid_until_unix_s = parse_date(*until);
    if (!release.valid_until_unix_s) {
      return fail(ErrorCode::kMalformed, "Valid-Until is no date: " + printable(*until));
    }
  }
  for (const std::string_view line : split(*files, "\n")) {
    const auto words = words_of(line);
    if (words.empty()) continue;
    const auto bytes = words.size() == 3 ? parse_count(words[1]) : fail(ErrorCode::kMalformed, "");
    if (!bytes || !is_sha256(words[0])) {
      return fail(ErrorCode::kMalformed, "SHA256 has a line that is not HASH SIZE PATH: " + printable(line));
    }
    release.files[std::string(words[2])] = {.sha256 = std::string(words[0]), .bytes = *bytes};
  }
  return release;
}

bool has_index(const Release& release, std::string_view architecture) {
  if (architecture == "all" && !release.all_has_packages) return false;
  const auto& known = release.architectures;
  return known.empty() || std::find(known.begin(), known.end(), architecture) != known.end();
}

std::optional<std::int64_t> parse_date(std::string_view text) {
  std::tm parts{};
  const std::string copy(text);
  const char* const end = ::strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S", &parts);
  if (end == nullptr) return std::nullopt;
  const std::string_view zone = trimmed(end);
  if (zone != "UTC" && zone != "GMT" && zone != "+0000") return std::nullopt;
  return ::timegm(&parts);
}

Result<void> check_release(const Release& release, std::string_view suite, std::int64_t now_unix_s) {
  if (release.suite != suite && release.codename != suite) {
    return fail(ErrorCode::kMismatch, "the release is that of suite " + printable(release.suite) + " (" +
                                          printable(release.codename) + "), not of " + printable(suite) +
                                          "; correct the source, or use another mirror");
  }
  if (release.valid_until_unix_s && *release.valid_until_unix_s < now_unix_s) {
    return fail(ErrorCode::kMismatch,
                "the release was valid until " + std::to_string(*release.valid_until_unix_s) +
                    " (seconds since 1970), so the mirror is behind or replays an old state; use another mirror");
  }
  return {};
}

}  // namespace imakeep::debian
