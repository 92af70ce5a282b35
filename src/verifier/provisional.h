// SPDX-License-Identifier: Apache-2.0
// verifier/provisional.h - what the verifier keeps between two parts of a long increment: the bytes that a store keeps
// as HostRow::provisional.
//
//   state := "imkprov1"  epoch:u64  evidence:u8[32]  judged_by:u8[32]  start:u64  next:u64
//            stated:u16  digest[...]  size:u32 increment[size]  size:u32 appraisal[size]              little-endian
// `stated` is the TPM_ALG_ID of the boot aggregate that record 0 states, with its digest; 0 and no digest if none was
// seen. `increment` is attest/increment.h's form, `appraisal` logappraisal/log_appraisal.h's; empty: by no policy.
//
// A part continues this state only if it has the same `evidence` (token, quote, signature, PCR values and byte order),
// if the host's epoch is the same, and if the verifier would judge it by the same policies in the same way. Nothing of
// it counts before the quote matches. Threads: plain values.
#pragma once

#include "attest/boot_aggregate.h"
#include "digest/digest.h"
#include "evidence/evidence.h"
#include "verifier/settings.h"
#include "vstore/rows.h"

namespace imakeep::verifier {

struct ProvisionalState {
  std::uint64_t epoch = 0;
  digest::Digest evidence;   // evidence_identity()
  digest::Digest judged_by;  // judged_by()
  std::uint64_t start = 0;   // number of the first record of the first part
  std::uint64_t next = 0;    // number of the record with which the next part begins
  std::optional<attest::BootAggregate> stated;
  Bytes increment;
  Bytes appraisal;
};

Bytes save(const ProvisionalState& state);
// Errors: kTruncated and kMalformed for bytes that save() does not write. `increment` and `appraisal` are not read.
Result<ProvisionalState> load_provisional(ByteView saved);

// Equal for the parts of one increment: a hash of all that they have in common.
digest::Digest evidence_identity(const evidence::EvidenceHeader& header);
// Equal if the same records get the same judgement: a hash of the list, its version and the settings that matter.
digest::Digest judged_by(const Settings& settings, const std::string& policy_list, std::uint64_t version);

}  // namespace imakeep::verifier
