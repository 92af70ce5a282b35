// SPDX-License-Identifier: Apache-2.0
// logappraisal/log_appraisal.h - appraises the records of a log while attest::check_log() replays them.
//
// With several policies a record is accepted if one of them accepts it. A log of any size takes the same memory:
// findings beyond a bound are counted, and one finding is kept once, however often its file was measured.
// Threads: one thread at a time uses an object.
#pragma once

#include <array>
#include <limits>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "appraisal/appraiser.h"
#include "attest/log_check.h"
#include "digest/pcr_state.h"
#include "logappraisal/inputs.h"

namespace imakeep::logappraisal {

struct AppraisalOptions {
  policy::Mode mode = policy::Mode::kStrict;
  std::string host;  // part of a finding's identity
  const signature::Keyrings* keys = nullptr;
  std::vector<imalog::PcrValue> boot_pcrs = {};
  std::uint64_t first = 0;  // number of the log's first record
  // Only findings of records [from, to) are reported. The records before teach their keys.
  std::uint64_t from = 0;
  std::uint64_t to = std::numeric_limits<std::uint64_t>::max();
  std::size_t most_findings = 10'000;
  appraisal::LearnedKeys learned = {};           // from records before the log's first one
  std::unordered_set<std::string> watched = {};  // paths: AppraisalResult::accepted_again
};

struct KeptFinding {
  appraisal::Finding finding;  // the first record that has it
  digest::Digest identity;
  std::string policy_file;
  std::uint32_t pcr = 0;
  std::uint64_t times = 1;  // records that have it
  bool proven = false;      // the first one; after LogAppraisal::result()
};

struct AppraisalResult {
  std::uint64_t records = 0;
  std::array<std::uint64_t, appraisal::kRuleCount> accepted{};   // by rule
  std::array<std::uint64_t, appraisal::kReasonCount> refused{};  // by first reason
  std::vector<KeptFinding> findings;
  std::uint64_t not_kept = 0;  // refused records whose findings are beyond the bound
  std::vector<appraisal::LearnedKey> learned;
  std::unordered_set<std::string> accepted_again;  // watched paths that an accepted record names
  std::array<std::optional<std::uint64_t>, digest::kPcrCount> first_of_pcr{};  // index in the log of its first record

  std::uint64_t accepted_records() const;
  std::uint64_t refused_records() const { return records - accepted_records(); }
};

class LogAppraisal : public attest::RecordObserver {
 public:
  // `policies` must outlive the object. Errors: those of Appraiser::make(), with the policy's file.
  static Result<LogAppraisal> make(const std::vector<LoadedPolicy>& policies, AppraisalOptions options);

  void see(std::uint64_t number, const attest::LoggedRecord& record, bool digest_matches) override;
  // Whether a policy accepts the record that see() was called for last.
  bool last_accepted() const { return last_accepted_; }

  // `check` is the result of the check_log() that this object observed.
  AppraisalResult result(const attest::LogCheck& check);
  // For a caller that showed proven records only.
  AppraisalResult result_of_proven();

 private:
  struct OfPolicy {
    const LoadedPolicy* policy;
    appraisal::Appraiser appraiser;
  };
  explicit LogAppraisal(AppraisalOptions options) : options_(std::move(options)) {}
  void keep(KeptFinding found);
  void watch(const attest::LoggedRecord& accepted);
  void note_learned();

  AppraisalOptions options_;
  std::vector<OfPolicy> policies_;
  AppraisalResult result_;
  std::unordered_map<std::string, std::size_t> index_of_;  // of findings, by identity
  bool last_accepted_ = true;
};

}  // namespace imakeep::logappraisal
