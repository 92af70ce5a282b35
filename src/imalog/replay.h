// imalog/replay.h - replays binary lists into PCRs, checks the digests they carry, and finds the prefix that given PCR
// values stand for.
//
// IMA appends before it extends, and banks are not read atomically: PCRs read before a list match some prefix of it,
// each bank perhaps another one. So every expected value is looked for by itself. Threads: an object belongs to one
// thread at a time.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
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

class Replay {
 public:
  // Starts from `start`, which may be the state that an earlier replay ended with.
  explicit Replay(PcrState start) : state_(std::move(start)) {}

  // Looks for `expected` after every record from here on, and before the first. kUsage if its bank is not replayed,
  // its size is not the bank's, or no TPM has that PCR.
  Result<void> expect(const PcrValue& expected);

  // Replays one record.
  void add(const RecordContentView& content);

  // Replays a whole list whose digests are those of `shown`, checking each. On an error everything before the faulty
  // record has been replayed. Errors: ListReader's, and kMismatch for a record whose digest does not fit its data, all
  // with record and offset counted within `list`.
  Result<void> add_list(ByteView list, const digest::Bank& shown, ByteOrder order = kHostOrder);

  const PcrState& state() const { return state_; }
  std::uint64_t records() const { return records_; }  // replayed here, without what `start` stood for

  // After how many records expected value i was first there; empty while it was not.
  std::optional<std::uint64_t> found_at(std::size_t i) const { return wanted_[i].found_at; }
  // The shortest prefix after which all expected values were there at once.
  std::optional<std::uint64_t> all_found_at() const { return all_found_at_; }
  // The records that every expected value covers: the lowest found_at(). Empty unless all were found.
  std::optional<std::uint64_t> proven() const;

 private:
  struct Wanted {
    std::size_t bank;
    PcrValue expected;
    std::optional<std::uint64_t> found_at;
    bool now;
  };
  void look(std::uint32_t pcr);

  PcrState state_;
  std::vector<Wanted> wanted_;
  std::uint64_t records_ = 0;
  std::optional<std::uint64_t> all_found_at_;
};

}  // namespace imakeep::imalog
