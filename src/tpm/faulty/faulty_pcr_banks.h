// tpm/faulty/faulty_pcr_banks.h - PCR banks that fail when they are told to, for the tests of whoever uses the seam.
//
// A fault comes in two kinds, as with a TPM whose answer is lost: the caller sees the same error, but the PCR was
// extended or it was not. Threads: safe from any thread.
#pragma once

#include <limits>
#include <map>

#include "base/mutex.h"
#include "tpm/pcr_banks.h"

namespace imakeep::tpm {

enum class FaultPoint : std::uint8_t { kBeforeEffect, kAfterEffect };

class FaultyPcrBanks : public PcrBanks {
 public:
  // Keeps a reference to `inner`, which does what is not told to fail.
  explicit FaultyPcrBanks(PcrBanks& inner) : inner_(inner) {}

  // Call number `call`, counted from 0 over extend() and read() together, fails with `error`.
  void fail_at(std::uint64_t call, FaultPoint point,
               Error error = {.code = ErrorCode::kIo, .message = "planned fault"});
  // So does every call from that one on, before it takes effect: a TPM that is gone.
  void fail_from(std::uint64_t call);
  std::uint64_t calls() const;

  const std::vector<digest::Bank>& banks() const override { return inner_.banks(); }
  Result<void> extend(std::uint32_t pcr, std::span<const digest::Digest> digests) override;
  Result<std::vector<digest::Digest>> read(std::uint32_t pcr) override;

 private:
  struct Fault {
    FaultPoint point;
    Error error;
  };
  // The fault of the call that begins now, if it has one.
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
