// SPDX-License-Identifier: Apache-2.0
// vstore_contract.h - the promises of the verifier's rows, on any store.
//
// `Fixture` default-constructs an empty store. store() is that store, and other() a store on the same rows, as another
// process has it. reopen() opens store() anew: what was committed is still there.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/vstore_rows.h"

namespace imakeep::vstore::test {

template <class Fixture>
class VstoreContract : public testing::Test {
 protected:
  void SetUp() override {
    must_do(store().add_tenant({.tenant = kTenant, .created_unix_s = kNow}));
    must_do(store().add_tenant({.tenant = "other", .created_unix_s = kNow}));
  }

  Store& store() { return fixture_.store(); }
  static HostKey key(const std::string& host) { return {.tenant = kTenant, .host = host}; }
  HostKey add(const std::string& host, HostStatus status = HostStatus::kEnrolled) {
    must_do(store().add_host(sample_host(key(host), status)));
    return key(host);
  }
  HostRow row(const HostKey& key, std::int64_t now = kNow) {
    const auto found = must(store().host(key, now));
    if (!found) throw std::runtime_error("no host " + key.host);
    return *found;
  }
  MoveResult commit(const Move& move) { return must(store().commit(std::span(&move, 1))).at(0); }
  std::vector<FindingRow> findings(std::optional<FindingState> state = std::nullopt) {
    return must(store().findings({.tenant = kTenant, .state = state}));
  }
  // The count of a host's findings, history rows and records.
  std::size_t rows_of(const HostKey& key) {
    return must(store().findings({.tenant = key.tenant, .host = key.host})).size() +
           must(store().history(key, 0, kNow * 2, 1000)).size() + must(store().records(key, 1, 0, 1000)).size();
  }
  Bytes put_policy(std::uint8_t mark) {
    must_do(store().put_policy(filled(32, mark), filled(1000, mark), kNow));
    return filled(32, mark);
  }

  static constexpr const char* kTenant = "tenant";
  Fixture fixture_;
};
TYPED_TEST_SUITE_P(VstoreContract);

// ---- tenants --------------------------------------------------------------------------------------------------------

TYPED_TEST_P(VstoreContract, ListsTenantsAndRefusesANameTwice) {
  expect_refused(this->store().add_tenant({.tenant = this->kTenant}), EEXIST);
  must_do(this->store().set_tenant_disabled("other", true));
  expect_refused(this->store().set_tenant_disabled("nobody", true), ENOENT);
  this->fixture_.reopen();
  EXPECT_THAT(must(this->store().tenants()),
              ElementsAre(TenantRow{.tenant = "other", .created_unix_s = kNow, .disabled = true},
                          TenantRow{.tenant = "tenant", .created_unix_s = kNow, .disabled = false}));
}

TYPED_TEST_P(VstoreContract, ADisabledTenantStandsStill) {
  const HostKey key = this->add("a");
  must_do(this->store().add_token({.hash = filled(32, 1), .tenant = this->kTenant, .name = "n"}));
  must_do(this->store().set_tenant_disabled(this->kTenant, true));
  EXPECT_EQ(this->commit(sample_move(key, 7, 10)), MoveResult::kStale);
  EXPECT_FALSE(must(this->store().put_provisional(key, 7, {.bytes = filled(9, 1), .until_unix_s = kNow + 1})));
  EXPECT_EQ(must(this->store().take_token(filled(32, 1), kNow)), std::nullopt);
  expect_refused(this->store().add_host(sample_host(this->key("b"))), EPERM);
  EXPECT_EQ(this->row(key), sample_host(key));
  must_do(this->store().set_tenant_disabled(this->kTenant, false));
  EXPECT_EQ(this->commit(sample_move(key, 7, 10)), MoveResult::kMoved);
}

// ---- hosts ----------------------------------------------------------------------------------------------------------

TYPED_TEST_P(VstoreContract, KeepsEveryMemberOfAHost) {
  HostRow row = sample_host(this->key("a"), HostStatus::kPending);
  row.retains = true;
  row.epoch = kMostNumber - 1;
  row.proven = kMostNumber;
  row.state = filled(kMostStateBytes, 5);
  row.answer = Answer{.nonce_hash = filled(32, 6), .bytes = {std::byte{0}, std::byte{0xff}}};
  must_do(this->store().add_host(row));
  this->fixture_.reopen();
  EXPECT_EQ(this->row(row.key), row);
  EXPECT_EQ(must(this->store().host(this->key("b"), kNow)), std::nullopt);
  EXPECT_EQ(must(this->store().host({.tenant = "other", .host = "a"}, kNow)), std::nullopt);
}

TYPED_TEST_P(VstoreContract, RefusesAHostThatExistsOrHasNoTenant) {
  const HostKey key = this->add("a");
  HostRow again = sample_host(key);
  again.name = "another";
  expect_refused(this->store().add_host(again), EEXIST);
  EXPECT_EQ(this->row(key).name, "a.example");
  expect_refused(this->store().add_host(sample_host({.tenant = "nobody", .host = "a"})), ENOENT);
  HostRow of_list = sample_host(this->key("b"));
  of_list.policy_list = "none";
  expect_refused(this->store().add_host(of_list), ENOENT);
  must_do(this->store().add_host(sample_host({.tenant = "other", .host = "a"})));
}

TYPED_TEST_P(VstoreContract, RefusesAStateAboveTheLimit) {
  HostRow row = sample_host(this->key("a"));
  row.state = filled(kMostStateBytes + 1, 1);
  EXPECT_EQ(this->store().add_host(row).error().code, ErrorCode::kUsage);
  const HostKey key = this->add("b");
  Move move = sample_move(key, 7, 1);
  move.state = row.state;
  EXPECT_EQ(this->store().commit(std::span(&move, 1)).error().code, ErrorCode::kUsage);
  EXPECT_EQ(this->row(key), sample_host(key));
}

TYPED_TEST_P(VstoreContract, ListsHostsOfATenantPageByPageInTheOrderOfBytes) {
  for (const char* const host : {"b", "B", "a-1", "a", "\u00e4", "Z"}) this->add(host);
  must_do(this->store().add_host(sample_host({.tenant = "other", .host = "c"})));
  ASSERT_EQ(this->commit(sample_move(this->key("a"), 7, 1)), MoveResult::kMoved);
  std::vector<std::string> hosts;
  std::string after;
  for (std::size_t size = 2; size == 2;) {
    const auto page = must(this->store().hosts(this->kTenant, after, 2));
    for (const HostRow& row : page) hosts.push_back(row.key.host);
    size = page.size();
    if (size > 0) after = page.back().key.host;
  }
  EXPECT_THAT(hosts, ElementsAre("B", "Z", "a", "a-1", "b", "\u00e4"));
  const HostRow listed = must(this->store().hosts(this->kTenant, "Z", 1)).at(0);
  HostRow expected = this->row(this->key("a"));
  expected.state.clear();
  expected.answer.reset();
  EXPECT_EQ(listed, expected);
}

TYPED_TEST_P(VstoreContract, AStatusForgetsTheEnrolmentSecret) {
  const HostKey key = this->add("a", HostStatus::kPending);
  expect_refused(this->store().set_status(key, HostStatus::kEnrolled, HostStatus::kWaiting), EPERM);
  EXPECT_EQ(this->row(key).secret_hash, filled(32, 4));
  must_do(this->store().set_status(key, HostStatus::kWaiting, HostStatus::kPending));
  EXPECT_EQ(this->row(key).status, HostStatus::kWaiting);
  EXPECT_THAT(this->row(key).secret_hash, IsEmpty());
  EXPECT_EQ(this->row(key).secret_until_unix_s, 0);
  must_do(this->store().set_status(key, HostStatus::kDisabled));
  EXPECT_EQ(this->row(key).status, HostStatus::kDisabled);
  expect_refused(this->store().set_status(this->key("b"), HostStatus::kEnrolled), ENOENT);
  expect_refused(this->store().set_status(this->key("b"), HostStatus::kEnrolled, HostStatus::kPending), ENOENT);
}

TYPED_TEST_P(VstoreContract, AReplacedAkMakesOldQuotesStale) {
  const HostKey key = this->add("a");
  ASSERT_EQ(this->commit(sample_move(key, 7, 5)), MoveResult::kMoved);
  ASSERT_TRUE(must(this->store().put_provisional(key, 8, {.bytes = filled(9, 1), .until_unix_s = kNow + 1})));
  const ReplacementAk ak{.ak_public = filled(80, 8),
                         .ak_name = filled(34, 8),
                         .status = HostStatus::kPending,
                         .secret_hash = filled(32, 8),
                         .secret_until_unix_s = kNow + 5};
  must_do(this->store().replace_ak(key, ak));
  HostRow expected = sample_host(key);
  expected.ak_public = ak.ak_public;
  expected.ak_name = ak.ak_name;
  expected.status = ak.status;
  expected.secret_hash = ak.secret_hash;
  expected.secret_until_unix_s = ak.secret_until_unix_s;
  expected.epoch = 9;
  expected.proven = 5;
  expected.state = filled(300, 5);
  expected.seen_unix_s = kNow + 7;
  EXPECT_EQ(this->row(key), expected);
  must_do(this->store().set_status(key, HostStatus::kEnrolled));
  EXPECT_EQ(this->commit(sample_move(key, 8, 6)), MoveResult::kStale);
  expect_refused(this->store().replace_ak(this->key("b"), ak), ENOENT);
}

TYPED_TEST_P(VstoreContract, RemovesAHostWithAllItsRowsAndNoOther) {
  HostRow retains = sample_host(this->key("a"));
  retains.retains = true;
  must_do(this->store().add_host(retains));
  retains.key.host = "b";
  must_do(this->store().add_host(retains));
  for (const char* const host : {"a", "b"}) {
    Move move = sample_move(this->key(host), 7, 1);
    move.sightings = {sample_sighting(1)};
    move.records = {{.chain = 1, .number = 0, .bytes = filled(9, 9)}};
    move.events = {{.kind = "finding", .body = filled(3, 3)}};
    ASSERT_EQ(this->commit(move), MoveResult::kMoved);
    ASSERT_TRUE(must(this->store().put_provisional(move.key, 8, {.bytes = filled(9, 1), .until_unix_s = kNow + 1})));
  }
  must_do(this->store().remove_host(this->key("a")));
  expect_refused(this->store().remove_host(this->key("a")), ENOENT);
  EXPECT_EQ(this->rows_of(this->key("a")), 0u);
  EXPECT_EQ(this->rows_of(this->key("b")), 3u);
  EXPECT_THAT(must(this->store().pending_events(9)), SizeIs(1));
  this->add("a");
  EXPECT_EQ(this->row(this->key("a")), sample_host(this->key("a")));
  EXPECT_TRUE(this->row(this->key("b")).provisional);
}

// ---- moves ----------------------------------------------------------------------------------------------------------

TYPED_TEST_P(VstoreContract, AMoveChangesStateEpochAndAnswerTogether) {
  const HostKey key = this->add("a");
  ASSERT_TRUE(must(this->store().put_provisional(key, 7, {.bytes = filled(9, 1), .until_unix_s = kNow + 1})));
  const Move move = sample_move(key, 7, 10);
  EXPECT_EQ(this->commit(move), MoveResult::kMoved);
  this->fixture_.reopen();
  HostRow expected = sample_host(key);
  expected.epoch = 8;
  expected.proven = 10;
  expected.state = move.state;
  expected.seen_unix_s = move.seen_unix_s;
  expected.answer = move.answer;
  EXPECT_EQ(this->row(key), expected);
  HistoryRow history = move.history;
  history.epoch = 8;
  EXPECT_THAT(must(this->store().history(key, 0, kNow * 2, 9)), ElementsAre(history));
}

TYPED_TEST_P(VstoreContract, AStaleMoveChangesNothingAndTheOthersGoThrough) {
  for (const char* const host : {"a", "b", "c", "d"}) this->add(host);
  must_do(this->store().set_status(this->key("c"), HostStatus::kDisabled));
  must_do(this->store().remove_host(this->key("d")));
  std::vector<Move> moves;
  for (const char* const host : {"d", "c", "b", "a"}) {
    moves.push_back(sample_move(this->key(host), *host == 'b' ? 6 : 7, 3));
    moves.back().sightings = {sample_sighting(1)};
    moves.back().fixed = {filled(32, 2)};
    moves.back().events = {{.kind = "finding", .body = {}}};
  }
  moves.push_back(sample_move(this->key("a"), 8, 4));  // the second of one host
  EXPECT_THAT(must(this->store().commit(moves)), ElementsAre(MoveResult::kStale, MoveResult::kStale, MoveResult::kStale,
                                                             MoveResult::kMoved, MoveResult::kStale));
  EXPECT_EQ(this->row(this->key("b")), sample_host(this->key("b")));
  HostRow disabled = sample_host(this->key("c"));
  disabled.status = HostStatus::kDisabled;
  EXPECT_EQ(this->row(this->key("c")), disabled);
  EXPECT_EQ(this->row(this->key("a")).proven, 3u);
  EXPECT_THAT(this->findings(), SizeIs(1));
  EXPECT_EQ(this->rows_of(this->key("b")) + this->rows_of(this->key("c")) + this->rows_of(this->key("d")), 0u);
  EXPECT_THAT(must(this->store().pending_events(9)), SizeIs(1));
  EXPECT_THAT(must(this->store().commit({})), IsEmpty());
}

TYPED_TEST_P(VstoreContract, AStaleFirstMoveLeavesALaterOneOfTheSameHostStale) {
  const HostKey key = this->add("a");
  const std::vector<Move> moves = {sample_move(key, 6, 3), sample_move(key, 7, 4)};
  EXPECT_THAT(must(this->store().commit(moves)), ElementsAre(MoveResult::kStale, MoveResult::kStale));
  EXPECT_EQ(this->row(key), sample_host(key));
}

TYPED_TEST_P(VstoreContract, EachStatusButEnrolledIsStale) {
  for (const HostStatus status : {HostStatus::kPending, HostStatus::kWaiting, HostStatus::kDisabled}) {
    const HostKey key = this->add("host" + std::to_string(static_cast<int>(status)), status);
    EXPECT_EQ(this->commit(sample_move(key, 7, 1)), MoveResult::kStale);
    EXPECT_FALSE(must(this->store().put_provisional(key, 7, {.bytes = {}, .until_unix_s = kNow + 1})));
  }
}

TYPED_TEST_P(VstoreContract, AMoveByAnOlderPolicyIsRefused) {
  const std::vector<Bytes> first = {this->put_policy(1)};
  const std::vector<Bytes> second = {this->put_policy(1), this->put_policy(2)};
  ASSERT_EQ(must(this->store().set_policy_list(this->kTenant, "main", first)), 1u);
  ASSERT_EQ(must(this->store().set_policy_list(this->kTenant, "test", first)), 1u);
  const HostKey key = this->add("a");
  must_do(this->store().assign_policies(key, "main"));
  Move move = sample_move(key, 7, 1);
  EXPECT_EQ(this->commit(move), MoveResult::kOlderPolicy) << "judged by no list";
  move.policy_list = "test";
  move.policy_list_version = 1;
  EXPECT_EQ(this->commit(move), MoveResult::kOlderPolicy) << "judged by another list";
  move.policy_list = "main";
  EXPECT_EQ(this->commit(move), MoveResult::kMoved);
  ASSERT_EQ(must(this->store().set_policy_list(this->kTenant, "main", second)), 2u);
  move = sample_move(key, 8, 2);
  move.policy_list = "main";
  move.policy_list_version = 1;
  const HostRow before = this->row(key);
  EXPECT_EQ(this->commit(move), MoveResult::kOlderPolicy);
  EXPECT_EQ(this->row(key), before);
  EXPECT_EQ(this->rows_of(key), 1u);
  move.epoch = 7;
  EXPECT_EQ(this->commit(move), MoveResult::kStale) << "another epoch comes first";
  move.epoch = 8;
  move.policy_list_version = 2;
  EXPECT_EQ(this->commit(move), MoveResult::kMoved);
}

TYPED_TEST_P(VstoreContract, OneOfTwoThatRaceForAnEpochWins) {
  constexpr int kRaces = 20;
  const HostKey key = this->add("a");
  for (int race = 0; race < kRaces; ++race) {
    const auto epoch = static_cast<std::uint64_t>(7 + race);
    std::array<std::optional<MoveResult>, 2> results;
    const auto attempt = [&](std::size_t self, Store& store) {
      Move move = sample_move(key, epoch, self + 1);
      move.sightings = {sample_sighting(static_cast<std::uint8_t>(self + 1))};
      const auto done = store.commit(std::span(&move, 1));
      if (done) results[self] = done->at(0);
    };
    std::thread one([&] { attempt(0, this->store()); });
    std::thread two([&] { attempt(1, this->fixture_.other()); });
    one.join();
    two.join();
    ASSERT_TRUE(results[0] && results[1]);
    ASSERT_NE(*results[0] == MoveResult::kMoved, *results[1] == MoveResult::kMoved);
    const std::uint64_t winner = *results[0] == MoveResult::kMoved ? 1 : 2;
    ASSERT_EQ(this->row(key).epoch, epoch + 1);
    ASSERT_EQ(this->row(key).proven, winner);
    ASSERT_EQ(this->row(key).state, filled(300, static_cast<std::uint8_t>(winner)));
  }
  EXPECT_THAT(must(this->store().history(key, 0, kNow * 2, 100)), SizeIs(kRaces));
  std::uint64_t seen = 0;
  for (const FindingRow& row : this->findings()) seen += row.count;
  EXPECT_EQ(seen, static_cast<std::uint64_t>(kRaces)) << "the loser's findings are there";
}

TYPED_TEST_P(VstoreContract, BatchesOfSeveralThreadsInAnyOrderLoseNothing) {
  constexpr std::size_t kHosts = 8;
  constexpr std::uint64_t kRounds = 12;
  for (std::size_t i = 0; i < kHosts; ++i) this->add(std::string(1, static_cast<char>('a' + i)));
  std::array<std::atomic<std::uint64_t>, kHosts> moved{};
  const auto work = [&](Store& store, bool backwards) {
    for (std::uint64_t epoch = 7; epoch < 7 + kRounds; ++epoch) {
      std::vector<Move> moves;
      for (std::size_t i = 0; i < kHosts; ++i) {
        const std::size_t host = backwards ? kHosts - 1 - i : i;
        moves.push_back(sample_move(this->key(std::string(1, static_cast<char>('a' + host))), epoch, epoch));
      }
      const auto results = store.commit(moves);
      ASSERT_TRUE(results) << describe(results.error());
      for (std::size_t i = 0; i < kHosts; ++i) {
        if ((*results)[i] == MoveResult::kMoved) ++moved[backwards ? kHosts - 1 - i : i];
      }
    }
  };
  std::thread one([&] { work(this->store(), false); });
  std::thread two([&] { work(this->fixture_.other(), true); });
  one.join();
  two.join();
  for (std::size_t i = 0; i < kHosts; ++i) {
    const HostKey key = this->key(std::string(1, static_cast<char>('a' + i)));
    EXPECT_EQ(this->row(key).epoch, 7 + moved[i].load());
    EXPECT_THAT(must(this->store().history(key, 0, kNow * 2, 1000)), SizeIs(moved[i].load()));
  }
}

// ---- provisional state ----------------------------------------------------------------------------------------------

TYPED_TEST_P(VstoreContract, AProvisionalStateLastsUntilItsTimeOrTheNextEpoch) {
  const HostKey key = this->add("a");
  const Provisional first{.bytes = filled(5000, 1), .until_unix_s = kNow + 10};
  const Provisional second{.bytes = filled(5000, 2), .until_unix_s = kNow + 20};
  EXPECT_FALSE(must(this->store().put_provisional(key, 6, first)));
  EXPECT_FALSE(must(this->store().put_provisional(this->key("b"), 7, first)));
  EXPECT_EQ(this->row(key).provisional, std::nullopt);
  ASSERT_TRUE(must(this->store().put_provisional(key, 7, first)));
  EXPECT_EQ(this->row(key).provisional, first);
  ASSERT_TRUE(must(this->store().put_provisional(key, 7, second)));
  this->fixture_.reopen();
  EXPECT_EQ(this->row(key, kNow + 19).provisional, second);
  EXPECT_EQ(this->row(key).epoch, 7u) << "a part moves no epoch";
  EXPECT_EQ(this->row(key, kNow + 20).provisional, std::nullopt);
  must_do(this->store().drop_provisional(kNow + 19));
  EXPECT_EQ(this->row(key, kNow).provisional, second);
  must_do(this->store().drop_provisional(kNow + 20));
  EXPECT_EQ(this->row(key, kNow).provisional, std::nullopt);
  ASSERT_TRUE(must(this->store().put_provisional(key, 7, first)));
  ASSERT_EQ(this->commit(sample_move(key, 7, 1)), MoveResult::kMoved);
  EXPECT_EQ(this->row(key).provisional, std::nullopt);
  EXPECT_FALSE(must(this->store().put_provisional(key, 7, first)));
  const Provisional large{.bytes = filled(kMostProvisionalBytes + 1, 1), .until_unix_s = kNow};
  EXPECT_EQ(this->store().put_provisional(key, 8, large).error().code, ErrorCode::kUsage);
}

// ---- findings -------------------------------------------------------------------------------------------------------

TYPED_TEST_P(VstoreContract, AFindingOpensOnceCountsUpAndIsFixed) {
  const HostKey key = this->add("a");
  Move move = sample_move(key, 7, 1);
  move.sightings = {sample_sighting(1), sample_sighting(2)};
  ASSERT_EQ(this->commit(move), MoveResult::kMoved);
  Move again = sample_move(key, 8, 2);
  again.sightings = {sample_sighting(1)};
  again.sightings[0].record = 99;
  again.fixed = {filled(32, 2), filled(32, 77)};
  ASSERT_EQ(this->commit(again), MoveResult::kMoved);
  const FindingRow open{.key = key,
                        .sighting = sample_sighting(1),
                        .state = FindingState::kOpen,
                        .count = 2,
                        .first_seen_unix_s = kNow + 7,
                        .last_seen_unix_s = kNow + 8};
  FindingRow fixed = open;
  fixed.sighting = sample_sighting(2);
  fixed.state = FindingState::kFixed;
  fixed.count = 1;
  fixed.last_seen_unix_s = kNow + 7;
  EXPECT_THAT(this->findings(), ElementsAre(open, fixed));
  EXPECT_THAT(this->findings(FindingState::kOpen), ElementsAre(open));
  EXPECT_THAT(this->findings(FindingState::kFixed), ElementsAre(fixed));
}

TYPED_TEST_P(VstoreContract, AnAcknowledgedFindingStaysSoUntilItIsFixedAndSeenAgain) {
  const HostKey key = this->add("a");
  Move move = sample_move(key, 7, 1);
  move.sightings = {sample_sighting(1)};
  ASSERT_EQ(this->commit(move), MoveResult::kMoved);
  const Acknowledgement by{.who = "operator", .at_unix_s = kNow + 3, .why = "known test program"};
  expect_refused(this->store().acknowledge(key, filled(32, 2), by), ENOENT);
  expect_refused(this->store().acknowledge(this->key("b"), filled(32, 1), by), ENOENT);
  must_do(this->store().acknowledge(key, filled(32, 1), by));
  move = sample_move(key, 8, 2);
  move.sightings = {sample_sighting(1)};
  ASSERT_EQ(this->commit(move), MoveResult::kMoved);
  FindingRow row = this->findings().at(0);
  EXPECT_EQ(row.state, FindingState::kAcknowledged);
  EXPECT_EQ(row.acknowledged, by);
  EXPECT_EQ(row.count, 2u);
  move = sample_move(key, 9, 3);
  move.fixed = {filled(32, 1)};
  ASSERT_EQ(this->commit(move), MoveResult::kMoved);
  EXPECT_EQ(this->findings().at(0).state, FindingState::kFixed);
  expect_refused(this->store().acknowledge(key, filled(32, 1), by), EPERM);
  move = sample_move(key, 10, 4);
  move.sightings = {sample_sighting(1)};
  move.sightings[0].record = 50;
  ASSERT_EQ(this->commit(move), MoveResult::kMoved);
  EXPECT_THAT(this->findings(), ElementsAre(FindingRow{.key = key,
                                                       .sighting = move.sightings[0],
                                                       .state = FindingState::kOpen,
                                                       .count = 1,
                                                       .first_seen_unix_s = kNow + 10,
                                                       .last_seen_unix_s = kNow + 10}));
}

TYPED_TEST_P(VstoreContract, ListsFindingsPageByPage) {
  std::vector<std::pair<std::string, std::uint8_t>> expected;
  for (const char* const host : {"a", "b"}) {
    Move move = sample_move(this->add(host), 7, 1);
    for (std::uint8_t i = 5; i > 0; --i) move.sightings.push_back(sample_sighting(i));
    ASSERT_EQ(this->commit(move), MoveResult::kMoved);
    for (std::uint8_t i = 1; i <= 5; ++i) expected.emplace_back(host, i);
  }
  must_do(this->store().acknowledge(this->key("b"), filled(32, 2), {.who = "w"}));
  std::vector<std::pair<std::string, std::uint8_t>> found;
  FindingQuery query{.tenant = this->kTenant, .limit = 3};
  for (bool more = true; more;) {
    const auto page = must(this->store().findings(query));
    for (const FindingRow& row : page) {
      found.emplace_back(row.key.host, static_cast<std::uint8_t>(row.sighting.identity[0]));
    }
    more = page.size() == query.limit;
    if (more) query.after = FindingCursor{.host = page.back().key.host, .identity = page.back().sighting.identity};
  }
  EXPECT_EQ(found, expected);
  query = {
      .tenant = this->kTenant, .host = "b", .state = FindingState::kOpen, .after = FindingCursor{"b", filled(32, 1)}};
  EXPECT_THAT(must(this->store().findings(query)), SizeIs(3));
  query = {.tenant = "other"};
  EXPECT_THAT(must(this->store().findings(query)), IsEmpty());
}

// ---- policies -------------------------------------------------------------------------------------------------------

TYPED_TEST_P(VstoreContract, KeepsAPolicyByItsDigest) {
  const Bytes text = filled(200'000, 7);
  must_do(this->store().put_policy(filled(32, 7), text, kNow));
  must_do(this->store().put_policy(filled(32, 7), text, kNow + 5));
  must_do(this->store().put_policy(filled(32, 6), {}, kNow));
  this->fixture_.reopen();
  EXPECT_EQ(must(this->store().policy_text(filled(32, 7))), text);
  EXPECT_EQ(must(this->store().policy_text(filled(32, 6))), Bytes());
  EXPECT_EQ(must(this->store().policy_text(filled(32, 8))), std::nullopt);
  EXPECT_THAT(must(this->store().policies()),
              ElementsAre(PolicyRow{.digest = filled(32, 6), .text_bytes = 0, .created_unix_s = kNow},
                          PolicyRow{.digest = filled(32, 7), .text_bytes = text.size(), .created_unix_s = kNow}));
}

TYPED_TEST_P(VstoreContract, AListCountsItsChangesAndKeepsItsOrder) {
  const Bytes one = this->put_policy(1);
  const Bytes two = this->put_policy(2);
  const auto set = [&](const std::vector<Bytes>& digests) {
    return this->store().set_policy_list(this->kTenant, "main", digests);
  };
  EXPECT_EQ(must(this->store().policy_list(this->kTenant, "main")), std::nullopt);
  EXPECT_EQ(must(set({two, one})), 1u);
  EXPECT_EQ(must(set({two, one})), 1u) << "the same content";
  expect_refused(set({two, filled(32, 3)}), ENOENT);
  EXPECT_EQ(must(this->store().policy_list(this->kTenant, "main")), (PolicyListRow{1, {two, one}}));
  EXPECT_EQ(must(set({one, two})), 2u) << "another order";
  EXPECT_EQ(must(set({})), 3u);
  this->fixture_.reopen();
  EXPECT_EQ(must(this->store().policy_list(this->kTenant, "main")), (PolicyListRow{3, {}}));
  EXPECT_EQ(must(this->store().policy_list("other", "main")), std::nullopt);
  expect_refused(this->store().set_policy_list("nobody", "main", {}), ENOENT);
  const HostKey key = this->add("a");
  expect_refused(this->store().assign_policies(key, "missing"), ENOENT);
  expect_refused(this->store().assign_policies(this->key("b"), "main"), ENOENT);
  must_do(this->store().assign_policies(key, "main"));
  EXPECT_EQ(this->row(key).policy_list, "main");
  must_do(this->store().assign_policies(key, ""));
  EXPECT_EQ(this->row(key).policy_list, "");
}

TYPED_TEST_P(VstoreContract, AnAssignedPolicyIsNotRemoved) {
  const std::vector<Bytes> list = {this->put_policy(1)};
  must(this->store().set_policy_list("other", "main", list));
  expect_refused(this->store().remove_policy(list[0]), EBUSY);
  EXPECT_TRUE(must(this->store().policy_text(list[0])));
  must(this->store().set_policy_list("other", "main", {}));
  must_do(this->store().remove_policy(list[0]));
  expect_refused(this->store().remove_policy(list[0]), ENOENT);
  EXPECT_THAT(must(this->store().policies()), IsEmpty());
}

// A list never names a policy that is gone, whoever comes first.
TYPED_TEST_P(VstoreContract, APolicyThatIsAssignedAndRemovedAtOnceIsOneOfBoth) {
  for (int race = 0; race < 10; ++race) {
    const std::vector<Bytes> list = {this->put_policy(1)};
    bool set = false;
    bool removed = false;
    std::thread one([&] { set = this->store().set_policy_list(this->kTenant, "main", list).has_value(); });
    std::thread two([&] { removed = this->fixture_.other().remove_policy(list[0]).has_value(); });
    one.join();
    two.join();
    EXPECT_NE(set, removed);
    if (set) must(this->store().set_policy_list(this->kTenant, "main", {}));
  }
}

// ---- keys and tokens ------------------------------------------------------------------------------------------------

TYPED_TEST_P(VstoreContract, KeepsKeysAndTheTimeTheyRetire) {
  const KeyRow nonce{.kind = KeyKind::kNonce, .id = 0xffffffff, .bytes = filled(32, 1), .created_unix_s = kNow};
  const KeyRow result{
      .kind = KeyKind::kResult, .id = 1, .bytes = filled(121, 2), .created_unix_s = kNow, .retires_unix_s = kNow + 9};
  must_do(this->store().add_key(result));
  must_do(this->store().add_key(nonce));
  expect_refused(this->store().add_key(nonce), EEXIST);
  this->fixture_.reopen();
  EXPECT_THAT(must(this->store().keys()), ElementsAre(nonce, result));
  must_do(this->store().retire_key(KeyKind::kNonce, nonce.id, kNow + 5));
  expect_refused(this->store().retire_key(KeyKind::kNonce, 1, kNow), ENOENT);
  EXPECT_EQ(must(this->store().keys()).at(0).retires_unix_s, kNow + 5);
}

TYPED_TEST_P(VstoreContract, ATokenIsTakenAsOftenAsItSays) {
  const TokenRow twice{
      .hash = filled(32, 1), .tenant = this->kTenant, .role = Role::kEnrol, .name = "n", .uses_left = 2};
  const TokenRow timed{
      .hash = filled(32, 2), .tenant = this->kTenant, .role = Role::kAuditor, .name = "", .until_unix_s = kNow + 5};
  must_do(this->store().add_token(timed));
  must_do(this->store().add_token(twice));
  expect_refused(this->store().add_token(twice), EEXIST);
  TokenRow homeless = twice;
  homeless.tenant = "nobody";
  homeless.hash = filled(32, 3);
  expect_refused(this->store().add_token(homeless), ENOENT);
  EXPECT_THAT(must(this->store().tokens(this->kTenant)), ElementsAre(twice, timed));
  EXPECT_THAT(must(this->store().tokens("other")), IsEmpty());
  EXPECT_EQ(must(this->store().take_token(twice.hash, kNow))->uses_left, 1u);
  EXPECT_EQ(must(this->store().take_token(twice.hash, kNow))->uses_left, 0u);
  EXPECT_EQ(must(this->store().take_token(twice.hash, kNow)), std::nullopt);
  EXPECT_EQ(must(this->store().take_token(filled(32, 9), kNow)), std::nullopt);
  EXPECT_EQ(must(this->store().take_token(timed.hash, kNow + 4)), timed);
  EXPECT_EQ(must(this->store().take_token(timed.hash, kNow + 5)), std::nullopt);
  expect_refused(this->store().remove_token("other", timed.hash), ENOENT);
  must_do(this->store().remove_token(this->kTenant, timed.hash));
  EXPECT_EQ(must(this->store().take_token(timed.hash, kNow)), std::nullopt);
}

TYPED_TEST_P(VstoreContract, LookingAtATokenDoesNotUseIt) {
  const TokenRow once{.hash = filled(32, 1),
                      .tenant = this->kTenant,
                      .role = Role::kEnrol,
                      .name = "n",
                      .until_unix_s = kNow + 5,
                      .uses_left = 1};
  must_do(this->store().add_token(once));
  EXPECT_EQ(must(this->store().token(once.hash, kNow)), once);
  EXPECT_EQ(must(this->store().token(once.hash, kNow + 5)), std::nullopt);
  EXPECT_EQ(must(this->store().token(filled(32, 9), kNow)), std::nullopt);
  must_do(this->store().set_tenant_disabled(this->kTenant, true));
  EXPECT_EQ(must(this->store().token(once.hash, kNow)), std::nullopt);
  must_do(this->store().set_tenant_disabled(this->kTenant, false));
  EXPECT_EQ(must(this->store().take_token(once.hash, kNow))->uses_left, 0u);
  EXPECT_EQ(must(this->store().token(once.hash, kNow)), std::nullopt);
}

TYPED_TEST_P(VstoreContract, ATokenThatIsReturnedCanBeTakenOnceMore) {
  const TokenRow once{
      .hash = filled(32, 1), .tenant = this->kTenant, .role = Role::kEnrol, .name = "n", .uses_left = 1};
  const TokenRow forever{.hash = filled(32, 2), .tenant = this->kTenant, .role = Role::kEnrol, .name = "f"};
  must_do(this->store().add_token(once));
  must_do(this->store().add_token(forever));
  EXPECT_NE(must(this->store().take_token(once.hash, kNow)), std::nullopt);
  must_do(this->store().return_token(once.hash));
  must_do(this->store().return_token(forever.hash));
  must_do(this->store().return_token(filled(32, 9)));
  this->fixture_.reopen();
  EXPECT_THAT(must(this->store().tokens(this->kTenant)), ElementsAre(once, forever));
  EXPECT_NE(must(this->store().take_token(once.hash, kNow)), std::nullopt);
  EXPECT_EQ(must(this->store().take_token(once.hash, kNow)), std::nullopt);
}

TYPED_TEST_P(VstoreContract, ATokenForManyUsesIsTakenOnceForEach) {
  constexpr std::uint64_t kUses = 25;
  must_do(this->store().add_token({.hash = filled(32, 1), .tenant = this->kTenant, .name = "n", .uses_left = kUses}));
  std::atomic<std::uint64_t> taken = 0;
  const auto take = [&](Store& store) {
    for (std::uint64_t i = 0; i < kUses; ++i) {
      if (must(store.take_token(filled(32, 1), kNow))) ++taken;
    }
  };
  std::thread one([&] { take(this->store()); });
  std::thread two([&] { take(this->fixture_.other()); });
  one.join();
  two.join();
  EXPECT_EQ(taken.load(), kUses);
}

// ---- history, records, events ---------------------------------------------------------------------------------------

TYPED_TEST_P(VstoreContract, ListsHistoryByTimeAndForgetsWholePeriods) {
  const HostKey key = this->add("a");
  this->add("b");
  constexpr std::int64_t kFirst = kNow / kHistoryPeriodSeconds * kHistoryPeriodSeconds;
  std::uint64_t epoch = 7;
  for (const std::int64_t at : {kFirst, kFirst + kHistoryPeriodSeconds - 1, kFirst + kHistoryPeriodSeconds,
                                kFirst + 5 * kHistoryPeriodSeconds}) {
    Move move = sample_move(key, epoch++, 1);
    move.history.at_unix_s = at;
    ASSERT_EQ(this->commit(move), MoveResult::kMoved);
  }
  const auto times = [&](std::int64_t from, std::int64_t to, std::size_t limit) {
    std::vector<std::int64_t> result;
    for (const HistoryRow& row : must(this->store().history(key, from, to, limit))) {
      result.push_back((row.at_unix_s - kFirst) / (kHistoryPeriodSeconds - 1));
    }
    return result;
  };
  EXPECT_THAT(times(0, kNow * 2, 9), ElementsAre(0, 1, 1, 5));
  EXPECT_THAT(times(kFirst + 1, kFirst + 5 * kHistoryPeriodSeconds, 9), ElementsAre(1, 1));
  EXPECT_THAT(times(0, kNow * 2, 2), ElementsAre(0, 1));
  EXPECT_THAT(must(this->store().history(this->key("b"), 0, kNow * 2, 9)), IsEmpty());
  must_do(this->store().drop_history(kFirst + kHistoryPeriodSeconds - 1));
  EXPECT_THAT(times(0, kNow * 2, 9), SizeIs(4)) << "the period is not over";
  must_do(this->store().drop_history(kFirst + kHistoryPeriodSeconds));
  EXPECT_THAT(times(0, kNow * 2, 9), ElementsAre(1, 5));
  // A dropped period can be written again.
  Move late = sample_move(key, epoch, 1);
  late.history.at_unix_s = kFirst;
  ASSERT_EQ(this->commit(late), MoveResult::kMoved);
  EXPECT_THAT(times(0, kNow * 2, 9), ElementsAre(0, 1, 5));
}

TYPED_TEST_P(VstoreContract, AClockThatIsSetBackForgetsNothing) {
  const HostKey key = this->add("a");
  ASSERT_EQ(this->commit(sample_move(key, 7, 1)), MoveResult::kMoved);
  const Provisional provisional{.bytes = filled(9, 1), .until_unix_s = kNow + 10};
  ASSERT_TRUE(must(this->store().put_provisional(key, 8, provisional)));
  constexpr std::int64_t kBefore = kNow - 10 * kHistoryPeriodSeconds;
  must_do(this->store().drop_history(kBefore));
  must_do(this->store().drop_provisional(kBefore));
  EXPECT_EQ(must(this->store().host(key, kBefore))->provisional, provisional);
  Move earlier = sample_move(key, 8, 2);
  earlier.seen_unix_s = earlier.history.at_unix_s = kBefore;
  ASSERT_EQ(this->commit(earlier), MoveResult::kMoved);
  EXPECT_EQ(this->row(key).proven, 2u);
  const auto rows = must(this->store().history(key, 0, kNow * 2, 9));
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows[0].epoch, 9u);
  EXPECT_EQ(rows[1].epoch, 8u);
}

TYPED_TEST_P(VstoreContract, RetainsRecordsOnlyOfHostsThatRetain) {
  HostRow retains = sample_host(this->key("a"));
  retains.retains = true;
  must_do(this->store().add_host(retains));
  this->add("b");
  for (const char* const host : {"a", "b"}) {
    Move move = sample_move(this->key(host), 7, 3);
    for (std::uint8_t i = 0; i < 3; ++i) move.records.push_back({.chain = 2, .number = i, .bytes = filled(i, i)});
    move.records.push_back({.chain = 3, .number = 0, .bytes = filled(5000, 9)});
    ASSERT_EQ(this->commit(move), MoveResult::kMoved);
  }
  this->fixture_.reopen();
  const auto one_and_two = must(this->store().records(this->key("a"), 2, 1, 3));
  EXPECT_THAT(one_and_two, ElementsAre(RetainedRecord{2, 1, filled(1, 1)}, RetainedRecord{2, 2, filled(2, 2)}));
  EXPECT_THAT(must(this->store().records(this->key("a"), 2, 0, 1)), ElementsAre(RetainedRecord{2, 0, {}}));
  EXPECT_THAT(must(this->store().records(this->key("a"), 3, 0, 99)), SizeIs(1));
  EXPECT_THAT(must(this->store().records(this->key("b"), 2, 0, 99)), IsEmpty());
  Move again = sample_move(this->key("a"), 8, 3);
  again.records = {{.chain = 2, .number = 1, .bytes = filled(9, 9)}, {.chain = 2, .number = 3, .bytes = filled(3, 3)}};
  ASSERT_EQ(this->commit(again), MoveResult::kMoved);
  EXPECT_THAT(must(this->store().records(this->key("a"), 2, 1, 4)),
              ElementsAre(RetainedRecord{2, 1, filled(1, 1)}, RetainedRecord{2, 2, filled(2, 2)},
                          RetainedRecord{2, 3, filled(3, 3)}))
      << "a proven record is never replaced";
}

TYPED_TEST_P(VstoreContract, EventsStayUntilTheyAreDone) {
  const HostKey a = this->add("a");
  const HostKey b = this->add("b");
  Move second = sample_move(a, 7, 1);
  second.seen_unix_s = kNow + 50;
  second.events = {{.kind = "finding", .body = filled(3, 1)}, {.kind = "reset", .body = {}}};
  ASSERT_EQ(this->commit(second), MoveResult::kMoved);
  Move first = sample_move(b, 7, 1);
  first.seen_unix_s = kNow + 40;
  first.events = {{.kind = "first", .body = filled(3, 2)}};
  ASSERT_EQ(this->commit(first), MoveResult::kMoved);
  this->fixture_.reopen();
  const auto events = must(this->store().pending_events(9));
  const EventRow of_b{.id = {.key = b, .epoch = 8, .number = 0}, .created_unix_s = kNow + 40, .event = first.events[0]};
  const EventRow of_a{
      .id = {.key = a, .epoch = 8, .number = 0}, .created_unix_s = kNow + 50, .event = second.events[0]};
  const EventRow next{
      .id = {.key = a, .epoch = 8, .number = 1}, .created_unix_s = kNow + 50, .event = second.events[1]};
  EXPECT_THAT(events, ElementsAre(of_b, of_a, next));
  EXPECT_EQ(must(this->store().pending_events(9)), events) << "a second caller sees them too";
  EXPECT_THAT(must(this->store().pending_events(1)), ElementsAre(of_b));
  const std::vector<EventId> done = {of_b.id, next.id, {.key = this->key("none"), .epoch = 1, .number = 1}};
  must_do(this->store().done(done));
  must_do(this->store().done(done));
  must_do(this->store().done({}));
  EXPECT_THAT(must(this->store().pending_events(9)), ElementsAre(of_a));
}

// ---- size -----------------------------------------------------------------------------------------------------------

TYPED_TEST_P(VstoreContract, ALargeBatchMovesEveryHost) {
  constexpr std::size_t kHosts = 500;
  std::vector<Move> moves;
  for (std::size_t i = 0; i < kHosts; ++i) {
    const HostKey key = this->add("host-" + std::to_string(i));
    moves.push_back(sample_move(key, 7, i + 1));
    moves.back().sightings = {sample_sighting(1), sample_sighting(2)};
    moves.back().events = {{.kind = "finding", .body = filled(100, 1)}};
  }
  const auto results = must(this->store().commit(moves));
  EXPECT_EQ(std::count(results.begin(), results.end(), MoveResult::kMoved), static_cast<std::ptrdiff_t>(kHosts));
  for (std::size_t i = 0; i < kHosts; i += 99) {
    EXPECT_EQ(this->row(this->key("host-" + std::to_string(i))).proven, i + 1);
  }
  EXPECT_THAT(must(this->store().findings({.tenant = this->kTenant, .limit = 5000})), SizeIs(2 * kHosts));
  EXPECT_THAT(must(this->store().pending_events(5000)), SizeIs(kHosts));
}

REGISTER_TYPED_TEST_SUITE_P(VstoreContract, ListsTenantsAndRefusesANameTwice, ADisabledTenantStandsStill,
                            KeepsEveryMemberOfAHost, RefusesAHostThatExistsOrHasNoTenant, RefusesAStateAboveTheLimit,
                            ListsHostsOfATenantPageByPageInTheOrderOfBytes, AStatusForgetsTheEnrolmentSecret,
                            AReplacedAkMakesOldQuotesStale, RemovesAHostWithAllItsRowsAndNoOther,
                            AMoveChangesStateEpochAndAnswerTogether, AStaleMoveChangesNothingAndTheOthersGoThrough,
                            AStaleFirstMoveLeavesALaterOneOfTheSameHostStale, EachStatusButEnrolledIsStale,
                            AMoveByAnOlderPolicyIsRefused, OneOfTwoThatRaceForAnEpochWins,
                            BatchesOfSeveralThreadsInAnyOrderLoseNothing,
                            AProvisionalStateLastsUntilItsTimeOrTheNextEpoch, AFindingOpensOnceCountsUpAndIsFixed,
                            AnAcknowledgedFindingStaysSoUntilItIsFixedAndSeenAgain, ListsFindingsPageByPage,
                            KeepsAPolicyByItsDigest, AListCountsItsChangesAndKeepsItsOrder,
                            AnAssignedPolicyIsNotRemoved, APolicyThatIsAssignedAndRemovedAtOnceIsOneOfBoth,
                            KeepsKeysAndTheTimeTheyRetire, ATokenIsTakenAsOftenAsItSays, LookingAtATokenDoesNotUseIt,
                            ATokenThatIsReturnedCanBeTakenOnceMore, ATokenForManyUsesIsTakenOnceForEach,
                            ListsHistoryByTimeAndForgetsWholePeriods, AClockThatIsSetBackForgetsNothing,
                            RetainsRecordsOnlyOfHostsThatRetain, EventsStayUntilTheyAreDone, ALargeBatchMovesEveryHost);

}  // namespace imakeep::vstore::test
