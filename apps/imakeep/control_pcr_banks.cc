#include "control_pcr_banks.h"

#include <algorithm>

namespace imakeep::app {

Result<std::unique_ptr<ControlPcrBanks>> ControlPcrBanks::connect(const std::string& socket) {
  auto client = control::Client::connect(socket);
  if (!client) return unexpected(client.error());
  const auto hello = client->ask({.head = {{"op", "hello"}}});
  if (!hello) return unexpected(named(hello.error(), socket));
  std::vector<digest::Bank> banks;
  for (const auto& name : hello->head.value("banks", nlohmann::json::array())) {
    const auto bank = digest::parse_bank(name.is_string() ? name.get<std::string>() : "");
    if (!bank) return unexpected(named(bank.error(), socket));
    banks.push_back(*bank);
  }
  if (banks.empty()) return fail(ErrorCode::kIo, socket + " is no control socket of a list: it names no banks");
  return std::unique_ptr<ControlPcrBanks>(
      new ControlPcrBanks(socket, std::move(banks), hello->head.value("table", ""), std::move(*client)));
}

Result<void> ControlPcrBanks::extend(std::uint32_t, std::span<const digest::Digest>) {
  return fail(ErrorCode::kUnsupported, socket_ + ": the PCRs of a served list are extended by the list alone");
}

Result<control::Message> ControlPcrBanks::ask_pcrs() {
  if (client_) {
    auto answer = client_->ask({.head = {{"op", "pcrs"}}});
    if (answer) return answer;
    client_.reset();
  }
  auto client = control::Client::connect(socket_);
  if (!client) return unexpected(client.error());
  client_ = std::move(*client);
  return client_->ask({.head = {{"op", "pcrs"}}});
}

Result<std::vector<digest::Digest>> ControlPcrBanks::read(std::uint32_t pcr) {
  IMAKEEP_CHECK(tpm::check_pcr(pcr));
  const MutexLock lock(mutex_);
  const auto answer = ask_pcrs();
  if (!answer) return unexpected(answer.error());
  const auto senseless = fail(ErrorCode::kIo, socket_ + ": the list's answer about its PCRs makes no sense");
  try {
    // Those that are not in the answer were never extended.
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
    // A member of another type.
    return senseless;
  }
}

}  // namespace imakeep::app
