// SPDX-License-Identifier: Apache-2.0
#include "imalog/replay.h"

#include <algorithm>

#include "imalog/digest_batch.h"

namespace imakeep::imalog {

namespace {

unexpected<Error> not_replayed(const digest::Bank& bank, std::uint32_t pcr) {
  return fail(ErrorCode::kUsage, "no PCR " + std::to_string(pcr) + " of bank " + bank.name() + " is replayed");
}

constexpr std::uint32_t kAllPcrs = ~0u;
// Count of records of a list whose digests are computed together.
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
  if (wanted.parts.empty()) return fail(ErrorCode::kUsage, "the wanted digest covers no PCR that is replayed");
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

namespace {

// A group of consecutive records of a list, with their digests in several banks.
class ListPart {
 public:
  ListPart(const digest::Bank& shown, const std::vector<digest::Bank>& banks) : batches_{DigestBatch(shown)} {
    for (const digest::Bank& bank : banks) {
      batch_of_.push_back(bank == shown ? 0 : batches_.size());
      if (bank != shown) batches_.emplace_back(bank);
    }
    computed_.resize(batches_.size());
  }

  void clear() {
    records_.clear();
    error_.reset();
    for (DigestBatch& batch : batches_) batch.clear();
  }

  // Takes the next record of the list, if the list has one and this part has room. If decoding fails, error() tells
  // why.
  void take(ListReader& reader) {
    if (records_.size() == kRecordsAtOnce || error_ || reader.at_end()) return;
    if (records_.empty()) {
      offset_ = reader.offset();
      first_ = reader.records_read();
    }
    const auto record = reader.next();
    if (!record) {
      error_ = record.error();
      return;
    }
    shown_at_[records_.size()] = (*record)->digest;
    records_.push_back((*record)->content());
    for (DigestBatch& batch : batches_) batch.add_extended(records_.back());
  }
  void fill(ListReader& reader) {
    for (std::size_t i = records_.size(); i < kRecordsAtOnce; ++i) take(reader);
  }

  // Computes the digests of all banks. For replayed banks, carries out `extends` of that bank at the same time.
  void compute(std::span<const digest::Extends> extends) {
    std::vector<bool> done(batches_.size());
    for (std::size_t bank = 0; bank < extends.size(); ++bank) {
      computed_[batch_of_[bank]] = batches_[batch_of_[bank]].compute_together(extends[bank]);
      done[batch_of_[bank]] = true;
    }
    for (std::size_t i = 0; i < batches_.size(); ++i) {
      if (!done[i]) computed_[i] = batches_[i].compute();
    }
  }

  // The count of records before the first whose computed digest differs from the digest in the list.
  std::size_t fitting() const {
    std::size_t i = 0;
    while (i < records_.size() && (records_[i].violation || equal(computed_[0][i].view(), shown_at_[i]))) ++i;
    return i;
  }

  const std::vector<RecordContentView>& records() const { return records_; }
  std::span<const digest::Digest> extended(std::size_t bank) const { return computed_[batch_of_[bank]]; }
  const std::optional<Error>& error() const { return error_; }
  // The index and the offset of record i within the whole list.
  std::uint64_t number(std::size_t i) const { return first_ + i; }
  std::uint64_t offset(std::size_t i) const {
    std::uint64_t at = offset_;
    for (std::size_t before = 0; before < i; ++before) {
      at += encoded_bytes(records_[before], batches_[0].bank().digest_bytes());
    }
    return at;
  }

 private:
  std::vector<RecordContentView> records_;
  std::array<ByteView, kRecordsAtOnce> shown_at_;
  std::vector<DigestBatch> batches_;  // of the list's own bank, then of the other replayed banks
  std::vector<std::size_t> batch_of_;
  std::vector<std::span<const digest::Digest>> computed_;  // results of batches_
  std::optional<Error> error_;
  std::uint64_t offset_ = 0;
  std::uint64_t first_ = 0;
};

}  // namespace

// The first record from `i` on after which an expected value may be found or lost; otherwise the last record.
std::size_t Replay::next_eventful(std::uint32_t pcr, std::size_t i, std::size_t records, const After& after) const {
  const auto always = [&](const Wanted& wanted) {
    return (wanted.pcrs >> pcr & 1) != 0 && (wanted.now || wanted.hash);
  };
  if (std::ranges::any_of(wanted_, always)) return i;
  const auto found = [&](const Wanted& wanted) {
    return wanted.parts[0].pcr == pcr && after[wanted.parts[0].bank][i] == wanted.value;
  };
  while (i + 1 < records && std::ranges::none_of(wanted_, found)) ++i;
  return i;
}

// Applies the extends of `records` records of one PCR to the state.
void Replay::replayed(std::uint32_t pcr, std::size_t records, const After& after) {
  for (std::size_t done = 0; done < records;) {
    const std::size_t i = next_eventful(pcr, done, records, after);
    for (std::size_t bank = 0; bank < after.size(); ++bank) state_.set(bank, pcr, after[bank][i]);
    records_ += i + 1 - done;
    done = i + 1;
    look(1u << pcr);
  }
}

Result<void> Replay::add_list(ByteView list, const digest::Bank& shown, ByteOrder order) {
  ListReader reader(list, {.digest_bytes = static_cast<std::uint8_t>(shown.digest_bytes()), .order = order});
  const std::size_t banks = state_.banks().size();
  // Three parts at a time: the first one's digests extend the PCRs. At the same time, because the processor has room
  // for it, the second part's digests are computed and the third part is decoded.
  std::vector<ListPart> parts(3, ListPart(shown, state_.banks()));
  ListPart *now = &parts[0], *next = &parts[1], *later = &parts[2];
  std::vector<digest::Extends> extends;
  After after(banks, std::vector<digest::Digest>(kRecordsAtOnce));
  now->fill(reader);
  now->compute({});
  next->fill(reader);
  for (;;) {
    const auto& records = now->records();
    const std::size_t fitting = now->fitting();
    later->clear();
    // Extend in runs of records with the same PCR. The last run is combined with the work on the other parts.
    std::size_t begin = 0;
    do {
      const std::uint32_t pcr = begin < fitting ? records[begin].pcr : 0;
      std::size_t end = begin;
      while (end < fitting && records[end].pcr == pcr) ++end;
      extends.clear();
      for (std::size_t bank = 0; bank < banks; ++bank) {
        extends.push_back({.pcr = state_.value(bank, pcr),
                           .digests = now->extended(bank).subspan(begin, end - begin),
                           .after = std::span(after[bank]).first(end - begin)});
      }
      if (end == fitting) {
        if (banks > 0) extends.front().meanwhile = [later, &reader] { later->take(reader); };
        next->compute(extends);
        later->fill(reader);
      } else {
        for (std::size_t bank = 0; bank < banks; ++bank) {
          digest::extend_many(state_.banks()[bank].algorithm, extends[bank]);
        }
      }
      replayed(pcr, end - begin, after);
      begin = end;
    } while (begin < fitting);
    if (fitting < records.size()) {
      return unexpected(Error{.code = ErrorCode::kMismatch,
                              .message = "the " + shown.name() + " template digest does not match the record's data",
                              .offset = now->offset(fitting),
                              .record = now->number(fitting)});
    }
    if (now->error()) return unexpected(*now->error());
    if (records.empty()) return {};
    now = std::exchange(next, std::exchange(later, now));
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
