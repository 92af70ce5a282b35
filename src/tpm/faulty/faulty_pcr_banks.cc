// SPDX-License-Identifier: Apache-2.0
#include "tpm/faulty/faulty_pcr_banks.h"

namespace imakeep::tpm {

void FaultyPcrBanks::fail_at(std::uint64_t call, FaultPoint point, Error error) {
  const MutexLock lock(mutex_);
  faults_.insert_or_assign(call, Fault{point, std::move(error)});
}

void FaultyPcrBanks::fail_from(std::uint64_t call) {
  const MutexLock lock(mutex_);
  gone_from_ = call;
}

std::uint64_t FaultyPcrBanks::calls() const {
  const MutexLock lock(mutex_);
  return calls_;
}

std::optional<FaultyPcrBanks::Fault> FaultyPcrBanks::next_fault() {
  const MutexLock lock(mutex_);
  const std::uint64_t call = calls_++;
  if (call >= gone_from_) {
    return Fault{FaultPoint::kBeforeEffect, {.code = ErrorCode::kIo, .message = "the TPM is gone, as planned"}};
  }
  const auto planned = faults_.find(call);
  if (planned == faults_.end()) return std::nullopt;
  return planned->second;
}

template <class Call>
auto FaultyPcrBanks::faultily(Call call) {
  using Returned = decltype(call());
  const auto fault = next_fault();
  if (!fault) return call();
  if (fault->point == FaultPoint::kAfterEffect) {
    // If the inner call fails, keep its own error.
    if (auto done = call(); !done) return done;
  }
  return Returned(unexpected(fault->error));
}

Result<void> FaultyPcrBanks::extend(std::uint32_t pcr, std::span<const digest::Digest> digests) {
  return faultily([&] { return inner_.extend(pcr, digests); });
}

Result<std::vector<digest::Digest>> FaultyPcrBanks::read(std::uint32_t pcr) {
  return faultily([&] { return inner_.read(pcr); });
}

}  // namespace imakeep::tpm
