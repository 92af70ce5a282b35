// SPDX-License-Identifier: Apache-2.0
#include "keeper/replay_list.h"

#include "imalog/template_digest.h"

namespace imakeep::keeper {

Result<ReplayedList> replay_rest(ListStream& stream, const digest::Bank& shown, Search& search) {
  ReplayedList list;
  search.begin_at(stream.index());
  for (;;) {
    const ListIndex index = stream.index();
    IMAKEEP_TRY(const auto& record, stream.next());
    if (!record) {
      list.records = stream.records();
      return list;
    }
    const imalog::RecordContentView content = record->content();
    if (list.wrong_digests.size() < kMostAltered && !imalog::digest_matches(shown, content, record->digest)) {
      list.wrong_digests.push_back(index);
    }
    search.add(content);
  }
}

Result<void> replay_all(ListStream& stream, Search& search) {
  stream.seek({});
  search.begin_at(ListIndex(0));
  for (;;) {
    IMAKEEP_TRY(const auto& record, stream.next());
    if (!record) return {};
    search.add(record->content());
  }
}

}  // namespace imakeep::keeper
