// SPDX-License-Identifier: Apache-2.0
#include "appraisal/finding.h"

namespace imakeep::appraisal {

digest::Digest identity(std::string_view host, const Finding& finding) {
  Bytes joined;
  const std::string_view rule = finding.reasons.empty() ? std::string_view() : info(finding.reasons.front()).name;
  for (const std::string_view part : {host, std::string_view(finding.path), std::string_view(finding.digest), rule}) {
    append_int(joined, static_cast<std::uint32_t>(part.size()), ByteOrder::kBig);
    append_bytes(joined, as_bytes(part));
  }
  return digest::hash(digest::Algorithm::kSha256, joined);
}

std::string package_text(const policy::Package& package) {
  return package.name + " " + package.version + (package.architecture.empty() ? "" : " " + package.architecture);
}

bool ReportedFindings::is_new(const digest::Digest& identity) {
  std::string key(as_text(identity.view()));
  if (most_ == 0 || known_.contains(key)) return most_ == 0;
  if (order_.size() == most_) {
    known_.erase(order_.front());
    order_.pop_front();
  }
  known_.insert(key);
  order_.push_back(std::move(key));
  return true;
}

}  // namespace imakeep::appraisal
