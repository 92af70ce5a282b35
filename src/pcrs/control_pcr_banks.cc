// SPDX-License-Identifier: Apache-2.0
#include "pcrs/control_pcr_banks.h"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include <nlohmann/json.hpp>

#include "control/message.h"

namespace imakeep::pcrs {
namespace {

constexpr std::chrono::seconds kAnswerLimit{5};

}  // namespace

Result<std::unique_ptr<ControlPcrBanks>> ControlPcrBanks::connect(const std::string& socket) {
  IMAKEEP_TRY(auto client, control::Client::connect(socket, kAnswerLimit));
  const auto hello = client.ask({.head = {{"op", "hello"}}});
  if (!hello) return unexpected(named(hello.error(), socket));
  std::vector<digest::Bank> banks;
  for (const auto& name : hello->head.value("banks", nlohmann::json::array())) {
    const auto bank = digest::parse_bank(name.is_string() ? name.get<std::string>() : "");
    if (!bank) return unexpected(named(bank.error(), socket));
    banks.push_back(*bank);
  }
  if (banks.empty())
    return fail(ErrorCode::kIo, socket + " is not the control socket of a list server: its answer names no banks");
  return std::unique_ptr<ControlPcrBanks>(
      new ControlPcrBanks(socket, std::move(banks), hello->head.value("table", ""), std::move(client)));
}

Result<void> ControlPcrBanks::extend(std::uint32_t, std::span<const digest::Digest>) {
  return fail(ErrorCode::kUnsupported, socket_ + ": only the list server extends the PCRs of a served list");
}

Result<control::Message> ControlPcrBanks::ask_pcrs() {
  if (client_) {
    auto answer = client_->ask({.head = {{"op", "pcrs"}}});
    if (answer) return answer;
    client_.reset();
    // The list did not answer in time; it would not answer on another connection either.
    if (answer.error().os_errno == ETIMEDOUT) return answer;
  }
  IMAKEEP_TRY(auto client, control::Client::connect(socket_, kAnswerLimit));
  auto answer = client.ask({.head = {{"op", "pcrs"}}});
  if (answer) client_ = std::move(client);
  return answer;
}

Result<std::vector<digest::Digest>> ControlPcrBanks::read(std::uint32_t pcr) {
  IMAKEEP_CHECK(tpm::check_pcr(pcr));
  const MutexLock lock(mutex_);
  const auto answer = ask_pcrs();
  if (!answer) return unexpected(named(answer.error(), socket_));
  const auto senseless = fail(ErrorCode::kIo, socket_ + ": the list server's answer about its PCRs is malformed");
  try {
    // PCRs that are missing in the answer were never extended, so they are zero.
    std::vector<digest::Digest> values;
    values.reserve(banks_.size());
    for (const digest::Bank& bank : banks_) values.emplace_back(bank.digest_bytes());
    for (const auto& row : answer->head.value("pcrs", nlohmann::json::array())) {
      if (row.value("pcr", digest::kPcrCount) != pcr) continue;
      const auto bank = std::ranges::find(banks_, row.value("bank", ""), &digest::Bank::name);
      const auto value = from_hex(row.value("value", ""));
      if (bank == banks_.end() || !value || value->size() != bank->digest_bytes()) {
        return senseless;
      }
      values[static_cast<std::size_t>(bank - banks_.begin())] = digest::Digest(*value);
    }
    return values;
  } catch (const nlohmann::json::exception&) {
    // A member has the wrong type.
    return senseless;
  }
}

}  // namespace imakeep::pcrs
