// imalog/digest_batch.h - template digests of many records in one bank at once, which costs less than one by one.
//
// Source: as template_digest.h. Threads: an object belongs to one thread at a time.
#pragma once

#include <span>
#include <vector>

#include "digest/hash_many.h"
#include "imalog/template_digest.h"

namespace imakeep::imalog {

// Records are added, then compute() gives a digest for each in their order. Memory is kept for the next batch.
class DigestBatch {
 public:
  explicit DigestBatch(const digest::Bank& bank) : bank_(bank) {}

  const digest::Bank& bank() const { return bank_; }

  void clear();
  // The digest of what the record says, violation or not, as template_digest(). Borrows the body until compute().
  void add(std::string_view template_name, ByteView body);
  // A digest that is known already, of the bank's size.
  void add_known(const digest::Digest& digest);
  // As shown_digest() and extended_digest().
  void add_shown(const RecordContentView& content);
  void add_extended(const RecordContentView& content);

  // Valid until the next call of anything else.
  std::span<const digest::Digest> compute() { return compute_beside({}); }
  // The same while a PCR of the bank is extended, by digests that do not come from here.
  std::span<const digest::Digest> compute_beside(const digest::Extends& extends);

 private:
  // An "ima" record, of which other bytes are hashed than stand in its body.
  struct ImaAt {
    std::size_t message;  // in messages_
    ImaMessage bytes;
  };

  struct Known {
    std::size_t record;
    digest::Digest digest;
  };

  std::size_t records() const { return messages_.size() + known_.size(); }

  digest::Bank bank_;
  std::vector<ByteView> messages_;  // of the records whose digests are computed
  std::vector<ImaAt> ima_;
  std::vector<Known> known_;
  std::vector<digest::Digest> digests_;  // one a record, and what earlier batches left behind them
};

}  // namespace imakeep::imalog
