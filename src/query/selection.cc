// SPDX-License-Identifier: Apache-2.0
#include "query/selection.h"

#include <fnmatch.h>

#include <algorithm>

#include "base/text.h"
#include "digest/algorithm.h"

namespace imakeep::query {
namespace {

bool fits_digest(const WantedDigest& wanted, const RecordFactsView& facts) {
  return !facts.digest.empty() && equal(wanted.digest, facts.digest) &&
         (wanted.algorithm.empty() || wanted.algorithm == facts.algorithm);
}

}  // namespace

Result<WantedDigest> parse_wanted_digest(std::string_view text) {
  constexpr std::size_t kLeastBytes = 16;  // md5
  const std::size_t colon = text.rfind(':');
  WantedDigest wanted;
  if (colon != std::string_view::npos) wanted.algorithm = text.substr(0, colon);
  auto digest = from_hex(colon == std::string_view::npos ? text : text.substr(colon + 1));
  if (!digest || digest->size() < kLeastBytes) {
    return fail(ErrorCode::kUsage, "\"" + printable(text) + "\" is no digest; give ALG:HEX or HEX, all digits of it");
  }
  const auto known = digest::algorithm_from_name(wanted.algorithm);
  if (known && digest::digest_bytes(*known) != digest->size()) {
    return fail(ErrorCode::kUsage, "\"" + printable(text) + "\" has " + std::to_string(digest->size()) + " bytes; a " +
                                       wanted.algorithm + " digest has " +
                                       std::to_string(digest::digest_bytes(*known)));
  }
  wanted.digest = std::move(*digest);
  return wanted;
}

bool Selection::fits(const SeenRecord& record) const {
  const imalog::RecordContentView& content = record.numbered.record.content;
  if (violations && !content.violation) return false;
  // An unknown sight is shown: rather one too many than one too few.
  if (first_seen && record.sight != Sight::kFirst && record.sight != Sight::kUnknown) return false;
  if (!pcrs.empty() && std::find(pcrs.begin(), pcrs.end(), content.pcr) == pcrs.end()) return false;
  if (!templates.empty() && std::find(templates.begin(), templates.end(), content.template_name) == templates.end()) {
    return false;
  }
  const auto& facts = record.facts;
  if (!digests.empty() && std::none_of(digests.begin(), digests.end(),
                                       [&](const WantedDigest& each) { return fits_digest(each, facts); })) {
    return false;
  }
  if (!paths.empty()) {
    const std::string name(facts.name);
    if (std::none_of(paths.begin(), paths.end(),
                     [&](const std::string& pattern) { return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0; })) {
      return false;
    }
  }
  return record.between.overlaps(since_s, until_s);
}

}  // namespace imakeep::query
