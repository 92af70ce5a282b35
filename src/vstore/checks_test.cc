// SPDX-License-Identifier: Apache-2.0
#include "vstore/checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace imakeep::vstore {
namespace checks_test {

using ::testing::HasSubstr;

HostRow good_host() {
  return {.key = {.tenant = "t", .host = "h"}, .ak_public = Bytes(90), .state = Bytes(kMostStateBytes)};
}

Move good_move() {
  Move move{.key = {.tenant = "t", .host = "h"}};
  move.answer.nonce_hash = Bytes(32);
  move.sightings = {{.identity = Bytes(1, std::byte{1})}, {.identity = Bytes(1, std::byte{2})}};
  move.fixed = {Bytes(1, std::byte{3})};
  return move;
}

std::string refusal(const Result<void>& checked) {
  return checked ? "" : checked.error().message;
}

TEST(CheckHost, TakesAStateOfTheLimitAndRefusesOneByteMore) {
  HostRow row = good_host();
  EXPECT_EQ(refusal(check(row)), "");
  row.state.push_back({});
  EXPECT_EQ(check(row).error().code, ErrorCode::kUsage);
  EXPECT_THAT(refusal(check(row)), HasSubstr("the host's state has 65537 bytes; at most 65536"));
}

TEST(CheckHost, RefusesNamesThatATerminalOrADatabaseCannotTake) {
  for (const std::string& name : {std::string(), std::string("a\0b", 3), std::string("a\nb"), std::string("\xff"),
                                  std::string(kMostNameBytes + 1, 'a')}) {
    HostRow row = good_host();
    row.key.host = name;
    EXPECT_THAT(refusal(check(row)), HasSubstr("the host's id"));
    row.key = {.tenant = name, .host = "h"};
    EXPECT_THAT(refusal(check(row)), HasSubstr("the tenant's name"));
  }
  HostRow row = good_host();
  row.key.host = "M\u00fcnchen \u2764";
  EXPECT_EQ(refusal(check(row)), "");
}

TEST(CheckHost, KeepsASecretOfPendingHostsOnly) {
  HostRow row = good_host();
  row.secret_hash = Bytes(32);
  EXPECT_EQ(refusal(check(row)), "");
  row.status = HostStatus::kWaiting;
  EXPECT_THAT(refusal(check(row)), HasSubstr("only a pending host has an enrolment secret"));
}

TEST(CheckHost, RefusesAnEpochThatCannotMove) {
  HostRow row = good_host();
  row.epoch = kMostNumber - 1;
  EXPECT_EQ(refusal(check(row)), "");
  for (const std::uint64_t epoch : {kMostNumber, ~std::uint64_t{0}}) {
    row.epoch = epoch;
    EXPECT_THAT(refusal(check(row)), HasSubstr("the host's epoch"));
  }
}

TEST(CheckHost, RefusesAProvisionalState) {
  HostRow row = good_host();
  row.provisional.emplace();
  EXPECT_THAT(refusal(check(row)), HasSubstr("provisional"));
}

TEST(CheckMove, RefusesAFindingThatIsNamedTwice) {
  EXPECT_EQ(refusal(check(good_move())), "");
  Move twice = good_move();
  twice.sightings.push_back(twice.sightings[0]);
  EXPECT_THAT(refusal(check(twice)), HasSubstr("finding 01 twice"));
  Move both = good_move();
  both.fixed.push_back(both.sightings[1].identity);
  EXPECT_THAT(refusal(check(both)), HasSubstr("finding 02 twice"));
}

TEST(CheckMove, NamesWhatIsTooLarge) {
  const std::vector<std::pair<void (*)(Move&), const char*>> cases = {
      {[](Move& move) { move.state.resize(kMostStateBytes + 1); }, "the host's state"},
      {[](Move& move) { move.answer.bytes.resize(kMostAnswerBytes + 1); }, "the answer"},
      {[](Move& move) { move.answer.nonce_hash.clear(); }, "the hash of the nonce is empty"},
      {[](Move& move) { move.proven = kMostNumber + 1; }, "the move's N"},
      {[](Move& move) { move.seen_unix_s = -1; }, "the time of the move is before 1970"},
      {[](Move& move) { move.sightings[0].path.resize(kMostPathBytes + 1); }, "the path of a finding"},
      {[](Move& move) { move.sightings[0].identity.clear(); }, "the identity of a finding is empty"},
      {[](Move& move) { move.history.at_unix_s = -1; }, "the time of a history row"},
      {[](Move& move) { move.history.first = kMostNumber + 1; }, "a number of a history row"},
      {[](Move& move) { move.records = {{.number = kMostNumber + 1}}; }, "the number of a record"},
      {[](Move& move) { move.events = {{.kind = ""}}; }, "the kind of an event is empty"},
      {[](Move& move) { move.events = {{.kind = "k", .body = Bytes(kMostEventBytes + 1)}}; }, "the body of an event"}};
  for (const auto& [spoil, what] : cases) {
    Move move = good_move();
    spoil(move);
    EXPECT_THAT(refusal(check(move)), HasSubstr(what));
  }
}

TEST(CheckPolicies, RefusesDuplicatesAndLongLists) {
  std::vector<Bytes> digests;
  for (std::size_t i = 0; i < kMostPoliciesOfList; ++i) digests.push_back(Bytes(32, std::byte(i)));
  EXPECT_EQ(refusal(check_policies(digests)), "");
  EXPECT_THAT(refusal(check_policies(std::vector{digests[0], digests[0]})), HasSubstr("twice"));
  digests.push_back(Bytes(32, std::byte{255}));
  EXPECT_THAT(refusal(check_policies(digests)), HasSubstr("at most 64 policies"));
  EXPECT_THAT(refusal(check_policy(Bytes(31), {})), HasSubstr("32 bytes"));
}

}  // namespace checks_test
}  // namespace imakeep::vstore
