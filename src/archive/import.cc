#include "archive/import.h"

#include <algorithm>

#include "archive/archive_reader.h"
#include "archive/import_plan.h"

namespace imakeep::archive {
namespace {

constexpr std::size_t kBatchRecords = 1u << 14;
constexpr std::size_t kBatchBytes = 8u << 20;

Result<Known> read_known(Archive& archive, const Chain& chain) {
  Known known{.base = chain.first_kept, .state = chain.end_pcrs};
  ArchiveReader reader(archive.store(), chain, chain.first_kept, chain.end);
  for (;;) {
    const auto step = reader.next();
    if (!step) return unexpected(step.error());
    if (step->done()) return known;
    if (step->damage) {
      return fail(ErrorCode::kMalformed, "the archive is damaged from record " + std::to_string(step->damage->first) +
                                             " on (" + step->damage->what +
                                             "): nothing can be joined to it; import into a new one");
    }
    known.ids.push_back(record_id(step->record->record.content));
    known.violations.push_back(step->record->record.content.violation);
  }
}

class Import {
 public:
  Import(Archive& archive, const ImportOptions& options) : archive_(archive), options_(options) {}

  Result<ImportReport> run(std::span<const ImportPart> given) {
    for (const ImportPart& part : given) {
      auto decoded = decode_part(part);
      if (!decoded) return unexpected(decoded.error());
      parts_.push_back(std::move(*decoded));
    }
    IMAKEEP_CHECK(read_sources());
    auto chain = choose_chain();
    if (!chain) return unexpected(chain.error());
    const auto known = read_known(archive_, *chain);
    if (!known) return unexpected(known.error());
    find_earlier(*chain);
    const auto firsts = place_parts(*known, parts_, options_.pcrs, options_.no_repeats);
    if (!firsts) return unexpected(firsts.error());
    if (chain->chain == 0) IMAKEEP_CHECK(begin(*chain));

    ImportReport report{.chain = chain->chain};
    std::uint64_t end = chain->end;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      auto added = add(chain->chain, i, (*firsts)[i], end);
      if (!added) return unexpected(added.error());
      report.parts.push_back(std::move(*added));
    }
    return report;
  }

 private:
  Result<void> read_sources() {
    auto rows = archive_.store().sources();
    if (!rows) return unexpected(rows.error());
    sources_ = std::move(*rows);
    return {};
  }

  // The chain to go on with; number 0 for one that is to be begun.
  Result<Chain> choose_chain() {
    auto chains = archive_.chains();
    if (!chains) return unexpected(chains.error());
    Chain fresh{.banks = options_.banks, .end_pcrs = digest::PcrState(options_.banks)};
    if (chains->empty()) return fresh;
    Chain& last = chains->back();
    const bool empty = last.end == 0 && last.banks == options_.banks;
    if (!options_.new_chain || empty || interrupted_in(last)) return std::move(last);
    return fresh;
  }

  // Whether the last import into the chain stopped within one of these files: then --new-chain was heeded already.
  bool interrupted_in(const Chain& chain) const {
    if (sources_.empty()) return false;
    const SourceRow& last = sources_.back();
    return last.chain == chain.chain && last.done < last.records &&
           std::any_of(parts_.begin(), parts_.end(),
                       [&](const DecodedPart& part) { return part.sha256 == last.sha256; });
  }

  // The same file given twice was saved twice: the second is looked for behind the first.
  void find_earlier(const Chain& chain) {
    source_of_.resize(parts_.size());
    std::vector<bool> taken(sources_.size(), false);
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      for (std::size_t s = 0; s < sources_.size(); ++s) {
        if (taken[s] || sources_[s].chain != chain.chain || sources_[s].sha256 != parts_[i].sha256) continue;
        if (sources_[s].first < chain.first_kept || sources_[s].first > chain.end || parts_[i].records.empty())
          continue;
        taken[s] = true;
        parts_[i].first = sources_[s].first;
        source_of_[i] = sources_[s];
        break;
      }
    }
  }

  Result<void> begin(Chain& chain) {
    const auto with_records =
        std::find_if(parts_.begin(), parts_.end(), [](const DecodedPart& part) { return !part.records.empty(); });
    const bool boot = with_records != parts_.end() && is_boot_aggregate(with_records->records.front().content);
    // PCR values that replay from zeros leads to prove it as well.
    const bool proven = !options_.pcrs.empty();
    auto begun = archive_.begin_chain(options_.banks, boot || proven ? ChainStart::kBoot : ChainStart::kUnknown);
    if (!begun) return unexpected(begun.error());
    chain = std::move(*begun);
    return {};
  }

  Result<PartReport> add(std::uint64_t chain, std::size_t i, std::uint64_t first, std::uint64_t& end) {
    const DecodedPart& part = parts_[i];
    PartReport report{.first = first, .records = part.records.size()};
    std::uint64_t done = std::min<std::uint64_t>(end - first, part.records.size());
    report.join = first == end && first == 0                    ? Join::kFirst
                  : done == part.records.size() && first != end ? Join::kAlreadyThere
                  : done > 0                                    ? Join::kOverlap
                                                                : Join::kBehind;
    SourceRow source = source_row(chain, i, first);
    while (done < part.records.size()) {
      const auto batch = batch_from(part, done);
      source.done = done + batch.size();
      const auto appended = archive_.append(chain, first + done, batch, part.bank, options_.now_unix_s, &source);
      if (!appended) return unexpected(appended.error());
      report.mismatched.insert(report.mismatched.end(), appended->mismatched.begin(), appended->mismatched.end());
      report.added += batch.size();
      done += batch.size();
      end = first + done;
      if (options_.on_added) options_.on_added(batch.size());
    }
    return report;
  }

  SourceRow source_row(std::uint64_t chain, std::size_t i, std::uint64_t first) {
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

  static std::span<const IncomingView> batch_from(const DecodedPart& part, std::uint64_t from) {
    const auto rest = std::span(part.records).subspan(from);
    std::size_t records = 0;
    std::size_t bytes = 0;
    while (records < rest.size() && records < kBatchRecords && bytes < kBatchBytes) {
      bytes += rest[records++].content.body.size();
    }
    return rest.first(records);
  }

  Archive& archive_;
  const ImportOptions& options_;
  std::vector<DecodedPart> parts_;
  std::vector<SourceRow> sources_;
  std::vector<std::optional<SourceRow>> source_of_;  // of each part, if an earlier import began it
};

}  // namespace

Result<ImportReport> import_lists(Archive& archive, std::span<const ImportPart> parts, const ImportOptions& options) {
  return Import(archive, options).run(parts);
}

}  // namespace imakeep::archive
