// SPDX-License-Identifier: Apache-2.0
// vstore_fault_test.cc - each call of the verifier's store fails before and after its effect; and the disk below SQLite
// fails at every single write, sync and truncation of a commit, once and for good.
#include <cstdio>
#include <functional>
#include <sstream>

#include "support/faulty_vfs.h"
#include "support/scratch_directory.h"
#include "support/vstore_rows.h"
#include "vstore/faulty/faulty_store.h"
#include "vstore/memory/memory_store.h"
#include "vstore/sqlite/sqlite_store.h"

namespace imakeep::vstore::test {
namespace {

using imakeep::test::Fault;
using imakeep::test::FaultyVfs;

const HostKey kHost{.tenant = "t", .host = "a"};
const HostKey kOther{.tenant = "t", .host = "b"};

void add_bytes(std::ostream& out, ByteView bytes) {
  out << bytes.size() << ':' << to_hex(bytes.first(std::min<std::size_t>(bytes.size(), 8))) << ' ';
}

void dump_host(std::ostream& out, Store& store, const HostKey& key) {
  const auto row = must(store.host(key, 0));
  if (!row) return;
  out << "host " << key.host << ' ' << static_cast<int>(row->status) << ' ' << row->epoch << ' ' << row->proven << ' '
      << row->seen_unix_s << ' ' << row->policy_list << ' ';
  add_bytes(out, row->ak_public);
  add_bytes(out, row->secret_hash);
  add_bytes(out, row->state);
  if (row->answer) add_bytes(out, row->answer->bytes);
  if (row->provisional) add_bytes(out, row->provisional->bytes);
  for (const HistoryRow& one : must(store.history(key, 0, kNow * 2, 99))) out << "history " << one.epoch << ' ';
  for (const RetainedRecord& one : must(store.records(key, 1, 0, 99))) out << "record " << one.number << ' ';
  out << '\n';
}

// All rows of the tests as text.
std::string dump(Store& store) {
  std::ostringstream out;
  for (const TenantRow& row : must(store.tenants())) out << "tenant " << row.tenant << row.disabled << '\n';
  for (const HostKey& key : {kHost, kOther}) dump_host(out, store, key);
  for (const FindingRow& row : must(store.findings({.tenant = "t"}))) {
    out << "finding " << row.key.host << row.count << static_cast<int>(row.state) << '\n';
  }
  for (const PolicyRow& row : must(store.policies())) add_bytes(out << "policy ", row.digest);
  if (const auto list = must(store.policy_list("t", "main"))) out << "list " << list->version << '\n';
  for (const KeyRow& row : must(store.keys())) out << "key " << row.id << row.retires_unix_s.value_or(0) << '\n';
  for (const TokenRow& row : must(store.tokens("t"))) out << "token " << row.uses_left.value_or(99) << '\n';
  for (const EventRow& row : must(store.pending_events(99))) out << "event " << row.event.kind << row.id.epoch << '\n';
  return out.str();
}

Move full_move(const HostKey& key, std::uint64_t epoch) {
  Move move = sample_move(key, epoch, epoch);
  move.sightings = {sample_sighting(1), sample_sighting(2)};
  if (epoch > 7) move.fixed = {filled(32, 3)};
  move.records = {{.chain = 1, .number = epoch, .bytes = filled(20, 1)}};
  move.events = {{.kind = "finding", .body = filled(10, 1)}};
  return move;
}

void fill(Store& store) {
  must_do(store.add_tenant({.tenant = "t"}));
  must_do(store.put_policy(filled(32, 1), filled(10, 1), kNow));
  must_do(store.put_policy(filled(32, 2), filled(10, 1), kNow));
  must_do(store.add_key({.id = 1, .bytes = filled(32, 1)}));
  must_do(store.add_token({.hash = filled(32, 1), .tenant = "t", .name = "n", .uses_left = 5}));
  HostRow row = sample_host(kHost);
  row.retains = true;
  must_do(store.add_host(row));
  Move move = full_move(kHost, 7);
  move.sightings.push_back(sample_sighting(3));
  ASSERT_THAT(must(store.commit(std::span(&move, 1))), ElementsAre(MoveResult::kMoved));
}

struct Call {
  const char* name;
  std::function<std::optional<Error>(Store&)> make;
};

template <class T>
std::optional<Error> error_of(const Result<T>& result) {
  if (result) return std::nullopt;
  return result.error();
}

std::vector<Call> calls_that_write() {
  static const Move move = full_move(kHost, 8);
  static const std::vector<Bytes> list = {filled(32, 1)};
  static const EventId event{.key = kHost, .epoch = 8, .number = 0};
  return {
      {"add_tenant", [](Store& s) { return error_of(s.add_tenant({.tenant = "u"})); }},
      {"set_tenant_disabled", [](Store& s) { return error_of(s.set_tenant_disabled("t", true)); }},
      {"add_host", [](Store& s) { return error_of(s.add_host(sample_host(kOther))); }},
      {"set_status", [](Store& s) { return error_of(s.set_status(kHost, HostStatus::kDisabled)); }},
      {"replace_ak", [](Store& s) { return error_of(s.replace_ak(kHost, {.ak_public = filled(5, 5)})); }},
      {"remove_host", [](Store& s) { return error_of(s.remove_host(kHost)); }},
      {"assign_policies",
       [](Store& s) {
         must(s.set_policy_list("t", "main", list));
         return error_of(s.assign_policies(kHost, "main"));
       }},
      {"commit", [](Store& s) { return error_of(s.commit(std::span(&move, 1))); }},
      {"put_provisional",
       [](Store& s) { return error_of(s.put_provisional(kHost, 8, {.bytes = filled(9, 9), .until_unix_s = kNow})); }},
      {"acknowledge", [](Store& s) { return error_of(s.acknowledge(kHost, filled(32, 1), {.who = "w"})); }},
      {"put_policy", [](Store& s) { return error_of(s.put_policy(filled(32, 3), {}, kNow)); }},
      {"remove_policy", [](Store& s) { return error_of(s.remove_policy(filled(32, 2))); }},
      {"set_policy_list", [](Store& s) { return error_of(s.set_policy_list("t", "main", list)); }},
      {"add_key", [](Store& s) { return error_of(s.add_key({.id = 2, .bytes = filled(32, 1)})); }},
      {"retire_key", [](Store& s) { return error_of(s.retire_key(KeyKind::kNonce, 1, kNow)); }},
      {"add_token",
       [](Store& s) { return error_of(s.add_token({.hash = filled(32, 2), .tenant = "t", .name = "n"})); }},
      {"take_token", [](Store& s) { return error_of(s.take_token(filled(32, 1), kNow)); }},
      {"remove_token", [](Store& s) { return error_of(s.remove_token("t", filled(32, 1))); }},
      {"drop_history", [](Store& s) { return error_of(s.drop_history(kNow * 2)); }},
      {"done", [](Store& s) { return error_of(s.done(std::span(&event, 1))); }},
  };
}

std::vector<Call> calls_that_read() {
  return {
      {"tenants", [](Store& s) { return error_of(s.tenants()); }},
      {"host", [](Store& s) { return error_of(s.host(kHost, 0)); }},
      {"hosts", [](Store& s) { return error_of(s.hosts("t", "", 9)); }},
      {"findings", [](Store& s) { return error_of(s.findings({.tenant = "t"})); }},
      {"policy_text", [](Store& s) { return error_of(s.policy_text(filled(32, 1))); }},
      {"policies", [](Store& s) { return error_of(s.policies()); }},
      {"policy_list", [](Store& s) { return error_of(s.policy_list("t", "main")); }},
      {"keys", [](Store& s) { return error_of(s.keys()); }},
      {"tokens", [](Store& s) { return error_of(s.tokens("t")); }},
      {"history", [](Store& s) { return error_of(s.history(kHost, 0, kNow, 9)); }},
      {"records", [](Store& s) { return error_of(s.records(kHost, 1, 0, 9)); }},
      {"pending_events", [](Store& s) { return error_of(s.pending_events(9)); }},
      {"drop_provisional", [](Store& s) { return error_of(s.drop_provisional(0)); }},  // there is none to drop
  };
}

// The rows after the call, and its error. `point`: of the call's last operation.
std::pair<std::string, std::optional<Error>> rows_after(const Call& call, std::optional<FaultPoint> point) {
  MemoryStore inner;
  fill(inner);
  FaultyStore faulty(inner);
  if (point) faulty.fail_at(std::string(call.name) == "assign_policies" ? 1 : 0, *point);
  const auto error = call.make(faulty);
  return {dump(inner), error};
}

TEST(FaultyStore, ACallThatWritesFailsBeforeAndAfterItsEffect) {
  MemoryStore untouched;
  fill(untouched);
  for (const Call& call : calls_that_write()) {
    const auto [changed, none] = rows_after(call, std::nullopt);
    EXPECT_FALSE(none) << call.name;
    EXPECT_NE(changed, dump(untouched)) << call.name;
    const auto [after, lost] = rows_after(call, FaultPoint::kAfterEffect);
    EXPECT_EQ(after, changed) << call.name;
    ASSERT_TRUE(lost) << call.name;
    EXPECT_EQ(lost->code, ErrorCode::kIo) << call.name;
    const auto [before, failed] = rows_after(call, FaultPoint::kBeforeEffect);
    EXPECT_NE(before, changed) << call.name;
    if (std::string(call.name) != "assign_policies") {
      EXPECT_EQ(before, dump(untouched)) << call.name;
    }
    EXPECT_TRUE(failed) << call.name;
  }
}

TEST(FaultyStore, ACallThatReadsFailsAtBothPoints) {
  for (const Call& call : calls_that_read()) {
    EXPECT_FALSE(rows_after(call, std::nullopt).second) << call.name;
    EXPECT_TRUE(rows_after(call, FaultPoint::kBeforeEffect).second) << call.name;
    EXPECT_TRUE(rows_after(call, FaultPoint::kAfterEffect).second) << call.name;
  }
}

TEST(FaultyStore, CountsCallsAndIsGoneUntilItIsBack) {
  MemoryStore inner;
  FaultyStore faulty(inner);
  faulty.fail_from(1);
  EXPECT_TRUE(faulty.add_tenant({.tenant = "t"}));
  EXPECT_EQ(faulty.tenants().error().code, ErrorCode::kEnvironment);
  EXPECT_EQ(faulty.add_tenant({.tenant = "u"}).error().code, ErrorCode::kEnvironment);
  EXPECT_EQ(faulty.calls(), 3u);
  faulty.fail_never();
  EXPECT_THAT(must(faulty.tenants()), SizeIs(1));
}

// A verdict that was not answered is stale when it comes again, and the host's row has the answer.
TEST(FaultyStore, AnUnansweredMoveCanBeAskedForAgain) {
  MemoryStore inner;
  fill(inner);
  FaultyStore faulty(inner);
  faulty.fail_at(0, FaultPoint::kAfterEffect);
  const Move move = full_move(kHost, 8);
  EXPECT_FALSE(faulty.commit(std::span(&move, 1)));
  EXPECT_THAT(must(faulty.commit(std::span(&move, 1))), ElementsAre(MoveResult::kStale));
  EXPECT_EQ(must(faulty.host(kHost, kNow))->answer, move.answer);
}

// ---- the disk below SQLite ------------------------------------------------------------------------------------------

class SqliteDiskTest : public testing::Test {
 protected:
  SqliteDiskTest() {
    fill(*open());
    before_ = dump(*open());
    copy(path_, original_);
    const Move move = full_move(kHost, 8);
    auto store = open();
    must(store->commit(std::span(&move, 1)));
    after_ = dump(*store);
  }

  std::unique_ptr<Store> open(const std::string& vfs = {}) { return must(open_sqlite_store(path_, {.vfs = vfs})); }
  static void copy(const std::string& from, const std::string& to) {
    std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
  }
  void restore() {
    for (const char* const suffix : {"-wal", "-shm"}) std::filesystem::remove(path_ + suffix);
    copy(original_, path_);
  }

  imakeep::test::ScratchDirectory directory_{imakeep::test::ScratchDirectory::in_memory()};
  std::string path_ = directory_.file("verifier");
  std::string original_ = directory_.file("original");
  std::string before_;
  std::string after_;
};

TEST_F(SqliteDiskTest, AMoveIsThereAsAWholeOrNotAtAll) {
  ASSERT_NE(before_, after_);
  FaultyVfs vfs;
  const Move move = full_move(kHost, 8);
  for (const Fault fault : {Fault::kNoSpace, Fault::kIoBefore, Fault::kIoAfter, Fault::kShortWrite}) {
    for (const bool lasting : {false, true}) {
      std::uint64_t faults = 0;
      for (std::uint64_t operation = 0;; ++operation) {
        restore();
        Result<std::vector<MoveResult>> moved = fail(ErrorCode::kIo, "");
        std::uint64_t operations = 0;
        {
          vfs.fail_never();
          const auto store = open(vfs.name());
          must(store->tenants());
          vfs.fail_at(operation, fault, lasting);
          moved = store->commit(std::span(&move, 1));
          operations = vfs.operations();
          vfs.fail_at(0, fault, true);  // the process ends, and the disk has what it has
        }
        vfs.fail_never();
        const std::string now = dump(*open());
        SCOPED_TRACE("fault " + std::to_string(static_cast<int>(fault)) + " at " + std::to_string(operation));
        ASSERT_TRUE(now == before_ || now == after_) << now;
        if (moved) {
          ASSERT_EQ(now, after_) << "what commit() returned for is lost";
        }
        if (!moved && moved.error().code != ErrorCode::kIo) {
          ASSERT_EQ(now, before_) << describe(moved.error());
        }
        if (operation >= operations) break;
        ++faults;
      }
      EXPECT_GE(faults, 3u);
    }
  }
}

}  // namespace
}  // namespace imakeep::vstore::test
