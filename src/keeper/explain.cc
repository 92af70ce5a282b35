// SPDX-License-Identifier: Apache-2.0
#include "keeper/explain.h"

#include <algorithm>

#include "imalog/extend_rule.h"

namespace imakeep::keeper {
namespace {

// Leaving out each of n records of a PCR in turn takes n * n / 2 extends. No more records than this are kept in memory.
constexpr std::size_t kMostTried = 2000;

// One PCR of one bank along the records, replayed in two ways: by the records' data, and by the digests in the list.
class Trail {
 public:
  Trail(const imalog::PcrValue& wanted, const digest::Digest& start)
      : wanted_(wanted), start_(start), of_data_(start), as_shown_(start) {
    if (start == wanted.value) reached_ = 0;
  }

  // Adds the next record of this PCR, with its number, the digest of its data, and the digest in the list.
  void add(RecordNumber number, const digest::Digest& of_data, const digest::Digest& as_shown) {
    ++records_;
    last_ = of_data;
    if (records_ <= kMostTried) records_tried_.push_back({.number = number, .digest = of_data});
    of_data_ = extended(of_data_, of_data);
    as_shown_ = extended(as_shown_, as_shown);
    if (reached_ && *reached_ + 1 == records_) after_reached_ = number;
    if (of_data_ == wanted_.value) reached_ = records_;
  }

  std::uint64_t records() const { return records_; }
  const imalog::PcrValue& wanted() const { return wanted_; }
  bool matches() const { return of_data_ == wanted_.value; }
  bool matches_as_shown() const { return as_shown_ == wanted_.value; }

  // Records of the PCR that were never extended into it.
  struct Unextended {
    RecordNumber first = {};  // number of the first record
    std::uint64_t records = 0;
    bool violation = false;  // it is one violation. All violations extend the PCR alike
  };
  // The last records, if the PCR had the value before them.
  std::optional<Unextended> last_ones() const {
    if (!reached_ || *reached_ == records_) return std::nullopt;
    return Unextended{.first = after_reached_,
                      .records = records_ - *reached_,
                      .violation = records_ - *reached_ == 1 && last_ == imalog::violation_digest(wanted_.bank)};
  }
  // The single record without which the others match the value.
  std::optional<Unextended> one() const {
    if (records_ > kMostTried) return std::nullopt;
    digest::Digest before = start_;
    for (std::size_t left_out = 0; left_out < records_tried_.size(); ++left_out) {
      digest::Digest pcr = before;
      for (std::size_t i = left_out + 1; i < records_tried_.size(); ++i) pcr = extended(pcr, records_tried_[i].digest);
      const Record& record = records_tried_[left_out];
      if (pcr == wanted_.value) {
        return Unextended{
            .first = record.number, .records = 1, .violation = record.digest == imalog::violation_digest(wanted_.bank)};
      }
      before = extended(before, records_tried_[left_out].digest);
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
  struct Record {
    RecordNumber number;
    digest::Digest digest;
  };
  std::uint64_t records_ = 0;             // count of this PCR's records
  digest::Digest last_;                   // of the last one
  std::optional<std::uint64_t> reached_;  // count of them after which the PCR last had the value
  RecordNumber after_reached_;            // number of the record after these
  std::vector<Record> records_tried_;     // the first kMostTried
};

}  // namespace

Result<Finding> explain(archive::ArchiveReader* unproven, ListStream& stream, const digest::Bank& shown,
                        const digest::PcrState& start, RecordNumber first, const std::vector<imalog::PcrValue>& pcrs) {
  // One bank is enough, because all are extended together. The bank of the list's digests also shows altered records.
  const auto in_shown = std::ranges::find(pcrs, shown, &imalog::PcrValue::bank);
  const digest::Bank& bank = in_shown == pcrs.end() ? pcrs.front().bank : shown;
  std::vector<Trail> trails;  // one for each PCR
  for (const imalog::PcrValue& value : pcrs) {
    if (value.bank == bank) trails.emplace_back(value, start.value(*start.index_of(bank), value.pcr));
  }
  std::uint64_t records = 0;
  std::optional<RecordNumber> first_wrong;
  std::uint64_t wrong = 0;
  const auto add = [&](const imalog::RecordContentView& content, ByteView digest) {
    const bool intact = imalog::digest_matches(shown, content, digest);
    if (!intact && wrong++ == 0) first_wrong = first + records;
    ++records;
    for (Trail& trail : trails) {
      if (content.pcr != trail.wanted().pcr) continue;
      const digest::Digest of_data = imalog::extended_digest(bank, content);
      trail.add(first + records - 1, of_data, intact ? of_data : digest::Digest(digest));
    }
  };
  while (unproven != nullptr) {
    IMAKEEP_TRY(const auto& step, unproven->next());
    if (step.done()) break;
    // Damaged records are counted, but a replay without them matches nothing.
    if (step.damage) records += step.damage->records;
    if (step.record) add(step.record->record.content, archive::shown_digest(shown, step.record->record).view());
  }
  for (;;) {
    IMAKEEP_TRY(const auto& record, stream.next());
    if (!record) break;
    add(record->content(), record->digest);
  }

  // The first PCR that the records do not match. If they match all PCRs of this bank, another bank does not match.
  const auto unmatched = std::ranges::find_if(trails, [](const Trail& each) { return !each.matches(); });
  const Trail& trail = unmatched == trails.end() ? trails.front() : *unmatched;
  Finding found{.diagnosis = Diagnosis::kUnexplainedExtend, .first = first.value(), .records = records};
  if (in_shown != pcrs.end() && first_wrong && trail.matches_as_shown()) {
    found.diagnosis = Diagnosis::kAlteredRecord;
    found.first = first_wrong->value();
    found.records = wrong;
    found.what = "the data of record " + std::to_string(found.first) +
                 " was altered after the measurement: the PCRs match the digest in the list";
    return found;
  }
  const auto last_ones = trail.last_ones();
  if (const auto failed = last_ones ? last_ones : trail.one()) {
    found.diagnosis = Diagnosis::kFailedExtend;
    found.first = failed->first.value();
    found.records = failed->records;
    const std::string pcr = std::to_string(trail.wanted().pcr);
    found.what =
        failed->records == 1
            ? "record " + std::to_string(found.first) + " is in the list but was never extended into PCR " + pcr +
                  (failed->violation ? ", or an equal violation was lost, and this one was archived instead" : "")
            : std::to_string(failed->records) + " records of PCR " + pcr + ", from record " +
                  std::to_string(found.first) + " on, are in the list but were never extended into it";
    return found;
  }
  found.what = "the PCRs were extended with something that is not in the list, from record " +
               std::to_string(found.first) + " on";
  return found;
}

}  // namespace imakeep::keeper
