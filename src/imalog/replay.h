// SPDX-License-Identifier: Apache-2.0
// imalog/replay.h - replays binary lists into PCRs, checks the digests in them, and finds the prefix that matches given
// PCR values, or a digest over several of them.
//
// IMA appends before it extends, and banks are not read atomically. So PCRs that were read before the list match a
// prefix of it, and each bank may match a different prefix. Replay therefore looks for every expected value separately.
// A quote is atomic: TPM2_PCR_Extend extends all banks at once, and the one digest of a quote over its PCRs matches one
// prefix or none.
// Source: TPM 2.0 Library, part 3, TPM2_PCR_Extend and TPM2_Quote; part 1, section 17.6 (selection and digest of PCRs).
// Threads: one thread at a time uses an object.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "imalog/list_reader.h"
#include "imalog/pcr_state.h"

namespace imakeep::imalog {

// An expected PCR value.
struct PcrValue {
  digest::Bank bank;
  std::uint32_t pcr = 10;
  digest::Digest value;

  friend bool operator==(const PcrValue&, const PcrValue&) = default;
};

// An expected digest over several PCRs: hash(part || part || ...).
struct PcrComposite {
  struct Part {
    digest::Bank bank;
    std::uint32_t pcr = 10;
    std::optional<digest::Digest> given = std::nullopt;  // the PCR's value, if the list is not replayed into it
  };
  digest::Algorithm hash = digest::Algorithm::kSha256;
  std::vector<Part> parts;
  digest::Digest value;
};

// The digest over the parts if every value is given; otherwise empty.
std::optional<digest::Digest> digest_of(const PcrComposite& composite);

class Replay {
 public:
  // Starts from `start`, which may be the final state of an earlier replay.
  explicit Replay(PcrState start) : state_(std::move(start)) {}

  // Looks for `expected` before the first record from here on, and after each. kUsage if its bank is not replayed, its
  // size differs from the bank's, or no TPM has that PCR.
  Result<void> expect(const PcrValue& expected);
  // The same for a composite. REQUIRES: each part without a given value is replayed, and at least one part has none.
  // Otherwise kUsage.
  Result<void> expect(const PcrComposite& expected);

  // Replays one record. Does not allocate.
  void add(const RecordContentView& content);
  // Replays one record from its extended digests: one for each bank of state(), in that order.
  void add_extended(std::uint32_t pcr, std::span<const digest::Digest> digests);

  // Replays a whole list with digests of the bank `shown`, and checks each digest. On an error, all records before the
  // faulty one have been replayed. Errors: those of ListReader; kMismatch for a record whose digest does not match its
  // data. All have record and offset within `list`.
  Result<void> add_list(ByteView list, const digest::Bank& shown, ByteOrder order = kHostOrder);

  const PcrState& state() const { return state_; }
  std::uint64_t records() const { return records_; }  // replayed by this object; excludes those before `start`

  // The shortest prefix, as a count of records, that matches the i-th expected value; empty if none matched.
  std::optional<std::uint64_t> found_at(std::size_t i) const { return wanted_[i].found_at; }
  // The last prefix such that it and all prefixes from found_at() on match; empty if none matched.
  std::optional<std::uint64_t> held_until(std::size_t i) const;
  // The shortest prefix that matches all expected values at once.
  std::optional<std::uint64_t> all_found_at() const { return all_found_at_; }
  // The count of records that the expected values prove. A value proves the record that produced it, and the following
  // records up to the next one in its PCRs. Empty unless all values were found.
  std::optional<std::uint64_t> proven() const;

 private:
  // A replayed PCR as a part of an expected value.
  struct Part {
    std::size_t bank;
    std::uint32_t pcr;
    std::size_t at;  // offset in `joined`
  };
  struct Wanted {
    std::optional<digest::Algorithm> hash = std::nullopt;  // empty: a single PCR, not hashed
    std::vector<Part> parts = {};
    Bytes joined = {};  // the values of all parts, joined in order
    digest::Digest value = {};
    std::uint32_t pcrs = 0;                                  // a bit for each PCR of `parts`
    std::optional<std::uint64_t> found_at = std::nullopt;    // the first prefix that matches
    std::optional<std::uint64_t> held_until = std::nullopt;  // the last that matches without a break
    bool now = false;
  };
  std::optional<std::size_t> index_of(const digest::Bank& bank, std::uint32_t pcr) const;
  void want(Wanted wanted);
  void compare(Wanted& wanted, std::uint32_t changed_pcrs);
  void look(std::uint32_t changed_pcrs);
  // The PCR's value after each of some records, by bank.
  using After = std::vector<std::vector<digest::Digest>>;
  std::size_t next_eventful(std::uint32_t pcr, std::size_t i, std::size_t records, const After& after) const;
  void replayed(std::uint32_t pcr, std::size_t records, const After& after);

  PcrState state_;
  std::vector<Wanted> wanted_;
  std::uint64_t records_ = 0;
  std::optional<std::uint64_t> all_found_at_;
};

}  // namespace imakeep::imalog
