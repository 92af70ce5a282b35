#include "imalog/replay.h"

#include <algorithm>

#include "imalog/digest_batch.h"

namespace imakeep::imalog {

namespace {

unexpected<Error> not_replayed(const digest::Bank& bank, std::uint32_t pcr) {
  return fail(ErrorCode::kUsage, "no PCR " + std::to_string(pcr) + " of bank " + bank.name() + " is replayed");
}

constexpr std::uint32_t kAllPcrs = ~0u;
// Records of a list whose digests are computed together.
constexpr std::size_t kRecordsAtOnce = 256;

}  // namespace

std::optional<digest::Digest> digest_of(const PcrComposite& composite) {
  Bytes joined;
  for (const PcrComposite::Part& part : composite.parts) {
    if (!part.given) return std::nullopt;
    append_bytes(joined, part.given->view());
  }
  return digest::hash(composite.hash, joined);
}

std::optional<std::size_t> Replay::index_of(const digest::Bank& bank, std::uint32_t pcr) const {
  return pcr < kPcrCount ? state_.index_of(bank) : std::nullopt;
}

Result<void> Replay::expect(const PcrValue& expected) {
  const auto bank = index_of(expected.bank, expected.pcr);
  if (!bank || expected.value.size() != expected.bank.digest_bytes()) {
    return not_replayed(expected.bank, expected.pcr);
  }
  want({.parts = {{.bank = *bank, .pcr = expected.pcr, .at = 0}}, .value = expected.value});
  return {};
}

Result<void> Replay::expect(const PcrComposite& expected) {
  Wanted wanted{.hash = expected.hash, .value = expected.value};
  for (const PcrComposite::Part& part : expected.parts) {
    const std::size_t at = wanted.joined.size();
    const auto bank = index_of(part.bank, part.pcr);
    if (part.given ? part.given->size() != part.bank.digest_bytes() : !bank) return not_replayed(part.bank, part.pcr);
    wanted.joined.resize(at + part.bank.digest_bytes());
    if (part.given) {
      std::copy_n(part.given->view().begin(), part.given->size(),
                  wanted.joined.begin() + static_cast<std::ptrdiff_t>(at));
    } else {
      wanted.parts.push_back({.bank = *bank, .pcr = part.pcr, .at = at});
    }
  }
  if (wanted.parts.empty()) return fail(ErrorCode::kUsage, "no PCR that is replayed is part of what is looked for");
  want(std::move(wanted));
  return {};
}

void Replay::want(Wanted wanted) {
  for (const Part& part : wanted.parts) wanted.pcrs |= 1u << part.pcr;
  if (!wanted.hash) wanted.joined.resize(wanted.value.size());
  wanted_.push_back(std::move(wanted));
  all_found_at_.reset();
  compare(wanted_.back(), kAllPcrs);
  look(0);
}

void Replay::compare(Wanted& wanted, std::uint32_t changed_pcrs) {
  for (const Part& part : wanted.parts) {
    if ((changed_pcrs >> part.pcr & 1) == 0) continue;
    const ByteView value = state_.value(part.bank, part.pcr).view();
    std::memcpy(wanted.joined.data() + part.at, value.data(), value.size());
  }
  wanted.now = wanted.hash ? digest::hash(*wanted.hash, wanted.joined) == wanted.value
                           : equal(wanted.joined, wanted.value.view());
  if (wanted.now && !wanted.found_at) wanted.found_at = records_;
  if (!wanted.now && wanted.found_at && !wanted.held_until) wanted.held_until = records_ - 1;
}

void Replay::look(std::uint32_t changed_pcrs) {
  bool all = !wanted_.empty();
  for (Wanted& wanted : wanted_) {
    if ((wanted.pcrs & changed_pcrs) != 0) compare(wanted, changed_pcrs);
    all = all && wanted.now;
  }
  if (all && !all_found_at_) all_found_at_ = records_;
}

void Replay::add(const RecordContentView& content) {
  extend(state_, content);
  ++records_;
  look(1u << content.pcr);
}

void Replay::add_extended(std::uint32_t pcr, std::span<const digest::Digest> digests) {
  for (std::size_t bank = 0; bank < digests.size(); ++bank) state_.extend(bank, pcr, digests[bank]);
  ++records_;
  look(1u << pcr);
}

Result<void> Replay::add_list(ByteView list, const digest::Bank& shown, ByteOrder order) {
  ListReader reader(list, {.digest_bytes = static_cast<std::uint8_t>(shown.digest_bytes()), .order = order});
  // The list's own bank, whose digests are checked, then those that are replayed besides.
  std::vector<DigestBatch> batches{DigestBatch(shown)};
  std::vector<std::size_t> batch_of;  // by bank of state_
  for (const digest::Bank& bank : state_.banks()) {
    batch_of.push_back(bank == shown ? 0 : batches.size());
    if (bank != shown) batches.emplace_back(bank);
  }
  std::vector<std::span<const digest::Digest>> computed(batches.size());
  std::vector<digest::Digest> extended(state_.banks().size());
  std::vector<RecordView> records;
  for (;;) {
    std::uint64_t offset = reader.offset();
    const std::uint64_t first = reader.records_read();
    Result<std::optional<RecordView>> record;
    records.clear();
    for (DigestBatch& batch : batches) batch.clear();
    while (records.size() < kRecordsAtOnce && (record = reader.next()) && *record) {
      records.push_back(**record);
      for (DigestBatch& batch : batches) batch.add_extended((*record)->content());
    }
    for (std::size_t batch = 0; batch < batches.size(); ++batch) computed[batch] = batches[batch].compute();
    for (std::size_t i = 0; i < records.size(); ++i) {
      const RecordContentView content = records[i].content();
      if (!content.violation && !equal(computed[0][i].view(), records[i].digest)) {
        return unexpected(Error{.code = ErrorCode::kMismatch,
                                .message = "the " + shown.name() + " template digest does not fit the record's data",
                                .offset = offset,
                                .record = first + i});
      }
      for (std::size_t bank = 0; bank < extended.size(); ++bank) extended[bank] = computed[batch_of[bank]][i];
      add_extended(content.pcr, extended);
      offset += records[i].encoded_bytes;
    }
    if (!record) return unexpected(record.error());
    if (records.empty()) return {};
  }
}

std::optional<std::uint64_t> Replay::held_until(std::size_t i) const {
  if (!wanted_[i].found_at) return std::nullopt;
  return wanted_[i].held_until.value_or(records_);
}

std::optional<std::uint64_t> Replay::proven() const {
  if (wanted_.empty()) return std::nullopt;
  std::uint64_t held = records_;
  for (std::size_t i = 0; i < wanted_.size(); ++i) {
    const auto until = held_until(i);
    if (!until) return std::nullopt;
    held = std::min(held, *until);
  }
  std::uint64_t proven = 0;
  for (const Wanted& wanted : wanted_) {
    if (*wanted.found_at <= held) proven = std::max(proven, *wanted.found_at);
  }
  return proven;
}

}  // namespace imakeep::imalog
