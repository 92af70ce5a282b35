#include "imalog/replay.h"

#include <algorithm>

namespace imakeep::imalog {

Result<void> Replay::expect(const PcrValue& expected) {
  const auto& banks = state_.banks();
  const auto bank = std::find(banks.begin(), banks.end(), expected.bank);
  if (bank == banks.end() || expected.pcr >= kPcrCount || expected.value.size() != expected.bank.digest_bytes()) {
    return fail(ErrorCode::kUsage,
                "no PCR " + std::to_string(expected.pcr) + " of bank " + expected.bank.name() + " is replayed");
  }
  wanted_.push_back(
      {.bank = static_cast<std::size_t>(bank - banks.begin()), .expected = expected, .found_at = {}, .now = false});
  all_found_at_.reset();
  look(expected.pcr);
  return {};
}

void Replay::look(std::uint32_t pcr) {
  bool all = !wanted_.empty();
  for (Wanted& wanted : wanted_) {
    if (wanted.expected.pcr == pcr) {
      wanted.now = state_.value(wanted.bank, pcr) == wanted.expected.value;
      if (wanted.now && !wanted.found_at) wanted.found_at = records_;
    }
    all = all && wanted.now;
  }
  if (all && !all_found_at_) all_found_at_ = records_;
}

void Replay::add(const RecordContentView& content) {
  extend(state_, content);
  ++records_;
  look(content.pcr);
}

Result<void> Replay::add_list(ByteView list, const digest::Bank& shown, ByteOrder order) {
  ListReader reader(list, {.digest_bytes = static_cast<std::uint8_t>(shown.digest_bytes()), .order = order});
  for (;;) {
    const std::size_t offset = reader.offset();
    const auto record = reader.next();
    if (!record) return unexpected(record.error());
    if (!*record) return {};
    const RecordContentView content = (*record)->content();
    if (!equal(shown_digest(shown, content).view(), (*record)->digest)) {
      return unexpected(Error{.code = ErrorCode::kMismatch,
                              .message = "the " + shown.name() + " template digest does not fit the record's data",
                              .offset = offset,
                              .record = reader.records_read() - 1});
    }
    add(content);
  }
}

std::optional<std::uint64_t> Replay::proven() const {
  std::optional<std::uint64_t> lowest;
  for (const Wanted& wanted : wanted_) {
    if (!wanted.found_at) return std::nullopt;
    lowest = std::min(lowest.value_or(*wanted.found_at), *wanted.found_at);
  }
  return lowest;
}

}  // namespace imakeep::imalog
