// SPDX-License-Identifier: Apache-2.0
// appraisal/appraiser.h - judges the records of one chain, in order, by one policy.
//
// Proof is another matter: attest/log_check.h says which records the PCRs prove. An appraisal of records that are not
// proven says what they claim.
//
// Mode strict judges every template of Linux and every PCR from the record's bytes. Mode keylime judges the lines that
// the ASCII list would show, as Keylime does. A case that no rule covers is refused with a reason. No path and no
// program is accepted without a rule of the policy, not even imakeep's own.
// Threads: one thread at a time uses an object; several may share one policy.
#pragma once

#include <memory>

#include "appraisal/finding.h"
#include "appraisal/learned_keys.h"
#include "imalog/replay.h"
#include "policy/compiled_policy.h"
#include "signature/check.h"

namespace imakeep::appraisal {

// A record and what the caller knows about it. Borrowed.
struct Record {
  std::uint64_t number = 0;  // in the chain
  imalog::RecordContentView content;
  digest::Bank bank;  // of `shown`
  ByteView shown;     // the template digest that the source shows; zeros for a violation
  ByteOrder order = kHostOrder;
  bool digest_matches = true;  // whether `shown` is the digest of the content
};

struct Options {
  const signature::Keyrings* keys = nullptr;     // keys that may sign files, besides those of the policy; borrowed
  std::vector<imalog::PcrValue> boot_pcrs = {};  // PCRs 0 to 9 of this boot
  signature::CheckOptions dates = {};            // whether certificates have to be valid, and when
  bool violations_fail = false;                  // mode keylime: Keylime's option ignore_tomtou_errors, which inverts
  LearnedKeys learned = {};                      // from the records before the first one
};

// What was decided about a record.
struct Verdict {
  std::optional<Rule> accepted;    // the rule that accepted; in mode keylime that of the record's last line
  std::optional<Finding> finding;  // otherwise
};

class Appraiser {
 public:
  // `policy` may be nullptr: mode strict then refuses every record, and mode keylime does as Keylime does. Both it and
  // Options::keys must outlive the object. Errors: kUsage if the policy was read in another mode; those of
  // KeySet::make().
  static Result<Appraiser> make(const policy::CompiledPolicy* policy, policy::Mode mode, Options options = {});
  Appraiser(Appraiser&&) noexcept;
  Appraiser& operator=(Appraiser&&) noexcept;
  ~Appraiser();

  Verdict appraise(const Record& record);
  // Mode keylime only: a line of the ASCII list, without its newline.
  Verdict appraise_line(std::uint64_t number, std::string_view line);

  const LearnedKeys& learned() const;
  const policy::CompiledPolicy* policy() const;

 private:
  struct State;
  explicit Appraiser(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace imakeep::appraisal
