// SPDX-License-Identifier: Apache-2.0
// archive/record.h - a record as the archive keeps it: what is the same in every bank, and a stored digest if its
// digest does not follow from its data.
//
// Digests are recomputed, so the archive stores none. The exception is a record whose digest did not match its data
// when it was added: the record was altered, or the kernel had not loaded the bank's hash. The archive stores the
// digest of such a record for the bank in which it was added. In every other bank the record has the digest of its
// data. Threads: no shared state.
#pragma once

#include <optional>

#include "imalog/digest_batch.h"
#include "imalog/pcr_state.h"

namespace imakeep::archive {

// A stored digest. Borrowed like RecordContentView.
struct OwnDigestView {
  digest::Bank bank;
  ByteView digest;  // of the bank's size
};

struct RecordView {
  imalog::RecordContentView content;
  std::optional<OwnDigestView> own = std::nullopt;  // the stored digest; none for a violation, whose digest is zeros
};

// The digest that the list shows in that bank, and the digest that was extended there.
digest::Digest shown_digest(const digest::Bank& bank, const RecordView& record);
digest::Digest extended_digest(const digest::Bank& bank, const RecordView& record);

// Adds the result of shown_digest() or extended_digest() to the batch.
void add_shown(imalog::DigestBatch& batch, const RecordView& record);
void add_extended(imalog::DigestBatch& batch, const RecordView& record);

// Extends the record into every bank.
void extend(digest::PcrState& state, const RecordView& record);

}  // namespace imakeep::archive
