// SPDX-License-Identifier: Apache-2.0
// attest/boot_aggregate.h - compares a boot_aggregate record with the PCR values that it was computed from.
//
// The aggregate is the hash H over the concatenated values of some PCRs in the bank of H:
// - H is sha1: PCRs 0 to 7. Kernels before 5.8 know no other H, nor does any kernel with a TPM 1.2.
// - Any other H: PCRs 0 to 9, since Linux 5.8.
// - Any other H in a stable kernel that has commit 6f1a1d103b48 ("ima: Switch to ima_hash_algo for boot aggregate") and
//   not yet 20c59ce010f8 ("ima: extend boot_aggregate with kernel measurements"), such as early ones of 5.4 and 5.7:
//   PCRs 0 to 7.
// H is the algorithm of the record's file digest: sha1 in field d of the template "ima"; d-ng and d-ngv2 name it.
// Source: ima_calc_boot_aggregate_tfm() in security/integrity/ima/ima_crypto.c.
// Threads: no shared state.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "imalog/replay.h"
#include "imalog/template.h"

namespace imakeep::attest {

struct BootAggregate {
  digest::Algorithm algorithm = digest::Algorithm::kSha1;
  digest::Digest digest;
};

// The aggregate that the record states. Empty if the record is not a boot_aggregate, if imakeep does not know its
// algorithm, or if field d is not as long as a sha1 digest.
std::optional<BootAggregate> boot_aggregate_of(const imalog::RecordContentView& content, ByteOrder order);

// Linux since 5.8 computes the aggregate over this many PCRs, from PCR 0 on.
std::uint32_t aggregated_pcrs(digest::Algorithm algorithm);

struct BootAggregateCheck {
  digest::Algorithm algorithm = digest::Algorithm::kSha1;  // of the bank
  std::uint32_t pcrs = 0;                                  // count of PCRs compared, from PCR 0 on
  bool matches = false;
};

// Compares the aggregate with each form above for which `values` has every PCR in the aggregate's bank. Empty if no
// form matches and the form since Linux 5.8 could not be compared. `extended_pcrs` has one bit for each PCR that the
// log itself extends. The values of these at boot are those of `start`, not the given ones.
std::optional<BootAggregateCheck> check_boot_aggregate(const BootAggregate& aggregate,
                                                       std::span<const imalog::PcrValue> values,
                                                       const imalog::PcrState& start, std::uint32_t extended_pcrs);

}  // namespace imakeep::attest
