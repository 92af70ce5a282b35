// SPDX-License-Identifier: Apache-2.0
#include "attest/log_problem.h"

#include <algorithm>

#include "attest/log_search.h"

namespace imakeep::attest {
namespace {

Error mismatch(std::string message) {
  return {.code = ErrorCode::kMismatch, .message = std::move(message)};
}

std::string count_text(std::uint64_t records) {
  return std::to_string(records) + (records == 1 ? " record" : " records");
}

Error changed(std::string message, const Change& change) {
  switch (change.kind) {
    case ChangeKind::kRepeated:
      message += "; without this record the PCRs match: it repeats a record before it";
      break;
    case ChangeKind::kInserted:
      message += "; without this record the PCRs match: it was added";
      break;
    case ChangeKind::kOutOfOrder:
      message += "; with this record and the next exchanged the PCRs match: they are out of order";
      break;
    case ChangeKind::kNoViolation:
      message += "; with this record's digest the PCRs match: it is shown as a violation but was not one";
      break;
  }
  Error error = mismatch(change.place.source + ": " + message);
  error.record = change.place.record;
  error.offset = change.place.offset;
  return error;
}

class Explanation {
 public:
  Explanation(LogSource& log, const CheckedLog& checked)
      : log_(log), checked_(checked), check_(checked.check), composite_(checked.composite) {}

  Problem explain() {
    auto error = problem();
    return {.error = std::move(error), .diagnosis = diagnosis_};
  }

 private:
  std::optional<Error> problem() {
    if (check_.bad_record) return bad_record_problem();
    if (checked_.unreadable) return unreadable_problem();
    if (checked_.limit) return mismatch(checked_.limit->why);
    if (!checked_.expected.anything()) return std::nullopt;
    if (check_.records == 0) return empty_problem();
    if (!all_match()) return no_fit_problem();
    if (auto problem = unproven_problem()) return problem;
    if (check_.boot_aggregate && !check_.boot_aggregate->matches) return boot_aggregate_problem();
    return std::nullopt;
  }

  bool quote_matches() const { return !composite_ || check_.quote_found_at; }

  bool all_match() const {
    return quote_matches() && std::ranges::all_of(check_.values, [](const ValueMatch& entry) {
             return entry.use != ValueUse::kCompared || entry.found_at;
           });
  }

  // ---- a bad record, or a log that cannot be read to its end

  // `records` is the count of records before the faulty one.
  std::string proven_elsewhere(std::uint64_t records) const {
    std::uint64_t last = 0;
    for (const PcrProof& proof : check_.pcrs) {
      if (proof.proven > 0) last = std::max(last, proof.matched_at);
    }
    const std::string proven = std::to_string(*check_.proven);
    return last <= records ? "; the " + proven + " proven records lie before it"
                           : "; this record is not proven, " + proven + " others are";
  }

  Error bad_record_problem() const {
    const BadRecord& bad = *check_.bad_record;
    Error error =
        mismatch(bad.place.source + ": the " + bad.bank.name() + " template digest does not match the record's data");
    error.record = bad.place.record;
    error.offset = bad.place.offset;
    if (bad.side == Side::kData) {
      error.message += "; the PCRs match the data, so the digest was altered";
    } else if (bad.side == Side::kDigest) {
      error.message += "; the PCRs match the digest, so the data was altered";
    } else if (check_.proven) {
      error.message += proven_elsewhere(bad.number);
    } else if (checked_.expected.anything()) {
      error.message += ", and nothing is proven: with either, the PCRs match no prefix of the log";
    }
    return error;
  }

  Error unreadable_problem() const {
    Error error = *checked_.unreadable;
    if (check_.proven) {
      error.message += proven_elsewhere(check_.records);
    } else if (checked_.expected.anything()) {
      error.message += ", and nothing is proven: the PCRs match no prefix of what lies before it";
    }
    return error;
  }

  Error empty_problem() const {
    if (!all_match()) return mismatch(subject() + ", and the log is empty");
    return mismatch("nothing is proven: the log has no records");
  }

  // ---- values that match no prefix

  Error no_fit_problem() {
    std::string message = subject() + ", though every digest matches its data";
    if (!quote_matches()) message += given_values_hint();
    if (const auto some = banks_that_match(); !some.empty()) return mismatch(message + "; " + some);
    if (checked_.headless) {
      return mismatch(message + "; the log does not begin with boot_aggregate, so records at its head are missing");
    }
    const auto change = search();
    if (change && *change) return changed(message, **change);
    message += quote_matches()
                   ? "; a record is missing, repeated or out of order, or the log ends before what the PCRs cover"
                   : "; the log ends before what the quote covers, or a record is missing, repeated or out of order";
    if (checked_.from_reset) {
      diagnosis_ = Diagnosis::kStartMayNotBeZero;
      message +=
          "; or something, such as a boot loader, had extended the PCRs before IMA began: give their values from "
          "before the first record with --start FILE";
    }
    return mismatch(message);
  }

  std::string subject() const {
    return quote_matches() ? "the PCRs match no prefix of this log" : "the quote matches no prefix of this log";
  }

  // Searches for a change with which the log matches the quote, or the values that did not match.
  Result<std::optional<Change>> search() {
    imalog::Replay fresh(checked_.start);
    if (!quote_matches()) {
      IMAKEEP_CHECK(fresh.expect(*composite_));
    } else {
      for (const ValueMatch& entry : check_.values) {
        if (entry.use != ValueUse::kCompared || entry.found_at) continue;
        IMAKEEP_CHECK(fresh.expect(entry.value));
      }
    }
    return find_change(log_, fresh);
  }

  // If every quoted PCR has a given value, these values show whether they or the log are wrong.
  std::string given_values_hint() const {
    const auto digest = digest_of_given(*composite_, checked_.expected);
    if (digest && *digest == composite_->value) return " (the PCR values given are those that were quoted)";
    if (digest) return " (the PCR values given are not those that were quoted)";
    const bool some_given = std::ranges::any_of(
        composite_->parts, [](const imalog::PcrComposite::Part& part) { return part.given.has_value(); });
    return some_given ? " (unless a PCR value given is not the one quoted)" : "";
  }

  // Text if some values match and others do not. Then the order of the records is not the cause.
  std::string banks_that_match() const {
    std::string matching;
    std::string differing;
    for (const ValueMatch& entry : check_.values) {
      if (entry.use != ValueUse::kCompared && entry.use != ValueUse::kQuoteDecides) continue;
      std::string& list = entry.found_at ? matching : differing;
      list += (list.empty() ? "" : ", ") + entry.value.bank.name() + ":" + std::to_string(entry.value.pcr);
    }
    if (matching.empty() || differing.empty()) return {};
    return "it matches " + matching + " but not " + differing + ": wrong values, or something else extended these";
  }

  // ---- values that match, but prove too little

  std::optional<Error> unproven_problem() {
    std::string unproven;
    for (const PcrProof& proof : check_.pcrs) {
      if (proof.matched) continue;
      unproven += (unproven.empty() ? "" : ", ") + count_text(proof.records) + " of PCR " + std::to_string(proof.pcr);
    }
    if (!unproven.empty()) {
      return mismatch((check_.proven.value_or(0) == 0 ? "no record is proven: " : "not every record is proven: ") +
                      unproven + ", of which no value was given or quoted" + except_invalidated());
    }
    if (check_.proven.value_or(0) == 0) {
      if (checked_.from_reset && all_at_start()) return without_tpm_problem();
      return mismatch("no record is proven: " + untouched());
    }
    if (const auto between = between_proven(check_.pcrs)) {
      return mismatch("record " + std::to_string(*between->first_unproven) + " of those read (PCR " +
                      std::to_string(between->pcr) + ") is not proven, though records after it are proven: PCR " +
                      std::to_string(between->pcr) +
                      " was read before the kernel extended this record, or somebody added the record to the log; "
                      "read the PCRs again, and verify the log with these values");
    }
    return std::nullopt;
  }

  // Text about banks whose values were given or quoted and prove nothing.
  std::string except_invalidated() const {
    std::string banks;
    const auto add = [&](const digest::Bank& bank) {
      if (bank.fill == digest::Fill::kInvalidated) banks += (banks.empty() ? "" : ", ") + bank.name();
    };
    for (const ValueMatch& entry : check_.values) {
      if (entry.use == ValueUse::kInvalidated) add(entry.matched_as);
    }
    for (const digest::Bank& bank : check_.quote_matched_as) add(bank);
    if (banks.empty()) return {};
    return " but of " + banks + ", which the kernel invalidated (0xfe), so that they prove nothing; give another bank";
  }

  bool all_at_start() const {
    const auto elsewhere = [](const ValueMatch& entry) {
      return entry.use == ValueUse::kCompared && entry.found_at != 0;
    };
    return std::ranges::none_of(check_.values, elsewhere) && (!composite_ || check_.quote_found_at == 0);
  }

  Error without_tpm_problem() {
    diagnosis_ = Diagnosis::kMeasuredWithoutTpm;
    return mismatch(
        "no record is proven: every PCR that was compared is zero, as a TPM reset leaves it, though the log has " +
        count_text(check_.records) +
        ": the kernel measured without this TPM, which it had not found when IMA began, or these values "
        "are of another boot or machine");
  }

  // Says which values are those from before the log's first record.
  std::string untouched() const {
    std::string banks;
    bool all = true;
    for (const ValueMatch& entry : check_.values) {
      if (entry.use != ValueUse::kCompared) continue;
      all = all && entry.found_at == 0;
      if (entry.found_at == 0)
        banks += (banks.empty() ? "" : ", ") + entry.value.bank.name() + ":" + std::to_string(entry.value.pcr);
    }
    if (all) return "the PCRs are as they were before the log's first record";
    return banks + " are as they were before the log's first record, and others are not";
  }

  Error boot_aggregate_problem() const {
    const BootAggregateCheck& aggregate = *check_.boot_aggregate;
    return mismatch("boot_aggregate does not match PCRs 0 to " + std::to_string(aggregate.pcrs - 1) + " of " +
                    std::string(digest::info(aggregate.algorithm).name) +
                    ": the log and these values are of different boots, or the kernel measured without this TPM");
  }

  LogSource& log_;
  const CheckedLog& checked_;
  const LogCheck& check_;
  const std::optional<imalog::PcrComposite>& composite_;
  Diagnosis diagnosis_ = Diagnosis::kNone;
};

}  // namespace

Problem problem_of(LogSource& log, const CheckedLog& checked) {
  return Explanation(log, checked).explain();
}

std::optional<digest::Digest> digest_of_given(const imalog::PcrComposite& composite, const Expected& expected) {
  imalog::PcrComposite all = composite;
  for (imalog::PcrComposite::Part& part : all.parts) {
    if (!part.given) part.given = value_given(expected.values, part.bank, part.pcr);
  }
  return imalog::digest_of(all);
}

}  // namespace imakeep::attest
