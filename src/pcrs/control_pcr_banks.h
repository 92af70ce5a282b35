// SPDX-License-Identifier: Apache-2.0
// pcrs/control_pcr_banks.h - read-only access to the PCRs of a served list, through the list's control socket.
//
// A list without a TPM holds its PCRs in memory; other processes read them this way. Threads: safe from any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "control/client.h"
#include "tpm/pcr_banks.h"

namespace imakeep::pcrs {

class ControlPcrBanks : public tpm::PcrBanks {
 public:
  // kEnvironment if no list answers on the socket; kIo if the answer names no banks.
  static Result<std::unique_ptr<ControlPcrBanks>> connect(const std::string& socket);

  const std::vector<digest::Bank>& banks() const override { return banks_; }
  // How the list treats its table of digests: "kept", "flushed" or "none".
  const std::string& table() const { return table_; }

  // Always kUnsupported.
  Result<void> extend(std::uint32_t pcr, std::span<const digest::Digest> digests) override;
  // Returns the values of all banks, read at one moment. Connects again if the list closed the connection. kEnvironment
  // if the list does not answer; kIo if the answer is malformed.
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

}  // namespace imakeep::pcrs
