// SPDX-License-Identifier: Apache-2.0
// While another task adds, no record may be lost, repeated or reordered. The checks join the pieces that A, read, D and
// N took. The replay of these pieces must lead from the PCRs before to the PCRs after.
#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "base/file.h"
#include "conformance/check.h"
#include "conformance/request.h"

namespace imakeep::conformance {

namespace {

// Adds records in a thread of its own, which opens no file of the list.
class Adder {
 public:
  Adder(RecordSource& source, std::uint64_t records) : thread_([this, &source, records] { add(source, records); }) {}
  ~Adder() { finish(); }
  bool done() const { return done_; }
  Result<void> finish() {
    if (thread_.joinable()) thread_.join();
    return result_;
  }

 private:
  void add(RecordSource& source, std::uint64_t records) {
    for (std::uint64_t i = 0; i < records && result_; ++i) result_ = source.add(1);
    done_ = true;
  }

  Result<void> result_;  // read after the join
  std::atomic<bool> done_ = false;
  std::thread thread_;  // declared last, because the thread uses the other members
};

// Stages, reads and deletes everything on one descriptor.
Result<void> take_by_staging(Context& c, Bytes& taken) {
  IMAKEEP_TAKE(fd, open_file(c.directory().staged(), O_RDWR));
  const std::string staged = send_request(fd.get(), "A\n");
  if (staged == "ENOENT") return {};
  if (staged != "ok") return fail(ErrorCode::kMismatch, "A answers " + staged);
  IMAKEEP_TAKE(piece, read_all(fd.get(), c.directory().staged()));
  append_bytes(taken, piece);
  const std::string deleted = send_request(fd.get(), "D\n");
  return deleted == "ok" ? Result<void>() : fail(ErrorCode::kMismatch, "D answers " + deleted);
}

// Reads the list and deletes as many records as it read, on the same descriptor.
Result<void> take_by_number(Context& c, Bytes& taken) {
  IMAKEEP_TAKE(fd, open_file(c.directory().original(), O_RDWR));
  IMAKEEP_TAKE(piece, read_all(fd.get(), c.directory().original()));
  IMAKEEP_TAKE(records, decode_list(piece, c.directory().first_bank()));
  if (records.empty()) return {};
  const std::string deleted = send_request(fd.get(), std::to_string(records.size()) + "\n");
  if (deleted != "ok") return fail(ErrorCode::kMismatch, "N answers " + deleted);
  append_bytes(taken, piece);
  return {};
}

// Returns the source's PCRs as a state to replay from; empty if the source knows none.
Result<std::optional<imalog::PcrState>> pcr_state(RecordSource& source) {
  const auto values = source.pcrs();
  if (!values && values.error().code == ErrorCode::kUnsupported) return std::optional<imalog::PcrState>();
  if (!values) return unexpected(values.error());
  std::vector<digest::Bank> banks;
  for (const imalog::PcrValue& value : *values) {
    if (std::find(banks.begin(), banks.end(), value.bank) == banks.end()) banks.push_back(value.bank);
  }
  imalog::PcrState state(banks);
  for (const imalog::PcrValue& value : *values) {
    const auto bank = std::find(banks.begin(), banks.end(), value.bank) - banks.begin();
    state.set(static_cast<std::size_t>(bank), value.pcr, value.value);
  }
  return state;
}

// Returns "100 records, each once, digests right", and, if `start` is known, whether the replay reaches the PCRs.
Result<std::string> judge(Context& c, const Bytes& taken, const std::optional<imalog::PcrState>& start) {
  const digest::Bank& bank = c.directory().first_bank();
  IMAKEEP_TAKE(records, decode_list(taken, bank));
  std::set<std::string_view> different;
  for (const imalog::RecordView& record : records) different.insert(as_text(record.body));
  IMAKEEP_TAKE(wrong, digest_difference(taken, bank));
  std::string text = std::to_string(records.size()) + " records, " +
                     (different.size() == records.size() ? "each once" : "some repeated") + ", " +
                     (wrong.empty() ? "digests right" : wrong);
  if (!start) return text;
  imalog::Replay replay(*start);
  for (const imalog::RecordView& record : records) replay.add(record.content());
  IMAKEEP_TAKE(end, pcr_state(*c.source()));
  return text + (end && replay.state() == *end ? ", PCRs reached" : ", PCRs not reached");
}

using Take = Result<void> (*)(Context&, Bytes&);

Result<Finding> nothing_is_lost(Context& c, std::initializer_list<Take> ways) {
  IMAKEEP_CHECK(c.empty());
  IMAKEEP_TAKE(start, pcr_state(*c.source()));
  const std::uint64_t records = c.options().concurrent_records;
  Bytes taken;
  Adder adder(*c.source(), records);
  bool last_round = false;
  while (!last_round) {
    last_round = adder.done();
    for (const Take take : ways) IMAKEEP_CHECK(take(c, taken));
  }
  IMAKEEP_CHECK(adder.finish());
  IMAKEEP_TAKE(found, judge(c, taken, start));
  return compare(std::to_string(records) + " records, each once, digests right" + (start ? ", PCRs reached" : ""),
                 found);
}

// Reads the whole list again and again. Each read must begin with the previous one.
Result<Finding> reads_only_grow(Context& c) {
  IMAKEEP_CHECK(c.empty());
  Adder adder(*c.source(), c.options().concurrent_records);
  Bytes before;
  bool last_round = false;
  while (!last_round) {
    last_round = adder.done();
    IMAKEEP_TAKE(now, read_file(c.directory().original()));
    if (now.size() < before.size()) return expect_same("each read begins with the last", "it got shorter");
    const std::string wrong = prefix_difference(before, now);
    if (!wrong.empty()) return expect_same("each read begins with the last", wrong);
    IMAKEEP_CHECK(decode_list(now, c.directory().first_bank()));
    before = std::move(now);
  }
  IMAKEEP_CHECK(adder.finish());
  return expect_same("each read begins with the last", {});
}

}  // namespace

std::vector<Check> concurrency_checks() {
  const unsigned adds = kWriting | kSource;
  return {
      {"concurrent.stage", "A, read, D while another task adds", adds | kStaging,
       [](Context& c) { return nothing_is_lost(c, {take_by_staging}); }},
      {"concurrent.number", "read and N while another task adds", adds | kCounting,
       [](Context& c) { return nothing_is_lost(c, {take_by_number}); }},
      {"concurrent.both", "A, read, D and N in turn while another task adds", adds | kStaging | kCounting,
       [](Context& c) {
         return nothing_is_lost(c, {take_by_staging, take_by_number});
       }},
      {"concurrent.read", "reading while another task adds", adds, reads_only_grow},
  };
}

}  // namespace imakeep::conformance
