// SPDX-License-Identifier: Apache-2.0
#include "attest/log_check.h"

#include <algorithm>
#include <iterator>
#include <memory>

#include "attest/log_problem.h"
#include "imalog/extend_rule.h"
#include "imalog/pcr_file.h"
#include "imalog/template.h"

namespace imakeep::attest {
namespace {

using imalog::PcrComposite;
using imalog::PcrState;
using imalog::PcrValue;
using imalog::Replay;

// The PCRs that replay computes: a record names them, or the start state has set them.
Result<PcrSet> pcrs_of_log(LogSource& log, const std::optional<PcrState>& start) {
  PcrSet pcrs = start ? start->touched_pcrs() : 0;
  IMAKEEP_CHECK(log.rewind());
  for (;;) {
    const auto record = log.next();
    if (!record || !*record) return pcrs;  // the replay reports what cannot be read
    pcrs |= 1u << (*record)->content.pcr;
  }
}

bool lies_in_the_log(const Error& error) {
  return error.code == ErrorCode::kTruncated || error.code == ErrorCode::kMalformed ||
         error.code == ErrorCode::kUnsupported || error.code == ErrorCode::kMismatch;
}

// Replays a log record by record, and notes at which prefix each value and the quote match.
class Matching {
 public:
  Matching(PcrState start, const std::optional<ReplayLimit>& limit)
      : replay_(std::move(start)),
        reachable_(limit ? limit->records : std::numeric_limits<std::uint64_t>::max()),
        counts_(reachable_) {}

  // Looks for the quote with one way of extending its banks. Of several ways, the first that matches counts.
  Result<void> expect(const PcrComposite& composite) {
    IMAKEEP_CHECK(replay_.expect(composite));
    quotes_.push_back(wanted_++);
    if (!quote_counts_) note_quote();
    return {};
  }
  // Looks for a value. Returns the index for match().
  Result<std::size_t> expect(const PcrValue& value) {
    IMAKEEP_CHECK(replay_.expect(value));
    const std::size_t i = values_.size();
    values_.push_back({.bank = value.bank, .pcr = value.pcr});
    wanted_of_.push_back(wanted_++);
    note_value(i);
    if (!values_[i].matched) waiting_[value.pcr].push_back(i);
    return i;
  }

  void add(std::uint32_t pcr, std::span<const digest::Digest> digests) {
    const bool reachable = counts_.records() < reachable_;
    note_next(pcr);
    counts_.add(pcr);
    if (!reachable) return;
    replay_.add_extended(pcr, digests);
    if (!quote_counts_) note_quote();
    std::erase_if(waiting_[pcr], [this](std::size_t i) { return note_value(i); });
  }

  const Replay& replay() const { return replay_; }
  const RecordCounts& counts() const { return counts_; }
  const Comparison& match(std::size_t value) const { return values_[value]; }
  // The index of the expected composite that matched.
  std::optional<std::size_t> quote_matched() const { return quote_matched_; }
  std::optional<std::uint64_t> quote_found_at() const {
    return quote_matched_ ? replay_.found_at(quotes_[*quote_matched_]) : std::nullopt;
  }
  std::optional<Prefix> quote_match(std::uint32_t pcr) const {
    if (!quote_counts_) return std::nullopt;
    return Prefix{.records = *quote_found_at(), .of_pcr = (*quote_counts_)[pcr], .next = quote_next_[pcr]};
  }

 private:
  // The next record names `pcr`. It is the first record of that PCR that earlier matches do not cover.
  void note_next(std::uint32_t pcr) {
    if (quote_counts_ && !quote_next_[pcr]) quote_next_[pcr] = counts_.records();
    for (const std::size_t i : matched_[pcr]) values_[i].matched->next = counts_.records();
    matched_[pcr].clear();
  }
  void note_quote() {
    for (std::size_t i = 0; i < quotes_.size(); ++i) {
      if (!replay_.found_at(quotes_[i])) continue;
      quote_matched_ = i;
      quote_counts_ = counts_.of_pcrs();
      return;
    }
  }
  bool note_value(std::size_t i) {
    if (const auto found_at = replay_.found_at(wanted_of_[i])) {
      values_[i].matched = Prefix{.records = *found_at, .of_pcr = counts_.of_pcr(values_[i].pcr)};
      matched_[values_[i].pcr].push_back(i);
    }
    return values_[i].matched.has_value();
  }

  Replay replay_;
  const std::uint64_t reachable_;
  RecordCounts counts_;
  std::size_t wanted_ = 0;           // count of values and composites that replay_ looks for
  std::vector<std::size_t> quotes_;  // the index in replay_ of each composite
  std::optional<std::size_t> quote_matched_;
  std::optional<PcrCounts> quote_counts_;                                   // at the prefix that the quote matches
  std::array<std::optional<std::uint64_t>, imalog::kPcrCount> quote_next_;  // by PCR: the first record after it
  std::vector<Comparison> values_;
  std::vector<std::size_t> wanted_of_;                               // the index in replay_ of each of values_
  std::array<std::vector<std::size_t>, imalog::kPcrCount> waiting_;  // by PCR: which of values_ have no match yet
  std::array<std::vector<std::size_t>, imalog::kPcrCount> matched_;  // by PCR: which matched after its latest record
};

// ---- the pass over the log ------------------------------------------------------------------------------------------

// The ways of extending the banks that a pass tries.
enum class Fills : std::uint8_t {
  kAsGiven,  // each bank as it is given
  kAll,      // each bank as it is given, and in every other way
};

class Pass {
 public:
  Pass(LogSource& log, const Expected& expected, PcrState start, bool from_reset,
       const std::optional<ReplayLimit>& limit, RecordObserver* observer)
      : log_(log),
        expected_(expected),
        start_(std::move(start)),
        limit_(limit),
        observer_(observer),
        matching_(start_, limit),
        digests_(start_.banks().size()),
        from_reset_(from_reset) {}

  // Sets what the pass looks for. `replayed` are the PCRs that replay computes. REQUIRES: with Fills::kAll, the start
  // state has the banks of all_fills().
  Result<void> expect(const std::optional<PcrComposite>& composite, PcrSet replayed, Fills fills) {
    composite_ = composite;
    if (composite) IMAKEEP_CHECK(expect_quote(*composite, fills));
    for (const PcrValue& value : expected_.values) {
      ValueMatch entry{.value = value};
      if (composite && selects(*expected_.quote, value.bank, value.pcr)) {
        entry.use = holds(replayed, value.pcr) ? ValueUse::kQuoteDecides : ValueUse::kCompletesQuote;
      }
      match_of_.emplace_back();
      if (entry.use != ValueUse::kCompletesQuote) IMAKEEP_CHECK(expect_value(value, fills));
      check_.values.push_back(entry);
    }
    return {};
  }

  // Reads the log, and notes what matches.
  Result<void> run() {
    IMAKEEP_CHECK(log_.rewind());
    for (;;) {
      const auto record = log_.next();
      if (!record && !lies_in_the_log(record.error())) return unexpected(record.error());
      if (!record) unreadable_ = record.error();
      if (!record || !*record) break;
      add(**record);
    }
    comparisons_ = compared();
    return {};
  }

  // After run(): the count of expected values that match no prefix, and one more if the quote does not.
  std::size_t unmatched() const {
    const auto is_unmatched = [](const ValueMatch& entry) {
      return entry.use == ValueUse::kCompared && !entry.found_at;
    };
    return static_cast<std::size_t>(std::ranges::count_if(check_.values, is_unmatched)) +
           (composite_ && !matching_.quote_matched() ? 1 : 0);
  }
  bool empty() const { return check_.records == 0; }
  const std::vector<ValueMatch>& values() const { return check_.values; }

  // The verdict, after run().
  LogCheck conclude() {
    judge();
    return std::move(check_);
  }

 private:
  Result<void> expect_quote(const PcrComposite& composite, Fills fills) {
    IMAKEEP_CHECK(matching_.expect(composite));
    std::vector<digest::Bank>& banks = quote_ways_.emplace_back();
    for (const PcrComposite::Part& part : composite.parts) {
      if (!part.given && std::ranges::find(banks, part.bank) == banks.end()) banks.push_back(part.bank);
    }
    if (fills == Fills::kAsGiven) return {};
    for (std::vector<digest::Bank>& way : imalog::other_fills_together(quote_ways_.front())) {
      IMAKEEP_CHECK(matching_.expect(in_banks(composite, way)));
      quote_ways_.push_back(std::move(way));
    }
    return {};
  }

  Result<void> expect_value(PcrValue value, Fills fills) {
    std::vector<digest::Bank> banks{value.bank};
    if (fills == Fills::kAll) std::ranges::copy(imalog::other_fills(value.bank), std::back_inserter(banks));
    for (const digest::Bank& bank : banks) {
      value.bank = bank;
      IMAKEEP_TRY(const auto& match, matching_.expect(value));
      match_of_.back().push_back(match);
    }
    return {};
  }

  void add(const LoggedRecord& record) {
    if (check_.records == 0 && from_reset_) begin(record);
    const auto& banks = start_.banks();
    for (std::size_t i = 0; i < banks.size(); ++i) digests_[i] = imalog::extended_digest(banks[i], record.content);
    const bool matches = (check_.bad_record && observer_ == nullptr) || digest_matches(record);
    if (observer_ != nullptr) observer_->see(check_.records, record, matches);
    if (!check_.bad_record && !matches) {
      check_.bad_record = BadRecord{.place = log_.place(),
                                    .number = check_.records,
                                    .bank = record.bank,
                                    .pcr = record.content.pcr,
                                    .number_of_pcr = matching_.counts().of_pcr(record.content.pcr)};
      fork_as_shown(*check_.bad_record);
    }
    if (as_shown_) add_as_shown(record);
    matching_.add(record.content.pcr, digests_);
    check_.violations += record.content.violation ? 1 : 0;
    ++check_.records;
  }

  // Inspects the first record after a TPM reset.
  void begin(const LoggedRecord& record) {
    headless_ = !imalog::is_boot_aggregate(record.content, record.order);
    check_.stated_aggregate = boot_aggregate_of(record.content, record.order);
  }

  bool digest_matches(const LoggedRecord& record) const {
    if (record.content.violation) return true;  // a violation always shows zeros: the decoder recognizes it by them
    if (const auto bank = start_.index_of(record.bank)) return equal(digests_[*bank].view(), record.shown);
    return imalog::digest_matches(record.bank, record.content, record.shown);
  }

  // From the first bad record on, as_shown_ replays the bank of the digests shown. It extends these digests instead of
  // those of the data.
  void fork_as_shown(const BadRecord& bad) {
    const PcrState& state = matching_.replay().state();
    const auto index = state.index_of(bad.bank);
    if (!index) return;
    PcrState alone({bad.bank});
    for (std::uint32_t pcr = 0; pcr < imalog::kPcrCount; ++pcr) alone.set(0, pcr, state.value(*index, pcr));
    as_shown_.emplace(std::move(alone));
    // Replay refuses what needs other banks. That is not a usage error here.
    bool any = composite_ && as_shown_->expect(*composite_);
    const bool values_count = !composite_ || (!any && digest_of_given(*composite_, expected_) == composite_->value);
    for (const ValueMatch& entry : check_.values) {
      const bool counts = values_count && entry.use != ValueUse::kCompletesQuote && entry.value.pcr == bad.pcr;
      if (counts) any = as_shown_->expect(entry.value).has_value() || any;
    }
    if (!any) as_shown_.reset();
  }

  void add_as_shown(const LoggedRecord& record) {
    if (record.bank != as_shown_->state().banks().front()) {
      as_shown_.reset();
      return;
    }
    const digest::Digest extended =
        record.content.violation ? imalog::extended_digest(record.bank, record.content) : digest::Digest(record.shown);
    as_shown_->add_extended(record.content.pcr, {&extended, 1});
  }

  // ---- the verdict

  void judge() {
    const RecordCounts& counts = matching_.counts();
    check_.quote_found_at = matching_.quote_found_at();
    if (const auto way = matching_.quote_matched()) check_.quote_matched_as = quote_ways_[*way];
    check_.pcrs = prove(counts, comparisons_);
    const ProofTotals sum = totals(check_.pcrs);
    const bool any = std::ranges::any_of(check_.pcrs, [](const PcrProof& proof) { return proof.matched; });
    if (any || (check_.records == 0 && !comparisons_.empty())) check_.proven = sum.proven;
    check_.after_match = sum.after_match;
    check_.unproven = expected_.anything() ? sum.unproven : 0;
    check_.state = matching_.replay().state();
    if (check_.stated_aggregate) {
      check_.boot_aggregate =
          check_boot_aggregate(*check_.stated_aggregate, expected_.values, start_, check_.state.touched_pcrs());
    }
    if (check_.bad_record) check_.bad_record->side = side();
    const CheckedLog checked{.check = check_,
                             .expected = expected_,
                             .composite = composite_,
                             .start = start_,
                             .unreadable = unreadable_,
                             .limit = limit_,
                             .from_reset = from_reset_,
                             .headless = headless_};
    auto problem = problem_of(log_, checked);
    check_.diagnosis = problem.diagnosis;
    check_.problem = std::move(problem.error);
  }

  // The comparisons of PCRs that records name. Also stores the result for each value in check_.values.
  std::vector<Comparison> compared() {
    std::vector<Comparison> comparisons;
    for (std::size_t i = 0; i < check_.values.size(); ++i) {
      ValueMatch& entry = check_.values[i];
      if (match_of_[i].empty()) continue;
      const bool in_log = matching_.counts().of_pcr(entry.value.pcr) > 0;
      if (entry.use == ValueUse::kCompared && !in_log && check_.records > 0) {
        entry.use = ValueUse::kNotInLog;
        continue;
      }
      const Comparison& match = note_match(i);
      if (entry.use == ValueUse::kCompared) comparisons.push_back(match);
    }
    if (!composite_) return comparisons;
    const auto way = matching_.quote_matched();
    const PcrComposite matched = way ? in_banks(*composite_, quote_ways_[*way]) : *composite_;
    for (const PcrComposite::Part& part : matched.parts) {
      // A given value is not replayed. If the log grew between passes and names that PCR now, the value proves nothing.
      if (part.given || imalog::strength_of(part.bank) == imalog::Strength::kNone) continue;
      comparisons.push_back({.bank = part.bank, .pcr = part.pcr, .matched = matching_.quote_match(part.pcr)});
    }
    return comparisons;
  }

  // The first way of extending the i-th value's bank that matches, or else the usual one. Stores the match in
  // check_.values.
  const Comparison& note_match(std::size_t i) {
    ValueMatch& entry = check_.values[i];
    const auto matches = [this](std::size_t match) { return matching_.match(match).matched.has_value(); };
    const auto first = std::ranges::find_if(match_of_[i], matches);
    if (first == match_of_[i].end()) return matching_.match(match_of_[i].front());
    const Comparison& match = matching_.match(*first);
    entry.matched_as = match.bank;
    if (imalog::strength_of(match.bank) == imalog::Strength::kNone) {
      entry.use = ValueUse::kInvalidated;
      return match;
    }
    entry.found_at = match.matched->records;
    entry.either_padding = std::any_of(std::next(first), match_of_[i].end(), [&](std::size_t other) {
      return matches(other) && matching_.match(other).bank.padded();
    });
    return match;
  }

  Side side() const {
    const BadRecord& bad = *check_.bad_record;
    for (const PcrProof& proof : check_.pcrs) {
      if (proof.pcr == bad.pcr && proof.proven > bad.number_of_pcr) return Side::kData;
    }
    if (as_shown_ && as_shown_->proven().value_or(0) > 0) return Side::kDigest;
    return Side::kUnknown;
  }

  LogSource& log_;
  const Expected& expected_;
  const PcrState start_;
  const std::optional<ReplayLimit>& limit_;
  RecordObserver* const observer_;
  Matching matching_;
  std::optional<PcrComposite> composite_;
  std::vector<std::vector<digest::Bank>> quote_ways_;  // the banks of each composite that matching_ looks for
  std::vector<std::vector<std::size_t>> match_of_;     // for each of check_.values: its indexes for matching_.match()
  std::vector<Comparison> comparisons_;
  std::optional<Replay> as_shown_;
  std::vector<digest::Digest> digests_;  // of one record, in the order of the replayed banks
  std::optional<Error> unreadable_;
  bool headless_ = false;
  const bool from_reset_;
  LogCheck check_;
};

std::vector<digest::Bank> all_fills(const std::vector<digest::Bank>& banks) {
  std::vector<digest::Bank> all;
  for (const digest::Bank& bank : banks) std::ranges::copy(imalog::other_fills(bank), std::back_inserter(all));
  return all;
}

// Whether the quote covers a PCR other than IMA's default. If it does, the log has to be read first to find the PCRs
// that replay computes.
bool selects_other_pcrs(const QuotedPcrs& quote) {
  for (const tpm::PcrSelection& selection : quote.selections) {
    for (const std::uint32_t pcr : selection.pcrs) {
      if (pcr != imalog::kImaPcr) return true;
    }
  }
  return quote.selections.empty();
}

// The values that a log is compared with, the state it starts from, and the point at which its replay ends.
struct Comparing {
  const Expected& expected;
  const std::optional<PcrComposite>& composite;
  PcrSet replayed = 0;
  const std::optional<PcrState>& start;
  const std::optional<ReplayLimit>& limit;
};

Result<std::unique_ptr<Pass>> pass_with(LogSource& log, const Comparing& what, Fills fills,
                                        RecordObserver* observer = nullptr) {
  PcrState state = what.start.value_or(PcrState(replayed_banks(what.expected)));
  if (fills == Fills::kAll) state = with_banks(state, all_fills(state.banks()));
  auto pass = std::make_unique<Pass>(log, what.expected, std::move(state), !what.start, what.limit, observer);
  IMAKEEP_CHECK(pass->expect(what.composite, what.replayed, fills));
  IMAKEEP_CHECK(pass->run());
  return pass;
}

// The pass with the most matches. The pass with every fill runs only if the first pass leaves something unmatched, and
// is the result only if it matches more.
Result<std::unique_ptr<Pass>> best_pass(LogSource& log, const Comparing& what, RecordObserver* observer = nullptr) {
  auto pass = pass_with(log, what, Fills::kAsGiven, observer);
  if (!pass || (*pass)->unmatched() == 0 || (*pass)->empty()) return pass;
  // If the log cannot be read again, the result of the first pass is used.
  auto other = pass_with(log, what, Fills::kAll);
  return other && (*other)->unmatched() < (*pass)->unmatched() ? std::move(other) : std::move(pass);
}

Result<void> check_available(const std::vector<PcrValue>& values) {
  for (const PcrValue& value : values) {
    if (!digest::available(value.bank.algorithm)) {
      return fail(ErrorCode::kUnsupported, "this machine's OpenSSL cannot compute bank " + value.bank.name());
    }
  }
  return {};
}

}  // namespace

Result<LogCheck> check_log(LogSource& log, const Expected& expected, const std::optional<PcrState>& start,
                           const std::optional<ReplayLimit>& limit, RecordObserver* observer) {
  std::optional<PcrComposite> composite;
  PcrSet replayed = 1u << imalog::kImaPcr;
  if (expected.quote) {
    if (selects_other_pcrs(*expected.quote)) {
      IMAKEEP_TRY(const auto& pcrs, pcrs_of_log(log, start));
      replayed = pcrs;
    }
    composite = composite_of(*expected.quote, expected.values, replayed);
    IMAKEEP_CHECK(check_composite(*composite, replayed));
  }
  IMAKEEP_CHECK(check_available(expected.values));
  auto pass = best_pass(
      log, {.expected = expected, .composite = composite, .replayed = replayed, .start = start, .limit = limit},
      observer);
  if (!pass) return unexpected(std::move(pass).error());
  return (*pass)->conclude();
}

Result<std::vector<digest::Bank>> find_fills(LogSource& log, const std::vector<PcrValue>& values) {
  IMAKEEP_CHECK(check_available(values));
  const Expected expected{.values = values};
  const std::optional<PcrComposite> no_quote;
  const std::optional<PcrState> reset;
  const std::optional<ReplayLimit> no_limit;
  IMAKEEP_TRY(const auto& pass,
              best_pass(log, {.expected = expected, .composite = no_quote, .start = reset, .limit = no_limit}));
  const auto& found = pass->values();
  // Linux before 5.8 pads every bank but sha1. A later one that pads a bank has hashes of its own for others.
  const bool since_5_8 = std::ranges::any_of(found, [](const ValueMatch& match) {
    return match.found_at.value_or(0) > 0 && match.matched_as.algorithm != digest::Algorithm::kSha1 &&
           match.matched_as.fill == digest::Fill::kOwnHash;
  });
  std::vector<digest::Bank> banks;
  for (const ValueMatch& match : found) {
    const bool tells = match.use == ValueUse::kInvalidated || match.found_at.value_or(0) > 0;
    const bool told = digest::find_bank(banks, match.value.bank.algorithm) != nullptr;
    if (!tells || told) continue;
    const bool full = match.either_padding && since_5_8 && !match.matched_as.name().starts_with("tpm_alg_");
    banks.push_back(full ? digest::with_fill(match.value.bank, digest::Fill::kPaddedSha1).value_or(match.matched_as)
                         : match.matched_as);
  }
  return banks;
}

}  // namespace imakeep::attest
