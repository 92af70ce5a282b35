// control_pcr_banks.h - the PCRs of a served list, asked through its control socket: to read only.
//
// A list without a TPM has its PCRs in memory, and this is how others see them. Threads: safe from any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "control/client.h"
#include "tpm/pcr_banks.h"

namespace imakeep::app {

class ControlPcrBanks : public tpm::PcrBanks {
 public:
  // kEnvironment if no list answers there.
  static Result<std::unique_ptr<ControlPcrBanks>> connect(const std::string& socket);

  const std::vector<digest::Bank>& banks() const override { return banks_; }
  // What the list does with its table of digests: "kept", "flushed" or "none".
  const std::string& table() const { return table_; }

  // Always kUnsupported.
  Result<void> extend(std::uint32_t pcr, std::span<const digest::Digest> digests) override;
  // All banks at one moment. Connects anew if the list went away meanwhile. kEnvironment if nobody answers; kIo for an
  // answer that makes no sense.
  Result<std::vector<digest::Digest>> read(std::uint32_t pcr) override IMAKEEP_EXCLUDES(mutex_);

 private:
  ControlPcrBanks(std::string socket, std::vector<digest::Bank> banks, std::string table, control::Client client)
      : socket_(std::move(socket)), banks_(std::move(banks)), table_(std::move(table)), client_(std::move(client)) {}
  Result<control::Message> ask_pcrs() IMAKEEP_REQUIRES(mutex_);

  const std::string socket_;
  const std::vector<digest::Bank> banks_;
  const std::string table_;
  Mutex mutex_;
  std::optional<control::Client> client_ IMAKEEP_GUARDED_BY(mutex_);
};

}  // namespace imakeep::app
