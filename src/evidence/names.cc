// SPDX-License-Identifier: Apache-2.0
#include "evidence/names.h"

#include <algorithm>
#include <string>

namespace imakeep::evidence {
namespace {

bool is_name_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-' || c == ':';
}

Result<void> check_name(const char* what, std::string_view name, std::size_t most_bytes) {
  if (!name.empty() && name.size() <= most_bytes && std::all_of(name.begin(), name.end(), is_name_character)) return {};
  return fail(ErrorCode::kMalformed, std::string(what) + ": a name has 1 to " + std::to_string(most_bytes) +
                                         " letters, digits and characters of \"._-:\"; choose such a name");
}

}  // namespace

Result<void> check_host(std::string_view name) {
  return check_name("host", name, kMostHostBytes);
}

Result<void> check_tenant(std::string_view name) {
  if (name.empty()) return {};
  return check_name("tenant", name, kMostTenantBytes);
}

}  // namespace imakeep::evidence
