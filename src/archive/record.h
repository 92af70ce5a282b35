// archive/record.h - a record as the archive keeps it: what no bank changes, and its own digest where that does not
// follow from the data.
//
// Digests are recomputed, so they are not kept. A record whose digest did not fit its data when it came in (altered, or
// of a bank whose hash the kernel had not loaded) keeps the digest it came with, for the bank it came in; in every
// other bank it has the digest of its data. Threads: no shared state.
#pragma once

#include <optional>

#include "imalog/digest_batch.h"
#include "imalog/pcr_state.h"

namespace imakeep::archive {

// Borrowed like RecordContentView.
struct OwnDigestView {
  digest::Bank bank;
  ByteView digest;  // of the bank's size
};

struct RecordView {
  imalog::RecordContentView content;
  std::optional<OwnDigestView> own = std::nullopt;  // never of a violation: its digest is zeros
};

// What the list shows, and what was extended, in that bank.
digest::Digest shown_digest(const digest::Bank& bank, const RecordView& record);
digest::Digest extended_digest(const digest::Bank& bank, const RecordView& record);

// Adds what shown_digest() and extended_digest() would give.
void add_shown(imalog::DigestBatch& batch, const RecordView& record);
void add_extended(imalog::DigestBatch& batch, const RecordView& record);

// Extends the record into every bank.
void extend(digest::PcrState& state, const RecordView& record);

}  // namespace imakeep::archive
