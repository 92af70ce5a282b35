// archive/import_plan.h - where each part of an import belongs. What the rules are: import.h. Threads: no shared state.
#pragma once

#include "archive/import.h"
#include "archive/overlap.h"

namespace imakeep::archive {

// A part, decoded. Borrows the list.
struct DecodedPart {
  std::string name;
  digest::Bank bank;
  std::vector<IncomingView> records;
  std::vector<RecordId> ids;
  Bytes sha256;                        // of the list's bytes
  std::optional<std::uint64_t> first;  // number of its first record, if an earlier import placed it
};

// kMismatch, and whatever ListReader says, with the part's name before it.
Result<DecodedPart> decode_part(const ImportPart& part);

// Whether the record is the first that Linux makes after a boot.
bool is_boot_aggregate(const imalog::RecordContentView& content);

// What the archive has of the chain.
struct Known {
  std::uint64_t base = 0;  // number of ids[0]
  std::vector<RecordId> ids;
  std::vector<bool> violations;  // beside ids
  digest::PcrState state;        // behind the last
};

// The number of each part's first record. Errors: import.h.
Result<std::vector<std::uint64_t>> place_parts(const Known& known, std::span<const DecodedPart> parts,
                                               std::span<const imalog::PcrValue> pcrs, bool no_repeats);

}  // namespace imakeep::archive
