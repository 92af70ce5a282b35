// SPDX-License-Identifier: Apache-2.0
#include "keeper/matching_pcrs.h"

#include <algorithm>

namespace imakeep::keeper {
namespace {

// The count of known records of the alignments that match without the PCRs `passed_over`, if all have the same.
std::optional<std::uint64_t> only_known(const Search& search, std::uint64_t list_records, const Window& window,
                                        std::uint32_t passed_over) {
  std::optional<std::uint64_t> only;
  for (std::size_t family = 0; family < search.families().size(); ++family) {
    const Family& of = search.families()[family];
    if (of.altered()) continue;
    for (std::uint64_t i = 0; i < of.count; ++i) {
      const std::uint64_t known = of.first + i * of.step;
      if (!match_of(search.seen(family, i, passed_over), known, list_records, window)) continue;
      if (only && *only != known) return std::nullopt;
      only = known;
    }
  }
  return only;
}

}  // namespace

std::optional<Alignment> by_matching_pcrs(const Search& search, const Contents& contents, const Window& window,
                                          const digest::PcrState& end_pcrs) {
  const std::uint32_t passed_over = parted_pcrs(search, contents.list.records(), window);
  const bool of_chain = std::ranges::any_of(search.pcrs(), [&](const imalog::PcrValue& value) {
    return (passed_over >> value.pcr & 1) == 0 && end_pcrs.touched(value.pcr);
  });
  if (passed_over == 0 || !of_chain) return std::nullopt;
  const auto only = only_known(search, contents.list.records(), window, passed_over);
  if (only && !told_apart(search.families(), contents.list, *only, ~passed_over)) return std::nullopt;
  const auto best = only ? best_match(search, contents, window, false, passed_over) : std::nullopt;
  return best && best->alignment.same ? std::optional(best->alignment) : std::nullopt;
}

std::uint32_t parted_pcrs(const Search& search, std::uint64_t list_records, const Window& window) {
  const std::vector<imalog::PcrValue>& pcrs = search.pcrs();
  std::vector<bool> matched(pcrs.size());
  for (std::size_t family = 0; family < search.families().size(); ++family) {
    const Family& of = search.families()[family];
    for (std::uint64_t i = 0; i < of.count; ++i) {
      const auto seen = search.seen(family, i);
      for (std::size_t value = 0; value < seen.size(); ++value) {
        matched[value] =
            matched[value] || match_of(std::span(seen).subspan(value, 1), of.first + i * of.step, list_records, window);
      }
    }
  }
  std::uint32_t parted = 0;
  for (std::size_t value = 0; value < matched.size(); ++value) {
    if (!matched[value]) parted |= 1u << pcrs[value].pcr;
  }
  return parted;
}

bool told_apart(std::span<const Family> families, const RecordSummary& list, std::uint64_t only,
                std::uint32_t of_pcrs) {
  return std::ranges::all_of(families, [&](const Family& of) {
    for (std::uint64_t i = 0; !of.altered() && i < of.count; ++i) {
      const std::uint64_t known = of.first + i * of.step;
      if (known > only && !list.has_lasting(ListIndex(only), ListIndex(known), of_pcrs)) return false;
    }
    return true;
  });
}

}  // namespace imakeep::keeper
