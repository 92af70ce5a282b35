// SPDX-License-Identifier: Apache-2.0
#include "archive/record.h"

namespace imakeep::archive {
namespace {

bool is_own(const digest::Bank& bank, const RecordView& record) {
  return record.own && record.own->bank == bank;
}

}  // namespace

digest::Digest shown_digest(const digest::Bank& bank, const RecordView& record) {
  if (is_own(bank, record)) return digest::Digest(record.own->digest);
  return imalog::shown_digest(bank, record.content);
}

digest::Digest extended_digest(const digest::Bank& bank, const RecordView& record) {
  if (is_own(bank, record)) return digest::Digest(record.own->digest);
  return imalog::extended_digest(bank, record.content);
}

void add_shown(imalog::DigestBatch& batch, const RecordView& record) {
  if (is_own(batch.bank(), record)) {
    batch.add_known(digest::Digest(record.own->digest));
  } else {
    batch.add_shown(record.content);
  }
}

void add_extended(imalog::DigestBatch& batch, const RecordView& record) {
  if (is_own(batch.bank(), record)) {
    batch.add_known(digest::Digest(record.own->digest));
  } else {
    batch.add_extended(record.content);
  }
}

void extend(digest::PcrState& state, const RecordView& record) {
  for (std::size_t bank = 0; bank < state.banks().size(); ++bank) {
    state.extend(bank, record.content.pcr, extended_digest(state.banks()[bank], record));
  }
}

}  // namespace imakeep::archive
