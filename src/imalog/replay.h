// imalog/replay.h - replays binary lists into PCRs, checks the digests they carry, and finds the prefix that given PCR
// values, or a digest over several of them, stand for.
//
// IMA appends before it extends, and banks are not read atomically: PCRs read before a list match some prefix of it,
// each bank perhaps another one. So every expected value is looked for by itself. A quote is atomic: TPM2_PCR_Extend
// extends all banks at once, and the one digest that a quote has over its PCRs fits one prefix or none.
// Source: TPM 2.0 Library, part 3, TPM2_PCR_Extend and TPM2_Quote; part 1, section 17.6 (selection and digest of PCRs).
// Threads: an object belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "imalog/list_reader.h"
#include "imalog/pcr_state.h"

namespace imakeep::imalog {

// A PCR value that is looked for.
struct PcrValue {
  digest::Bank bank;
  std::uint32_t pcr = 10;
  digest::Digest value;
};

// A digest over several PCRs that is looked for: hash(part || part || ...).
struct PcrComposite {
  struct Part {
    digest::Bank bank;
    std::uint32_t pcr = 10;
    std::optional<digest::Digest> given = std::nullopt;  // the PCR's value, if the list does not lead to it
  };
  digest::Algorithm hash = digest::Algorithm::kSha256;
  std::vector<Part> parts;
  digest::Digest value;
};

// What the parts come to if every value is given; empty if one is not.
std::optional<digest::Digest> digest_of(const PcrComposite& composite);

class Replay {
 public:
  // Starts from `start`, which may be the state that an earlier replay ended with.
  explicit Replay(PcrState start) : state_(std::move(start)) {}

  // Looks for `expected` after every record from here on, and before the first. kUsage if its bank is not replayed,
  // its size is not the bank's, or no TPM has that PCR.
  Result<void> expect(const PcrValue& expected);
  // The same for a composite, whose parts without a given value are those that are replayed; it has at least one.
  Result<void> expect(const PcrComposite& expected);

  // Replays one record. Does not allocate.
  void add(const RecordContentView& content);
  // Replays one record by what it extended: a digest a bank of state(), in that order.
  void add_extended(std::uint32_t pcr, std::span<const digest::Digest> digests);

  // Replays a whole list whose digests are those of `shown`, checking each. On an error everything before the faulty
  // record has been replayed. Errors: ListReader's, and kMismatch for a record whose digest does not fit its data, all
  // with record and offset counted within `list`.
  Result<void> add_list(ByteView list, const digest::Bank& shown, ByteOrder order = kHostOrder);

  const PcrState& state() const { return state_; }
  std::uint64_t records() const { return records_; }  // replayed here, without what `start` stood for

  // After how many records the i-th that was expected was first there; empty while it was not.
  std::optional<std::uint64_t> found_at(std::size_t i) const { return wanted_[i].found_at; }
  // After how many records it was last there, from found_at() on without a break.
  std::optional<std::uint64_t> held_until(std::size_t i) const;
  // The shortest prefix after which all expected values were there at once.
  std::optional<std::uint64_t> all_found_at() const { return all_found_at_; }
  // The records that all that was expected covers. A value covers the record that made it and what follows up to the
  // next one in its PCRs. Empty unless all were found.
  std::optional<std::uint64_t> proven() const;

 private:
  // A PCR that is replayed, as a part of what is wanted.
  struct Part {
    std::size_t bank;
    std::uint32_t pcr;
    std::size_t at;  // in `joined`
  };
  struct Wanted {
    std::optional<digest::Algorithm> hash = std::nullopt;  // empty: one PCR, which is not hashed
    std::vector<Part> parts = {};
    Bytes joined = {};  // the values of all parts, one behind the other
    digest::Digest value = {};
    std::uint32_t pcrs = 0;                                  // a bit each PCR of `parts`
    std::optional<std::uint64_t> found_at = std::nullopt;    // the first prefix that has it
    std::optional<std::uint64_t> held_until = std::nullopt;  // the last that has it without a break
    bool now = false;
  };
  std::optional<std::size_t> index_of(const digest::Bank& bank, std::uint32_t pcr) const;
  void want(Wanted wanted);
  void compare(Wanted& wanted, std::uint32_t changed_pcrs);
  void look(std::uint32_t changed_pcrs);
  // The PCR's value behind each of some records, by bank.
  using After = std::vector<std::vector<digest::Digest>>;
  std::size_t next_eventful(std::uint32_t pcr, std::size_t i, std::size_t records, const After& after) const;
  void replayed(std::uint32_t pcr, std::size_t records, const After& after);

  PcrState state_;
  std::vector<Wanted> wanted_;
  std::uint64_t records_ = 0;
  std::optional<std::uint64_t> all_found_at_;
};

}  // namespace imakeep::imalog
