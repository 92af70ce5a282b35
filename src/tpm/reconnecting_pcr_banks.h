// SPDX-License-Identifier: Apache-2.0
// tpm/reconnecting_pcr_banks.h - PCRs of a TPM whose connection may be lost; reconnects after a loss.
//
// Intended for readers. extend() is never retried: the caller must first find out whether the lost extend took effect.
// Threads: one thread at a time uses an object.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "tpm/pcr_banks.h"

namespace imakeep::tpm {

class ReconnectingPcrBanks : public PcrBanks {
 public:
  using Open = std::function<Result<std::unique_ptr<PcrBanks>>()>;

  // Keeps a reference to `clock`. Errors: those of `open`.
  static Result<std::unique_ptr<ReconnectingPcrBanks>> begin(Open open, Clock& clock);

  const std::vector<digest::Bank>& banks() const override { return banks_; }
  Result<void> extend(std::uint32_t pcr, std::span<const digest::Digest> digests) override;
  // kIo means that the connection is lost. read() then opens a new connection at once and retries the call. If opening
  // fails, calls return that error without a try for one second. After each further failure that time doubles, up to
  // one minute. kEnvironment if the reconnected TPM has other banks. reset_counts() does the same.
  Result<std::vector<digest::Digest>> read(std::uint32_t pcr) override;
  Result<std::optional<ResetCounts>> reset_counts() override;

 private:
  ReconnectingPcrBanks(Open open, Clock& clock, std::unique_ptr<PcrBanks> inner)
      : open_(std::move(open)), clock_(clock), inner_(std::move(inner)), banks_(inner_->banks()) {}
  Result<void> connect();
  template <class Call>
  auto patiently(Call call);

  const Open open_;
  Clock& clock_;
  std::unique_ptr<PcrBanks> inner_;  // null without a connection
  const std::vector<digest::Bank> banks_;
  std::optional<Error> lost_;     // why the connection is missing
  std::int64_t pause_us_ = 0;     // time before the next try
  std::int64_t next_try_us_ = 0;  // on the monotonic clock
};

}  // namespace imakeep::tpm
