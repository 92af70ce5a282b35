// SPDX-License-Identifier: Apache-2.0
#include "keeper/record_batch.h"

namespace imakeep::keeper {

void RecordBatch::add(const imalog::RecordContentView& content, ByteView shown) {
  Entry entry{.pcr = content.pcr, .violation = content.violation, .name = bytes_.size()};
  append_bytes(bytes_, as_bytes(content.template_name));
  entry.body = bytes_.size();
  append_bytes(bytes_, content.body);
  entry.shown = bytes_.size();
  append_bytes(bytes_, shown);
  entry.end = bytes_.size();
  entries_.push_back(entry);
}

void RecordBatch::clear() {
  entries_.clear();
  bytes_.clear();
}

std::vector<archive::IncomingView> RecordBatch::views() const {
  std::vector<archive::IncomingView> views;
  views.reserve(entries_.size());
  const auto slice = [this](std::size_t from, std::size_t to) { return ByteView(bytes_).subspan(from, to - from); };
  for (const Entry& entry : entries_) {
    views.push_back({.content = {.pcr = entry.pcr,
                                 .template_name = as_text(slice(entry.name, entry.body)),
                                 .body = slice(entry.body, entry.shown),
                                 .violation = entry.violation},
                     .shown = slice(entry.shown, entry.end)});
  }
  return views;
}

}  // namespace imakeep::keeper
