// SPDX-License-Identifier: Apache-2.0
#include "attest/log_search.h"

#include <unordered_map>
#include <unordered_set>

namespace imakeep::attest {
namespace {

constexpr std::size_t kMaxRecords = 100'000;    // held in memory
constexpr std::uint64_t kMaxExtends = 500'000;  // about a second, for each kind of change

// One record, as the PCRs are extended by it.
struct Extended {
  std::uint32_t pcr;
  bool violation;
  bool repeat;                          // it repeats an earlier record
  std::vector<digest::Digest> digests;  // one for each bank
};

// The record's digests if it were not a violation.
std::vector<digest::Digest> plain_digests(const std::vector<digest::Bank>& banks,
                                          const imalog::RecordContentView& content) {
  std::vector<digest::Digest> digests;
  digests.reserve(banks.size());
  for (const digest::Bank& bank : banks) {
    digests.push_back(imalog::template_digest(bank, content.template_name, content.body));
  }
  return digests;
}

std::string identity_of(const Extended& record) {
  std::string identity = std::to_string(record.pcr) + " ";
  append_hex(identity, record.digests.front().view());
  return identity;
}

class Search {
 public:
  Search(LogSource& log, const imalog::Replay& fresh) : log_(log), fresh_(fresh) {}

  Result<std::optional<Change>> run() {
    IMAKEEP_CHECK(read());
    for (const ChangeKind kind :
         {ChangeKind::kNoViolation, ChangeKind::kRepeated, ChangeKind::kInserted, ChangeKind::kOutOfOrder}) {
      if (const auto number = try_all(kind)) return place_of({.kind = kind, .number = *number, .place = {}});
    }
    return std::nullopt;
  }

 private:
  // Reads the records to search: those before the first error, and at most kMaxRecords.
  Result<void> read() {
    IMAKEEP_CHECK(log_.rewind());
    const auto& banks = fresh_.state().banks();
    std::unordered_set<std::string> seen;
    while (records_.size() < kMaxRecords) {
      const auto record = log_.next();
      if (!record || !*record) break;
      const imalog::RecordContentView& content = (*record)->content;
      Extended extended{.pcr = content.pcr, .violation = content.violation, .repeat = false, .digests = {}};
      for (const digest::Bank& bank : banks) extended.digests.push_back(imalog::extended_digest(bank, content));
      extended.repeat = !seen.insert(identity_of(extended)).second;
      if (content.violation) plain_.emplace(records_.size(), plain_digests(banks, content));
      records_.push_back(std::move(extended));
    }
    return {};
  }

  bool possible(ChangeKind kind, std::size_t i) const {
    switch (kind) {
      case ChangeKind::kNoViolation:
        return records_[i].violation;
      case ChangeKind::kRepeated:
        return records_[i].repeat;
      case ChangeKind::kInserted:
        return true;
      case ChangeKind::kOutOfOrder:
        return i + 1 < records_.size() && records_[i].pcr == records_[i + 1].pcr;
    }
    return false;
  }

  // Tries the change at as many of the last records as the limit allows. A try near the end is cheap, because it
  // replays only the rest of the log.
  std::optional<std::uint64_t> try_all(ChangeKind kind) const {
    const std::size_t first = first_within_bounds(kind);
    imalog::Replay before = fresh_;
    for (std::size_t i = 0; i < first; ++i) add(before, i);
    for (std::size_t i = first; i < records_.size(); ++i) {
      if (possible(kind, i) && matches(kind, i, before)) return i;
      add(before, i);
    }
    return std::nullopt;
  }

  std::size_t first_within_bounds(ChangeKind kind) const {
    std::uint64_t extends = 0;
    std::size_t first = records_.size();
    while (first > 0) {
      if (possible(kind, first - 1)) extends += records_.size() - (first - 1);
      if (extends > kMaxExtends) break;
      --first;
    }
    return first;
  }

  void add(imalog::Replay& replay, std::size_t i) const { replay.add_extended(records_[i].pcr, records_[i].digests); }

  bool matches(ChangeKind kind, std::size_t i, imalog::Replay replay) const {
    std::size_t next = i + 1;
    if (kind == ChangeKind::kNoViolation) {
      replay.add_extended(records_[i].pcr, plain_.at(i));
    } else if (kind == ChangeKind::kOutOfOrder) {
      add(replay, i + 1);
      add(replay, i);
      next = i + 2;
    }
    for (; next < records_.size() && !replay.proven(); ++next) add(replay, next);
    return replay.proven().has_value();
  }

  Result<std::optional<Change>> place_of(Change change) {
    IMAKEEP_CHECK(log_.rewind());
    for (std::uint64_t i = 0; i <= change.number; ++i) {
      const auto record = log_.next();
      if (!record) return unexpected(record.error());
    }
    change.place = log_.place();
    return change;
  }

  LogSource& log_;
  const imalog::Replay& fresh_;
  std::vector<Extended> records_;
  std::unordered_map<std::size_t, std::vector<digest::Digest>> plain_;
};

}  // namespace

Result<std::optional<Change>> find_change(LogSource& log, const imalog::Replay& fresh) {
  return Search(log, fresh).run();
}

}  // namespace imakeep::attest
