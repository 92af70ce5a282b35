// SPDX-License-Identifier: Apache-2.0
#include "monitor/trim_story.h"

#include <algorithm>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "archive/archive_reader.h"
#include "base/text.h"
#include "monitor/keeper_status.h"
#include "monitor/status_json.h"
#include "monitor/time_text.h"

namespace imakeep::monitor {
namespace {

std::string ms_text(std::int64_t us) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f ms", static_cast<double>(us) / 1000);
  return text;
}

// Counts only records that can be read.
std::uint64_t list_bytes(archive::Archive& archive, const archive::Chain& chain, const keeper::ListShape& shape,
                         std::uint64_t end, std::size_t digest_bytes) {
  std::uint64_t bytes = 0;
  archive::ArchiveReader reader(archive.store(), chain, shape.head().value(), end);
  for (;;) {
    const auto step = reader.next();
    if (!step || step->done()) return bytes;
    if (!step->record) continue;
    const keeper::RecordNumber number(step->record->number);
    const bool was_in_list = std::ranges::none_of(
        shape.missing(), [&](const keeper::Range& range) { return range.first <= number && number < range.end; });
    if (was_in_list) bytes += imalog::encoded_bytes(step->record->record.content, digest_bytes);
  }
}

}  // namespace

TrimStory trim_story(const keeper::TrimResult& trimmed, std::uint64_t list_records,
                     const std::optional<keeper::ChainState>& before, archive::Archive& archive,
                     std::size_t digest_bytes) {
  TrimStory story{.trimmed = trimmed, .list_records = list_records};
  if (trimmed.records == 0) return story;
  const auto loaded = keeper::ChainState::load(archive);
  if (!loaded || !*loaded) return story;
  const keeper::ChainState& after = **loaded;
  const std::uint64_t end = after.shape.head().value();
  // Use the list's shape from before the trim, unless the trim's own follow has found the list at another place.
  keeper::ListShape shape(keeper::RecordNumber(end - std::min(end, trimmed.records)));
  if (before && before->chain.chain == after.chain.chain &&
      before->shape.number_at(keeper::ListIndex(trimmed.records)) == after.shape.head()) {
    shape = before->shape;
  }
  story.range = TrimStory::Range{.chain = after.chain.chain,
                                 .first = shape.head().value(),
                                 .end = end,
                                 .proven_unix_s = after.row.proven >= end ? after.row.proven_unix_s : 0,
                                 .bytes = list_bytes(archive, after.chain, shape, end, digest_bytes)};
  return story;
}

std::string text_of(const TrimStory& story) {
  const keeper::TrimResult& trimmed = story.trimmed;
  std::string text = "trimmed " + records_text(trimmed.records) + " by " + std::string(method_word(trimmed.method));
  if (story.range) {
    const TrimStory::Range& range = *story.range;
    text += ": " + std::to_string(range.first) + " to " + std::to_string(range.end - 1) + " of chain " +
            std::to_string(range.chain.value()) +
            (range.proven_unix_s == 0 ? ", unproven" : ", proven " + time_text(range.proven_unix_s));
  }
  text += ", holding the list for " + ms_text(trimmed.hold_us) + "; " + records_text(story.list_records) + " left";
  if (story.range) text += ", " + human_bytes(story.range->bytes) + " of the list are gone";
  if (trimmed.no_table_memory) text += "; Linux had no memory for a new table of digests";
  return text;
}

nlohmann::json json_of(const TrimStory& story) {
  nlohmann::json made = json_of(story.trimmed);
  made["list_records"] = story.list_records;
  if (!story.range) return made;
  made["chain"] = story.range->chain.value();
  made["first"] = story.range->first;
  made["bytes"] = story.range->bytes;
  made["proven_unix_s"] = story.range->proven_unix_s;
  return made;
}

}  // namespace imakeep::monitor
