// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>

#include "archive/archive.h"
#include "archive/payload.h"
#include "archive/pcr_bytes.h"
#include "archive/quote_thinning.h"
#include "base/text.h"

// Archive's acknowledgements of verifiers, their quotes, and its retention.

namespace imakeep::archive {

namespace {

Result<void> check_verifier_name(const std::string& name) {
  const bool printable = std::ranges::all_of(name, [](char c) { return c > ' ' && c <= '~'; });
  if (!name.empty() && name.size() <= kMaxVerifierNameBytes && printable) return {};
  return fail(ErrorCode::kUsage, "'" + imakeep::printable(name.substr(0, kMaxVerifierNameBytes)) +
                                     "' is no name of a verifier: use 1 to " + std::to_string(kMaxVerifierNameBytes) +
                                     " printable ASCII characters without spaces");
}

std::string verifier_and_chain(const std::string& verifier, ChainId chain) {
  return "verifier " + verifier + ", chain " + std::to_string(chain.value());
}

Result<void> check_quote_parts(const AcceptedQuote& quote) {
  for (const auto& [part, name] :
       {std::pair(&quote.statement, "statement"), {&quote.signature, "signature"}, {&quote.ak_public, "public key"}}) {
    if (!part->empty() && part->size() <= kMaxQuotePartBytes) continue;
    return fail(ErrorCode::kUsage, std::string("the quote's ") + name + " has " + std::to_string(part->size()) +
                                       " bytes; 1 to " + std::to_string(kMaxQuotePartBytes) + " are possible");
  }
  return {};
}

}  // namespace

Result<bool> Archive::acknowledge(const std::string& verifier, ChainId number, std::uint64_t record,
                                  std::int64_t now_unix_s, const std::optional<AcceptedQuote>& quote) {
  IMAKEEP_CHECK(check_verifier_name(verifier));
  if (quote) IMAKEEP_CHECK(check_quote_parts(*quote));
  bool is_new = false;
  const auto written = write([&]() -> Result<void> {
    IMAKEEP_TRY(const auto& of, chain(number));
    if (record > of.end) {
      return fail(ErrorCode::kUsage, verifier_and_chain(verifier, number) + ": " + std::to_string(record) +
                                         " records cannot be proven, because the archive has " +
                                         std::to_string(of.end) + "; acknowledge no more than these");
    }
    IMAKEEP_TRY(const auto& known, verifiers(number));
    const auto before = std::ranges::find(known, verifier, &Verifier::name);
    is_new = before == known.end();
    if (is_new && known.size() >= kMaxVerifiers) {
      return fail(ErrorCode::kUsage, "verifier " + verifier + " cannot be registered: " +
                                         std::to_string(kMaxVerifiers) + " verifiers are; remove one of them");
    }
    if (!is_new && record < before->acknowledged) {
      return fail(ErrorCode::kUsage, verifier_and_chain(verifier, number) + ": " + std::to_string(record) +
                                         " records are fewer than the " + std::to_string(before->acknowledged) +
                                         " acknowledged before, and an acknowledgement never decreases; to start over, "
                                         "remove the verifier");
    }
    if (quote) IMAKEEP_CHECK(keep_quote(number, record, *quote, now_unix_s));
    return store_.put_verifier(
        {.name = verifier, .chain = number, .acknowledged = record, .acknowledged_unix_s = now_unix_s});
  });
  if (!written) return unexpected(written.error());
  return is_new;
}

Result<void> Archive::keep_quote(ChainId chain, std::uint64_t records, const AcceptedQuote& quote,
                                 std::int64_t now_unix_s) {
  IMAKEEP_TRY(const auto& list, store_.list(chain));
  IMAKEEP_CHECK(store_.put_quote({.chain = chain,
                                  .records = records,
                                  .added_unix_s = now_unix_s,
                                  .statement = quote.statement,
                                  .signature = quote.signature,
                                  .ak_public = quote.ak_public,
                                  .pcrs = value_bytes(quote.pcrs),
                                  .boot_id = list ? list->boot_id : ""}));
  IMAKEEP_TRY(const auto& rows, store_.quotes(chain));
  std::vector<QuoteAge> ages;
  ages.reserve(rows.size());
  for (const QuoteRow& row : rows) {
    ages.push_back({.quote = row.quote, .added_unix_s = row.added_unix_s, .boot_id = row.boot_id});
  }
  for (const std::uint64_t number : quotes_to_thin(ages, now_unix_s)) {
    IMAKEEP_CHECK(store_.remove_quote(chain, number));
  }
  return {};
}

Result<std::vector<KeptQuote>> Archive::quotes(ChainId chain) {
  IMAKEEP_TRY(auto rows, store_.quotes(chain));
  std::vector<KeptQuote> quotes;
  quotes.reserve(rows.size());
  for (QuoteRow& row : rows) {
    auto pcrs = pcr_values(row.pcrs);
    if (!pcrs) {
      return fail(ErrorCode::kMalformed, "quote " + std::to_string(row.quote) + " of chain " +
                                             std::to_string(chain.value()) + " is damaged: " + pcrs.error().message);
    }
    quotes.push_back({.quote = row.quote,
                      .records = row.records,
                      .added_unix_s = row.added_unix_s,
                      .accepted = {.statement = std::move(row.statement),
                                   .signature = std::move(row.signature),
                                   .ak_public = std::move(row.ak_public),
                                   .pcrs = std::move(*pcrs)}});
  }
  return quotes;
}

Result<void> Archive::remove_verifier(const std::string& verifier) {
  return write([&]() -> Result<void> {
    IMAKEEP_TRY(const auto& rows, store_.verifiers());
    if (std::ranges::find(rows, verifier, &VerifierRow::name) == rows.end()) {
      return fail(ErrorCode::kUsage, "no verifier '" + imakeep::printable(verifier.substr(0, kMaxVerifierNameBytes)) +
                                         "' is registered; `imakeep status` lists them");
    }
    return store_.remove_verifier(verifier);
  });
}

Result<std::vector<Verifier>> Archive::verifiers(ChainId number) {
  IMAKEEP_TRY(const auto& rows, store_.verifiers());
  std::vector<Verifier> all;
  for (const VerifierRow& row : rows) {
    auto known = std::ranges::find(all, row.name, &Verifier::name);
    if (known == all.end()) known = all.insert(all.end(), Verifier{.name = row.name});
    if (row.chain != number) continue;
    known->acknowledged = row.acknowledged;
    known->acknowledged_unix_s = row.acknowledged_unix_s;
  }
  std::ranges::sort(all, {}, &Verifier::name);
  return all;
}

Result<std::optional<std::uint64_t>> Archive::acknowledged(ChainId number) {
  IMAKEEP_TRY(const auto& all, verifiers(number));
  if (all.empty()) return std::nullopt;
  return std::ranges::min(all, {}, &Verifier::acknowledged).acknowledged;
}

namespace {

// Copies the segment's violations to rows of their own, so that they stay in the host's history. Returns their count.
Result<std::uint64_t> keep_violations(Store& store, const SegmentRow& row) {
  if (row.violations == 0) return std::uint64_t{0};
  IMAKEEP_TRY(const auto& payload, read_payload(store, row));
  SegmentReader reader(payload);
  std::uint64_t kept = 0;
  for (std::uint64_t number = row.first;; ++number) {
    IMAKEEP_TRY(const auto& record, reader.next());
    if (!record) return kept;
    if (!record->content.violation) continue;
    Bytes bytes;
    append_record(bytes, *record);
    IMAKEEP_CHECK(store.put_violation({.chain = row.chain, .number = number, .record = std::move(bytes)}));
    ++kept;
  }
}

// Without the records that it covers, a quote proves nothing.
Result<void> remove_quotes_before(Store& store, ChainId chain, std::uint64_t first_kept) {
  IMAKEEP_TRY(const auto& rows, store.quotes(chain));
  for (const QuoteRow& row : rows) {
    if (row.records <= first_kept) IMAKEEP_CHECK(store.remove_quote(chain, row.quote));
  }
  return {};
}

// The number of the first record in the newest segments that together take at most `bytes`.
std::uint64_t oldest_within(const std::vector<SegmentRow>& segments, std::uint64_t bytes) {
  std::uint64_t taken = 0;
  for (auto it = segments.rbegin(); it != segments.rend(); ++it) {
    taken += it->stored_bytes;
    if (taken > bytes) return it->end();
  }
  return 0;
}

// Only records before `before` may be retired. `why` is the reason, as the end of a sentence about the other records.
struct Limit {
  std::uint64_t before = 0;
  std::string why;
};

Limit limit_of_verifiers(const std::optional<std::uint64_t>& acknowledged) {
  constexpr const char* kRemedy = "; --unacknowledged retires them anyway";
  if (acknowledged) {
    return {.before = *acknowledged,
            .why = std::string("are not acknowledged by every verifier: wait for them") + kRemedy};
  }
  return {.before = 0, .why = std::string("are acknowledged by no verifier, because none is registered") + kRemedy};
}

// The list may still hold the records from its head on.
Limit limit_of_list(const ListRow& list) {
  return {.before = list.head, .why = "may still be in the measurement list; retire them once they are trimmed"};
}

}  // namespace

Result<Retired> Archive::retire(ChainId number, const Retention& retention) {
  Retired retired;
  const auto decide = [&]() -> Result<void> {
    IMAKEEP_TRY(const auto& rows, store_.chains());
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const ChainRow& r) { return r.chain == number; });
    if (row == rows.end())
      return fail(ErrorCode::kUsage, "no chain " + std::to_string(number.value()) + " in the archive");
    ChainRow kept = *row;
    IMAKEEP_TRY(const auto& proven, acknowledged(number));
    IMAKEEP_TRY(const auto& list, store_.list(number));
    Limit limit = retention.unacknowledged ? Limit{.before = kept.end, .why = {}} : limit_of_verifiers(proven);
    if (list && list->head < limit.before) limit = limit_of_list(*list);
    const SegmentListing listing = store_.segments(number);
    if (!listing.damage.empty()) return unexpected(listing.damage.front());
    const std::uint64_t before = std::min(retention.before, oldest_within(listing.segments, retention.keep_bytes));
    bool held_back = false;
    for (std::size_t i = 0; i + 1 < listing.segments.size(); ++i) {
      const SegmentRow& segment = listing.segments[i];
      if (segment.first != kept.first_kept) {
        return fail(ErrorCode::kMalformed, "no segment holds record " + std::to_string(kept.first_kept) +
                                               "; `imakeep log --check` tells what is damaged");
      }
      // A segment may hold records that are much newer than its first one, but none newer than the next segment's
      // first.
      const std::int64_t newest_unix_s = listing.segments[i + 1].added_unix_s;
      if (segment.end() > before || newest_unix_s >= retention.added_before_unix_s) break;
      held_back = segment.end() > limit.before;
      if (held_back) break;
      IMAKEEP_TRY(const auto& violations,
                  retention.dry_run ? Result<std::uint64_t>(segment.violations) : keep_violations(store_, segment));
      if (!retention.dry_run) IMAKEEP_CHECK(store_.remove_segment(number, segment.first));
      if (retired.records == 0) retired.first = segment.first;
      if (retired.records == 0) retired.oldest_unix_s = segment.added_unix_s;
      retired.newest_unix_s = newest_unix_s;
      retired.stored_bytes += segment.stored_bytes;
      retired.records += segment.records;
      retired.violations_kept += violations;
      kept.first_kept = segment.end();
    }
    if (!retention.dry_run && retired.records > 0) IMAKEEP_CHECK(remove_quotes_before(store_, number, kept.first_kept));
    if (held_back && retired.records == 0) {
      return refuse(EBUSY, "records from " + std::to_string(kept.first_kept) + " on " + limit.why);
    }
    return retention.dry_run ? Result<void>() : store_.put_chain(kept);
  };
  if (retention.dry_run) {
    Transaction reading(store_);
    IMAKEEP_CHECK(reading.begin_reading());
    IMAKEEP_CHECK(decide());
    return retired;
  }
  const auto written = write(decide);
  if (!written) return unexpected(written.error());
  return retired;
}

}  // namespace imakeep::archive
