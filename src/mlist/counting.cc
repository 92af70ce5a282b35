// SPDX-License-Identifier: Apache-2.0
#include "mlist/counting.h"

#include <algorithm>

#include "imalog/template.h"

namespace imakeep::mlist {
namespace {

bool keeps_name(std::string_view template_name) {
  const auto builtin = imalog::Template::builtin_names();
  if (std::find(builtin.begin(), builtin.end(), template_name) != builtin.end()) return true;
  return !imalog::Template::find(template_name);
}

}  // namespace

std::uint64_t linux_counted_bytes(const imalog::RecordContentView& content) {
  constexpr std::uint64_t kFixedBytes = 4 + 20 + 4 + 4;
  if (content.template_name == imalog::kImaTemplate) {
    return kFixedBytes + content.template_name.size() + content.body.size() + 4 + 1;
  }
  return kFixedBytes + (keeps_name(content.template_name) ? content.template_name.size() : 0) + content.body.size();
}

Extent extent_of(const imalog::RecordContentView& content) {
  return {.records = 1,
          .counted_bytes = linux_counted_bytes(content),
          .undigested_bytes = imalog::encoded_bytes(content, 0)};
}

}  // namespace imakeep::mlist
