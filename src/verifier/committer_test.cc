// SPDX-License-Identifier: Apache-2.0
#include "verifier/committer.h"

#include <cerrno>
#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/test_service.h"
#include "support/vstore_rows.h"

namespace imakeep::verifier {
namespace committer_test {

using ::testing::ElementsAre;
using vstore::MoveResult;

using Outcome = Result<MoveResult>;

class CommitterTest : public testing::Test {
 protected:
  CommitterTest() {
    EXPECT_TRUE(inner.add_tenant({.tenant = "t"}));
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(inner.add_host(vstore::test::sample_host(key(i))));
  }
  static vstore::HostKey key(int number) { return {.tenant = "t", .host = "h" + std::to_string(number)}; }
  static vstore::Move move(int number, std::uint64_t proven = 3) {
    return vstore::test::sample_move(key(number), 7, proven);
  }
  std::uint64_t proven(int number) { return vstore::test::must(inner.host(key(number), 0))->proven; }
  static std::future<Outcome> submit(Committer& committer, vstore::Move move) {
    const auto outcome = std::make_shared<std::promise<Outcome>>();
    committer.submit(std::move(move), [outcome](Outcome moved) { outcome->set_value(std::move(moved)); });
    return outcome->get_future();
  }

  vstore::MemoryStore inner;
  test::GatedStore store{inner};
};

TEST_F(CommitterTest, AnswersAfterTheCommitWithTheMovesOwnOutcome) {
  Committer committer(store);
  EXPECT_EQ(*submit(committer, move(0)).get(), MoveResult::kMoved);
  EXPECT_EQ(proven(0), 3u);
  EXPECT_EQ(*submit(committer, move(0)).get(), MoveResult::kStale);
  EXPECT_EQ(*submit(committer, move(1)).get(), MoveResult::kMoved);
}

TEST_F(CommitterTest, CommitsTogetherWhatWaitsMeanwhile) {
  Committer committer(store, {.moves_at_once = 3});
  store.close();
  auto first = submit(committer, move(0));
  store.wait_for_commits(1);
  std::vector<std::future<Outcome>> others;
  for (const int host : {1, 2, 2, 3}) others.push_back(submit(committer, move(host)));
  EXPECT_EQ(proven(0), 0u);
  store.open();
  EXPECT_EQ(*first.get(), MoveResult::kMoved);
  std::vector<MoveResult> outcomes;
  for (auto& other : others) outcomes.push_back(*other.get());
  EXPECT_THAT(outcomes, ElementsAre(MoveResult::kMoved, MoveResult::kMoved, MoveResult::kStale, MoveResult::kMoved));
  EXPECT_THAT(store.sizes(), ElementsAre(1u, 3u, 1u));
}

TEST_F(CommitterTest, RefusesAtOnceIfTooManyWait) {
  Committer committer(store, {.moves_waiting = 2});
  store.close();
  auto running = submit(committer, move(0));
  store.wait_for_commits(1);
  auto one = submit(committer, move(1));
  auto other = submit(committer, move(2));
  // The gate is still closed: the committer does not wait for it to refuse.
  const Outcome refused = submit(committer, move(3)).get();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kEnvironment);
  EXPECT_EQ(refused.error().os_errno, EAGAIN);
  store.open();
  EXPECT_EQ(*running.get(), MoveResult::kMoved);
  EXPECT_EQ(*one.get(), MoveResult::kMoved);
  EXPECT_EQ(*other.get(), MoveResult::kMoved);
  EXPECT_EQ(proven(3), 0u);
}

TEST_F(CommitterTest, CommitsWhatWasSubmittedBeforeItStops) {
  Committer committer(store, {.window = std::chrono::milliseconds(60'000)});
  auto one = submit(committer, move(0));
  auto other = submit(committer, move(1));
  committer.stop();
  EXPECT_EQ(*one.get(), MoveResult::kMoved);
  EXPECT_EQ(*other.get(), MoveResult::kMoved);
  const Outcome refused = submit(committer, move(2)).get();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().os_errno, EAGAIN);
  EXPECT_EQ(proven(2), 0u);
}

TEST_F(CommitterTest, TellsEveryMoveOfAFailedCommit) {
  for (const auto point : {vstore::FaultPoint::kBeforeEffect, vstore::FaultPoint::kAfterEffect}) {
    Committer committer(store, {.window = std::chrono::milliseconds(60'000), .moves_at_once = 2});
    store.fail_commit(point);
    auto one = submit(committer, move(0));
    auto other = submit(committer, move(1));
    EXPECT_EQ(one.get().error().message, "planned fault");
    EXPECT_EQ(other.get().error().message, "planned fault");
    EXPECT_EQ(proven(0), point == vstore::FaultPoint::kAfterEffect ? 3u : 0u);
  }
}

TEST_F(CommitterTest, CommitsTheOthersIfTheStoreRefusesOneMove) {
  Committer committer(store, {.window = std::chrono::milliseconds(60'000), .moves_at_once = 3});
  vstore::Move bad = move(1);
  bad.answer.nonce_hash.clear();
  auto before = submit(committer, move(0));
  auto refused = submit(committer, std::move(bad));
  auto after = submit(committer, move(2));
  EXPECT_EQ(*before.get(), MoveResult::kMoved);
  EXPECT_EQ(refused.get().error().code, ErrorCode::kUsage);
  EXPECT_EQ(*after.get(), MoveResult::kMoved);
}

}  // namespace committer_test
}  // namespace imakeep::verifier
