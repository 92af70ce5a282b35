#include "keeper/explain.h"

#include <algorithm>

namespace imakeep::keeper {
namespace {

// Trying to leave out each of n records takes n * n / 2 extends.
constexpr std::size_t kMostTried = 2000;

// What one PCR was extended with, record by record, in one bank.
struct Extends {
  const imalog::PcrValue& wanted;
  digest::Digest start;
  std::vector<digest::Digest> of_data;   // by record; empty for a record in another PCR
  std::vector<digest::Digest> as_shown;  // the same as the list shows it, if it is the bank that is shown
};

digest::Digest extended(const imalog::PcrValue& wanted, const digest::Digest& pcr, const digest::Digest& with) {
  return digest::hash(wanted.bank.algorithm, {pcr.view(), with.view()});
}

digest::Digest run(const Extends& extends, const std::vector<digest::Digest>& with) {
  digest::Digest pcr = extends.start;
  for (const digest::Digest& digest : with) {
    if (digest.size() > 0) pcr = extended(extends.wanted, pcr, digest);
  }
  return pcr;
}

// After how many records the value is there, if the last ones were never extended.
std::optional<std::size_t> without_the_last(const Extends& extends) {
  digest::Digest pcr = extends.start;
  for (std::size_t i = 0; i <= extends.of_data.size(); ++i) {
    if (pcr == extends.wanted.value) return i;
    if (i < extends.of_data.size() && extends.of_data[i].size() > 0) {
      pcr = extended(extends.wanted, pcr, extends.of_data[i]);
    }
  }
  return std::nullopt;
}

// The one record without which the others lead to the value.
std::optional<std::size_t> without_one(const Extends& extends) {
  if (extends.of_data.size() > kMostTried) return std::nullopt;
  digest::Digest before = extends.start;
  for (std::size_t left_out = 0; left_out < extends.of_data.size(); ++left_out) {
    if (extends.of_data[left_out].size() == 0) continue;
    digest::Digest pcr = before;
    for (std::size_t i = left_out + 1; i < extends.of_data.size(); ++i) {
      if (extends.of_data[i].size() > 0) pcr = extended(extends.wanted, pcr, extends.of_data[i]);
    }
    if (pcr == extends.wanted.value) return left_out;
    before = extended(extends.wanted, before, extends.of_data[left_out]);
  }
  return std::nullopt;
}

std::string records_text(std::uint64_t first, std::uint64_t records) {
  return records == 1 ? "record " + std::to_string(first)
                      : "records " + std::to_string(first) + " to " + std::to_string(first + records - 1);
}

}  // namespace

Result<Found> explain(ListStream& stream, const digest::Bank& shown, const digest::PcrState& start,
                      std::uint64_t first, const std::vector<imalog::PcrValue>& pcrs) {
  // One bank tells: all are extended together. The one that the list shows tells of altered records too.
  const auto in_shown = std::ranges::find(pcrs, shown, &imalog::PcrValue::bank);
  const imalog::PcrValue& wanted = in_shown == pcrs.end() ? pcrs.front() : *in_shown;
  Extends extends{.wanted = wanted, .start = start.value(*start.index_of(wanted.bank), wanted.pcr)};
  std::vector<std::uint64_t> wrong_digests;
  std::size_t records = 0;
  for (;; ++records) {
    const auto record = stream.next();
    if (!record) return unexpected(record.error());
    if (!*record) break;
    const imalog::RecordContentView content = (*record)->content();
    const bool fits = imalog::digest_fits(shown, content, (*record)->digest);
    if (!fits) wrong_digests.push_back(first + records);
    const bool extends_it = content.pcr == wanted.pcr;
    const digest::Digest of_data = extends_it ? imalog::extended_digest(wanted.bank, content) : digest::Digest();
    extends.as_shown.push_back(!fits && extends_it ? digest::Digest((*record)->digest) : of_data);
    extends.of_data.push_back(of_data);
  }

  Found found{.diagnosis = Diagnosis::kUnexplainedExtend, .first = first, .records = records};
  if (in_shown != pcrs.end() && !wrong_digests.empty() && run(extends, extends.as_shown) == wanted.value) {
    found.diagnosis = Diagnosis::kAlteredRecord;
    found.first = wrong_digests.front();
    found.records = wrong_digests.size();
    found.what = "the data of " + records_text(found.first, 1) +
                 " were altered after it was measured: the PCRs fit the digest beside it";
    return found;
  }
  if (const auto until = without_the_last(extends); until && *until < records) {
    found.diagnosis = Diagnosis::kFailedExtend;
    found.first = first + *until;
    found.records = records - *until;
    found.what = records_text(found.first, *found.records) + " in the list but never extended into the PCRs";
    return found;
  }
  if (const auto left_out = without_one(extends)) {
    found.diagnosis = Diagnosis::kFailedExtend;
    found.first = first + *left_out;
    found.records = 1;
    found.what = records_text(found.first, 1) + " in the list but never extended into the PCRs";
    return found;
  }
  found.what = "the PCRs were extended by something that the list does not hold, behind record " +
               std::to_string(first);
  return found;
}

}  // namespace imakeep::keeper
