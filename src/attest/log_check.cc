#include "attest/log_check.h"

#include <algorithm>

#include "attest/log_search.h"
#include "imalog/pcr_file.h"
#include "imalog/template.h"

namespace imakeep::attest {
namespace {

using imalog::PcrComposite;
using imalog::PcrState;
using imalog::PcrValue;
using imalog::Replay;

using PcrSet = std::uint32_t;  // a bit each

bool holds(PcrSet set, std::uint32_t pcr) {
  return (set >> pcr & 1) != 0;
}

void add_bank(std::vector<digest::Bank>& banks, const digest::Bank& bank) {
  if (std::find(banks.begin(), banks.end(), bank) == banks.end()) banks.push_back(bank);
}

// ---- what is looked for ---------------------------------------------------------------------------------------------

// Those that some record is in, and IMA's own.
Result<PcrSet> pcrs_of_log(LogSource& log, const std::optional<PcrState>& start) {
  PcrSet pcrs = 1u << imalog::kImaPcr;
  if (start) pcrs |= start->touched_pcrs();
  IMAKEEP_CHECK(log.rewind());
  for (;;) {
    const auto record = log.next();
    if (!record || !*record) return pcrs;  // what cannot be read is told of by the replay
    pcrs |= 1u << (*record)->content.pcr;
  }
}

std::optional<digest::Digest> value_given(const std::vector<PcrValue>& values, const digest::Bank& bank,
                                          std::uint32_t pcr) {
  for (const PcrValue& value : values) {
    if (value.bank == bank && value.pcr == pcr) return value.value;
  }
  return std::nullopt;
}

// Every PCR of the quote, those of the log without a value.
PcrComposite composite_of(const QuotedPcrs& quote, const std::vector<PcrValue>& values, PcrSet of_log) {
  PcrComposite composite{.hash = quote.hash, .parts = {}, .value = digest::Digest(ByteView(quote.digest))};
  for (const tpm::PcrSelection& selection : quote.selections) {
    for (const std::uint32_t pcr : selection.pcrs) {
      composite.parts.push_back({.bank = selection.bank, .pcr = pcr, .given = {}});
      if (!holds(of_log, pcr)) composite.parts.back().given = value_given(values, selection.bank, pcr);
    }
  }
  return composite;
}

std::string name_of(const PcrComposite::Part& part) {
  return part.bank.name() + ":" + std::to_string(part.pcr);
}

Result<void> check_composite(const PcrComposite& composite, PcrSet of_log) {
  if (composite.value.size() != digest::digest_bytes(composite.hash)) {
    return fail(ErrorCode::kMismatch, "the quote's PCR digest of " + std::to_string(composite.value.size()) +
                                          " bytes is not by the signature's hash, " +
                                          std::string(digest::info(composite.hash).name));
  }
  std::string missing;
  bool any_of_log = false;
  for (const PcrComposite::Part& part : composite.parts) {
    if (!digest::available(part.bank.algorithm)) {
      return fail(ErrorCode::kUnsupported, "the quote covers bank " + part.bank.name() +
                                               ", which this machine's OpenSSL cannot compute; quote other banks");
    }
    any_of_log = any_of_log || holds(of_log, part.pcr);
    if (!part.given && !holds(of_log, part.pcr)) missing += (missing.empty() ? "" : ", ") + name_of(part);
  }
  if (!any_of_log) {
    return fail(ErrorCode::kMismatch,
                "the quote covers no PCR that records of the log are in, so it proves none; quote PCR 10");
  }
  if (!missing.empty()) {
    return fail(ErrorCode::kUsage, "the quote also covers PCRs that no record of the log is in: " + missing +
                                       "; give their values with --pcrs FILE (the quote's digest vouches for them)");
  }
  return {};
}

// ---- the pass over the log ------------------------------------------------------------------------------------------

bool lies_in_the_log(const Error& error) {
  return error.code == ErrorCode::kTruncated || error.code == ErrorCode::kMalformed ||
         error.code == ErrorCode::kUnsupported || error.code == ErrorCode::kMismatch;
}

class Pass {
 public:
  Pass(LogSource& log, const Expected& expected, PcrState start, bool from_reset)
      : log_(log),
        expected_(expected),
        replay_(std::move(start)),
        digests_(replay_.state().banks().size()),
        headless_(false),
        from_reset_(from_reset) {}

  // What is looked for. `of_log`: PCRs that records are in.
  Result<void> expect(const std::optional<PcrComposite>& composite, PcrSet of_log) {
    composite_ = composite;
    if (composite) {
      IMAKEEP_CHECK(replay_.expect(*composite));
      decisive_.emplace(replay_);
    }
    for (const PcrValue& value : expected_.values) {
      check_.values.push_back({.value = value, .looked_for = !composite || holds(of_log, value.pcr)});
      if (check_.values.back().looked_for) {
        IMAKEEP_CHECK(replay_.expect(value));
      }
    }
    if (!decisive_) decisive_.emplace(replay_);
    return {};
  }

  Result<LogCheck> run() {
    IMAKEEP_CHECK(log_.rewind());
    for (;;) {
      const auto record = log_.next();
      if (!record && !lies_in_the_log(record.error())) return unexpected(record.error());
      if (!record) unreadable_ = record.error();
      if (!record || !*record) break;
      add(**record);
    }
    conclude();
    return std::move(check_);
  }

 private:
  void add(const LoggedRecord& record) {
    if (check_.records == 0) headless_ = from_reset_ && !imalog::is_boot_aggregate(record.content, record.order);
    const auto& banks = replay_.state().banks();
    for (std::size_t i = 0; i < banks.size(); ++i) digests_[i] = imalog::extended_digest(banks[i], record.content);
    if (!check_.bad_record && !digest_fits(record)) {
      check_.bad_record = BadRecord{.place = log_.place(), .number = check_.records, .bank = record.bank};
      fork_as_shown(record.bank);
    }
    if (as_shown_) add_as_shown(record);
    replay_.add_extended(record.content.pcr, digests_);
    check_.violations += record.content.violation ? 1 : 0;
    ++check_.records;
  }

  bool digest_fits(const LoggedRecord& record) const {
    if (record.content.violation) return true;  // shows zeros, and is a violation because it does
    if (const auto bank = replay_.state().index_of(record.bank)) return equal(digests_[*bank].view(), record.shown);
    return imalog::digest_fits(record.bank, record.content, record.shown);
  }

  // From the first bad record on, the bank of the digests shown is also replayed by them instead of by the data.
  void fork_as_shown(const digest::Bank& bank) {
    const PcrState& state = replay_.state();
    const auto index = state.index_of(bank);
    if (!index) return;
    PcrState alone({bank});
    for (std::uint32_t pcr = 0; pcr < imalog::kPcrCount; ++pcr) alone.set(0, pcr, state.value(*index, pcr));
    as_shown_.emplace(std::move(alone));
    // What needs other banks cannot be followed, which is no usage error here.
    bool any = composite_ && as_shown_->expect(*composite_);
    const bool values_count = !composite_ || (!any && digest_of_given() == composite_->value);
    for (const ValueFit& fit : check_.values) {
      if (values_count && fit.looked_for) any = as_shown_->expect(fit.value).has_value() || any;
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

  bool anything_expected() const { return composite_ || !check_.values.empty(); }

  void conclude() {
    std::size_t i = 0;
    if (composite_) check_.quote_found_at = replay_.found_at(i++);
    for (ValueFit& fit : check_.values) {
      if (fit.looked_for) fit.found_at = replay_.found_at(i++);
    }
    check_.proven = composite_ ? check_.quote_found_at : replay_.proven();
    check_.state = replay_.state();
    if (check_.bad_record) check_.bad_record->side = side();
    check_.problem = problem();
  }

  Side side() const {
    if (check_.proven.value_or(0) > check_.bad_record->number) return Side::kData;
    if (as_shown_ && as_shown_->proven().value_or(0) > 0) return Side::kDigest;
    return Side::kUnknown;
  }

  std::optional<Error> problem() {
    if (check_.bad_record) return bad_record_problem();
    if (unreadable_) return unreadable_problem();
    if (!anything_expected()) return std::nullopt;
    if (!check_.proven) return no_fit_problem();
    if (*check_.proven == 0 && check_.records > 0) {
      return mismatch("no record is proven: the PCRs are as they were before the log's first record");
    }
    return std::nullopt;
  }

  static Error mismatch(std::string message) { return {.code = ErrorCode::kMismatch, .message = std::move(message)}; }

  std::string proven_before() const {
    return "; the " + std::to_string(*check_.proven) + " records that are proven lie before it";
  }

  Error bad_record_problem() const {
    const BadRecord& bad = *check_.bad_record;
    Error error =
        mismatch(bad.place.source + ": the " + bad.bank.name() + " template digest does not fit the record's data");
    error.record = bad.place.record;
    error.offset = bad.place.offset;
    if (bad.side == Side::kData) {
      error.message += "; the PCRs fit the data, so the digest was altered";
    } else if (bad.side == Side::kDigest) {
      error.message += "; the PCRs fit the digest, so the data was altered";
    } else if (check_.proven) {
      error.message += proven_before();
    } else if (anything_expected()) {
      error.message += ", and nothing is proven: with either, the PCRs stand for no prefix of the log";
    }
    return error;
  }

  Error unreadable_problem() const {
    Error error = *unreadable_;
    if (check_.proven) {
      error.message += proven_before();
    } else if (anything_expected()) {
      error.message += ", and nothing is proven: the PCRs stand for no prefix of what lies before it";
    }
    return error;
  }

  Error no_fit_problem() {
    if (check_.records == 0) return mismatch(subject() + ", and the log is empty");
    std::string message = subject() + ", though every digest fits its data";
    if (composite_) message += given_values_hint();
    if (const auto some = banks_that_fit(); !some.empty()) return mismatch(message + "; " + some);
    if (headless_) {
      return mismatch(message + "; the log does not begin with boot_aggregate, so records at its head are missing");
    }
    const auto change = find_change(log_, *decisive_);
    if (change && *change) return changed(message, **change);
    message += composite_
                   ? "; the log ends before what the quote covers, or a record is missing, repeated or out of order"
                   : "; a record is missing, repeated or out of order, or the log ends before what the PCRs cover";
    return mismatch(message);
  }

  std::string subject() const {
    return composite_ ? "the quote stands for no prefix of this log" : "the PCRs stand for no prefix of this log";
  }

  // The quote's digest over the values given, if there is one for every quoted PCR.
  std::optional<digest::Digest> digest_of_given() const {
    PcrComposite all = *composite_;
    for (PcrComposite::Part& part : all.parts) {
      if (!part.given) part.given = value_given(expected_.values, part.bank, part.pcr);
    }
    return imalog::digest_of(all);
  }

  // Values of every quoted PCR say whether they or the log are to blame.
  std::string given_values_hint() const {
    const auto digest = digest_of_given();
    if (digest && *digest == composite_->value) return " (the PCR values given are those that were quoted)";
    if (digest) return " (the PCR values given are not those that were quoted)";
    const bool some_given = std::any_of(composite_->parts.begin(), composite_->parts.end(),
                                        [](const PcrComposite::Part& part) { return part.given.has_value(); });
    return some_given ? " (unless a PCR value given is not the one quoted)" : "";
  }

  // Some values fit and others do not: it is not the log's order, but a bank that went its own way.
  std::string banks_that_fit() const {
    std::string fit;
    std::string unfit;
    for (const ValueFit& value : check_.values) {
      if (!value.looked_for) continue;
      std::string& list = value.found_at ? fit : unfit;
      list += (list.empty() ? "" : ", ") + value.value.bank.name() + ":" + std::to_string(value.value.pcr);
    }
    if (fit.empty() || unfit.empty()) return {};
    return "it fits " + fit + " but not " + unfit + ": wrong values, or something else extended these";
  }

  static Error changed(std::string message, const Change& change) {
    switch (change.kind) {
      case ChangeKind::kRepeated:
        message += "; without this record it fits: it is a repeat of one before it";
        break;
      case ChangeKind::kInserted:
        message += "; without this record it fits: it was put in";
        break;
      case ChangeKind::kOutOfOrder:
        message += "; with this record and the next exchanged it fits: they are out of order";
        break;
      case ChangeKind::kNoViolation:
        message += "; with this record's digest it fits: it is shown as a violation and was none";
        break;
    }
    Error error = mismatch(change.place.source + ": " + message);
    error.record = change.place.record;
    error.offset = change.place.offset;
    return error;
  }

  LogSource& log_;
  const Expected& expected_;
  std::optional<PcrComposite> composite_;
  Replay replay_;
  std::optional<Replay> decisive_;  // before the first record, with what decides: the quote, or all values
  std::optional<Replay> as_shown_;
  std::vector<digest::Digest> digests_;  // of one record, in the order of the replayed banks
  std::optional<Error> unreadable_;
  bool headless_;
  bool from_reset_;
  LogCheck check_;
};

// Only IMA's own PCR is known to be the log's without looking.
bool selects_other_pcrs(const QuotedPcrs& quote) {
  for (const tpm::PcrSelection& selection : quote.selections) {
    for (const std::uint32_t pcr : selection.pcrs) {
      if (pcr != imalog::kImaPcr) return true;
    }
  }
  return quote.selections.empty();
}

}  // namespace

QuotedPcrs quoted_pcrs(const tpm::Quote& quote, const tpm::Signature& signature) {
  return {.selections = quote.selections, .hash = signature.hash, .digest = quote.pcr_digest};
}

std::vector<digest::Bank> replayed_banks(const Expected& expected) {
  std::vector<digest::Bank> banks;
  for (const PcrValue& value : expected.values) add_bank(banks, value.bank);
  if (expected.quote) {
    for (const tpm::PcrSelection& selection : expected.quote->selections) add_bank(banks, selection.bank);
  } else if (banks.empty()) {
    for (const char* const name : {"sha1", "sha256", "sha384", "sha512"}) banks.push_back(*digest::parse_bank(name));
  }
  return banks;
}

Result<LogCheck> check_log(LogSource& log, const Expected& expected, const std::optional<PcrState>& start) {
  std::optional<PcrComposite> composite;
  PcrSet of_log = 1u << imalog::kImaPcr;
  if (expected.quote) {
    if (selects_other_pcrs(*expected.quote)) {
      const auto pcrs = pcrs_of_log(log, start);
      if (!pcrs) return unexpected(pcrs.error());
      of_log = *pcrs;
    }
    composite = composite_of(*expected.quote, expected.values, of_log);
    IMAKEEP_CHECK(check_composite(*composite, of_log));
  }
  for (const PcrValue& value : expected.values) {
    if (!digest::available(value.bank.algorithm)) {
      return fail(ErrorCode::kUnsupported, "this machine's OpenSSL cannot compute bank " + value.bank.name());
    }
  }
  Pass pass(log, expected, start.value_or(PcrState(replayed_banks(expected))), !start);
  IMAKEEP_CHECK(pass.expect(composite, of_log));
  return pass.run();
}

}  // namespace imakeep::attest
