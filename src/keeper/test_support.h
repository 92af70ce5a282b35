// SPDX-License-Identifier: Apache-2.0
// keeper/test_support.h - for tests only: lists and archives in which a letter stands for a record. Threads: no shared
// state.
#pragma once

#include <cerrno>

#include "archive/memory/memory_store.h"
#include "archive/pcr_bytes.h"
#include "archive/test_support.h"
#include "imalog/replay.h"
#include "keeper/alignment.h"
#include "keeper/ima_source.h"
#include "keeper/known_chain.h"
#include "keeper/locate.h"

namespace imakeep::keeper::test {

// An uppercase letter is a violation, but "B" is a kernel's first record. A digit is a record of PCR 11. Every other
// letter is a record of PCR 10.
inline imalog::test::Content record_of(char letter) {
  if (letter == 'B') return imalog::test::ima_ng("boot_aggregate");
  imalog::test::Content content =
      imalog::test::ima_ng(std::string("/") + letter, letter >= '0' && letter <= '9' ? 11 : 10);
  content.violation = letter >= 'A' && letter <= 'Z';
  return content;
}

// The shape of a list that begins at record `head`, without the ranges `missing`, in the form of
// ListShape::missing_text().
inline ListShape shape_of(std::uint64_t head, std::string_view missing = "") {
  return imalog::test::must(ListShape::parse(RecordNumber(head), missing));
}

inline Range range(std::uint64_t first, std::uint64_t end) {
  return {.first = RecordNumber(first), .end = RecordNumber(end)};
}

inline RecordSummary summary_of(std::string_view letters, std::size_t staged = 0) {
  RecordSummary summary;
  for (const char letter : letters) summary.add(record_of(letter).view());
  summary.staged = staged;
  return summary;
}

inline digest::PcrState state_after(std::string_view letters) {
  digest::PcrState state(imalog::test::banks("sha1,sha256"));
  for (const char letter : letters) imalog::extend(state, record_of(letter).view());
  return state;
}

inline std::vector<imalog::PcrValue> values_of(const digest::PcrState& state, const std::vector<std::uint32_t>& pcrs) {
  std::vector<imalog::PcrValue> values;
  for (const std::uint32_t pcr : pcrs) {
    for (std::size_t bank = 0; bank < state.banks().size(); ++bank) {
      values.push_back({.bank = state.banks()[bank], .pcr = pcr, .value = state.value(bank, pcr)});
    }
  }
  return values;
}

inline void append_letters(Bytes& list, std::string_view letters, const digest::Bank& bank) {
  for (const char letter : letters) imalog::test::append_record(list, record_of(letter), bank);
}

inline Bytes list_of(std::string_view letters, const digest::Bank& bank) {
  Bytes list;
  append_letters(list, letters, bank);
  return list;
}

// A list, and the records and PCRs that it is compared with.
struct LettersCase {
  std::string log;    // all that was measured
  std::string known;  // the archived end of it that the list should hold
  std::string list;
  std::size_t staged = 0;
  bool other_kernel = false;
  std::uint64_t pending = 0;
  std::uint64_t archived = 0;  // of the log
  std::vector<std::uint32_t> pcrs = {10};
  std::uint64_t most_extends = kMostExtends;
};

// The summaries of such a list, and the replays of all its alignments.
struct ReplayedLetters {
  explicit ReplayedLetters(const LettersCase& of)
      : known(summary_of(of.known)),
        list(summary_of(of.list, of.staged)),
        shape(shape_of(of.archived - of.known.size())),
        contents{.known = known,
                 .shape = shape,
                 .end = RecordNumber(of.archived),
                 .list = list,
                 .other_kernel = of.other_kernel,
                 .pending = of.pending},
        end_pcrs(state_after(of.log.substr(0, of.archived))),
        search(end_pcrs, values_of(state_after(of.log), of.pcrs), families_of(contents), of.list.size(),
               of.most_extends),
        window{.least = of.list.size(), .most = of.list.size(), .may_be_in_flight = true, .settled = true} {
    for (const char letter : of.list) search.add(record_of(letter).view());
  }
  ReplayedLetters(const ReplayedLetters&) = delete;
  ReplayedLetters& operator=(const ReplayedLetters&) = delete;

  const RecordSummary known;
  const RecordSummary list;
  const ListShape shape;
  const Contents contents;
  const digest::PcrState end_pcrs;  // at the archive's end
  Search search;
  Window window;  // of a list that does not change
};

// A list that does not change, with nothing staged. It takes no request.
class FixedList : public ImaSource {
 public:
  FixedList(Bytes list, const digest::Bank& bank) : list_(std::move(list)), banks_{bank} {}

  const std::string& name() const override { return name_; }
  const std::vector<digest::Bank>& banks() const override { return banks_; }
  const digest::Bank& bank() const override { return banks_.front(); }
  ByteOrder order() const override { return ByteOrder::kLittle; }
  bool has_staging() const override { return false; }
  bool takes_numbers() const override { return false; }
  std::string boot_id() override { return "boot"; }
  Result<void> open_to_read() override { return {}; }
  Result<void> open_to_write(ListPart) override { return {}; }
  void close() noexcept override {}
  Result<std::size_t> read(ListPart part, std::uint64_t offset, std::span<std::byte> into) override {
    if (part == ListPart::kStaged || offset >= list_.size()) return std::size_t{0};
    const ByteView rest = ByteView(list_).subspan(static_cast<std::size_t>(offset));
    const std::size_t bytes = std::min(rest.size(), into.size());
    std::copy_n(rest.begin(), bytes, into.begin());
    return bytes;
  }
  Result<void> request(const std::string&) override { return refuse(EACCES, "the list does not change"); }
  Result<std::uint64_t> count() override {
    return imalog::test::records_of(list_, imalog::test::format_of(bank())).size();
  }
  Result<std::uint64_t> violations() override { return refuse(EACCES, "the kernel's count is not kept"); }
  std::uint64_t bytes_seen() const override { return list_.size(); }

 private:
  const Bytes list_;
  const std::vector<digest::Bank> banks_;
  const std::string name_ = "fixed";
};

// An archive whose chain 1 holds the records of these letters.
struct ArchivedLetters {
  // An anchor separates the segments of `before` and `after`.
  explicit ArchivedLetters(const std::string& before, const std::string& after = "") : letters(before + after) {
    imalog::test::must(archive.begin_chain(imalog::test::banks("sha1,sha256"), archive::ChainStart::kBoot));
    const archive::AnchorRow anchor{.chain = kChain,
                                    .number = before.size(),
                                    .broken_at = before.size(),
                                    .why = "gap",
                                    .pcrs = archive::pcr_bytes(state_after(before))};
    append_list(list_of(before, kBank), after.empty() ? nullptr : &anchor);
    append_list(list_of(after, kBank));
  }

  archive::Chain chain() { return imalog::test::must(archive.chain(kChain)); }
  char letter_of(const imalog::RecordContentView& content) const {
    const auto at = std::ranges::find_if(letters, [&](char letter) { return content == record_of(letter).view(); });
    return at == letters.end() ? '?' : *at;
  }

  void append_list(Bytes list, const archive::AnchorRow* anchor = nullptr) {
    const archive::test::Incoming incoming(std::move(list), kBank);
    imalog::test::must(archive.append(kChain, chain().end, incoming.records, kBank, 0, {.anchor = anchor}));
  }

  // Flips one bit in the middle of the segment that holds record `number`.
  void flip_bit_of_segment(std::uint64_t number) {
    const auto row = imalog::test::must(store.segment_from(kChain, number));
    Bytes data = imalog::test::must(store.segment_data(kChain, row->first));
    data[data.size() / 2] ^= std::byte{1};
    archive::Transaction transaction(store);
    imalog::test::must(transaction.begin());
    imalog::test::must(store.remove_segment(kChain, row->first));
    imalog::test::must(store.add_segment(*row, data));
    imalog::test::must(transaction.commit());
  }

  static constexpr archive::ChainId kChain{1};
  static inline const digest::Bank kBank = imalog::test::bank("sha256");  // of the lists that were archived
  const std::string letters;
  archive::MemoryStore store;
  archive::Archive archive{store};
};

// A list of letters that does not change, and the PCRs of a machine that measured `log`.
class ObservedLetters {
 public:
  ObservedLetters(Bytes list, const std::string& log, const std::vector<std::uint32_t>& pcrs = {10})
      : source_(std::move(list), ArchivedLetters::kBank),
        stream_(source_, {ListPart::kCurrent}),
        start_(imalog::test::banks("sha1,sha256")) {
    const std::uint64_t records = imalog::test::must(source_.count());
    evidence = {
        .pcrs = values_of(state_after(log), pcrs), .count_before = records, .count_after = records, .settled = true};
  }
  ObservedLetters(const std::string& list, const std::string& log, const std::vector<std::uint32_t>& pcrs = {10})
      : ObservedLetters(list_of(list, ArchivedLetters::kBank), log, pcrs) {}

  ObservationView view() {
    return {
        .stream = stream_, .evidence = evidence, .start = start_, .shown = ArchivedLetters::kBank, .boot_id = boot_id};
  }

  Evidence evidence;             // settled
  std::string boot_id = "boot";  // of the running kernel

 private:
  FixedList source_;
  ListStream stream_;
  const digest::PcrState start_;
};

// What is known of a chain whose list was seen whole, under the kernel "boot".
inline KnownChain known_chain(ArchivedLetters& archived) {
  return {.chain = archived.chain(), .shape = ListShape(), .boot_id = "boot"};
}

}  // namespace imakeep::keeper::test
