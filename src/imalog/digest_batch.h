// SPDX-License-Identifier: Apache-2.0
// imalog/digest_batch.h - computes template digests of many records in one bank together, which is cheaper.
//
// Source: same as template_digest.h. Threads: one thread at a time uses an object.
#pragma once

#include <span>
#include <vector>

#include "digest/hash_many.h"
#include "imalog/template_digest.h"

namespace imakeep::imalog {

// Add records, then call compute(): it returns one digest for each, in the same order. The object keeps its memory for
// the next batch.
class DigestBatch {
 public:
  explicit DigestBatch(const digest::Bank& bank) : bank_(bank) {}

  const digest::Bank& bank() const { return bank_; }

  void clear();
  // Adds a record whose digest is computed from its body like template_digest(), even for a violation. Borrows the body
  // until compute().
  void add(std::string_view template_name, ByteView body);
  // Adds a record whose digest is known already. `digest` has the bank's size.
  void add_known(const digest::Digest& digest);
  // Like shown_digest() and extended_digest().
  void add_shown(const RecordContentView& content);
  void add_extended(const RecordContentView& content);

  // The result is valid until the next call of any other member.
  std::span<const digest::Digest> compute() { return compute_together({}); }
  // The same, and meanwhile extends a PCR of the bank. The digests of `extends` must not come from this batch.
  std::span<const digest::Digest> compute_together(const digest::Extends& extends);

 private:
  // An "ima" record: the hashed bytes differ from its body.
  struct ImaAt {
    std::size_t message;  // index into messages_
    ImaMessage bytes;
  };

  struct Known {
    std::size_t record;
    digest::Digest digest;
  };

  std::size_t records() const { return messages_.size() + known_.size(); }

  digest::Bank bank_;
  std::vector<ByteView> messages_;  // messages whose digests are computed
  std::vector<ImaAt> ima_;
  std::vector<Known> known_;
  std::vector<digest::Digest> digests_;  // one for each record, then leftovers of larger batches
};

}  // namespace imakeep::imalog
