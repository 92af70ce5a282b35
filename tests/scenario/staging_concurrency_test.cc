// SPDX-License-Identifier: Apache-2.0
// Several threads cut pieces from a list while others add to it. The joined pieces are every record once, in PCR order.

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "imalog/replay.h"
#include "imalog/test_support.h"
#include "mlist/list_cursor.h"
#include "tpm/soft/soft_pcr_banks.h"

namespace imakeep::mlist {
namespace {

using namespace std::chrono_literals;
using imalog::test::Content;

constexpr std::size_t kAdders = 4;
// Adders wait while more than this is in the current list, so that the test's memory has a bound.
constexpr std::uint64_t kMaxWaitingRecords = 20'000;

std::chrono::seconds duration() {
  const char* const seconds = std::getenv("IMAKEEP_CONCURRENCY_SECONDS");
  return std::chrono::seconds(seconds != nullptr ? std::atoi(seconds) : 60);
}

// ---- records that tell who added them, and as which -----------------------------------------------------------------

struct Origin {
  std::size_t adder = 0;
  std::uint64_t number = 0;
};

Content record_of(Origin origin) {
  std::string path = "/" + std::to_string(origin.adder) + "/" + std::to_string(origin.number);
  // Now and then one that needs a chunk of its own.
  if (origin.number % 2048 == 1000) path += "/" + std::string(kChunkBytes, 'x');
  Content content = imalog::test::ima_ng(path);
  content.violation = origin.number % 64 == 63;
  return content;
}

Origin origin_of(std::string_view path) {
  Origin origin;
  const char* const end = path.data() + path.size();
  const auto adder = std::from_chars(path.data() + 1, end, origin.adder);
  std::from_chars(adder.ptr + 1, end, origin.number);
  return origin;
}

Origin origin_of(const imalog::RecordContentView& content) {
  const std::size_t path = 4 + load<std::uint32_t>(content.body.data()) + 4;
  return origin_of(as_text(content.body.subspan(path)));
}

// Adds records until told to stop; every sixteenth is tried again, which the table must notice. Returns the count.
std::uint64_t add_until(const std::atomic<bool>& stop, MeasurementList& list, std::size_t adder) {
  std::uint64_t number = 0;
  while (!stop) {
    if (list.current_records() > kMaxWaitingRecords) {
      std::this_thread::sleep_for(1ms);
      continue;
    }
    const Content content = record_of({.adder = adder, .number = number});
    const auto appended = list.append(content.view());
    EXPECT_TRUE(appended && !appended->extend_failure);
    if (number % 16 == 5) {
      const auto repeated = list.append(content.view());
      EXPECT_TRUE(!repeated && repeated.error().os_errno == EEXIST);
    }
    ++number;
  }
  return number;
}

Bytes read_whole(const MeasurementList& list, ListKind kind, const digest::Bank& bank, std::size_t step_bytes) {
  ListCursor cursor(list, kind, Form::kBinary, bank);
  Bytes bytes;
  for (;;) {
    const std::size_t before = bytes.size();
    EXPECT_TRUE(cursor.read(before, step_bytes, bytes));
    if (bytes.size() == before) return bytes;
  }
}

// ---- the log that the pieces make -----------------------------------------------------------------------------------

// Joins pieces in the order in which they were cut, though they are read in another, and replays what is joined.
class JoinedLog {
 public:
  explicit JoinedLog(std::vector<digest::Bank> banks) : replay_(imalog::PcrState(std::move(banks))) {}

  // The number of the piece that was cut just now. The caller ensures that no other thread cuts in between.
  std::size_t cut() {
    const MutexLock lock(mutex_);
    pieces_.emplace_back();
    return first_piece_ + pieces_.size() - 1;
  }

  void fill(std::size_t piece, const digest::Bank& bank, Bytes list) {
    const MutexLock lock(mutex_);
    pieces_[piece - first_piece_] = Piece{.list = std::move(list), .bank = bank};
    while (!pieces_.empty() && pieces_.front()) {
      join(*pieces_.front());
      pieces_.pop_front();
      ++first_piece_;
    }
  }

  // All threads have ended.
  const imalog::PcrState& state() const IMAKEEP_THREAD_ATTRIBUTE(no_thread_safety_analysis) { return replay_.state(); }
  std::uint64_t records_of(std::size_t adder) const IMAKEEP_THREAD_ATTRIBUTE(no_thread_safety_analysis) {
    return next_[adder];
  }
  std::size_t pieces() const IMAKEEP_THREAD_ATTRIBUTE(no_thread_safety_analysis) { return first_piece_; }

 private:
  struct Piece {
    Bytes list;
    digest::Bank bank;
  };

  void join(const Piece& piece) IMAKEEP_REQUIRES(mutex_) {
    const auto replayed = replay_.add_list(piece.list, piece.bank);
    ASSERT_TRUE(replayed) << describe(replayed.error());
    for (const imalog::RecordView& record :
         imalog::test::records_of(piece.list, imalog::test::format_of(piece.bank, kHostOrder))) {
      const Origin origin = origin_of(record.content());
      ASSERT_LT(origin.adder, kAdders);
      ASSERT_EQ(origin.number, next_[origin.adder]) << "adder " << origin.adder;
      ++next_[origin.adder];
    }
  }

  Mutex mutex_;
  imalog::Replay replay_ IMAKEEP_GUARDED_BY(mutex_);
  std::deque<std::optional<Piece>> pieces_ IMAKEEP_GUARDED_BY(mutex_);
  std::size_t first_piece_ IMAKEEP_GUARDED_BY(mutex_) = 0;
  std::array<std::uint64_t, kAdders> next_ IMAKEEP_GUARDED_BY(mutex_) = {};
};

// ---- threads that trim ----------------------------------------------------------------------------------------------

// Both cut the current list. This lock decides which cuts first, so that the order of the pieces is known. No other
// thread takes it, and all else happens at the same time.
struct Cutting {
  MeasurementList& list;
  JoinedLog& log;
  std::vector<digest::Bank> banks = list.options().banks;
  Mutex mutex = {};
};

void stage_read_delete_until(const std::atomic<bool>& stop, Cutting& cutting) {
  for (std::size_t round = 0; !stop; ++round) {
    std::size_t piece = 0;
    {
      const MutexLock lock(cutting.mutex);
      const auto staged = cutting.list.stage();
      if (!staged) {
        EXPECT_EQ(staged.error().os_errno, ENOENT);
        continue;
      }
      piece = cutting.log.cut();
    }
    const digest::Bank& bank = cutting.banks[round % cutting.banks.size()];
    cutting.log.fill(piece, bank, read_whole(cutting.list, ListKind::kStaged, bank, 4096 + 37 * (round % 100)));
    EXPECT_TRUE(cutting.list.delete_staged());
    std::this_thread::sleep_for(std::chrono::milliseconds(round % 20));
  }
}

Bytes first_records(const MeasurementList& list, const digest::Bank& bank, std::uint64_t at_most, std::uint64_t& read) {
  ListWalk walk(list, list.snapshot(ListKind::kCurrent));
  Bytes bytes;
  for (read = 0; read < at_most; ++read) {
    const auto content = walk.next();
    if (!content) break;
    imalog::encode_record(bytes, *content, imalog::shown_digest(bank, *content).view());
  }
  return bytes;
}

void delete_by_number_until(const std::atomic<bool>& stop, Cutting& cutting) {
  std::minstd_rand random(7);
  for (std::size_t round = 0; !stop; ++round) {
    const digest::Bank& bank = cutting.banks[round % cutting.banks.size()];
    std::size_t piece = 0;
    Bytes bytes;
    {
      const MutexLock lock(cutting.mutex);
      std::uint64_t records = 0;
      // Every other time the whole list, down to the record that is being added just now.
      const std::uint64_t at_most = round % 2 == 0 ? kMaxWaitingRecords * 2 : 1 + random() % 3000;
      bytes = first_records(cutting.list, bank, at_most, records);
      if (records == 0) continue;
      ASSERT_TRUE(cutting.list.delete_first(records));
      piece = cutting.log.cut();
    }
    cutting.log.fill(piece, bank, std::move(bytes));
    std::this_thread::sleep_for(std::chrono::milliseconds(round % 5));
  }
}

struct SoftList {
  std::vector<digest::Bank> banks = imalog::test::banks(imalog::test::kCapturedBanks);
  tpm::SoftPcrBanks pcrs{digest::PcrState(banks)};
  MeasurementList list{ListOptions{
      .banks = banks, .extend = [this](std::uint32_t pcr, auto digests) { return pcrs.extend(pcr, digests); }}};
};

TEST(StagingUnderLoad, JoinedPiecesAreEveryRecordOnceInPcrOrder) {
  SoftList soft;
  JoinedLog log(soft.banks);
  Cutting cutting{.list = soft.list, .log = log};
  std::atomic<bool> stop_adding = false;
  std::atomic<bool> stop_taking = false;
  std::array<std::uint64_t, kAdders> added{};
  {
    std::vector<std::thread> adders;
    for (std::size_t i = 0; i < kAdders; ++i) {
      adders.emplace_back([&, i] { added[i] = add_until(stop_adding, soft.list, i); });
    }
    std::thread stager([&] { stage_read_delete_until(stop_taking, cutting); });
    std::thread by_number([&] { delete_by_number_until(stop_taking, cutting); });
    std::this_thread::sleep_for(duration());
    stop_adding = true;
    for (std::thread& adder : adders) adder.join();
    stop_taking = true;
    stager.join();
    by_number.join();
  }
  log.fill(log.cut(), soft.banks[0], read_whole(soft.list, ListKind::kCurrent, soft.banks[0], 128u << 10));

  std::uint64_t all = 0;
  for (std::size_t i = 0; i < kAdders; ++i) {
    EXPECT_GT(added[i], 0u);
    EXPECT_EQ(log.records_of(i), added[i]) << "adder " << i;
    all += added[i];
  }
  EXPECT_EQ(soft.list.counters().full.records, all);
  const auto pcr = soft.pcrs.read(10);
  ASSERT_TRUE(pcr);
  for (std::size_t bank = 0; bank < soft.banks.size(); ++bank) {
    EXPECT_EQ(log.state().value(bank, 10), (*pcr)[bank]) << soft.banks[bank].name();
  }
  RecordProperty("records", std::to_string(all));
  RecordProperty("pieces", std::to_string(log.pieces()));
}

// ---- readers --------------------------------------------------------------------------------------------------------

// Each adder's records come without a gap, and the run begins no earlier than the one read before.
void expect_runs(const std::vector<Origin>& origins, std::array<std::uint64_t, kAdders>& begins) {
  std::array<std::optional<std::uint64_t>, kAdders> next;
  for (const Origin& origin : origins) {
    ASSERT_LT(origin.adder, kAdders);
    auto& expected = next[origin.adder];
    if (expected) {
      ASSERT_EQ(origin.number, *expected);
    } else {
      ASSERT_GE(origin.number, begins[origin.adder]);
      begins[origin.adder] = origin.number;
    }
    expected = origin.number + 1;
  }
}

// A list read by one call is what it was at one moment.
void read_binary_until(const std::atomic<bool>& stop, const MeasurementList& list, ListKind kind) {
  const digest::Bank bank = list.shown_banks().back();
  std::array<std::uint64_t, kAdders> begins{};
  ListCursor cursor(list, kind, Form::kBinary, bank);
  while (!stop) {
    Bytes bytes;
    ASSERT_TRUE(cursor.read(0, 64u << 20, bytes));
    std::vector<Origin> origins;
    for (const auto& record : imalog::test::records_of(bytes, imalog::test::format_of(bank, kHostOrder))) {
      ASSERT_EQ(record.digest.size(), bank.digest_bytes());
      ASSERT_TRUE(equal(record.digest, imalog::shown_digest(bank, record.content()).view()));
      origins.push_back(origin_of(record.content()));
    }
    expect_runs(origins, begins);
  }
}

void read_ascii_until(const std::atomic<bool>& stop, const MeasurementList& list) {
  std::array<std::uint64_t, kAdders> begins{};
  ListCursor cursor(list, ListKind::kCurrent, Form::kAscii, list.shown_banks().front());
  while (!stop) {
    Bytes bytes;
    ASSERT_TRUE(cursor.read(0, 64u << 20, bytes));
    std::vector<Origin> origins;
    std::string_view text = as_text(bytes);
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      ASSERT_NE(end, text.npos);
      const std::string_view line = text.substr(0, end);
      ASSERT_TRUE(line.starts_with("10 "));
      origins.push_back(origin_of(line.substr(line.find(" /") + 1)));
      text.remove_prefix(end + 1);
    }
    expect_runs(origins, begins);
  }
}

// Trimmed between two calls, a reader misses records, as it does on Linux, but sees no part of one and none twice.
void read_in_pieces_until(const std::atomic<bool>& stop, const MeasurementList& list, std::size_t step_bytes) {
  const digest::Bank bank = list.shown_banks().front();
  while (!stop) {
    const Bytes bytes = read_whole(list, ListKind::kCurrent, bank, step_bytes);
    std::array<std::uint64_t, kAdders> next{};
    for (const auto& record : imalog::test::records_of(bytes, imalog::test::format_of(bank, kHostOrder))) {
      const Origin origin = origin_of(record.content());
      ASSERT_GE(origin.number, next[origin.adder]);
      next[origin.adder] = origin.number + 1;
    }
  }
}

TEST(ReadersUnderLoad, SeeWholeRecordsInUnbrokenRuns) {
  MeasurementList list(ListOptions{.banks = imalog::test::banks("sha1,sha256")});
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kAdders; ++i) threads.emplace_back([&, i] { add_until(stop, list, i); });
  threads.emplace_back([&] {
    while (!stop) {
      if (list.stage()) {
        std::this_thread::sleep_for(2ms);
        EXPECT_TRUE(list.delete_staged());
      }
      std::this_thread::sleep_for(10ms);
      if (const std::uint64_t records = list.current_records() / 2; records > 0) {
        EXPECT_TRUE(list.delete_first(records));
      }
    }
  });
  threads.emplace_back([&] { read_binary_until(stop, list, ListKind::kCurrent); });
  threads.emplace_back([&] { read_binary_until(stop, list, ListKind::kStaged); });
  threads.emplace_back([&] { read_ascii_until(stop, list); });
  threads.emplace_back([&] { read_in_pieces_until(stop, list, 999); });
  threads.emplace_back([&] {
    while (!stop) {
      const ListCounters counters = list.counters();
      EXPECT_LE(counters.current.records + counters.staged.records, counters.full.records);
      std::this_thread::sleep_for(1ms);
    }
  });
  std::this_thread::sleep_for(std::min<std::chrono::seconds>(duration(), 10s));
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace imakeep::mlist
