// SPDX-License-Identifier: Apache-2.0
#include "bundle/judge_quotes.h"

#include <algorithm>
#include <map>

#include "attest/increment.h"
#include "imalog/extend_rule.h"
#include "imalog/pcr_state.h"

namespace imakeep::bundle {
namespace {

using evidence::BundleQuote;

Error in_quote(std::uint64_t number, Error error) {
  return named(std::move(error), "quote " + std::to_string(number));
}

// Parses the quote, and checks its signature.
Result<void> check_signed(JudgedQuote& judged, const BundleQuote& given,
                          const std::vector<attest::VerificationKey>& trusted) {
  IMAKEEP_TRY(judged.quote, tpm::parse_quote(given.statement));
  IMAKEEP_TRY(judged.signature, tpm::parse_signature(given.signature));
  std::vector<attest::VerificationKey> keys = trusted;
  if (keys.empty()) {
    // A PEM file has no attributes that show an attestation key.
    IMAKEEP_CHECK(tpm::parse_public_key(given.ak_public));
    IMAKEEP_TRY(keys, attest::VerificationKey::parse(given.ak_public));
  }
  std::vector<attest::Candidate> candidates;
  candidates.reserve(keys.size());
  for (const attest::VerificationKey& key : keys) candidates.push_back({.signature = judged.signature, .key = key});
  IMAKEEP_TRY(const auto& good, attest::check_quote(judged.quote, candidates, std::nullopt));
  judged.key = good.key.name();
  return {};
}

// Every bank that a quote covers, with each fill that a kernel may have used. So every way is in the state from which
// the next quote is looked for.
digest::PcrState zeros_of(const std::vector<JudgedQuote>& quotes) {
  std::vector<digest::Bank> banks;
  const auto add = [&banks](const digest::Bank& bank) {
    if (std::ranges::find(banks, bank) == banks.end()) banks.push_back(bank);
  };
  for (const JudgedQuote& judged : quotes) {
    for (const tpm::PcrSelection& selection : judged.quote.selections) {
      if (!digest::available(selection.bank.algorithm)) continue;
      add(selection.bank);
      for (const digest::Bank& bank : imalog::other_fills(selection.bank)) add(bank);
    }
  }
  return digest::PcrState(banks);
}

bool covers(const tpm::Quote& quote, const std::vector<imalog::PcrValue>& given, std::uint32_t pcr) {
  return std::ranges::any_of(quote.selections, [&](const tpm::PcrSelection& selection) {
    return std::ranges::find(selection.pcrs, pcr) != selection.pcrs.end() &&
           !attest::value_given(given, selection.bank, pcr);
  });
}

// The records, and the state after those that were replayed.
class Walk {
 public:
  // `quotes`: all that are to be looked for.
  Walk(attest::LogSource& log, const std::vector<JudgedQuote>& quotes) : log_(log), state_(zeros_of(quotes)) {
    for (const JudgedQuote& judged : quotes) pcr_of_.emplace(judged.records, std::nullopt);
  }

  // Goes on until the quote matches or cannot match any more.
  Result<void> look_for(JudgedQuote& judged, const std::vector<imalog::PcrValue>& given) {
    const auto quoted = attest::quoted_pcrs(judged.quote, judged.signature);
    auto increment = attest::Increment::begin(state_, quoted, given);
    if (!increment) {
      judged.problem = in_quote(judged.number, increment.error());
      return {};
    }
    for (;;) {
      const bool is_late = number_ > judged.records && !may_match_after(judged, given);
      if (increment->matched() && !is_late) break;
      IMAKEEP_CHECK(peek());
      if (!ahead_ || is_late || (number_ == judged.records && !may_match_after(judged, given))) {
        judged.problem = Error{.code = ErrorCode::kMismatch,
                               .message = "quote " + std::to_string(judged.number) +
                                          ": the records do not match it; it is said to cover the first " +
                                          std::to_string(judged.records)};
        return {};
      }
      increment->add(ahead_->content);
      imalog::extend(state_, ahead_->content);
      ++number_;
      ahead_.reset();
    }
    judged.matched_at = number_;
    return {};
  }

 private:
  // REQUIRES: the record after those that the quote is said to cover was read.
  bool may_match_after(const JudgedQuote& judged, const std::vector<imalog::PcrValue>& given) const {
    const std::optional<std::uint32_t>& pcr = pcr_of_.at(judged.records);
    return pcr && !covers(judged.quote, given, *pcr);
  }

  Result<void> peek() {
    if (ahead_ || ended_) return {};
    IMAKEEP_TRY(ahead_, log_.next());
    ended_ = !ahead_;
    if (const auto said = pcr_of_.find(number_); said != pcr_of_.end() && ahead_) said->second = ahead_->content.pcr;
    return {};
  }

  attest::LogSource& log_;
  digest::PcrState state_;
  std::uint64_t number_ = 0;                   // of the record ahead
  std::optional<attest::LoggedRecord> ahead_;  // valid until the next one is read
  bool ended_ = false;
  std::map<std::uint64_t, std::optional<std::uint32_t>>
      pcr_of_;  // by number: of the first record not said to be proven
};

// A TPM that was reset has a new list. So quotes by one key that match the same records, with different counts of
// resets, are of different boots whose lists begin alike; those of another boot than the last one are no evidence of
// it. By different keys the counts cannot be compared: attestation_tpm.h.
void refuse_other_boots(JudgedQuotes& all, const std::vector<BundleQuote>& given) {
  if (!all.last) return;
  const JudgedQuote& last = all.quotes[*all.last];
  for (std::size_t i = 0; i < all.quotes.size(); ++i) {
    JudgedQuote& judged = all.quotes[i];
    if (!judged.good() || !equal(given[i].ak_public, given[*all.last].ak_public) ||
        judged.quote.clock.reset_count == last.quote.clock.reset_count) {
      continue;
    }
    judged.problem = Error{.code = ErrorCode::kMismatch,
                           .message = "quote " + std::to_string(judged.number) + " is of another boot than quote " +
                                      std::to_string(last.number) + ": the TPM was reset between them"};
  }
}

}  // namespace

Result<JudgedQuotes> judge_quotes(attest::LogSource& log, const evidence::BundleHeader& header,
                                  const std::vector<attest::VerificationKey>& keys) {
  JudgedQuotes all;
  std::vector<std::size_t> order;  // of the quotes that are signed, by the TPM's clock
  for (std::size_t i = 0; i < header.quotes.size(); ++i) {
    JudgedQuote judged{.number = i + 1, .records = header.quotes[i].records};
    if (auto checked = check_signed(judged, header.quotes[i], keys); !checked) {
      judged.problem = in_quote(judged.number, std::move(checked).error());
    } else {
      order.push_back(i);
    }
    all.quotes.push_back(std::move(judged));
  }
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return all.quotes[i].quote.clock.clock_ms; });
  IMAKEEP_CHECK(log.rewind());
  Walk walk(log, all.quotes);
  for (const std::size_t i : order) {
    IMAKEEP_CHECK(walk.look_for(all.quotes[i], header.quotes[i].pcrs));
    if (all.quotes[i].good()) all.last = i;
  }
  refuse_other_boots(all, header.quotes);
  return all;
}

}  // namespace imakeep::bundle
