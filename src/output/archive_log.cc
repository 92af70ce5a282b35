// SPDX-License-Identifier: Apache-2.0
#include "output/archive_log.h"

#include <algorithm>

namespace imakeep::output {
namespace {

// The anchors that a replay from the first kept record reaches.
std::vector<archive::Anchor> anchors_met(const archive::Chain& chain, const std::vector<archive::Anchor>& anchors) {
  std::vector<archive::Anchor> met;
  for (const archive::Anchor& anchor : anchors) {
    if (anchor.number > chain.first_kept) met.push_back(anchor);
  }
  return met;
}

std::string range_text(std::uint64_t begin, std::uint64_t end) {
  return "records [" + std::to_string(begin) + ", " + std::to_string(end) + ")";
}

// The record at which records and PCRs stop matching, as the anchor says, or the first kept record if that is later.
std::uint64_t broken_at(const archive::Chain& chain, const archive::Anchor& anchor) {
  return std::max(chain.first_kept, anchor.broken_at);
}

tl::unexpected<Error> no_chain(const std::string& path) {
  return fail(ErrorCode::kUsage, path + " holds no chain yet");
}

}  // namespace

std::vector<UnprovenRange> unproven_ranges(const archive::Chain& chain, const std::vector<archive::Anchor>& anchors,
                                           bool start_given) {
  std::vector<UnprovenRange> ranges;
  if (chain.first_kept > 0) {
    ranges.push_back({.begin = 0,
                      .end = chain.first_kept,
                      .why = start_given ? "retired; not checked, because they lie before --start" : "retired"});
  }
  const auto met = anchors_met(chain, anchors);
  for (std::size_t i = 0; i < met.size(); ++i) {
    const std::uint64_t end = i + 1 < met.size() ? broken_at(chain, met[i + 1]) : chain.end;
    ranges.push_back({.begin = broken_at(chain, met[i]),
                      .end = end,
                      .why = "only the anchor at record " + std::to_string(met[i].number) + " tells the PCR values (" +
                             met[i].why + ")"});
  }
  return ranges;
}

std::optional<attest::ReplayLimit> replay_limit(const archive::Chain& chain,
                                                const std::vector<archive::Anchor>& anchors, bool start_given) {
  const auto met = anchors_met(chain, anchors);
  std::optional<attest::ReplayLimit> limit;
  if (chain.first_kept > 0 && !start_given) {
    limit = {.records = 0,
             .why = range_text(0, chain.first_kept) +
                    " were retired, so nothing is proven; give the PCR values before " + "record " +
                    std::to_string(chain.first_kept) + " with --start FILE"};
  }
  if (!met.empty()) {
    const std::uint64_t from = broken_at(chain, met.front());
    if (!limit) limit = {.records = from - chain.first_kept, .why = {}};
    limit->why += (limit->why.empty() ? "" : "; ") + range_text(from, chain.end) + " are not proven: from record " +
                  std::to_string(from) + " on, only the archive's anchor tells the PCR values (" + met.front().why +
                  ")";
  }
  return limit;
}

Result<std::unique_ptr<ArchiveLog>> ArchiveLog::open(const std::string& path, std::optional<archive::ChainId> number) {
  IMAKEEP_TRY(auto store, archive::SqliteStore::open(path, archive::OpenMode::kRead));
  IMAKEEP_TRY(auto chosen, archive::Archive(*store).chain_or_last(number));
  if (!chosen) return no_chain(path);
  return begin(path, std::move(store), std::move(*chosen));
}

Result<std::unique_ptr<ArchiveLog>> ArchiveLog::open_host(const std::string& path) {
  IMAKEEP_TRY(auto store, archive::SqliteStore::open(path, archive::OpenMode::kRead));
  IMAKEEP_TRY(auto chosen, archive::Archive(*store).host_chain());
  if (!chosen) return fail(ErrorCode::kUsage, path + " holds no chain yet that a keeper took from this host's list");
  return begin(path, std::move(store), std::move(*chosen));
}

Result<std::unique_ptr<ArchiveLog>> ArchiveLog::begin(const std::string& path,
                                                      std::unique_ptr<archive::SqliteStore> store,
                                                      archive::Chain chain) {
  IMAKEEP_TRY(auto anchors, archive::Archive(*store).anchors(chain));
  std::unique_ptr<ArchiveLog> log(new ArchiveLog(path, std::move(store), std::move(chain), std::move(anchors)));
  IMAKEEP_CHECK(log->rewind());
  return log;
}

Result<std::vector<archive::ChainId>> ArchiveLog::chains(const std::string& path) {
  IMAKEEP_TRY(const auto store, archive::SqliteStore::open(path, archive::OpenMode::kRead));
  IMAKEEP_TRY(const auto& chains, archive::Archive(*store).chains());
  if (chains.empty()) return no_chain(path);
  std::vector<archive::ChainId> numbers;
  numbers.reserve(chains.size());
  for (const archive::Chain& chain : chains) numbers.push_back(chain.chain);
  return numbers;
}

ArchiveLog::ArchiveLog(std::string path, std::unique_ptr<archive::SqliteStore> store, archive::Chain chain,
                       std::vector<archive::Anchor> anchors)
    : path_(std::move(path)), store_(std::move(store)), chain_(std::move(chain)), anchors_(std::move(anchors)) {}

Result<std::vector<archive::KeptQuote>> ArchiveLog::quotes() {
  auto quotes = archive::Archive(*store_).quotes(chain_.chain);
  if (!quotes) return unexpected(named(quotes.error(), path_));
  std::erase_if(*quotes, [this](const archive::KeptQuote& quote) { return quote.records > chain_.end; });
  return quotes;
}

Result<void> ArchiveLog::rewind() {
  seek(chain_.first_kept);
  return {};
}

void ArchiveLog::seek(std::uint64_t number) {
  reader_.emplace(*store_, chain_, number, chain_.end);
}

Result<std::optional<attest::LoggedRecord>> ArchiveLog::next() {
  IMAKEEP_TRY(const auto& step, reader_->next());
  if (step.done()) return std::nullopt;
  if (step.damage) {
    return fail(ErrorCode::kMalformed, path_ + ": records " + std::to_string(step.damage->first) + " to " +
                                           std::to_string(step.damage->first + step.damage->records - 1) +
                                           " are damaged: " + step.damage->what);
  }
  last_ = step.record->number;
  const archive::RecordView& record = step.record->record;
  const digest::Bank bank = record.own ? record.own->bank : chain_.banks.front();
  shown_ = archive::shown_digest(bank, record);
  return attest::LoggedRecord{.content = record.content, .bank = bank, .shown = shown_.view(), .order = chain_.order};
}

}  // namespace imakeep::output
