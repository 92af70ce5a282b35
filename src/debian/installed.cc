// SPDX-License-Identifier: Apache-2.0
#include "debian/installed.h"

#include <algorithm>

#include "base/text.h"
#include "debian/deb822.h"

namespace imakeep::debian {
namespace {

// "install ok installed": the third word is the state.
bool has_files(std::string_view status) {
  const std::string_view state = trimmed(status.substr(std::min(status.size(), status.rfind(' ') + 1)));
  return state != "not-installed" && state != "config-files";
}

// dpkg knows no other characters in names, versions and architectures than printable ones of ASCII.
bool is_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

// Lines "PATH MD5" or "PATH MD5 obsolete".
void take_conffiles(std::string_view value, std::set<std::string>& conffiles) {
  for (const std::string_view line : split(value, "\n")) {
    const std::string_view text = trimmed(line);
    const std::size_t end = text.find(' ');
    if (end != std::string_view::npos) conffiles.emplace(text.substr(0, end));
  }
}

}  // namespace

std::string text_of(const InstalledPackage& package) {
  return package.name + " " + package.version + " " + package.architecture;
}

Result<InstalledPackages> parse_status(std::string_view text) {
  InstalledPackages installed;
  Deb822Reader reader(text);
  for (;;) {
    IMAKEEP_TRY(const auto* paragraph, reader.next());
    if (paragraph == nullptr) break;
    const auto status = paragraph->find("Status");
    if (!status || !paragraph->find("Package")) {
      return fail(ErrorCode::kMalformed,
                  "a paragraph without Package or Status; give dpkg's status file, as /var/lib/dpkg/status");
    }
    if (!has_files(*status)) continue;
    InstalledPackage package{.name = std::string(paragraph->value("Package")),
                             .version = std::string(paragraph->value("Version")),
                             .architecture = std::string(paragraph->value("Architecture"))};
    if (!is_word(package.name) || !is_word(package.version) || !is_word(package.architecture)) {
      return fail(ErrorCode::kMalformed, "package '" + printable(text_of(package)) +
                                             "' has no good name, version or architecture; give dpkg's status file");
    }
    installed.packages.push_back(std::move(package));
    take_conffiles(paragraph->value("Conffiles"), installed.conffiles);
  }
  std::sort(installed.packages.begin(), installed.packages.end());
  return installed;
}

Result<Diversions> parse_diversions(std::string_view text) {
  Diversions diversions;
  std::vector<std::string_view> lines = split(text, "\n");
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  if (lines.size() % 3 != 0) return fail(ErrorCode::kMalformed, "not three lines for each diversion");
  for (std::size_t i = 0; i < lines.size(); i += 3) {
    const std::string_view package = lines[i + 2];
    diversions[std::string(lines[i])] = {.to = std::string(lines[i + 1]),
                                         .package = package == ":" ? std::string() : std::string(package)};
  }
  return diversions;
}

}  // namespace imakeep::debian
