// SPDX-License-Identifier: Apache-2.0
// attest/list_log.h - a log that consists of several binary lists, one after the other.
//
// ListLog reads each list in blocks, so that a log of any size takes the same memory.
// Threads: an object belongs to one thread at a time.
#pragma once

#include <functional>
#include <vector>

#include "attest/log_source.h"
#include "imalog/list_stream.h"

namespace imakeep::attest {

class ListLog : public LogSource {
 public:
  // An open list, read from its first byte on. Places and errors use `name`.
  struct Source {
    std::string name;
    imalog::ReadBytes read;
  };
  // Opens a list by its name. ListLog calls it when the list is next, so that only one list is open at a time.
  using Open = std::function<Result<Source>(const std::string& name)>;

  // ListStream::detect() finds the byte order of each list by its first records, and without `bank` also its bank.
  ListLog(std::vector<std::string> names, Open open, std::optional<digest::Bank> bank = std::nullopt);

  // Errors: those of Open and of reading; those of ListStream, with the name of the list.
  Result<std::optional<LoggedRecord>> next() override;
  Result<void> rewind() override;
  Place place() const override;

 private:
  Result<bool> open_next();  // false after the last

  const std::vector<std::string> names_;
  const Open open_;
  const std::optional<digest::Bank> told_bank_;
  std::size_t opened_ = 0;
  std::string source_;
  std::optional<imalog::ListStream> list_;
  imalog::ListFormat format_;
  std::uint64_t offset_ = 0;
};

}  // namespace imakeep::attest
