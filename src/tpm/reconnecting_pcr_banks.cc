// SPDX-License-Identifier: Apache-2.0
#include "tpm/reconnecting_pcr_banks.h"

#include <algorithm>

namespace imakeep::tpm {
namespace {

constexpr std::int64_t kFirstPauseUs = 1'000'000;
constexpr std::int64_t kLastPauseUs = 60'000'000;

}  // namespace

Result<std::unique_ptr<ReconnectingPcrBanks>> ReconnectingPcrBanks::begin(Open open, Clock& clock) {
  IMAKEEP_TRY(auto inner, open());
  return std::unique_ptr<ReconnectingPcrBanks>(new ReconnectingPcrBanks(std::move(open), clock, std::move(inner)));
}

Result<void> ReconnectingPcrBanks::connect() {
  if (inner_ != nullptr) return {};
  if (lost_ && clock_.monotonic_us() < next_try_us_) return unexpected(*lost_);
  auto opened = open_();
  if (opened && (*opened)->banks() != banks_) {
    opened = fail(ErrorCode::kEnvironment, "the TPM now has the banks " + digest::bank_names((*opened)->banks()) +
                                               ", but had " + digest::bank_names(banks_) +
                                               " when imakeep started: restart imakeep");
  }
  if (!opened) {
    lost_ = opened.error();
    pause_us_ = std::clamp(2 * pause_us_, kFirstPauseUs, kLastPauseUs);
    next_try_us_ = clock_.monotonic_us() + pause_us_;
    return unexpected(*lost_);
  }
  inner_ = std::move(*opened);
  lost_.reset();
  pause_us_ = 0;
  return {};
}

template <class Call>
auto ReconnectingPcrBanks::patiently(Call call) {
  using Answer = decltype(call(*inner_));
  const bool had_connection = inner_ != nullptr;
  if (const auto connected = connect(); !connected) return Answer(unexpected(connected.error()));
  auto answer = call(*inner_);
  if (answer || answer.error().code != ErrorCode::kIo) return answer;
  inner_.reset();
  if (!had_connection) return answer;
  if (const auto connected = connect(); !connected) return Answer(unexpected(connected.error()));
  auto again = call(*inner_);
  if (!again && again.error().code == ErrorCode::kIo) inner_.reset();
  return again;
}

Result<void> ReconnectingPcrBanks::extend(std::uint32_t pcr, std::span<const digest::Digest> digests) {
  IMAKEEP_CHECK(connect());
  return inner_->extend(pcr, digests);
}

Result<std::vector<digest::Digest>> ReconnectingPcrBanks::read(std::uint32_t pcr) {
  return patiently([pcr](PcrBanks& banks) { return banks.read(pcr); });
}

Result<std::optional<ResetCounts>> ReconnectingPcrBanks::reset_counts() {
  return patiently([](PcrBanks& banks) { return banks.reset_counts(); });
}

}  // namespace imakeep::tpm
