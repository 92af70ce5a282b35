#include "keeper/explain.h"

#include <algorithm>

namespace imakeep::keeper {
namespace {

// Trying to leave out each of n records takes n * n / 2 extends. No more are kept in memory.
constexpr std::size_t kMostTried = 2000;

// One PCR of one bank along the records, in both ways that they may be read.
class Trail {
 public:
  Trail(const imalog::PcrValue& wanted, const digest::Digest& start)
      : wanted_(wanted), start_(start), of_data_(start), as_shown_(start) {
    if (start == wanted.value) reached_ = 0;
  }

  // The next record, by the digest of its data and the one beside it; both empty for one in another PCR.
  void add(const digest::Digest& of_data, const digest::Digest& as_shown) {
    ++records_;
    if (digests_.size() <= kMostTried) digests_.push_back(of_data);
    if (of_data.size() == 0) return;
    of_data_ = extended(of_data_, of_data);
    as_shown_ = extended(as_shown_, as_shown);
    if (of_data_ == wanted_.value) reached_ = records_;
  }

  std::uint64_t records() const { return records_; }
  bool fits_as_shown() const { return as_shown_ == wanted_.value; }
  // After how many records the value was there.
  std::optional<std::uint64_t> reached() const { return reached_; }

  // The one record without which the others lead to the value.
  std::optional<std::uint64_t> without_one() const {
    if (digests_.size() > kMostTried) return std::nullopt;
    digest::Digest before = start_;
    for (std::size_t left_out = 0; left_out < digests_.size(); ++left_out) {
      if (digests_[left_out].size() == 0) continue;
      digest::Digest pcr = before;
      for (std::size_t i = left_out + 1; i < digests_.size(); ++i) {
        if (digests_[i].size() > 0) pcr = extended(pcr, digests_[i]);
      }
      if (pcr == wanted_.value) return left_out;
      before = extended(before, digests_[left_out]);
    }
    return std::nullopt;
  }

 private:
  digest::Digest extended(const digest::Digest& pcr, const digest::Digest& with) const {
    return digest::hash(wanted_.bank.algorithm, {pcr.view(), with.view()});
  }

  const imalog::PcrValue& wanted_;
  const digest::Digest start_;
  digest::Digest of_data_;
  digest::Digest as_shown_;
  std::uint64_t records_ = 0;
  std::optional<std::uint64_t> reached_;
  std::vector<digest::Digest> digests_;
};

std::string records_text(std::uint64_t first, std::uint64_t records) {
  return records == 1 ? "record " + std::to_string(first)
                      : "records " + std::to_string(first) + " to " + std::to_string(first + records - 1);
}

}  // namespace

Result<Found> explain(archive::ArchiveReader* unproven, ListStream& stream, const digest::Bank& shown,
                      const digest::PcrState& start, std::uint64_t first, const std::vector<imalog::PcrValue>& pcrs) {
  // One bank tells: all are extended together. The one that the list shows tells of altered records too.
  const auto in_shown = std::ranges::find(pcrs, shown, &imalog::PcrValue::bank);
  const imalog::PcrValue& wanted = in_shown == pcrs.end() ? pcrs.front() : *in_shown;
  Trail trail(wanted, start.value(*start.index_of(wanted.bank), wanted.pcr));
  std::optional<std::uint64_t> first_wrong;
  std::uint64_t wrong = 0;
  const auto add = [&](const imalog::RecordContentView& content, ByteView digest) {
    const bool fits = imalog::digest_fits(shown, content, digest);
    if (!fits && wrong++ == 0) first_wrong = first + trail.records();
    const digest::Digest of_data =
        content.pcr == wanted.pcr ? imalog::extended_digest(wanted.bank, content) : digest::Digest();
    trail.add(of_data, fits || of_data.size() == 0 ? of_data : digest::Digest(digest));
  };
  while (unproven != nullptr) {
    const auto step = unproven->next();
    if (!step) return unexpected(step.error());
    if (step->done()) break;
    // What cannot be read leads nowhere.
    for (std::uint64_t i = 0; step->damage && i < step->damage->records; ++i) trail.add({}, {});
    if (step->record) add(step->record->record.content, archive::shown_digest(shown, step->record->record).view());
  }
  for (;;) {
    const auto record = stream.next();
    if (!record) return unexpected(record.error());
    if (!*record) break;
    add((*record)->content(), (*record)->digest);
  }

  Found found{.diagnosis = Diagnosis::kUnexplainedExtend, .first = first, .records = trail.records()};
  if (in_shown != pcrs.end() && first_wrong && trail.fits_as_shown()) {
    found.diagnosis = Diagnosis::kAlteredRecord;
    found.first = *first_wrong;
    found.records = wrong;
    found.what = "the data of " + records_text(found.first, 1) +
                 " were altered after it was measured: the PCRs fit the digest beside it";
    return found;
  }
  const auto failed = [&](std::uint64_t at, std::uint64_t records) {
    found.diagnosis = Diagnosis::kFailedExtend;
    found.first = first + at;
    found.records = records;
    found.what = records_text(found.first, records) + (records == 1 ? " is" : " are") +
                 " in the list but never extended into the PCRs";
    return found;
  };
  if (trail.reached() && *trail.reached() < trail.records()) {
    return failed(*trail.reached(), trail.records() - *trail.reached());
  }
  if (const auto left_out = trail.without_one()) return failed(*left_out, 1);
  found.what =
      "the PCRs were extended by something that the list does not hold, behind record " + std::to_string(first);
  return found;
}

}  // namespace imakeep::keeper
