// conformance/command_record_source.h - makes records by running a shell command, for a real kernel.
//
// The command runs once a record with two variables in its environment:
//   IMAKEEP_SERIAL  a decimal number. A new number must give a record the kernel never saw; the number of the command
//                   before must give that record again, past the kernel's cache of measured inodes: so make a new
//                   file with the same path and content each time.
//   IMAKEEP_KIND    "record", or "violation": open the file for writing while it is open for reading. A command that
//                   ends with status 77 cannot do this kind.
// An example, where the policy measures what root reads on the file system of /run/m:
//   f=/run/m/$IMAKEEP_SERIAL; rm -f $f; echo $IMAKEEP_SERIAL > $f; cat $f
// It must add one record a run, so it should use the programs of its first run only. Its standard output is dropped.
//
// One shell is started with the object and runs all commands, so no command inherits a descriptor of the list.
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
  std::uint64_t first_serial = 1;  // serials count from here: choose it so that no earlier run had them
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

  // kEnvironment for a command that ends with another status than 0.
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
  UniqueFd channel_;  // one line a command to the shell, one line with its status back
  pid_t shell_;
};

}  // namespace imakeep::conformance
