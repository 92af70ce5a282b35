// SPDX-License-Identifier: Apache-2.0
// appraisal/boot_digests.h - the boot aggregates that given values of PCRs 0 to 9 lead to, in every bank.
//
// A bank with PCRs 0 to 7 gives H(0..7), one with PCRs 0 to 9 also H(0..9). Linux before 5.8 uses the former in every
// bank; later ones only in sha1. attest/boot_aggregate.h has the versions.
// Source: ima_calc_boot_aggregate_tfm() in security/integrity/ima/ima_crypto.c. Threads: a constant value.
#pragma once

#include <span>
#include <vector>

#include "imalog/replay.h"

namespace imakeep::appraisal {

class BootDigests {
 public:
  BootDigests() = default;
  // Banks without PCRs 0 to 7, and those that OpenSSL lacks, give nothing. Values of other PCRs are ignored.
  explicit BootDigests(std::span<const imalog::PcrValue> values);

  bool empty() const { return digests_.empty(); }
  bool has_bank(digest::Algorithm algorithm) const;
  bool matches(digest::Algorithm algorithm, ByteView digest) const;
  // Whatever the algorithm is: Keylime compares only digits.
  bool matches_any(ByteView digest) const;

 private:
  struct Known {
    digest::Algorithm algorithm;
    digest::Digest digest;
  };
  std::vector<Known> digests_;
};

}  // namespace imakeep::appraisal
