// SPDX-License-Identifier: Apache-2.0
#include "keeper/diagnosis.h"

#include <algorithm>
#include <array>
#include <utility>

namespace imakeep::keeper {
namespace {

constexpr std::array<std::pair<Diagnosis, std::string_view>, 13> kWords = {{
    {Diagnosis::kTrimmedByOther, "trimmed-by-other"},
    {Diagnosis::kKexecDropped, "kexec-dropped"},
    {Diagnosis::kHeadless, "headless"},
    {Diagnosis::kGap, "gap"},
    {Diagnosis::kAlteredRecord, "altered-record"},
    {Diagnosis::kFailedExtend, "failed-extend"},
    {Diagnosis::kUnexplainedExtend, "unexplained-extend"},
    {Diagnosis::kGapOrExtend, "gap-or-extend"},
    {Diagnosis::kArchiveAhead, "archive-ahead"},
    {Diagnosis::kUnreadPcr, "unread-pcr"},
    {Diagnosis::kMeasuredWithoutTpm, "measured-without-tpm"},
    {Diagnosis::kStartNotZero, "start-not-zero"},
    {Diagnosis::kConcurrentChange, "concurrent-change"},
}};

}  // namespace

std::string_view word(Diagnosis diagnosis) {
  return std::ranges::find(kWords, diagnosis, &std::pair<Diagnosis, std::string_view>::first)->second;
}

std::optional<std::string_view> former_word(Diagnosis diagnosis) {
  if (diagnosis == Diagnosis::kConcurrentChange) return "unsettled";
  return std::nullopt;
}

std::optional<Diagnosis> diagnosis_of(std::string_view text) {
  const auto* const found = std::ranges::find_if(
      kWords, [&](const auto& each) { return text == each.second || text == former_word(each.first); });
  if (found == kWords.end()) return std::nullopt;
  return found->first;
}

}  // namespace imakeep::keeper
