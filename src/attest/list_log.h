// attest/list_log.h - the log that several binary lists make, one behind the other.
//
// Threads: an object belongs to one thread at a time.
#pragma once

#include <functional>
#include <vector>

#include "attest/log_source.h"
#include "imalog/list_reader.h"

namespace imakeep::attest {

class ListLog : public LogSource {
 public:
  // Gives the bytes of a list by its name; called when its turn comes, so that one list at a time is held.
  using Load = std::function<Result<Bytes>(const std::string& name)>;

  // Without `bank`, each list's own is found out by its first records: detect_bank().
  ListLog(std::vector<std::string> names, Load load, std::optional<digest::Bank> bank = std::nullopt,
          ByteOrder order = kHostOrder);

  // Errors: Load's, detect_bank()'s and ListReader's. Those of the last two name the list.
  Result<std::optional<LoggedRecord>> next() override;
  Result<void> rewind() override;
  Place place() const override;

 private:
  Result<bool> open_next();  // false after the last

  const std::vector<std::string> names_;
  const Load load_;
  const std::optional<digest::Bank> told_bank_;
  const ByteOrder order_;
  std::size_t opened_ = 0;
  Bytes list_;
  digest::Bank bank_;
  std::optional<imalog::ListReader> reader_;
  std::uint64_t offset_ = 0;
};

}  // namespace imakeep::attest
