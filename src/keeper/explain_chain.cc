// SPDX-License-Identifier: Apache-2.0
#include "keeper/explain_chain.h"

#include <algorithm>

#include "archive/archive_reader.h"
#include "imalog/template.h"
#include "keeper/explain.h"

namespace imakeep::keeper {
namespace {

// Whether the PCRs have the values that they had before a chain's first record, and `state` has the same.
bool are_at_start(const ObservationView& seen, const digest::PcrState& state) {
  return seen.with_pcrs() && std::ranges::all_of(seen.evidence.pcrs, [&](const imalog::PcrValue& value) {
           const auto of_start = seen.start.index_of(value.bank);
           const auto of_state = state.index_of(value.bank);
           return of_start && of_state && value.value == seen.start.value(*of_start, value.pcr) &&
                  value.value == state.value(*of_state, value.pcr);
         });
}

Finding measured_without_tpm(std::uint64_t list_records) {
  return {.diagnosis = Diagnosis::kMeasuredWithoutTpm,
          .what = "the list has " + std::to_string(list_records) +
                  " records, and none was extended into the PCRs that it names: the kernel measured without the TPM, "
                  "whose driver was not there when IMA began, or the PCRs are of another machine"};
}

Finding headless(const std::string& why_not_the_last, Finding found) {
  found.diagnosis = Diagnosis::kHeadless;
  found.records.reset();
  found.what = "the list does not begin at a TPM reset" + why_not_the_last +
               ": records were deleted before imakeep saw them, or the PCRs were extended by something else";
  return found;
}

// In a chain with an anchor, a PCR that no archived record names and that is not zero: nothing tells what extended it.
std::optional<std::uint32_t> first_named_after_anchor(const Evidence& evidence, const KnownChain& known) {
  if (known.anchored_at == RecordNumber(0)) return std::nullopt;
  for (const imalog::PcrValue& value : evidence.pcrs) {
    const bool zero = std::ranges::all_of(value.value.view(), [](std::byte byte) { return byte == std::byte{0}; });
    if (!known.chain.end_pcrs.touched(value.pcr) && !zero) return value.pcr;
  }
  return std::nullopt;
}

}  // namespace

Result<Finding> explain_new_chain(const ObservationView& seen, std::uint64_t list_records,
                                  const std::string& why_not_the_last) {
  if (are_at_start(seen, seen.start)) return measured_without_tpm(list_records);
  ListStream& stream = seen.stream;
  stream.seek({});
  auto found = explain(nullptr, stream, seen.shown, seen.start, RecordNumber(0), seen.evidence.pcrs);
  if (!found || found->diagnosis != Diagnosis::kUnexplainedExtend) return found;
  if (!why_not_the_last.empty()) return headless(why_not_the_last, *found);
  stream.seek({});
  IMAKEEP_TRY(const auto& first, stream.next());
  if (!first || !imalog::is_boot_aggregate(first->content(), stream.order())) return headless({}, *found);
  found->diagnosis = Diagnosis::kStartNotZero;
  found->records.reset();
  found->what =
      "the list begins with boot_aggregate, a kernel's first record, but does not match the PCRs: something, such as "
      "a boot loader, extended them before that (give their values from then with --start FILE) or after it, or "
      "records were deleted before a kexec";
  return found;
}

Result<Finding> explain_known(const ObservationView& seen, archive::Store& store, const KnownChain& known,
                              const RecordSummary& list, const Alignment& alignment,
                              const ListStream::Place& new_from) {
  const archive::Chain& chain = known.chain;
  const RecordNumber from = std::max(known.proven, RecordNumber(chain.first_kept));
  IMAKEEP_TRY(const auto& start, archive::Archive(store).state_at(chain, from.value()));
  if (are_at_start(seen, start)) {
    Finding found = measured_without_tpm(list.records());
    found.chain = chain.chain;
    found.first = from.value();
    return found;
  }
  archive::ArchiveReader unproven(store, chain, from.value(), chain.end);
  seen.stream.seek(new_from);
  IMAKEEP_TRY(auto found, explain(&unproven, seen.stream, seen.shown, start, from, seen.evidence.pcrs));
  found.chain = chain.chain;
  if (const auto pcr = first_named_after_anchor(seen.evidence, known);
      pcr && found.diagnosis != Diagnosis::kAlteredRecord) {
    found.diagnosis = Diagnosis::kGapOrExtend;
    found.what = "PCR " + std::to_string(*pcr) +
                 " had a value before the first record that names it: records were lost before imakeep saw them, or " +
                 found.what;
    return found;
  }
  if (found.diagnosis != Diagnosis::kUnexplainedExtend) return found;
  if (chain.start == archive::ChainStart::kUnknown && from == RecordNumber(0)) return headless({}, found);
  // Linux deletes only from the front of a list. If the current list still holds a proven record, no record after
  // that one was deleted.
  const ListIndex unproven_from(std::min(alignment.known, alignment.shape.records(from)));
  if (!list.has_lasting(ListIndex(list.staged), unproven_from)) {
    found.diagnosis = Diagnosis::kGapOrExtend;
    found.what = "somebody else deleted records before imakeep saw them, or " + found.what;
  }
  return found;
}

}  // namespace imakeep::keeper
