// SPDX-License-Identifier: Apache-2.0
#include "debian/deb822.h"

#include <algorithm>

#include "base/text.h"

namespace imakeep::debian {
namespace {

bool same_field_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

unexpected<Error> bad_line(std::uint64_t line, const std::string& why) {
  return fail(ErrorCode::kMalformed, "line " + std::to_string(line) + ": " + why);
}

}  // namespace

std::optional<std::string_view> Paragraph::find(std::string_view name) const {
  const auto found = std::find_if(fields_.begin(), fields_.end(),
                                  [&](const Field& field) { return same_field_name(field.name, name); });
  if (found == fields_.end()) return std::nullopt;
  return found->value;
}

std::string_view Deb822Reader::next_line() {
  const std::size_t end = text_.find('\n');
  const std::string_view line = text_.substr(0, end);
  text_.remove_prefix(end == std::string_view::npos ? text_.size() : end + 1);
  ++line_;
  return line;
}

Result<const Paragraph*> Deb822Reader::next() {
  paragraph_.fields_.clear();
  const char* value_begin = nullptr;
  while (!text_.empty()) {
    const std::string_view line = next_line();
    if (trimmed(line).empty()) {
      if (paragraph_.fields_.empty()) continue;
      return &paragraph_;
    }
    if (line.front() == '#') continue;
    if (line.front() == ' ' || line.front() == '\t') {
      if (value_begin == nullptr) return bad_line(line_, "a continuation of no field");
      const auto bytes = static_cast<std::size_t>(line.data() + line.size() - value_begin);
      paragraph_.fields_.back().value = trimmed(std::string_view(value_begin, bytes));
      continue;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return bad_line(line_, "neither a field nor a continuation");
    const std::string_view name = line.substr(0, colon);
    if (paragraph_.find(name)) return bad_line(line_, "the field " + printable(name) + " is there twice");
    value_begin = line.data() + colon + 1;
    paragraph_.fields_.push_back({.name = name, .value = trimmed(line.substr(colon + 1))});
  }
  return paragraph_.fields_.empty() ? nullptr : &paragraph_;
}

}  // namespace imakeep::debian
