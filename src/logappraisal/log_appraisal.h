// SPDX-License-Identifier: Apache-2.0
// logappraisal/log_appraisal.h - appraises the records of a log while attest::check_log() replays them.
//
// With several policies a record is accepted if one of them accepts it. A log of any size takes the same memory:
// findings beyond a bound are counted, and one finding is kept once, however often its file was measured.
//
// An appraisal can be saved between two records and resumed by another process. As bytes, little-endian:
//
//   saved   := "imklapp1"  records:u64  rules:u8 accepted:u64[rules]  reasons:u8 refused:u64[reasons]  not_kept:u64
//              findings:u32 finding[findings]  again:u32 SHA-256[again]  policies:u32 keys[policies]
//   finding := identity:u8[32]  record:u64  reason:u8  pcr:u32  times:u64  size:u32 path[size]  size:u32 digest[size]
//              size:u32 policy[size]
//   keys    := 1:u8, if the policy learned the same keys as the one before, or 0:u8  size:u32 learned[size]
//
// `again` are the paths of AppraisalResult::accepted_again, `learned` is appraisal/learned_keys.h's form. Of a finding
// only what an attestation reports is saved: the first reason, and no package, nearest digest or detail.
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
#include "base/byte_reader.h"
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
  // Of all findings that are kept, as bytes of save().
  std::size_t most_finding_bytes = std::numeric_limits<std::size_t>::max();
  // A finding's path and digest are cut at so many bytes, after its identity was computed.
  std::size_t most_text_bytes = std::numeric_limits<std::size_t>::max();
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

  // The state so far.
  Bytes save() const;
  // Goes on from what save() gave. `policies` are the same, in the same order, and so are the options but `learned`,
  // which is in the saved bytes, and `watched`: paths that are watched no longer are forgotten. Errors: those of
  // make(); kTruncated and kMalformed for bytes that save() does not write.
  static Result<LogAppraisal> resume(ByteView saved, const std::vector<LoadedPolicy>& policies,
                                     AppraisalOptions options);

  void see(std::uint64_t number, const attest::LoggedRecord& record, bool digest_matches) override;
  // Whether a policy accepts the record that see() was called for last.
  bool last_accepted() const { return last_accepted_; }
  // Count of the records that were judged, of those in the range of the options.
  std::uint64_t records() const { return result_.records; }

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
  Result<void> add_policy(const LoadedPolicy& loaded, appraisal::LearnedKeys learned);
  Result<void> load_counts(ByteReader& reader);
  Result<void> load_findings(ByteReader& reader);
  Result<void> load_accepted_again(ByteReader& reader);
  Result<void> load_policies(ByteReader& reader, const std::vector<LoadedPolicy>& policies);
  void keep(KeptFinding found);
  void watch(const attest::LoggedRecord& accepted);
  void note_learned();

  AppraisalOptions options_;
  std::vector<OfPolicy> policies_;
  AppraisalResult result_;
  std::unordered_map<std::string, std::size_t> index_of_;  // of findings, by identity
  std::size_t finding_bytes_ = 0;                          // of the findings that are kept
  bool last_accepted_ = true;
};

}  // namespace imakeep::logappraisal
