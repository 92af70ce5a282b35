// SPDX-License-Identifier: Apache-2.0
// Input: a pattern, a zero byte, and a name. A pattern that a mode accepts is compiled, and what it matches in a set it
// matches alone.
#include "fuzz/require.h"
#include "policy/patterns.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imakeep;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = input.find('\0');
  const std::string pattern(input.substr(0, end));
  const std::string_view name = end == std::string_view::npos ? "" : input.substr(end + 1);
  for (const policy::Mode mode : {policy::Mode::kStrict, policy::Mode::kKeylime}) {
    const auto checked = policy::check_pattern(pattern, mode, {.most_pattern_bytes = 300});
    if (!checked) {
      fuzz::require(checked.error().message.find("pattern \"") == 0, "the error names the pattern");
      continue;
    }
    const auto alone = policy::Patterns::compile({pattern}, mode);
    const auto among = policy::Patterns::compile({"/never/a/name", pattern, "/nor/this"}, mode);
    fuzz::require(alone.has_value() && among.has_value(), "a pattern that is accepted can be compiled");
    const auto match = alone->match(name);
    if (match.given_up || name.starts_with("/n")) continue;
    fuzz::require(among->match(name).index.has_value() == match.index.has_value(), "a set matches as one pattern does");
  }
  return 0;
}
