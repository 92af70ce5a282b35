// SPDX-License-Identifier: Apache-2.0
#include "keeper/findings.h"

#include <algorithm>

namespace imakeep::keeper {
namespace {

// Names archived records that the list lost after its head.
Finding missing_records(archive::ChainId chain, const Range& missing, bool by_kexec) {
  const std::uint64_t records = missing.records();
  const std::string which =
      std::to_string(records) + " records, from record " + std::to_string(missing.first.value()) + " on";
  return {.diagnosis = by_kexec ? Diagnosis::kKexecDropped : Diagnosis::kTrimmedByOther,
          .chain = chain,
          .first = missing.first.value(),
          .records = records,
          .what = by_kexec ? "a kexec dropped " + which + "; they are archived"
                           : "somebody else deleted " + which + ", in the middle of the list; they are archived"};
}

// Counts the ranges `missing`, in order, as deleted by others. If the list held no record between two ranges, one
// request may have deleted both, so they count as one deletion. `before` is the list's shape before.
void count_missing(archive::ListRow& row, const ListShape& before, const std::vector<Range>& missing) {
  const Range* last = nullptr;
  for (const Range& range : missing) {
    row.trimmed_by_others += range.records();
    if (last == nullptr || before.records(range.first) > before.records(last->end)) ++row.trims_by_others;
    last = &range;
  }
}

}  // namespace

std::string unread_pcrs(std::uint32_t unread) {
  std::string names;
  for (std::uint32_t pcr = 0; pcr < digest::kPcrCount; ++pcr) {
    if ((unread >> pcr & 1) != 0) names += (names.empty() ? "PCR " : ", ") + std::to_string(pcr);
  }
  return names;
}

Finding nothing_proven_unread(const ChainState& state, const Evidence& evidence) {
  return {.diagnosis = Diagnosis::kUnreadPcr,
          .chain = state.chain.chain,
          .first = state.row.proven,
          .what = unread_pcrs(evidence.unread) + " cannot be read, so no record is proven: " + evidence.why_unread};
}

std::vector<Finding> deleted_by_others(ChainState& state, const ListPosition& position, std::int64_t now_unix_s) {
  std::vector<Finding> found;
  const ListShape before = state.shape;
  const std::uint64_t others = state.moved_to(position.shape, position.gone, position.gone_by_kexec, now_unix_s);
  if (others > 0) {
    // The keeper's own trim, if it was not recorded yet, deleted the records before these.
    const RecordNumber first = before.number_at(ListIndex(position.gone - others));
    const std::string records = std::to_string(others) + " records";
    found.push_back({.diagnosis = position.gone_by_kexec ? Diagnosis::kKexecDropped : Diagnosis::kTrimmedByOther,
                     .chain = state.chain.chain,
                     .first = first.value(),
                     .records = others,
                     .what = position.gone_by_kexec
                                 ? "a kexec may have dropped " + records + " of the list; they are archived"
                                 : "somebody else deleted " + records + "; they are archived"});
  }
  for (const Range& missing : position.missing) {
    found.push_back(missing_records(state.chain.chain, missing, position.lost_by_kexec));
  }
  if (!position.lost_by_kexec) count_missing(state.row, before, position.missing);
  return found;
}

std::vector<Finding> altered_records(archive::ChainId chain, const ListPosition& position) {
  std::vector<Finding> found;
  found.reserve(position.altered.size());
  for (const RecordNumber number : position.altered) {
    found.push_back({.diagnosis = Diagnosis::kAlteredRecord,
                     .chain = chain,
                     .first = number.value(),
                     .records = 1,
                     .what = "the list's copy of record " + std::to_string(number.value()) +
                             " differs from what was measured; the archive holds what the PCRs prove"});
  }
  return found;
}

archive::IncidentRow incident_of(const Finding& found, std::int64_t now_unix_s) {
  return {.chain = found.chain,
          .first = found.first,
          .records = found.records,
          .kind = std::string(word(found.diagnosis)),
          .what = found.what,
          .since_unix_s = now_unix_s};
}

Result<std::vector<archive::IncidentRow>> new_incidents(archive::Archive& archive, const std::vector<Finding>& found,
                                                        std::int64_t now_unix_s) {
  std::vector<archive::IncidentRow> incidents;
  for (const Finding& each : found) {
    // The list's row counts trims by others. A PCR may be readable the next time.
    const bool passing = each.diagnosis == Diagnosis::kTrimmedByOther || each.diagnosis == Diagnosis::kUnreadPcr;
    if (!passing) incidents.push_back(incident_of(each, now_unix_s));
  }
  if (incidents.empty()) return incidents;
  IMAKEEP_TRY(const auto& said, archive.incidents());
  std::erase_if(incidents, [&](const archive::IncidentRow& incident) {
    return std::ranges::any_of(said, [&](const archive::IncidentRow& old) {
      return old.chain == incident.chain && old.kind == incident.kind && old.first == incident.first;
    });
  });
  return incidents;
}

}  // namespace imakeep::keeper
