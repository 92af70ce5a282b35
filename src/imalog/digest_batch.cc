// SPDX-License-Identifier: Apache-2.0
#include "imalog/digest_batch.h"

namespace imakeep::imalog {

void DigestBatch::clear() {
  messages_.clear();
  ima_.clear();
  known_.clear();
}

void DigestBatch::add(std::string_view template_name, ByteView body) {
  if (template_name == kImaTemplate) ima_.push_back({.message = messages_.size(), .bytes = ima_message(body)});
  messages_.push_back(body);
}

void DigestBatch::add_known(const digest::Digest& digest) {
  known_.push_back({.record = records(), .digest = digest});
}

void DigestBatch::add_shown(const RecordContentView& content) {
  if (content.violation) {
    add_known(shown_digest(bank_, content));
  } else {
    add(content.template_name, content.body);
  }
}

void DigestBatch::add_extended(const RecordContentView& content) {
  if (content.violation || bank_.fill == digest::Fill::kInvalidated) {
    add_known(extended_digest(bank_, content));
  } else {
    add(content.template_name, content.body);
  }
}

std::span<const digest::Digest> DigestBatch::compute_together(const digest::Extends& extends) {
  for (const ImaAt& ima : ima_) messages_[ima.message] = ima.bytes.view();
  if (digests_.size() < records()) digests_.resize(records());
  const std::span<digest::Digest> all = std::span(digests_).first(records());
  const std::span<digest::Digest> hashed = all.first(messages_.size());
  if (bank_.padded()) {
    digest::extend_many(bank_.algorithm, extends);
    digest::hash_many(hash_of(bank_), messages_, hashed);
    for (digest::Digest& digest : hashed) digest = in_bank(bank_, digest);
  } else {
    digest::hash_many_together(bank_.algorithm, messages_, hashed, extends);
  }
  // Insert the known digests at their places. Go from the end to the front, so that no digest is overwritten.
  std::size_t left = hashed.size();
  std::size_t at = all.size();
  for (auto known = known_.rbegin(); known != known_.rend(); ++known) {
    while (at > known->record + 1) all[--at] = all[--left];
    all[--at] = known->digest;
  }
  return all;
}

}  // namespace imakeep::imalog
