// SPDX-License-Identifier: Apache-2.0
// appraisal/finding.h - what is reported about a refused record, and which findings were reported before.
//
// The identity of a finding is SHA-256 over host, path, digest and the name of the first reason, each as
// size:u32 (big-endian) and bytes. So the same file that is measured again, or after a reboot, is the same finding.
// Threads: a Finding is a plain value; one thread at a time uses a ReportedFindings.
#pragma once

#include <deque>
#include <string>
#include <unordered_set>
#include <vector>

#include "appraisal/reason.h"
#include "digest/digest.h"
#include "policy/policy.h"

namespace imakeep::appraisal {

struct NearestDigest {
  std::string digest;   // hexadecimal
  std::string package;  // "coreutils 9.1-1 amd64"; empty if no package has it
  std::string update;   // the update that it belongs to; empty: accepted always
};

struct Finding {
  std::uint64_t record = 0;
  std::vector<Reason> reasons;         // at least one; the first is the rule of the identity
  std::string path;                    // of the file, keyring or buffer, as in the record; empty if that is unreadable
  std::string digest;                  // "sha256:HEX", as in the record; empty if that is unreadable
  std::string package;                 // the package that has this digest; empty if none has
  std::vector<NearestDigest> nearest;  // digests that the policy has for this name
  std::string detail;                  // a sentence without a full stop, or empty
  digest::Digest policy;               // SHA-256 of the policy's text; empty without a policy
};

digest::Digest identity(std::string_view host, const Finding& finding);

// "coreutils 9.1-1 amd64"
std::string package_text(const policy::Package& package);

// Identities of findings, at most `most` of them. The oldest is forgotten first, so that a finding may be reported a
// second time, but never lost.
class ReportedFindings {
 public:
  explicit ReportedFindings(std::size_t most = 65'536) : most_(most) {}

  // True if the identity is new; remembers it.
  bool is_new(const digest::Digest& identity);
  std::size_t size() const { return order_.size(); }

 private:
  std::size_t most_;
  std::deque<std::string> order_;
  std::unordered_set<std::string> known_;
};

}  // namespace imakeep::appraisal
