// SPDX-License-Identifier: Apache-2.0
// tpm/faulty/faulty_pcr_banks.h - PCR banks that fail on demand, for tests of code that uses PcrBanks.
//
// There are two kinds of faults, as with a TPM whose answer is lost: the PCR was extended, or it was not. The caller
// sees the same error. Threads: safe from any thread.
#pragma once

#include <limits>
#include <map>

#include "base/mutex.h"
#include "tpm/pcr_banks.h"

namespace imakeep::tpm {

enum class FaultPoint : std::uint8_t { kBeforeEffect, kAfterEffect };

class FaultyPcrBanks : public PcrBanks {
 public:
  // Keeps a reference to `inner`, which carries out the calls without a planned fault.
  explicit FaultyPcrBanks(PcrBanks& inner) : inner_(inner) {}

  // Call number `call` fails with `error`. Calls of extend() and read() are counted together, from 0.
  void fail_at(std::uint64_t call, FaultPoint point,
               Error error = {.code = ErrorCode::kIo, .message = "planned fault"});
  // Every call from number `call` on fails before its effect, as if the TPM were gone.
  void fail_from(std::uint64_t call);
  std::uint64_t calls() const;

  const std::vector<digest::Bank>& banks() const override { return inner_.banks(); }
  Result<void> extend(std::uint32_t pcr, std::span<const digest::Digest> digests) override;
  Result<std::vector<digest::Digest>> read(std::uint32_t pcr) override;
  Result<std::optional<ResetCounts>> reset_counts() override { return inner_.reset_counts(); }

 private:
  struct Fault {
    FaultPoint point;
    Error error;
  };
  // The planned fault of the call that begins now, if any.
  std::optional<Fault> next_fault();
  template <class Call>
  auto faultily(Call call);

  PcrBanks& inner_;
  mutable Mutex mutex_;
  std::uint64_t calls_ IMAKEEP_GUARDED_BY(mutex_) = 0;
  std::uint64_t gone_from_ IMAKEEP_GUARDED_BY(mutex_) = std::numeric_limits<std::uint64_t>::max();
  std::map<std::uint64_t, Fault> faults_ IMAKEEP_GUARDED_BY(mutex_);
};

}  // namespace imakeep::tpm
