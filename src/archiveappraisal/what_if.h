// SPDX-License-Identifier: Apache-2.0
// archiveappraisal/what_if.h - which stored records change their verdict if one policy takes the place of another.
//
// Both policies judge each chain from its first stored record on, each with keys that it learned from that chain. Keys
// that retired records added are unknown to both, and so are PCR values: a boot aggregate is accepted only if a policy
// lists it. Without a policy before, the question is which stored records the policy refuses. Nothing is proven:
// records are judged as they are stored.
//
// Records with the same change, place and digest are one VerdictChange, so that archives of any size take the same
// memory: changes beyond a bound are counted only.
// Threads: one thread at a time uses an object.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "appraisal/appraiser.h"
#include "archive/chain_id.h"
#include "attest/log_source.h"
#include "logappraisal/inputs.h"

namespace imakeep::archiveappraisal {

enum class Change : std::uint8_t {
  kRefused,      // now; accepted before, or no policy was there before
  kAccepted,     // now; refused before
  kOtherReason,  // refused by both
};
inline constexpr std::size_t kChangeCount = 3;

// "refused", "accepted", "other-reason"
std::string_view name(Change change);

// What one policy decided about a record.
struct Outcome {
  std::optional<appraisal::Rule> rule = std::nullopt;  // that accepted
  std::vector<appraisal::Reason> reasons = {};         // otherwise

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

struct VerdictChange {
  std::size_t chain = 0;  // index in WhatIfResult::chains
  Change change = Change::kRefused;
  std::string path;               // as the record has it; empty if that is unreadable
  std::string digest;             // "sha256:HEX", as the record has it; empty if that is unreadable
  std::optional<Outcome> before;  // by the policy before, if there is one
  Outcome after;
  std::uint64_t first = 0;  // number of the first such record
  std::uint64_t records = 1;
};

struct JudgedChain {
  std::string archive;
  archive::ChainId chain = {};
  std::uint64_t records = 0;
  std::array<std::uint64_t, kChangeCount> changed{};  // records, by Change
  std::uint64_t refused_alike = 0;                    // records that both policies refuse for the same reasons
  std::optional<Error> unread = std::nullopt;         // damage; the records from there on were not judged
};

struct WhatIfResult {
  std::vector<JudgedChain> chains;
  std::vector<VerdictChange> changes;  // of a chain by the number of the first record
  std::uint64_t not_kept = 0;          // records whose changes are beyond the bound

  std::uint64_t records() const;
  std::uint64_t changed(Change change) const;
};

struct WhatIfOptions {
  policy::Mode mode = policy::Mode::kStrict;
  const signature::Keyrings* keys = nullptr;  // that may sign files, besides those of a policy; borrowed
  std::size_t most_changes = 10'000;
};

class WhatIf {
 public:
  // `before` may be nullptr. Both policies must outlive the object.
  WhatIf(const logappraisal::LoadedPolicy& policy, const logappraisal::LoadedPolicy* before, WhatIfOptions options)
      : policy_(policy), before_(before), options_(options) {}

  // Judges the records of one chain; `first` is the number of the log's first record. Damage is no error, but noted in
  // JudgedChain::unread. Errors: those of Appraiser::make(), with the policy's file; kUsage, kEnvironment and kIo of
  // the source.
  Result<void> judge(const std::string& archive, archive::ChainId chain, std::uint64_t first, attest::LogSource& log);

  const WhatIfResult& result() const { return result_; }

 private:
  struct Judges;
  Result<appraisal::Appraiser> appraiser_of(const logappraisal::LoadedPolicy& policy) const;
  void take(Judges& judges, const appraisal::Record& record);
  void keep(VerdictChange change, const appraisal::Finding& finding);

  const logappraisal::LoadedPolicy& policy_;
  const logappraisal::LoadedPolicy* const before_;
  const WhatIfOptions options_;
  WhatIfResult result_;
  std::unordered_map<std::string, std::size_t> index_of_;  // of changes, by what they have in common
};

// Judges every chain of every archive, in order. Errors, before any record is judged: kUsage for an archive without a
// chain, and if two names are the same file; those of SqliteStore::open(). Then those of ArchiveLog::open() and
// WhatIf::judge().
Result<WhatIfResult> judge_archives(const std::vector<std::string>& archives, const logappraisal::LoadedPolicy& policy,
                                    const logappraisal::LoadedPolicy* before, const WhatIfOptions& options);

}  // namespace imakeep::archiveappraisal
