// SPDX-License-Identifier: Apache-2.0
// The yardstick of tools/build_time: what this file costs to compile, the cost of a build is a multiple of.
//
// It uses what the sources use, common headers and a few templates, and includes nothing of the tree, so that only
// the machine and the compiler change its cost. A change here changes the meaning of the limit in tools/build_time.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace {

struct Entry {
  std::string name;
  std::uint64_t number = 0;
  std::optional<std::vector<std::byte>> content;
};

class Index {
 public:
  void add(Entry entry) {
    const auto [at, added] = by_name_.try_emplace(entry.name, entries_.size());
    if (added) entries_.push_back(std::make_unique<Entry>(std::move(entry)));
    by_number_[entries_[at->second]->number].push_back(at->second);
  }

  std::vector<std::string> names(const std::function<bool(const Entry&)>& wanted) const {
    std::vector<std::string> names;
    for (const auto& entry : entries_) {
      if (wanted(*entry)) names.push_back(entry->name + ":" + std::to_string(entry->number));
    }
    std::ranges::sort(names);
    return names;
  }

 private:
  std::vector<std::unique_ptr<Entry>> entries_;
  std::unordered_map<std::string, std::size_t> by_name_;
  std::map<std::uint64_t, std::vector<std::size_t>> by_number_;
};

}  // namespace

std::size_t build_reference(std::span<const std::string_view> names) {
  Index index;
  std::uint64_t number = 0;
  for (const std::string_view name : names) index.add({.name = std::string(name), .number = number++, .content = {}});
  return index.names([](const Entry& entry) { return entry.number % 2 == 0 && !entry.content; }).size();
}
