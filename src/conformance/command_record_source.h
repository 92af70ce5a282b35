// SPDX-License-Identifier: Apache-2.0
// conformance/command_record_source.h - adds records to a real kernel's list by running a shell command.
//
// The command runs once for each record, with two variables in its environment:
//   IMAKEEP_SERIAL  a decimal number. A new number must cause a record that the kernel has never seen. If the number is
//                   that of an earlier command, the command must cause that record again, past the kernel's cache of
//                   measured inodes. So create a new file with the same path and content each time.
//   IMAKEEP_KIND    "record", or "violation": open the file for writing while it is open for reading. If the command
//                   cannot cause a record of this kind, it exits with status 77.
// An example, if the policy measures what root reads on the file system of /run/m:
//   f=/run/m/$IMAKEEP_SERIAL; rm -f $f; echo $IMAKEEP_SERIAL > $f; cat $f
// Each run must add exactly one record, so it should only use programs of its first run. Its standard output is
// dropped.
//
// The object starts one shell, which runs all commands, so no command inherits a descriptor of the list.
// Threads: as RecordSource.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "base/file.h"
#include "conformance/record_source.h"

namespace imakeep::conformance {

struct CommandOptions {
  std::string command;
  std::uint64_t first_serial = 1;  // first serial; no earlier run may have used this or a higher one
  std::string tpm_dir = {};        // e.g. /sys/class/tpm/tpm0, with files pcr-ALG/INDEX; empty: pcrs() is kUnsupported
  std::uint32_t pcr = 10;
};

class CommandRecordSource : public RecordSource {
 public:
  // kEnvironment if no shell can be started. Call it while no file of the list is open.
  static Result<std::unique_ptr<CommandRecordSource>> start(CommandOptions options);
  ~CommandRecordSource() override;
  CommandRecordSource(const CommandRecordSource&) = delete;
  CommandRecordSource& operator=(const CommandRecordSource&) = delete;

  // kEnvironment if the command exits with a status other than 0; kUnsupported if that is 77.
  Result<void> add(std::uint64_t records) override;
  Result<void> add_again() override;
  Result<void> add_violation() override;
  Result<std::vector<imalog::PcrValue>> pcrs() override;

 private:
  CommandRecordSource(CommandOptions options, UniqueFd channel, pid_t shell)
      : options_(std::move(options)),
        next_serial_(options_.first_serial),
        channel_(std::move(channel)),
        shell_(shell) {}
  Result<void> run(std::string_view kind, std::uint64_t serial);

  CommandOptions options_;
  std::uint64_t next_serial_;
  std::uint64_t last_record_ = 0;
  UniqueFd channel_;  // to the shell one line for each command, back one line with its status
  pid_t shell_;
};

}  // namespace imakeep::conformance
