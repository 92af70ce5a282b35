#include "imalog/digest_batch.h"

namespace imakeep::imalog {

void DigestBatch::clear() {
  digests_.clear();
  messages_.clear();
  record_of_.clear();
  ima_.clear();
}

void DigestBatch::add(std::string_view template_name, ByteView body) {
  record_of_.push_back(digests_.size());
  digests_.emplace_back();
  if (template_name != kImaTemplate) {
    messages_.push_back(body);
    return;
  }
  ImaAt& ima = ima_.emplace_back(ImaAt{.message = messages_.size(), .bytes = {}});
  const ByteView path = body.subspan(kImaFileDigestBytes + 4);
  std::memcpy(ima.bytes.data(), body.data(), kImaFileDigestBytes);
  if (!path.empty()) std::memcpy(ima.bytes.data() + kImaFileDigestBytes, path.data(), path.size());
  messages_.emplace_back();
}

void DigestBatch::add_known(const digest::Digest& digest) {
  digests_.push_back(digest);
}

void DigestBatch::add_shown(const RecordContentView& content) {
  if (content.violation) {
    add_known(shown_digest(bank_, content));
  } else {
    add(content.template_name, content.body);
  }
}

void DigestBatch::add_extended(const RecordContentView& content) {
  if (content.violation) {
    add_known(extended_digest(bank_, content));
  } else {
    add(content.template_name, content.body);
  }
}

std::span<const digest::Digest> DigestBatch::compute_beside(const digest::Extends& extends) {
  for (const ImaAt& ima : ima_) messages_[ima.message] = ima.bytes;
  hashed_.resize(messages_.size());
  if (bank_.padded_sha1) {
    digest::extend_many(bank_.algorithm, extends);
    digest::hash_many(digest::Algorithm::kSha1, messages_, hashed_);
  } else {
    digest::hash_many_beside(bank_.algorithm, messages_, hashed_, extends);
  }
  for (std::size_t i = 0; i < hashed_.size(); ++i) {
    digest::Digest& digest = digests_[record_of_[i]];
    if (bank_.padded_sha1) {
      digest = digest::Digest(bank_.digest_bytes());
      std::memcpy(digest.data(), hashed_[i].view().data(), hashed_[i].size());
    } else {
      digest = hashed_[i];
    }
  }
  return digests_;
}

}  // namespace imakeep::imalog
