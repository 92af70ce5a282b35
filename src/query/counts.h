// SPDX-License-Identifier: Apache-2.0
// query/counts.h - how many records each path, digest, directory or template has: which of them make a list grow.
//
// Threads: one thread at a time.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "query/selection.h"

namespace imakeep::query {

enum class CountBy : std::uint8_t { kPath, kDigest, kDirectory, kTemplate };

// "path", "digest", "directory", "template".
const std::vector<std::string>& count_by_names();
std::optional<CountBy> count_by_named(std::string_view name);

struct Count {
  std::string key;  // empty: records without such a thing
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  // in a binary list of bank sha1
};

class Counts {
 public:
  // More keys than this would need too much memory.
  static constexpr std::size_t kMostKeys = std::size_t{4} << 20;

  explicit Counts(CountBy by, std::size_t most_keys = kMostKeys) : by_(by), most_keys_(most_keys) {}

  // kUnsupported if there are too many keys.
  Result<void> add(const SeenRecord& record);

  std::uint64_t records() const { return records_; }
  // Those with the most records first; equal ones in the order of their keys.
  std::vector<Count> sorted() const;

 private:
  struct Sum {
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
  };

  const CountBy by_;
  const std::size_t most_keys_;
  std::uint64_t records_ = 0;
  std::unordered_map<std::string, Sum> sums_;
};

}  // namespace imakeep::query
