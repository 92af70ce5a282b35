// SPDX-License-Identifier: Apache-2.0
#include "output/record_feed.h"

#include <algorithm>

#include "output/cursor.h"
#include "output/record_writer.h"

namespace imakeep::output {
namespace {

constexpr std::size_t kFlushBytes = 1u << 20;
constexpr std::int64_t kPollMs = 200;

// The records of a chain to process, and those among them to print.
struct Range {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::uint64_t first_printed = 0;  // records before it are only counted
};

std::string records_named(const archive::Damage& damage) {
  return "records " + std::to_string(damage.first) + " to " + std::to_string(damage.first + damage.records - 1);
}

class Feed {
 public:
  Feed(archive::Archive& archive, const FeedRequest& request, FeedSink& sink, Clock& clock)
      : archive_(archive), request_(request), sink_(sink), clock_(clock) {}

  Result<bool> run() {
    IMAKEEP_CHECK(begin());
    // A cursor that cannot be written must not let lines come again and again.
    if (chain_.chain != archive::kNoChain) IMAKEEP_CHECK(save(from_));
    writer_->begin(text_);
    if (request_.violations && !request_.from && request_.cursor.empty()) IMAKEEP_CHECK(print_retired_violations());
    for (std::uint64_t next = writer_->counts_from_first() ? chain_.first_kept : from_;;) {
      const std::uint64_t to = std::min(request_.to.value_or(chain_.end), chain_.end);
      IMAKEEP_CHECK(print({.from = next, .to = to, .first_printed = from_}));
      next = std::max(next, to);
      if (request_.to && next >= *request_.to) break;
      IMAKEEP_TRY(const auto more, wait_for_more(next));
      if (more == More::kNone) break;
      if (more == More::kNextChain) next = from_ = chain_.first_kept;
    }
    writer_->end(text_);
    IMAKEEP_CHECK(flush());
    return whole_;
  }

 private:
  enum class More : std::uint8_t { kNone, kSameChain, kNextChain };

  Result<void> begin() {
    IMAKEEP_TRY(auto bank, digest::parse_bank(request_.bank));
    IMAKEEP_TRY(const auto& templates, imalog::TemplateSet::parse(request_.templates));
    IMAKEEP_CHECK(choose_start());
    // The kernel's files show the digests that it extends.
    if (bank == digest::bank_of(bank.algorithm)) bank = digest::with_fills_of({bank}, chain_.banks).front();
    writer_ = make_record_writer(request_.format, bank, chain_.banks, chain_.order, templates);
    if (request_.for_terminal) writer_ = escape_for_terminal(std::move(writer_));
    return check_range();
  }

  // Sets the chain, and the number of the first record to print.
  Result<void> choose_start() {
    std::optional<Cursor> cursor;
    if (!request_.cursor.empty()) {
      IMAKEEP_TRY(cursor, read_cursor(request_.cursor));
    }
    if (!cursor) {
      IMAKEEP_TRY(chain_, first_chain());
      from_ = request_.from.value_or(chain_.first_kept);
      return {};
    }
    if (request_.chain && *request_.chain != cursor->chain) {
      return fail(ErrorCode::kUsage, request_.cursor + ": the cursor is of chain " +
                                         std::to_string(cursor->chain.value()) + " and not of chain " +
                                         std::to_string(request_.chain->value()) + "; name one cursor for each chain");
    }
    IMAKEEP_TRY(chain_, chain_of_cursor(archive_, *cursor, request_.cursor));
    from_ = cursor->next;
    saved_ = std::move(cursor);
    return {};
  }

  // If the archive holds no chain yet, returns a chain without records.
  Result<archive::Chain> first_chain() {
    if (!request_.cursor.empty() && !request_.chain) {
      IMAKEEP_TRY(auto chains, archive_.chains());
      if (!chains.empty()) return std::move(chains.front());
    }
    IMAKEEP_TRY(auto chain, archive_.chain_or_last(request_.chain));
    if (chain) return std::move(*chain);
    if (!request_.follow) return archive::Chain{};
    return fail(ErrorCode::kEnvironment, request_.archive + " holds no chain yet; retry when it does");
  }

  Result<void> check_range() const {
    if (from_ < chain_.first_kept) {
      return fail(ErrorCode::kUsage, "records before " + std::to_string(chain_.first_kept) +
                                         " were retired; the archive holds the later ones");
    }
    if ((request_.follow || !request_.cursor.empty()) && writer_->has_end()) {
      return fail(ErrorCode::kUsage, std::string(request_.follow ? "--follow never ends" : "--cursor continues later") +
                                         ", and --format " + request_.format +
                                         " needs an end; use ecs, cel-tlv or json");
    }
    if (request_.to && *request_.to < from_) return fail(ErrorCode::kUsage, "--to lies before --from");
    if (!request_.follow && from_ > chain_.end) {
      return fail(ErrorCode::kUsage, "the chain ends before record " + std::to_string(chain_.end));
    }
    return {};
  }

  Result<void> enter() {
    return writer_->enter(archive_, chain_, [this](archive::ChainId chain, const archive::Damage& damage) {
      report({.code = ErrorCode::kMalformed,
              .message = "chain " + std::to_string(chain.value()) + ": digests not known of " + records_named(damage) +
                         ": " + damage.what});
    });
  }

  Result<void> print(const Range& range) {
    if (chain_.chain == archive::kNoChain) return {};
    IMAKEEP_CHECK(enter());
    archive::ArchiveReader reader(archive_.store(), chain_, range.from, range.to);
    for (;;) {
      IMAKEEP_TRY(const auto& step, reader.next());
      if (step.done()) break;
      if (step.damage) {
        IMAKEEP_CHECK(flush());
        report({.code = ErrorCode::kMalformed,
                .message = "left out " + records_named(*step.damage) + ": " + step.damage->what});
        continue;
      }
      print_record(*step.record, range.first_printed);
      if (text_.size() < kFlushBytes) continue;
      IMAKEEP_CHECK(flush());
      if (step.record->number >= range.first_printed) IMAKEEP_CHECK(save(step.record->number + 1));
    }
    IMAKEEP_CHECK(flush());
    return save(range.to);
  }

  void print_record(const archive::NumberedRecord& record, std::uint64_t first_printed) {
    if (record.number < first_printed || (request_.violations && !record.record.content.violation)) {
      writer_->pass(record);
      return;
    }
    if (const auto shown = writer_->append(text_, record); !shown) {
      Error error = shown.error();
      error.record = record.number;
      report(error);
    }
  }

  // Prints the violations among retired records, which the archive keeps.
  Result<void> print_retired_violations() {
    if (chain_.chain == archive::kNoChain) return {};
    IMAKEEP_CHECK(enter());
    IMAKEEP_TRY(const auto& rows, archive_.store().violations(chain_.chain));
    for (const archive::ViolationRow& row : rows) {
      archive::SegmentReader reader(row.record);
      IMAKEEP_TRY(const auto& record, reader.next());
      if (!record) continue;
      IMAKEEP_CHECK(writer_->append(text_, {.number = row.number, .record = *record}));
    }
    return flush();
  }

  // Waits until the chain has records from `end` on, or the archive the next chain if it may be printed too. Sets
  // `chain_` to its current state. Does not wait unless it follows.
  Result<More> wait_for_more(std::uint64_t end) {
    const bool others = !request_.chain && !request_.to && chain_.chain != archive::kNoChain &&
                        (request_.follow || !request_.cursor.empty());
    if (!request_.follow && !others) return More::kNone;
    for (;; clock_.sleep_ms(kPollMs)) {
      IMAKEEP_TRY(auto now, archive_.chain(chain_.chain));
      if (now.end > end) {
        chain_ = std::move(now);
        return More::kSameChain;
      }
      if (others) {
        auto next = archive_.chain(chain_.chain + 1);
        if (!next && next.error().code != ErrorCode::kUsage) return unexpected(next.error());
        if (next) {
          // The chain may have got its last records before the next one began.
          IMAKEEP_TRY(now, archive_.chain(chain_.chain));
          const bool grown = now.end > end;
          chain_ = grown ? std::move(now) : std::move(*next);
          return grown ? More::kSameChain : More::kNextChain;
        }
      }
      if (!request_.follow) return More::kNone;
    }
  }

  Result<void> flush() {
    if (text_.empty()) return {};
    auto written = sink_.write(text_);
    text_.clear();
    return written;
  }

  // REQUIRES: everything before record `next` was flushed.
  Result<void> save(std::uint64_t next) {
    if (request_.cursor.empty() || (saved_ && saved_->chain == chain_.chain && saved_->next == next)) return {};
    auto cursor = cursor_at(archive_, chain_, next);
    // Where the archive is damaged, the cursor stays behind: lines come again, and none is lost.
    if (!cursor && cursor.error().code == ErrorCode::kMalformed) return {};
    if (!cursor) return unexpected(std::move(cursor).error());
    saved_ = std::move(*cursor);
    return write_cursor(request_.cursor, *saved_);
  }

  void report(const Error& error) {
    sink_.report(error);
    whole_ = false;
  }

  archive::Archive& archive_;
  const FeedRequest& request_;
  FeedSink& sink_;
  Clock& clock_;
  archive::Chain chain_;
  std::uint64_t from_ = 0;
  std::unique_ptr<RecordWriter> writer_;
  std::optional<Cursor> saved_;
  std::string text_;
  bool whole_ = true;
};

}  // namespace

Result<bool> feed_records(archive::Archive& archive, const FeedRequest& request, FeedSink& sink, Clock& clock) {
  return Feed(archive, request, sink, clock).run();
}

}  // namespace imakeep::output
