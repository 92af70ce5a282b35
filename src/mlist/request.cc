// SPDX-License-Identifier: Apache-2.0
#include "mlist/request.h"

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace imakeep::mlist {
namespace {

// kstrtoul(text, 10): only a number, optionally followed by one newline.
Result<std::uint64_t> parse_number(std::string_view text) {
  text = text.substr(0, text.find('\0'));  // the kernel reads a C string
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.starts_with('+')) text.remove_prefix(1);
  const bool digits =
      !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range) return refuse(ERANGE, "number too large");
  if (!digits) return refuse(EINVAL, "not a number");
  return number;
}

}  // namespace

Result<void> carry_out(MeasurementList& list, ListKind file, std::string_view written) {
  if (written.size() < kMinRequestBytes || written.size() > kMaxRequestBytes || written.back() != '\n') {
    return refuse(EINVAL, "not a request");
  }
  const std::string_view request = written.substr(0, written.size() - 1);
  if (file == ListKind::kStaged) {
    if (request == "A") return list.stage();
    if (request == "D") return list.delete_staged();
    return refuse(EINVAL, "a staged file takes A or D");
  }
  // Linux checks this before it parses the number.
  if (list.options().table == TableMode::kFlushed)
    return refuse(EINVAL, "the digest table is to be flushed: stage instead");
  IMAKEEP_TRY(const auto& records, parse_number(request));
  return list.delete_first(records);
}

}  // namespace imakeep::mlist
