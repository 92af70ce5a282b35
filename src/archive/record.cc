#include "archive/record.h"

namespace imakeep::archive {

digest::Digest shown_digest(const digest::Bank& bank, const RecordView& record) {
  if (record.own && record.own->bank == bank) return digest::Digest(record.own->digest);
  return imalog::shown_digest(bank, record.content);
}

digest::Digest extended_digest(const digest::Bank& bank, const RecordView& record) {
  if (record.own && record.own->bank == bank) return digest::Digest(record.own->digest);
  return imalog::extended_digest(bank, record.content);
}

void extend(digest::PcrState& state, const RecordView& record) {
  for (std::size_t bank = 0; bank < state.banks().size(); ++bank) {
    state.extend(bank, record.content.pcr, extended_digest(state.banks()[bank], record));
  }
}

}  // namespace imakeep::archive
