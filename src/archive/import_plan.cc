#include "archive/import_plan.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "imalog/template.h"

namespace imakeep::archive {
namespace {

Error named(Error error, const std::string& part) {
  error.message = part + ": " + error.message;
  return error;
}

// An altered record is kept; a whole list of another bank is a mistake.
bool none_fits(const DecodedPart& part) {
  constexpr int kTries = 16;
  int tried = 0;
  for (const IncomingView& record : part.records) {
    if (record.content.violation) continue;
    if (equal(imalog::shown_digest(part.bank, record.content).view(), record.shown)) return false;
    if (++tried == kTries) break;
  }
  return tried > 0;
}

}  // namespace

Result<DecodedPart> decode_part(const ImportPart& from) {
  DecodedPart part{.name = from.name, .bank = from.bank};
  imalog::ListReader reader(from.list,
                            {.digest_bytes = static_cast<std::uint8_t>(from.bank.digest_bytes()), .order = kHostOrder});
  for (;;) {
    const auto record = reader.next();
    if (!record) return unexpected(named(record.error(), from.name));
    if (!*record) break;
    part.records.push_back({.content = (*record)->content(), .shown = (*record)->digest});
    part.ids.push_back(record_id(part.records.back().content));
  }
  if (none_fits(part)) {
    return fail(ErrorCode::kMismatch, from.name + ": no digest fits its record in bank " + from.bank.name() +
                                          "; is it the list of another bank?");
  }
  const digest::Digest sha256 = digest::hash(digest::Algorithm::kSha256, from.list);
  part.sha256.assign(sha256.view().begin(), sha256.view().end());
  return part;
}

bool is_boot_aggregate(const imalog::RecordContentView& content) {
  const auto fields = imalog::Template::find(content.template_name);
  if (!fields) return false;
  imalog::FieldReader reader(*fields, content.template_name, content.body, kHostOrder);
  for (;;) {
    const auto field = reader.next();
    if (!field || !*field) return false;
    if ((*field)->id != imalog::FieldId::kN && (*field)->id != imalog::FieldId::kNNg) continue;
    const std::string_view name = as_text((*field)->bytes);
    return name.substr(0, name.find('\0')) == "boot_aggregate" ||
           name.substr(0, name.find('\0')) == "boot_aggregate_late";
  }
}

namespace {

// Tries the ways of joining, depth first, and takes the first that is certain.
class Placement {
 public:
  Placement(const Known& known, std::span<const DecodedPart> parts, std::span<const imalog::PcrValue> pcrs,
            bool no_repeats)
      : base_(known.base), parts_(parts), no_repeats_(no_repeats), have_(known.ids), violations_(known.violations) {
    if (!pcrs.empty()) expect(pcrs.front(), known);
  }

  Result<std::vector<std::uint64_t>> run() {
    auto placed = place(0);
    if (!placed) return unexpected(placed.error());
    if (*placed) return firsts_;
    if (tries_ >= kMostTries) {
      return fail(ErrorCode::kMismatch,
                  "too many ways to join these lists; import fewer at a time, each with its PCRs");
    }
    return fail(ErrorCode::kMismatch,
                "no way of joining these lists leads to the PCRs: a part is missing, altered or in the wrong place; "
                "without PCRs they are joined as they are given");
  }

 private:
  // Joins are nearly always certain; this bounds what a list made on purpose can ask for.
  static constexpr int kMostTries = 10'000;

  void expect(const imalog::PcrValue& value, const Known& known) {
    expected_ = value;
    const auto& banks = known.state.banks();
    const auto bank = std::find(banks.begin(), banks.end(), value.bank);
    pcr_ = bank == banks.end() ? digest::Digest(value.bank.digest_bytes())
                               : known.state.value(static_cast<std::size_t>(bank - banks.begin()), value.pcr);
    fits_since_ = pcr_ == value.value ? std::optional(have_.size()) : std::nullopt;
  }

  // Adds what of the part lies behind its first `skip` records.
  void add(const DecodedPart& part, std::size_t skip) {
    for (std::size_t i = skip; i < part.records.size(); ++i) {
      const imalog::RecordContentView& content = part.records[i].content;
      have_.push_back(part.ids[i]);
      violations_.push_back(content.violation);
      if (!expected_ || content.pcr != expected_->pcr) continue;
      const digest::Digest extended = content.violation ? imalog::extended_digest(expected_->bank, content)
                                      : part.bank == expected_->bank
                                          ? digest::Digest(part.records[i].shown)
                                          : imalog::extended_digest(expected_->bank, content);
      pcr_ = digest::extend(expected_->bank.algorithm, pcr_, extended);
      if (pcr_ == expected_->value) fits_since_ = have_.size();
    }
  }

  // Whether some record but a violation is there twice, with the part's records behind its first `skip`.
  bool repeats(const DecodedPart& part, std::size_t skip) const {
    std::set<RecordId> seen;
    for (std::size_t i = 0; i < have_.size(); ++i) {
      if (!violations_[i] && !seen.insert(have_[i]).second) return true;
    }
    for (std::size_t i = skip; i < part.records.size(); ++i) {
      if (!part.records[i].content.violation && !seen.insert(part.ids[i]).second) return true;
    }
    return false;
  }

  // The one place that the records alone make certain.
  Result<std::size_t> certain_overlap(const DecodedPart& part, const std::vector<std::size_t>& lengths) const {
    const auto refuse_with = [&](const std::string& why) { return fail(ErrorCode::kMismatch, part.name + ": " + why); };
    if (lengths.empty()) {
      if (!part.records.empty() && is_boot_aggregate(part.records.front().content) && !have_.empty()) {
        return refuse_with(
            "begins with a boot_aggregate: of another boot (import it with --new-chain), or behind a kexec (give "
            "the PCRs with --pcrs to prove it)");
      }
      return std::size_t{0};
    }
    const std::size_t longest = lengths.front();
    // The first record of a boot is there once: the list was saved again from its beginning.
    if (is_boot_aggregate(part.records.front().content) && lengths.size() == 1) return longest;
    const auto end = part.records.begin() + static_cast<std::ptrdiff_t>(longest);
    const bool says_something =
        std::any_of(part.records.begin(), end, [](const IncomingView& record) { return !record.content.violation; });
    if (!no_repeats_ || lengths.size() > 1 || !says_something || repeats(part, longest)) {
      return refuse_with(
          "its first records equal the last ones there: the same records, or the same files measured again, as with "
          "ima_flush_htable; give the PCRs with --pcrs, or --no-repeats if the kernel kept its hash table");
    }
    return longest;
  }

  // Places part `i` and those behind it. False if the PCRs fit no way.
  Result<bool> place(std::size_t i) {
    if (i == parts_.size()) return !expected_ || (fits_since_ && *fits_since_ >= uncertain_);
    const DecodedPart& part = parts_[i];
    if (part.first) return place_at(i, *part.first);
    const std::vector<std::size_t> lengths = overlaps(have_, part.ids);
    if (!expected_) {
      const auto length = certain_overlap(part, lengths);
      if (!length) return unexpected(length.error());
      return join(i, *length);
    }
    for (const std::size_t length : lengths) {
      if (auto placed = join(i, length); !placed || *placed) return placed;
    }
    return join(i, 0);
  }

  // Where an earlier import put it: a part of its records, from the front, may be there.
  Result<bool> place_at(std::size_t i, std::uint64_t first) {
    firsts_.push_back(first);
    const std::size_t there = have_.size() - static_cast<std::size_t>(first - base_);
    add(parts_[i], std::min(there, parts_[i].records.size()));
    return place(i + 1);
  }

  Result<bool> join(std::size_t i, std::size_t length) {
    if (++tries_ > kMostTries) return false;
    const DecodedPart& part = parts_[i];
    const auto before = std::tuple(have_.size(), pcr_, fits_since_, uncertain_, firsts_.size());
    const bool whole = length == part.records.size() && length > 0;
    const std::size_t at = whole ? *position_of(have_, part.ids) : have_.size() - length;
    firsts_.push_back(base_ + at);
    // A value that was there before the part tells nothing about where the part belongs.
    if (!whole && !part.records.empty()) uncertain_ = have_.size() + (length < part.records.size() ? 1 : 0);
    add(part, length);
    auto placed = place(i + 1);
    if (placed && !*placed) {
      have_.resize(std::get<0>(before));
      violations_.resize(std::get<0>(before));
      pcr_ = std::get<1>(before);
      fits_since_ = std::get<2>(before);
      uncertain_ = std::get<3>(before);
      firsts_.resize(std::get<4>(before));
    }
    return placed;
  }

  const std::uint64_t base_;
  const std::span<const DecodedPart> parts_;
  const bool no_repeats_;
  std::vector<RecordId> have_;
  std::vector<bool> violations_;
  std::optional<imalog::PcrValue> expected_;
  digest::Digest pcr_;                     // of expected_, behind have_
  std::optional<std::size_t> fits_since_;  // after how many of have_ the expected value was last there
  std::size_t uncertain_ = 0;              // it must be there after at least so many
  std::vector<std::uint64_t> firsts_;
  int tries_ = 0;
};

}  // namespace

Result<std::vector<std::uint64_t>> place_parts(const Known& known, std::span<const DecodedPart> parts,
                                               std::span<const imalog::PcrValue> pcrs, bool no_repeats) {
  return Placement(known, parts, pcrs, no_repeats).run();
}

}  // namespace imakeep::archive
