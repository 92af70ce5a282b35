// SPDX-License-Identifier: Apache-2.0
#include "archive/import.h"

#include <algorithm>

#include "archive/archive_reader.h"
#include "archive/import_plan.h"
#include "imalog/extend_rule.h"
#include "imalog/template.h"

namespace imakeep::archive {
namespace {

constexpr std::size_t kBatchBytes = 8u << 20;

// Begins a trace for each value, at the record from which the chain can be replayed to its end.
Result<std::vector<PcrTrace>> begin_traces(const Chain& chain, const ReplayStart& start,
                                           const std::vector<imalog::PcrValue>& values) {
  std::vector<PcrTrace> traces;
  for (const imalog::PcrValue& value : values) {
    if (!start.pcrs) {
      traces.emplace_back(value, digest::Digest(value.bank.digest_bytes()), 0);
    } else if (const auto bank = start.pcrs->index_of(value.bank)) {
      // Without the earlier records, only the banks whose states the archive keeps can be followed.
      traces.emplace_back(value, start.pcrs->value(*bank, value.pcr), start.number - chain.first_kept);
    }
  }
  if (traces.empty() && !values.empty()) {
    return fail(ErrorCode::kUsage, "the chain can be replayed only from record " + std::to_string(start.number) +
                                       " on, where it has PCR states of " + digest::bank_names(chain.banks) +
                                       "; give the PCRs of one of these banks");
  }
  return traces;
}

Result<Known> read_known(Archive& archive, const Chain& chain, const std::vector<imalog::PcrValue>& values) {
  IMAKEEP_TRY(const auto& start, values.empty() ? ReplayStart{} : archive.replay_start(chain));
  IMAKEEP_TRY(auto traces, begin_traces(chain, start, values));
  Known known{.base = chain.first_kept, .traces = std::move(traces)};
  ArchiveReader reader(archive.store(), chain, chain.first_kept, chain.end);
  for (;;) {
    IMAKEEP_TRY(const auto& step, reader.next());
    if (step.done()) return known;
    if (step.damage) {
      return fail(ErrorCode::kMalformed, "the archive is damaged from record " + std::to_string(step.damage->first) +
                                             " on (" + step.damage->what +
                                             "), so nothing can be joined to it; import into a new archive");
    }
    const imalog::RecordContentView& content = step.record->record.content;
    known.ids.push_back(record_id(content));
    known.violations.push_back(content.violation);
    if (step.record->number < start.number) continue;
    for (PcrTrace& trace : known.traces) trace.follow(content, known.ids.size());
  }
}

class Import {
 public:
  Import(Archive& archive, const ImportOptions& options) : archive_(archive), options_(options) {}

  Result<ImportReport> run(std::span<const ImportPart> given) {
    for (const ImportPart& part : given) {
      IMAKEEP_TRY(auto decoded, decode_part(part));
      parts_.push_back(std::move(decoded));
    }
    IMAKEEP_CHECK(read_sources());
    IMAKEEP_TRY(auto chain, choose_chain());
    IMAKEEP_CHECK(take_order(chain));
    IMAKEEP_CHECK(find_earlier(chain));
    IMAKEEP_TRY(const auto& values, values_of_records());
    IMAKEEP_TRY(const auto& firsts, place(chain, values));
    if (chain.chain == kNoChain) IMAKEEP_CHECK(begin(chain));

    ImportReport report{.chain = chain.chain};
    std::uint64_t end = chain.end;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      IMAKEEP_TRY(auto added, add(chain.chain, i, firsts[i], end));
      report.parts.push_back(std::move(added));
    }
    return report;
  }

 private:
  Result<void> read_sources() {
    IMAKEEP_TRY(auto rows, archive_.store().sources());
    sources_ = std::move(rows);
    return {};
  }

  static bool is_told(const digest::Bank& bank) { return bank != digest::bank_of(bank.algorithm); }

  // The banks of a new chain. If a list or a value states the fill of a bank, such as padded sha1, that is how this
  // kernel extends the bank, whatever the bank's name suggests.
  std::vector<digest::Bank> banks_as_given() const {
    std::vector<digest::Bank> banks = options_.banks;
    for (digest::Bank& bank : banks) {
      for (const DecodedPart& part : parts_) {
        if (part.bank.algorithm == bank.algorithm) bank = part.bank;
      }
      for (const imalog::PcrValue& value : options_.pcrs) {
        if (value.bank.algorithm == bank.algorithm && is_told(value.bank)) bank = value.bank;
      }
    }
    return banks;
  }

  // The given values whose PCR some record names. The other PCRs are, for example, the firmware's.
  Result<std::vector<imalog::PcrValue>> values_of_records() const {
    std::vector<imalog::PcrValue> values;
    for (const imalog::PcrValue& value : options_.pcrs) {
      const bool of_records = std::any_of(parts_.begin(), parts_.end(), [&](const DecodedPart& part) {
        return std::any_of(part.records.begin(), part.records.end(),
                           [&](const IncomingView& record) { return record.content.pcr == value.pcr; });
      });
      if (of_records) values.push_back(value);
    }
    if (values.empty() && !options_.pcrs.empty()) {
      return fail(ErrorCode::kUsage,
                  "no record of the lists names a PCR whose value was given; give the value of IMA's PCR");
    }
    return values;
  }

  // The number of each part's first record. A list does not say how its kernel extended the PCRs. So a new chain gets
  // the first way of extending its banks with which the records match the values.
  Result<std::vector<std::uint64_t>> place(Chain& chain, const std::vector<imalog::PcrValue>& values) const {
    auto firsts = place_in(chain, values);
    if (firsts || firsts.error().code != ErrorCode::kMismatch || chain.chain != kNoChain || values.empty())
      return firsts;
    std::vector<digest::Bank> compared;
    for (const digest::Bank& bank : chain.banks) {
      const bool given = std::ranges::any_of(
          values, [&](const imalog::PcrValue& value) { return value.bank.algorithm == bank.algorithm; });
      if (given) compared.push_back(bank);
    }
    for (const std::vector<digest::Bank>& way : imalog::other_fills_together(compared)) {
      const bool says_nothing = std::ranges::all_of(
          way, [](const digest::Bank& bank) { return imalog::strength_of(bank) == imalog::Strength::kNone; });
      if (says_nothing) continue;
      Chain other = chain;
      other.banks = digest::with_fills_of(std::move(other.banks), way);
      other.end_pcrs = digest::PcrState(other.banks);
      auto placed = place_in(other, values);
      if (!placed) continue;
      chain = std::move(other);
      return placed;
    }
    return firsts;
  }

  Result<std::vector<std::uint64_t>> place_in(const Chain& chain, std::vector<imalog::PcrValue> values) const {
    for (imalog::PcrValue& value : values) {
      const digest::Bank* const bank = digest::find_bank(chain.banks, value.bank.algorithm);
      if (bank != nullptr && !is_told(value.bank)) value.bank = *bank;
    }
    IMAKEEP_TRY(auto known, read_known(archive_, chain, values));
    return place_parts(std::move(known), parts_, options_.no_repeats);
  }

  // The chain to continue. Its number is kNoChain if the chain has still to be begun.
  Result<Chain> choose_chain() {
    if (options_.chain) return chosen_chain(*options_.chain);
    IMAKEEP_TRY(auto chains, archive_.chains());
    // Saved lists never continue a chain that a keeper makes from its host's list.
    while (!chains.empty()) {
      IMAKEEP_TRY(const auto& kept, archive_.is_kept(chains.back().chain));
      if (!kept) break;
      chains.pop_back();
    }
    const std::vector<digest::Bank> banks = banks_as_given();
    Chain fresh{.banks = banks, .end_pcrs = digest::PcrState(banks)};
    if (chains.empty()) return fresh;
    Chain& last = chains.back();
    const bool empty =
        last.end == 0 && std::ranges::equal(last.banks, banks, {}, &digest::Bank::algorithm, &digest::Bank::algorithm);
    if (!options_.new_chain || empty || begun_with_these(last)) return std::move(last);
    return fresh;
  }

  Result<Chain> chosen_chain(ChainId number) {
    auto chain = archive_.chain(number);
    if (!chain) return chain;
    IMAKEEP_TRY(const auto& kept, archive_.is_kept(number));
    if (kept) {
      return fail(ErrorCode::kRefused, "`imakeep keep` archives its host's list into chain " +
                                           std::to_string(number.value()) +
                                           "; import saved lists into a chain of their own, without --chain");
    }
    return chain;
  }

  // Whether the files imported into the chain are exactly the first of these parts. Then an earlier run with
  // --new-chain has begun the chain, and this run continues it.
  bool begun_with_these(const Chain& chain) const {
    auto part = parts_.begin();
    for (const SourceRow& source : sources_) {
      if (source.chain != chain.chain) continue;
      while (part != parts_.end() && part->records.empty()) ++part;
      if (part == parts_.end() || part->sha256 != source.sha256) return false;
      ++part;
    }
    return part != parts_.begin();
  }

  // All lists of a chain have the same byte order, because a chain belongs to one machine.
  Result<void> take_order(Chain& chain) const {
    for (const DecodedPart& part : parts_) {
      if (part.records.empty()) continue;
      if (chain.end == 0 && chain.chain == kNoChain && &part == first_with_records()) chain.order = part.order;
      if (part.order == chain.order) continue;
      return fail(ErrorCode::kMismatch, part.name + ": its numbers have another byte order than " +
                                            (chain.end > 0 ? "the chain's records" : "the other lists'") +
                                            ", so it comes from another machine; import it with --new-chain");
    }
    return {};
  }

  const DecodedPart* first_with_records() const {
    const auto first = std::ranges::find_if(parts_, [](const DecodedPart& part) { return !part.records.empty(); });
    return first == parts_.end() ? nullptr : &*first;
  }

  // Finds the parts that an earlier import has placed. If the import of a file was interrupted, it has to be finished
  // before any other file is added, and it continues where it stopped. A completely imported file is recognized by its
  // bytes. A second list may have the same bytes; if PCR values are given, they decide.
  Result<void> find_earlier(const Chain& chain) {
    source_of_.resize(parts_.size());
    for (const SourceRow& source : sources_) {
      if (source.chain != chain.chain) continue;
      const auto part = std::find_if(parts_.begin(), parts_.end(), [&](const DecodedPart& p) {
        return p.sha256 == source.sha256 && !p.first && !p.earlier && !p.records.empty();
      });
      if (source.done == source.records) {
        if (part != parts_.end()) part->earlier = source.first;
        continue;
      }
      if (part == parts_.end() || source.first + source.done != chain.end) {
        return fail(ErrorCode::kMismatch, "the import of " + source.name + " was cut short after " +
                                              std::to_string(source.done) + " of its " +
                                              std::to_string(source.records) + " records; run that import again first");
      }
      part->first = source.first;
      source_of_[static_cast<std::size_t>(part - parts_.begin())] = source;
    }
    return {};
  }

  Result<void> begin(Chain& chain) {
    const auto with_records =
        std::find_if(parts_.begin(), parts_.end(), [](const DecodedPart& part) { return !part.records.empty(); });
    const bool boot = with_records != parts_.end() &&
                      imalog::is_boot_aggregate(with_records->records.front().content, with_records->order);
    // PCR values that match a replay from zeros also prove that the chain begins at its boot.
    const bool proven = !options_.pcrs.empty();
    IMAKEEP_TRY(auto begun, archive_.begin_chain(chain.banks, boot || proven ? ChainStart::kBoot : ChainStart::kUnknown,
                                                 chain.order, {.origin = "import"}));
    chain = std::move(begun);
    return {};
  }

  Result<PartReport> add(ChainId chain, std::size_t i, std::uint64_t first, std::uint64_t& end) {
    const DecodedPart& part = parts_[i];
    PartReport report{.first = first, .records = part.records.size()};
    std::uint64_t done = std::min<std::uint64_t>(end - std::min(first, end), part.records.size());
    report.join = join_of(part, first, done, end);
    for (std::uint64_t skipped = 0; skipped < done; ++skipped) {
      const IncomingView& record = part.records[skipped];
      if (!imalog::digest_matches(part.bank, record.content, record.shown)) {
        report.mismatched.push_back(first + skipped);
      }
    }
    if (done == part.records.size()) return report;
    SourceRow source = source_row(chain, i, first);
    while (done < part.records.size()) {
      const auto batch = batch_from(part, done);
      source.done = done + batch.size();
      IMAKEEP_TRY(const auto& appended,
                  archive_.append(chain, first + done, batch, part.bank, options_.now_unix_s, {.source = &source}));
      report.mismatched.insert(report.mismatched.end(), appended.mismatched.begin(), appended.mismatched.end());
      report.added += batch.size();
      done += batch.size();
      end = first + done;
      if (options_.on_added) options_.on_added(batch.size());
    }
    return report;
  }

  static Join join_of(const DecodedPart& part, std::uint64_t first, std::uint64_t done, std::uint64_t end) {
    if (!part.records.empty() && done == part.records.size()) return Join::kAlreadyThere;
    if (end == 0) return Join::kFirst;
    return done > 0 ? Join::kOverlap : first == end ? Join::kAfter : Join::kAlreadyThere;
  }

  SourceRow source_row(ChainId chain, std::size_t i, std::uint64_t first) {
    if (source_of_[i]) return *source_of_[i];
    const DecodedPart& part = parts_[i];
    const std::uint64_t last = sources_.empty() ? 0 : sources_.back().source;
    sources_.push_back({.source = last + 1,
                        .chain = chain,
                        .name = part.name,
                        .sha256 = part.sha256,
                        .first = first,
                        .records = part.records.size()});
    return sources_.back();
  }

  std::span<const IncomingView> batch_from(const DecodedPart& part, std::uint64_t from) const {
    const auto rest = std::span(part.records).subspan(from);
    std::size_t records = 0;
    std::size_t bytes = 0;
    while (records < rest.size() && records < options_.batch_records && bytes < kBatchBytes) {
      bytes += rest[records++].content.body.size();
    }
    return rest.first(records);
  }

  Archive& archive_;
  const ImportOptions& options_;
  std::vector<DecodedPart> parts_;
  std::vector<SourceRow> sources_;
  std::vector<std::optional<SourceRow>> source_of_;  // for each part: its row, if its import was interrupted
};

}  // namespace

Result<ImportReport> import_lists(Archive& archive, std::span<const ImportPart> parts, const ImportOptions& options) {
  return Import(archive, options).run(parts);
}

}  // namespace imakeep::archive
