// SPDX-License-Identifier: Apache-2.0
#include "query/counts.h"

#include <algorithm>

namespace imakeep::query {
namespace {

std::string key_of(CountBy by, const SeenRecord& record) {
  switch (by) {
    case CountBy::kPath:
      return std::string(record.facts.name);
    case CountBy::kDigest:
      return record.facts.digest_text();
    case CountBy::kDirectory:
      return std::string(record.facts.directory());
    case CountBy::kTemplate:
      break;
  }
  return std::string(record.numbered.record.content.template_name);
}

}  // namespace

const std::vector<std::string>& count_by_names() {
  static const std::vector<std::string> kNames{"path", "digest", "directory", "template"};
  return kNames;
}

std::optional<CountBy> count_by_named(std::string_view name) {
  const auto& names = count_by_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<CountBy>(found - names.begin());
}

Result<void> Counts::add(const SeenRecord& record) {
  std::string key = key_of(by_, record);
  if (sums_.size() >= most_keys_ && !sums_.contains(key)) {
    return fail(ErrorCode::kUnsupported,
                "more than " + std::to_string(most_keys_) +
                    " different ones to count; select fewer records, or count by directory or template");
  }
  Sum& sum = sums_[std::move(key)];
  constexpr std::size_t kSha1Bytes = 20;
  ++sum.records;
  sum.bytes += imalog::encoded_bytes(record.numbered.record.content, kSha1Bytes);
  ++records_;
  return {};
}

std::vector<Count> Counts::sorted() const {
  std::vector<Count> counts;
  counts.reserve(sums_.size());
  for (const auto& [key, sum] : sums_) counts.push_back({.key = key, .records = sum.records, .bytes = sum.bytes});
  std::sort(counts.begin(), counts.end(), [](const Count& a, const Count& b) {
    return a.records != b.records ? a.records > b.records : a.key < b.key;
  });
  return counts;
}

}  // namespace imakeep::query
