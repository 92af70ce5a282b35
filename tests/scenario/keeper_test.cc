// SPDX-License-Identifier: Apache-2.0
#include "keeper/keeper.h"

#include <gmock/gmock.h>

#include "archive/archive_reader.h"
#include "imalog/extend_rule.h"
#include "scenario/keeper_world.h"

namespace imakeep::keeper::test {
namespace {

using mlist::test::ima_ng;
using mlist::test::must;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<Diagnosis> diagnoses(const FollowResult& followed) {
  std::vector<Diagnosis> all;
  for (const Finding& found : followed.found) all.push_back(found.diagnosis);
  return all;
}

void add_numbered(Machine& machine, int first, int count) {
  for (int i = first; i < first + count; ++i) ASSERT_TRUE(machine.add(ima_ng("/" + std::to_string(i))));
}

struct World {
  explicit World(MachineOptions machine_options = {}, KeeperOptions options = {}, bool with_pcrs = true)
      : machine(std::move(machine_options)), keeper(machine, told_of(std::move(options), machine), 1, with_pcrs) {}
  // A keeper knows of a kernel that keeps its table.
  static KeeperOptions told_of(KeeperOptions options, const Machine& machine) {
    if (machine.options.table == mlist::TableMode::kKept) options.table = TableMode::kKept;
    return options;
  }
  Machine machine;
  KeeperProcess keeper;
  FollowResult follow() { return must(keeper.keeper().follow()); }
  TrimResult trim() { return must(keeper.keeper().trim()); }
};

TEST(Follow, ArchivesAndProvesWhatIsThere) {
  World world;
  add_numbered(world.machine, 0, 5);
  const FollowResult followed = world.follow();
  EXPECT_EQ(followed.archived, 5u);
  EXPECT_TRUE(followed.proven);
  EXPECT_THAT(followed.found, IsEmpty());
  EXPECT_EQ(world.keeper.wrong(), "");
  EXPECT_EQ(world.follow().archived, 0u);
}

TEST(Trim, ByCountLeavesOneRecordInTheList) {
  World world({}, {.method = Method::kCount});
  add_numbered(world.machine, 0, 5);
  EXPECT_EQ(world.trim().records, 4u);
  EXPECT_EQ(world.machine.in_list(), 1u);
  add_numbered(world.machine, 5, 3);
  EXPECT_EQ(world.trim().records, 3u);
  EXPECT_EQ(world.keeper.archived(), 8u);
  EXPECT_EQ(world.keeper.row().trimmed, 7u);
  EXPECT_EQ(world.keeper.row().trimmed_by_others, 0u);
  EXPECT_EQ(world.keeper.wrong(), "");
}

KeeperOptions after_verifiers(Method method) {
  return {.method = method, .trim_after = TrimAfter::kVerified};
}

const archive::ChainId kFirst(1);

TEST(TrimAfterVerifiers, TrimsNothingWithoutAVerifier) {
  for (const Method method : {Method::kCount, Method::kStage, Method::kAuto}) {
    World world({}, after_verifiers(method));
    add_numbered(world.machine, 0, 5);
    const TrimResult trimmed = world.trim();
    EXPECT_EQ(trimmed.records, 0u);
    EXPECT_EQ(trimmed.why_not, kNoVerifier);
    EXPECT_EQ(world.machine.in_list(), 5u);
    EXPECT_EQ(world.keeper.archived(), 5u) << "archived all the same";
  }
}

TEST(TrimAfterVerifiers, ByCountDeletesBelowTheSmallestNumberOnly) {
  World world({}, after_verifiers(Method::kCount));
  add_numbered(world.machine, 0, 10);
  world.follow();
  ASSERT_TRUE(world.keeper.verified("fleet", kFirst, 10));
  ASSERT_TRUE(world.keeper.verified("audit", kFirst, 6));
  // The list may have lost one of its records unseen, while another was in flight. So one record fewer is deleted.
  EXPECT_EQ(world.trim().records, 5u);
  EXPECT_THAT(world.machine.listed(), ElementsAre(5, 6, 7, 8, 9));
  const TrimResult again = world.trim();
  EXPECT_EQ(again.records, 0u);
  EXPECT_THAT(again.why_not, HasSubstr("verifier audit has proven only the records before 6"));
  ASSERT_TRUE(world.keeper.verified("audit", kFirst, 10));
  EXPECT_EQ(world.trim().records, 4u);
  EXPECT_EQ(world.keeper.wrong_verifiers(), "");
}

TEST(TrimAfterVerifiers, AVerifierWithoutANumberHoldsEverythingBack) {
  World world({}, after_verifiers(Method::kCount));
  add_numbered(world.machine, 0, 10);
  world.follow();
  ASSERT_TRUE(world.keeper.verified("fleet", kFirst, 10));
  ASSERT_TRUE(world.keeper.verified("audit", kFirst, 0));
  EXPECT_EQ(world.trim().records, 0u);
  ASSERT_TRUE(world.keeper.remove_verifier("audit"));
  EXPECT_EQ(world.trim().records, 9u);
  // The numbers are those of a chain: after a reset nothing of the new one is proven.
  world.keeper.kill();
  world.machine.reboot();
  world.keeper.start();
  add_numbered(world.machine, 20, 5);
  const TrimResult trimmed = world.trim();
  EXPECT_EQ(trimmed.records, 0u);
  EXPECT_THAT(trimmed.why_not, HasSubstr("verifier fleet has proven no record of chain 2"));
  EXPECT_EQ(world.keeper.wrong_verifiers(), "");
}

TEST(TrimAfterVerifiers, AfterAKexecTheNumbersStillHold) {
  World world({}, after_verifiers(Method::kCount));
  add_numbered(world.machine, 0, 10);
  world.follow();
  ASSERT_TRUE(world.keeper.verified("fleet", kFirst, 6));
  world.keeper.kill();
  world.machine.kexec();
  world.keeper.start();
  EXPECT_EQ(world.trim().records, 5u);
  EXPECT_EQ(world.keeper.wrong_verifiers(), "");
}

TEST(TrimAfterVerifiers, StagesOnlyIfAllOfTheListIsVerified) {
  World world({.table = mlist::TableMode::kFlushed}, after_verifiers(Method::kStage));
  add_numbered(world.machine, 0, 5);
  world.follow();
  ASSERT_TRUE(world.keeper.verified("fleet", kFirst, 4));
  std::vector<std::string> requests;
  world.keeper.on_effect = [&](const std::string& what) -> std::optional<Error> {
    if (what.starts_with("before request")) requests.push_back(what);
    return std::nullopt;
  };
  // The kernel flushes its table, so it refuses N.
  const TrimResult held_back = world.trim();
  EXPECT_EQ(held_back.records, 0u);
  EXPECT_THAT(held_back.why_not, HasSubstr("the method stage deletes all of the list or nothing"));
  EXPECT_THAT(requests, ElementsAre(HasSubstr("request 3")));
  ASSERT_TRUE(world.keeper.verified("fleet", kFirst, 5));
  const TrimResult trimmed = world.trim();
  EXPECT_EQ(trimmed.records, 5u);
  EXPECT_EQ(trimmed.method, Method::kStage);
  EXPECT_EQ(world.keeper.wrong_verifiers(), "");
}

TEST(TrimAfterVerifiers, CountsWhereItMayNotStage) {
  World world({}, after_verifiers(Method::kStage));
  add_numbered(world.machine, 0, 5);
  world.follow();
  ASSERT_TRUE(world.keeper.verified("fleet", kFirst, 4));
  const TrimResult trimmed = world.trim();
  EXPECT_EQ(trimmed.records, 3u);
  EXPECT_EQ(trimmed.method, Method::kCount);
  EXPECT_EQ(world.keeper.wrong_verifiers(), "");
}

// A record that came after the last look is proven by no verifier. It is in the list before the keeper opens it.
TEST(TrimAfterVerifiers, DoesNotStageWhatCameSinceTheLook) {
  World world({.takes_numbers = false}, after_verifiers(Method::kStage));
  add_numbered(world.machine, 0, 5);
  world.follow();
  ASSERT_TRUE(world.keeper.verified("fleet", kFirst, 5));
  bool added = false;
  std::vector<std::string> requests;
  world.keeper.on_effect = [&](const std::string& what) -> std::optional<Error> {
    if (what == "before open to write" && !std::exchange(added, true)) add_numbered(world.machine, 5, 1);
    if (what.starts_with("before request")) requests.push_back(what);
    return std::nullopt;
  };
  EXPECT_EQ(world.trim().records, 0u);
  EXPECT_THAT(requests, IsEmpty());
  EXPECT_EQ(world.keeper.wrong_verifiers(), "");
}

// Nothing can keep a record from coming right before "A". Then the records stay staged.
TEST(TrimAfterVerifiers, DeletesNoStagedRecordBeforeAllStagedOnesAreVerified) {
  World world({.takes_numbers = false}, after_verifiers(Method::kStage));
  add_numbered(world.machine, 0, 5);
  world.follow();
  ASSERT_TRUE(world.keeper.verified("fleet", kFirst, 5));
  bool added = false;
  world.keeper.on_effect = [&](const std::string& what) -> std::optional<Error> {
    if (what == "before request A" && !std::exchange(added, true)) add_numbered(world.machine, 5, 1);
    return std::nullopt;
  };
  const TrimResult held_back = world.trim();
  ASSERT_TRUE(added);
  EXPECT_EQ(held_back.records, 0u);
  EXPECT_THAT(held_back.why_not, HasSubstr("stay staged until every verifier has proven them; records came since"));
  EXPECT_EQ(world.machine.in_list(), 6u);
  EXPECT_THAT(world.trim().why_not, HasSubstr("verifier fleet has proven only the records before 5 of chain 1"));
  ASSERT_TRUE(world.keeper.verified("fleet", kFirst, 6));
  EXPECT_EQ(world.trim().records, 6u);
  EXPECT_EQ(world.keeper.wrong_verifiers(), "");
}

// Equal violations: the list reads as before though another actor deleted one and one is in flight. Then N deletes one
// record that lies further on.
TEST(TrimAfterVerifiers, CountsFromTheListsEndIfTheListMayHoldLess) {
  World world({.table = mlist::TableMode::kNone}, after_verifiers(Method::kCount));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(world.machine.add(violation("/equal")));
  add_numbered(world.machine, 0, 4);
  world.follow();
  ASSERT_TRUE(world.keeper.verified("fleet", kFirst, 3));
  bool disturbed = false;
  world.keeper.on_effect = [&](const std::string& what) -> std::optional<Error> {
    if (what != "before open to write" || std::exchange(disturbed, true)) return std::nullopt;
    EXPECT_TRUE(world.machine.other(ListPart::kCurrent, "1\n"));
    world.machine.delay_extends(true);
    add_numbered(world.machine, 4, 1);
    return std::nullopt;
  };
  EXPECT_EQ(world.trim().records, 2u);
  ASSERT_TRUE(disturbed);
  world.machine.delay_extends(false);
  EXPECT_THAT(world.machine.listed(), ElementsAre(3, 4, 5, 6, 7, 8));
  EXPECT_EQ(world.keeper.wrong_verifiers(), "");
  EXPECT_EQ(world.keeper.wrong(), "");
}

// The same for what another actor staged: the current list may hold one archived record less than it should.
TEST(TrimAfterVerifiers, TakesOneRecordMoreForStagedIfTheCurrentListMayHoldLess) {
  World world({.table = mlist::TableMode::kNone}, after_verifiers(Method::kStage));
  ASSERT_TRUE(world.machine.add(violation("/equal")));
  ASSERT_TRUE(world.machine.other(ListPart::kStaged, "A\n"));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(world.machine.add(violation("/equal")));
  world.follow();
  ASSERT_TRUE(world.keeper.verified("fleet", kFirst, 1));
  EXPECT_EQ(world.trim().records, 0u) << "record 1 may be staged by then";
  ASSERT_TRUE(world.keeper.verified("fleet", kFirst, 2));
  EXPECT_EQ(world.trim().records, 1u);
  EXPECT_EQ(world.keeper.wrong_verifiers(), "");
}

TEST(TrimAfterVerifiers, IsRefusedWithUnproven) {
  KeeperOptions options = after_verifiers(Method::kCount);
  options.unproven = true;
  World world({}, options);
  add_numbered(world.machine, 0, 5);
  world.follow();
  ASSERT_TRUE(world.keeper.verified("fleet", kFirst, 5));
  const auto trimmed = world.keeper.keeper().trim();
  ASSERT_FALSE(trimmed);
  EXPECT_EQ(trimmed.error().code, ErrorCode::kUsage);
  EXPECT_EQ(world.machine.in_list(), 5u);
}

TEST(TrimAfterVerifiers, ARecordInFlightIsWaitedForAsEver) {
  World world({}, after_verifiers(Method::kCount));
  add_numbered(world.machine, 0, 5);
  world.follow();
  ASSERT_TRUE(world.keeper.verified("fleet", kFirst, 5));
  world.machine.delay_extends(true);
  add_numbered(world.machine, 5, 1);
  const TrimResult trimmed = world.trim();
  EXPECT_LE(trimmed.records, 5u);
  EXPECT_EQ(world.keeper.wrong_verifiers(), "");
}

// A boot loader that extends PCR 10 too.
TEST(Trim, GoesOnFromTheStartThatTheKeeperIsTold) {
  World untold({.boot_loader = true}, {.method = Method::kCount});
  ASSERT_TRUE(untold.machine.add(ima_ng("boot_aggregate")));
  add_numbered(untold.machine, 0, 5);
  EXPECT_THAT(diagnoses(untold.follow()), ElementsAre(Diagnosis::kStartNotZero));
  EXPECT_EQ(untold.keeper.keeper().trim().error().code, ErrorCode::kMismatch);

  World told({.boot_loader = true}, {.method = Method::kCount, .start = untold.machine.start()});
  ASSERT_TRUE(told.machine.add(ima_ng("boot_aggregate")));
  add_numbered(told.machine, 0, 5);
  EXPECT_EQ(told.trim().records, 5u);
  EXPECT_TRUE(told.keeper.keeper().last().proven);
  // The archive stores the start values of its chain. A keeper without --start continues with them.
  Keeper later(told.keeper.source(), told.keeper.archive(), &told.keeper.pcrs, told.machine.clock,
               {.method = Method::kCount});
  add_numbered(told.machine, 5, 2);
  EXPECT_EQ(must(later.trim()).records, 2u);
  EXPECT_EQ(told.keeper.wrong(), "");
  EXPECT_THAT(must(told.keeper.archive().check()), IsEmpty());
  EXPECT_EQ(must(told.keeper.archive().chains()).front().start, archive::ChainStart::kBoot);
}

// Until there is a violation, both paddings of a bank lead to the same PCR values.
TEST(Follow, FindsTheRightPaddingByTheFirstViolation) {
  for (const char* banks : {"sha1,sha256:padded", "sha256:padded-short", "sha1,sha256:padded,sha384:padded-short"}) {
    World world({.banks = banks, .other_padding = true}, {.method = Method::kCount});
    add_numbered(world.machine, 0, 5);
    EXPECT_TRUE(world.follow().proven) << banks;
    ASSERT_TRUE(world.machine.add(violation("/5")));
    add_numbered(world.machine, 6, 3);
    const FollowResult followed = world.follow();
    EXPECT_TRUE(followed.proven) << banks;
    EXPECT_THAT(followed.found, IsEmpty()) << banks;
    EXPECT_EQ(digest::bank_names(must(world.keeper.archive().host_chain())->banks), banks);
    EXPECT_GT(world.trim().records, 0u) << banks;
    world.keeper.kill();
    world.keeper.start();
    ASSERT_TRUE(world.machine.add(violation("/9")));
    EXPECT_TRUE(world.follow().proven) << banks;
    EXPECT_THAT(must(world.keeper.archive().chains()), testing::SizeIs(1)) << banks;
    EXPECT_EQ(world.keeper.wrong(), "") << banks;
    EXPECT_THAT(must(world.keeper.archive().check()), IsEmpty()) << banks;
  }
}

TEST(Follow, FindsTheRightPaddingOfAListThatHasAViolation) {
  World world({.banks = "sha1,sha256:padded", .other_padding = true});
  ASSERT_TRUE(world.machine.add(violation("/0")));
  add_numbered(world.machine, 1, 3);
  EXPECT_TRUE(world.follow().proven);
  EXPECT_EQ(digest::bank_names(must(world.keeper.archive().host_chain())->banks), "sha1,sha256:padded");
}

// The commit of the right padding fails, before or after it takes effect.
TEST(Follow, KeepsOnePaddingThoughItsCommitFails) {
  for (const bool kexec : {false, true}) {
    for (const std::string moment : {"before commit", "after commit"}) {
      SCOPED_TRACE(moment + (kexec ? " after a kexec" : ""));
      World world({.banks = "sha1,sha256:padded", .other_padding = true});
      add_numbered(world.machine, 0, 3);
      EXPECT_TRUE(world.follow().proven);
      if (kexec) {
        world.keeper.kill();
        world.machine.kexec();
        world.keeper.start();
      }
      ASSERT_TRUE(world.machine.add(violation("/3")));
      int failures = 0;
      world.keeper.on_effect = [&](const std::string& what) -> std::optional<Error> {
        if (what != moment || failures++ > 0) return std::nullopt;
        return Error{.code = ErrorCode::kIo, .message = "planned fault", .os_errno = EIO};
      };
      EXPECT_FALSE(world.keeper.keeper().follow());
      for (int i = 4; i < 7; ++i) {
        add_numbered(world.machine, i, 1);
        const FollowResult followed = world.follow();
        EXPECT_TRUE(followed.proven);
        EXPECT_THAT(followed.found, IsEmpty());
      }
      EXPECT_GT(failures, 1);
      EXPECT_EQ(digest::bank_names(must(world.keeper.archive().host_chain())->banks), "sha1,sha256:padded");
      EXPECT_THAT(must(world.keeper.archive().chains()), testing::SizeIs(1));
      EXPECT_EQ(world.keeper.wrong(), "");
      EXPECT_THAT(must(world.keeper.archive().check()), IsEmpty());
    }
  }
}

// The chain of the last boot has no violation, so it does not tell its padding.
TEST(Follow, FindsTheRightPaddingOfANewChainThoughACommitFails) {
  World world({.banks = "sha1,sha256:padded", .other_padding = true});
  add_numbered(world.machine, 0, 3);
  EXPECT_TRUE(world.follow().proven);
  world.machine.reboot();
  world.keeper.kill();
  world.keeper.start();
  ASSERT_TRUE(world.machine.add(violation("/0")));
  bool failed = false;
  world.keeper.on_effect = [&](const std::string& what) -> std::optional<Error> {
    if (what != "after commit" || std::exchange(failed, true)) return std::nullopt;
    return Error{.code = ErrorCode::kIo, .message = "planned fault", .os_errno = EIO};
  };
  EXPECT_FALSE(world.keeper.keeper().follow());
  EXPECT_TRUE(failed);
  for (int i = 1; i < 4; ++i) {
    add_numbered(world.machine, i, 1);
    const FollowResult followed = world.follow();
    EXPECT_TRUE(followed.proven);
    EXPECT_THAT(followed.found, IsEmpty());
  }
  EXPECT_EQ(digest::bank_names(must(world.keeper.archive().host_chain())->banks), "sha1,sha256:padded");
  EXPECT_EQ(world.keeper.wrong(), "");
}

TEST(Follow, FindsTheRightPaddingWhileARecordIsInFlight) {
  World world({.banks = "sha1,sha256:padded", .other_padding = true});
  ASSERT_TRUE(world.machine.add(violation("/0")));
  add_numbered(world.machine, 1, 3);
  // Whenever the keeper waits, the last record's extend comes, and another record is added.
  world.machine.delay_extends(true);
  int next = 4;
  add_numbered(world.machine, next++, 1);
  world.machine.clock.on_sleep = [&](std::int64_t) { add_numbered(world.machine, next++, 1); };
  const FollowResult followed = world.follow();
  EXPECT_THAT(followed.found, IsEmpty());
  EXPECT_EQ(followed.archived, static_cast<std::uint64_t>(next) - 1);
  EXPECT_EQ(followed.lag, 1u);
  EXPECT_EQ(digest::bank_names(must(world.keeper.archive().host_chain())->banks), "sha1,sha256:padded");
}

// If the violation itself is in flight, nothing tells the paddings apart yet.
TEST(Follow, KeepsThePaddingWhileTheFirstViolationIsInFlight) {
  World world({.banks = "sha1,sha256:padded"});
  add_numbered(world.machine, 0, 3);
  world.machine.delay_extends(true);
  ASSERT_TRUE(world.machine.add(violation("/3")));
  EXPECT_THAT(world.follow().found, IsEmpty());
  world.machine.delay_extends(false);
  EXPECT_TRUE(world.follow().proven);
  EXPECT_EQ(digest::bank_names(must(world.keeper.archive().host_chain())->banks), "sha1,sha256:padded");
}

// What was archived by one padding, violations too, is no longer open to the other.
TEST(Follow, KeepsThePaddingThatAViolationHasShown) {
  World world({.banks = "sha1,sha256:padded"});
  ASSERT_TRUE(world.machine.add(violation("/0")));
  EXPECT_TRUE(world.follow().proven);
  const auto chain = must(world.keeper.archive().host_chain()).value();
  const auto other = imalog::with_other_padding(chain.banks);
  EXPECT_EQ(world.keeper.archive().set_fills(chain.chain, other).error().code, ErrorCode::kUsage);
  world.machine.foreign_extend();
  add_numbered(world.machine, 1, 1);
  EXPECT_FALSE(world.follow().proven);
  EXPECT_EQ(digest::bank_names(must(world.keeper.archive().host_chain())->banks), "sha1,sha256:padded");
}

TEST(Follow, RefusesAStartThatLacksABank) {
  auto values = Machine({.boot_loader = true}).start();
  values.pop_back();
  World world({.boot_loader = true}, {.start = values});
  add_numbered(world.machine, 0, 1);
  const auto followed = world.keeper.keeper().follow();
  ASSERT_FALSE(followed);
  EXPECT_EQ(followed.error().code, ErrorCode::kUsage);
  EXPECT_EQ(followed.error().message, "the start has no value of bank sha256, which is compared");
}

TEST(Follow, SaysThatTheKernelMeasuredWithoutTheTpm) {
  World world;
  ASSERT_TRUE(world.machine.add(ima_ng("boot_aggregate")));
  add_numbered(world.machine, 0, 3);
  const auto nothing_extended = [&] {
    world.machine.pcrs =
        std::make_unique<tpm::SoftPcrBanks>(digest::PcrState(mlist::test::banks(world.machine.options.banks)));
  };
  nothing_extended();
  EXPECT_THAT(diagnoses(world.follow()), ElementsAre(Diagnosis::kMeasuredWithoutTpm));
  EXPECT_EQ(world.keeper.archived(), 4u);
  add_numbered(world.machine, 3, 3);
  nothing_extended();
  EXPECT_THAT(diagnoses(world.follow()), ElementsAre(Diagnosis::kMeasuredWithoutTpm));
  EXPECT_EQ(world.keeper.archived(), 7u);
  EXPECT_EQ(world.keeper.keeper().trim().error().code, ErrorCode::kMismatch);
  EXPECT_EQ(world.machine.in_list(), 7u);
}

// A policy rule with pcr=11, or CONFIG_IMA_MEASURE_PCR_IDX=11.
TEST(Trim, ComparesEveryPcrThatRecordsName) {
  World world({}, {.method = Method::kCount});
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(world.machine.add(ima_ng("/" + std::to_string(i), i % 2 == 0 ? 11 : 10)));
  EXPECT_GT(world.trim().records, 0u);
  EXPECT_EQ(world.keeper.wrong(), "");
  must(world.machine.pcrs->extend(11, std::vector{digest::Digest(20), digest::Digest(32)}));
  ASSERT_TRUE(world.machine.add(ima_ng("/next")));
  const FollowResult followed = world.follow();
  EXPECT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kUnexplainedExtend));
  EXPECT_FALSE(followed.proven);
  EXPECT_EQ(world.keeper.keeper().trim().error().code, ErrorCode::kMismatch);
}

TEST(Trim, DeletesNothingWhoseOwnPcrDoesNotMatch) {
  World world({}, {.method = Method::kCount});
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(world.machine.add(ima_ng("/" + std::to_string(i), 11)));
  // The PCRs of a machine that has measured nothing into PCR 11; PCR 10 is as it was.
  digest::PcrState others(world.machine.pcrs->banks());
  const auto ten = must(world.machine.pcrs->read(10));
  for (std::size_t bank = 0; bank < ten.size(); ++bank) others.set(bank, 10, ten[bank]);
  world.machine.pcrs = std::make_unique<tpm::SoftPcrBanks>(others);
  EXPECT_FALSE(world.follow().proven);
  EXPECT_EQ(world.keeper.keeper().trim().error().code, ErrorCode::kMismatch);
  EXPECT_GE(world.machine.in_list(), 6u);
}

// The anchor copied PCR 11, so a match of PCR 11 proves nothing until PCR 11 changes.
TEST(Trim, AfterAnAnchorEveryPcrThatPartedHasToGoOn) {
  World world({}, {.method = Method::kCount});
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(world.machine.add(ima_ng("/" + std::to_string(i), i < 3 ? 10 : 11)));
  digest::PcrState others(world.machine.pcrs->banks());
  const auto ten = must(world.machine.pcrs->read(10));
  for (std::size_t bank = 0; bank < ten.size(); ++bank) others.set(bank, 10, ten[bank]);
  world.machine.pcrs = std::make_unique<tpm::SoftPcrBanks>(others);
  EXPECT_FALSE(world.follow().proven);
  ASSERT_TRUE(world.machine.add(ima_ng("/more")));
  EXPECT_FALSE(world.follow().proven);
  EXPECT_EQ(world.keeper.keeper().trim().error().code, ErrorCode::kMismatch);
  ASSERT_TRUE(world.machine.add(ima_ng("/more of PCR 11", 11)));
  EXPECT_TRUE(world.follow().proven);
}

// The second anchor is about PCR 10. It copies PCR 11 once more, which still has the value of the first anchor.
TEST(Trim, AfterTwoAnchorsAPcrThatPartedAtTheFirstHasToGoOnToo) {
  World world({}, {.method = Method::kCount});
  const auto part = [&](std::uint32_t parted) {
    digest::PcrState others(world.machine.pcrs->banks());
    for (const std::uint32_t pcr : {10u, 11u}) {
      const auto values = must(world.machine.pcrs->read(pcr));
      for (std::size_t bank = 0; bank < values.size(); ++bank) others.set(bank, pcr, values[bank]);
    }
    imalog::extend(others, ima_ng("/foreign", parted).view());
    world.machine.pcrs = std::make_unique<tpm::SoftPcrBanks>(others);
    EXPECT_FALSE(world.follow().proven) << parted;
  };
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(world.machine.add(ima_ng("/" + std::to_string(i), i < 3 ? 10 : 11)));
  EXPECT_TRUE(world.follow().proven);
  part(11);
  part(10);
  ASSERT_TRUE(world.machine.add(ima_ng("/more")));
  EXPECT_FALSE(world.follow().proven);
  EXPECT_EQ(world.keeper.keeper().trim().error().code, ErrorCode::kMismatch);
  ASSERT_TRUE(world.machine.add(ima_ng("/more of PCR 11", 11)));
  EXPECT_TRUE(world.follow().proven);
}

TEST(Trim, ByStageEmptiesTheList) {
  World world({}, {.method = Method::kStage});
  add_numbered(world.machine, 0, 5);
  EXPECT_EQ(world.trim().records, 5u);
  EXPECT_EQ(world.machine.in_list(), 0u);
  EXPECT_EQ(world.keeper.archived(), 5u);
  EXPECT_EQ(world.keeper.wrong(), "");
}

TEST(Trim, AutoChangesToStagingWhereTheTableIsFlushed) {
  World world({.table = mlist::TableMode::kFlushed});
  add_numbered(world.machine, 0, 5);
  const TrimResult trimmed = world.trim();
  EXPECT_EQ(trimmed.records, 5u);
  EXPECT_EQ(trimmed.method, Method::kStage);
  EXPECT_EQ(world.keeper.keeper().table(), TableMode::kFlushed);
}

TEST(Follow, SaysHowManyOthersDeleted) {
  World world;
  add_numbered(world.machine, 0, 6);
  world.follow();
  ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "4\n"));
  const FollowResult followed = world.follow();
  EXPECT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kTrimmedByOther));
  EXPECT_EQ(followed.found[0].records, 4u);
  EXPECT_EQ(world.keeper.row().trimmed_by_others, 4u);
  EXPECT_TRUE(followed.proven);
}

// A violation in flight equals the last one that was deleted.
TEST(Follow, WaitsForAnInFlightExtendBeforeItCountsDeletionsOfOthers) {
  World world;
  add_numbered(world.machine, 0, 1);
  world.machine.add(violation("/v"));
  world.follow();
  ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "2\n"));
  world.machine.delay_extends(true);
  world.machine.add(violation("/v"));
  const FollowResult followed = world.follow();
  EXPECT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kTrimmedByOther));
  EXPECT_EQ(followed.found[0].records, 2u);
  EXPECT_EQ(world.keeper.wrong(), "");
}

TEST(Follow, NamesAGapAndContinuesAfterIt) {
  World world;
  add_numbered(world.machine, 0, 4);
  world.follow();
  add_numbered(world.machine, 4, 4);
  ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "6\n"));
  const FollowResult followed = world.follow();
  EXPECT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kGap));
  EXPECT_EQ(followed.found[0].first, 4u);
  EXPECT_FALSE(followed.proven);
  EXPECT_EQ(world.keeper.archived(), 6u);
  EXPECT_EQ(world.keeper.wrong(), "");
  // Nothing is deleted until the PCRs have changed since the anchor.
  EXPECT_EQ(world.keeper.keeper().trim().error().code, ErrorCode::kMismatch);
  add_numbered(world.machine, 8, 1);
  EXPECT_TRUE(world.follow().proven);
  EXPECT_GT(world.trim().records, 0u);
  EXPECT_EQ(world.keeper.wrong(), "");
}

TEST(Follow, BeginsAHeadlessChainOnATrimmedList) {
  World world;
  add_numbered(world.machine, 0, 4);
  ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "2\n"));
  EXPECT_THAT(diagnoses(world.follow()), ElementsAre(Diagnosis::kHeadless));
  EXPECT_EQ(world.keeper.archived(), 2u);
  EXPECT_EQ(world.keeper.wrong(), "");
  add_numbered(world.machine, 4, 1);
  EXPECT_TRUE(world.follow().proven);
}

TEST(Follow, NamesAFailedExtend) {
  World world;
  add_numbered(world.machine, 0, 3);
  world.follow();
  add_numbered(world.machine, 3, 1);
  world.machine.fail_next_extend();
  add_numbered(world.machine, 4, 1);
  add_numbered(world.machine, 5, 2);
  const FollowResult followed = world.follow();
  EXPECT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kFailedExtend));
  EXPECT_EQ(followed.found[0].first, 4u);
  EXPECT_EQ(followed.found[0].records, 1u);
}

TEST(Follow, NamesAnExtendThatNoRecordExplains) {
  World world;
  add_numbered(world.machine, 0, 3);
  world.follow();
  world.machine.foreign_extend();
  add_numbered(world.machine, 3, 2);
  EXPECT_THAT(diagnoses(world.follow()), ElementsAre(Diagnosis::kUnexplainedExtend));
  EXPECT_EQ(world.keeper.archived(), 5u);
}

TEST(Follow, ARebootBeginsANewChain) {
  World world;
  add_numbered(world.machine, 0, 3);
  world.follow();
  world.machine.reboot();
  world.keeper.kill();
  world.keeper.start();
  add_numbered(world.machine, 0, 3);
  EXPECT_TRUE(world.follow().proven);
  EXPECT_EQ(must(world.keeper.archive().chains()).size(), 2u);
  EXPECT_EQ(world.keeper.wrong(), "");
}

// A kexec that drops nothing, and a keeper on the new kernel.
void kexec_whole(World& world) {
  world.keeper.kill();
  EXPECT_EQ(world.machine.kexec(), 0u);
  world.keeper.start();
}

TEST(Follow, AKexecStaysInTheChain) {
  World world;
  add_numbered(world.machine, 0, 3);
  world.follow();
  ASSERT_TRUE(world.machine.other(ListPart::kStaged, "A\n"));
  add_numbered(world.machine, 3, 3);
  kexec_whole(world);
  const FollowResult followed = world.follow();
  EXPECT_TRUE(followed.proven);
  EXPECT_THAT(followed.found, IsEmpty());
  EXPECT_EQ(must(world.keeper.archive().chains()).size(), 1u);
  EXPECT_EQ(world.keeper.wrong(), "");
}

TEST(Follow, SaysWhatAKexecDroppedOfWhatIsArchived) {
  World world;
  add_numbered(world.machine, 0, 3);
  world.machine.kexec_load();
  add_numbered(world.machine, 3, 100);
  world.follow();
  world.machine.begin_kexec();
  world.follow();
  world.keeper.kill();
  const std::uint64_t dropped = world.machine.kexec();
  ASSERT_GT(dropped, 0u);
  world.keeper.start();
  const FollowResult followed = world.follow();
  EXPECT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kKexecDropped));
  EXPECT_EQ(followed.found[0].records, dropped);
  EXPECT_THAT(followed.found[0].what, testing::HasSubstr(" " + std::to_string(dropped) + " records"));
  EXPECT_TRUE(followed.proven);
  EXPECT_EQ(world.keeper.wrong(), "");
  EXPECT_GT(world.trim().records, 0u);
  EXPECT_EQ(world.keeper.wrong(), "");
}

// As kernels before 7.2 do with kexec_load(2), and others with mem=: the PCRs go on, and no record is passed on.
TEST(Follow, AccusesNobodyIfAKexecDroppedTheWholeList) {
  World world;
  add_numbered(world.machine, 0, 5);
  world.follow();
  world.keeper.kill();
  EXPECT_EQ(world.machine.kexec_without_list(), 5u);
  world.keeper.start();
  const FollowResult followed = world.follow();
  EXPECT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kKexecDropped));
  EXPECT_EQ(followed.found[0].records, 5u);
  EXPECT_TRUE(followed.proven);
  EXPECT_EQ(world.keeper.row().trimmed_by_others, 0u);
  EXPECT_EQ(must(world.keeper.archive().chains()).size(), 1u);
  EXPECT_TRUE(world.keeper.complete());
  EXPECT_EQ(world.keeper.wrong(), "");
}

// A kexec drops records from the list's end, so a list that it passed on tells that others deleted the first ones.
TEST(Follow, SaysThatOthersDeletedAllItKnewBeforeAKexec) {
  World world;
  add_numbered(world.machine, 0, 3);
  world.follow();
  ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "3\n"));
  add_numbered(world.machine, 3, 2);
  kexec_whole(world);
  EXPECT_THAT(diagnoses(world.follow()), ElementsAre(Diagnosis::kTrimmedByOther));
  EXPECT_EQ(world.keeper.row().trimmed_by_others, 3u);
  EXPECT_EQ(world.keeper.wrong(), "");
}

// The list then holds nothing but equal violations of the last kernel, the first or the last ones.
TEST(Follow, AccusesNobodyIfAKexecMayHaveDroppedTheLastOfEqualViolations) {
  World world({.critical_data = false}, {.method = Method::kStage});
  add_numbered(world.machine, 0, 3);
  EXPECT_EQ(world.trim().records, 3u);
  world.machine.kexec_load();
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(world.machine.add(violation("/v")));
  world.follow();
  world.keeper.kill();
  const std::uint64_t dropped = world.machine.kexec();
  ASSERT_GT(dropped, 0u);
  ASSERT_LT(dropped, 200u);
  world.keeper.start();
  const FollowResult followed = world.follow();
  EXPECT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kKexecDropped));
  EXPECT_EQ(followed.found[0].records, dropped);
  EXPECT_TRUE(followed.proven);
  EXPECT_EQ(world.keeper.row().trimmed_by_others, 0u);
  EXPECT_EQ(world.keeper.row().trims_by_others, 0u);
  EXPECT_EQ(world.keeper.wrong(), "");
  EXPECT_GT(world.trim().records, 0u);
  EXPECT_EQ(world.keeper.wrong(), "");
}

TEST(Follow, SaysThatAKexecDroppedWhatItHadNotSeen) {
  World world;
  add_numbered(world.machine, 0, 3);
  world.machine.kexec_load();
  world.follow();
  world.keeper.kill();
  add_numbered(world.machine, 3, 100);
  ASSERT_GT(world.machine.kexec(), 0u);
  world.keeper.start();
  EXPECT_THAT(diagnoses(world.follow()), ElementsAre(Diagnosis::kGap));
  EXPECT_EQ(world.keeper.wrong(), "");
}

TEST(Follow, NamesARecordThatWasAlteredSinceItWasArchived) {
  World world;
  add_numbered(world.machine, 0, 5);
  world.follow();
  world.keeper.source().alter([](ListPart part, std::uint64_t offset, std::span<std::byte> bytes) {
    if (part == ListPart::kCurrent && offset == 0 && !bytes.empty()) bytes[80] ^= std::byte{1};
  });
  const FollowResult followed = world.follow();
  EXPECT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kAlteredRecord));
  EXPECT_EQ(followed.found[0].first, 0u);
  EXPECT_EQ(world.keeper.keeper().trim().error().code, ErrorCode::kMismatch);
  EXPECT_EQ(world.machine.in_list(), 5u);
}

// A deleted violation and one in flight would look the same, but no extend is in flight for a second.
TEST(Follow, ALoneAlteredRecordIsNotTakenForANewOne) {
  World world;
  add_numbered(world.machine, 0, 1);
  world.follow();
  world.keeper.source().alter([](ListPart part, std::uint64_t offset, std::span<std::byte> bytes) {
    if (part == ListPart::kCurrent && offset == 0 && !bytes.empty()) bytes[80] ^= std::byte{1};
  });
  const FollowResult followed = world.follow();
  EXPECT_FALSE(followed.proven);
  EXPECT_THAT(diagnoses(followed), testing::Not(testing::Contains(Diagnosis::kTrimmedByOther)));
}

// No PCR covers a violation's data. The records after it prove that it is the archive's, so the diagnosis is not
// archive-ahead.
TEST(Follow, NamesALoneAlteredViolationOnceARecordFollowsIt) {
  World world;
  ASSERT_TRUE(world.machine.add(violation("/v")));
  world.follow();
  add_numbered(world.machine, 0, 1);
  world.keeper.source().alter([](ListPart part, std::uint64_t offset, std::span<std::byte> bytes) {
    if (part == ListPart::kCurrent && offset == 0 && !bytes.empty()) bytes[80] ^= std::byte{1};
  });
  const FollowResult followed = world.follow();
  EXPECT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kAlteredRecord));
  EXPECT_EQ(followed.archived, 1u);
  EXPECT_EQ(world.keeper.wrong(), "");
}

// A violation whose extend failed looks like an altered one. Until the PCRs prove what follows it, it is kept.
TEST(Follow, KeepsAViolationThatWasNeverExtendedThoughItIsLikeAnAlteredOne) {
  World world;
  ASSERT_TRUE(world.machine.add(violation("/v")));
  world.follow();
  ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "1\n"));
  world.machine.fail_next_extend();
  ASSERT_TRUE(world.machine.add(violation("/unextended")));
  EXPECT_EQ(world.follow().archived, 1u);
  EXPECT_TRUE(world.keeper.complete());
}

TEST(Follow, NamesANewRecordWhoseDataWereAltered) {
  World world;
  add_numbered(world.machine, 0, 5);
  world.keeper.source().alter([](ListPart part, std::uint64_t offset, std::span<std::byte> bytes) {
    if (part == ListPart::kCurrent && offset == 0 && !bytes.empty()) bytes[80] ^= std::byte{1};
  });
  const FollowResult followed = world.follow();
  EXPECT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kAlteredRecord));
  EXPECT_EQ(followed.found[0].first, 0u);
}

TEST(Follow, NamesAnArchiveAheadOfThePcrs) {
  World world;
  add_numbered(world.machine, 0, 6);
  ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "2\n"));
  world.follow();
  add_numbered(world.machine, 6, 1);
  // A snapshot of the machine that is older than the archive.
  const auto old = must(world.machine.pcrs->read(10));
  add_numbered(world.machine, 7, 3);
  world.follow();
  digest::PcrState state(world.machine.pcrs->banks());
  for (std::size_t i = 0; i < old.size(); ++i) state.set(i, 10, old[i]);
  world.machine.pcrs = std::make_unique<tpm::SoftPcrBanks>(state);
  EXPECT_THAT(diagnoses(world.follow()), ElementsAre(Diagnosis::kArchiveAhead));
  EXPECT_EQ(world.keeper.keeper().trim().error().code, ErrorCode::kMismatch);
}

TEST(Trim, WithoutPcrsDeletesNothingUnlessTold) {
  World world({}, {}, false);
  add_numbered(world.machine, 0, 3);
  EXPECT_EQ(world.follow().archived, 3u);
  EXPECT_EQ(world.keeper.keeper().trim().error().code, ErrorCode::kMismatch);
  EXPECT_EQ(world.machine.in_list(), 3u);
  World told({}, {.unproven = true}, false);
  add_numbered(told.machine, 0, 3);
  EXPECT_EQ(told.trim().records, 2u);
  EXPECT_EQ(told.keeper.wrong(), "");
}

// Every boot measures the same files first.
TEST(Follow, WithoutPcrsAnotherBootIsAnotherChainThoughItsRecordsAreTheSame) {
  World world({}, {}, false);
  add_numbered(world.machine, 0, 3);
  world.follow();
  world.machine.reboot();
  world.keeper.kill();
  world.keeper.start();
  add_numbered(world.machine, 0, 3);
  EXPECT_EQ(world.follow().archived, 4u);
  EXPECT_EQ(must(world.keeper.archive().chains()).size(), 2u);
  EXPECT_EQ(world.keeper.wrong(), "");
}

TEST(Follow, WithoutPcrsAKexecStaysInTheChain) {
  World world({}, {}, false);
  add_numbered(world.machine, 0, 3);
  world.follow();
  world.keeper.kill();
  world.machine.kexec();
  world.keeper.start();
  world.follow();
  EXPECT_EQ(must(world.keeper.archive().chains()).size(), 1u);
  EXPECT_EQ(world.keeper.wrong(), "");
}

TEST(Trim, DeletesWhatAnotherStaged) {
  for (const Method method : {Method::kStage, Method::kCount}) {
    World world({}, {.method = method});
    add_numbered(world.machine, 0, 3);
    ASSERT_TRUE(world.machine.other(ListPart::kStaged, "A\n"));
    add_numbered(world.machine, 3, 3);
    EXPECT_EQ(world.trim().records, 3u);
    EXPECT_EQ(world.machine.in_list(), 3u);
    EXPECT_EQ(world.keeper.wrong(), "");
  }
}

TEST(Trim, RepeatedRecordsAreToldApartByThePcrs) {
  for (const Method method : {Method::kStage, Method::kCount}) {
    World world({}, {.method = method});
    for (int i = 0; i < 4; ++i) world.machine.add(violation("/v"));
    world.follow();
    world.machine.other(ListPart::kCurrent, "3\n");
    for (int i = 0; i < 3; ++i) world.machine.add(violation("/v"));
    world.trim();
    EXPECT_EQ(world.keeper.archived(), 7u);
    EXPECT_EQ(world.keeper.wrong(), "");
  }
}

// Records come in under every hold of a trim by count, so that the last attempt reads the whole list. Before that one
// `meanwhile` happens.
void trim_while_records_come_in(World& world, const Content& comes_in, const std::function<void()>& meanwhile,
                                const std::function<void(const std::string& what)>& under_the_last_hold = {}) {
  int opened = 0;
  world.keeper.on_effect = [&](const std::string& what) -> std::optional<Error> {
    if (what == "before open to write" && opened == 7) meanwhile();
    if (what == "after open to write" && ++opened < 8) world.machine.add(comes_in);
    if (opened == 8 && under_the_last_hold) under_the_last_hold(what);
    return std::nullopt;
  };
  world.trim();
  world.keeper.on_effect = {};
  EXPECT_EQ(opened, 8);
}

// Calls `meanwhile` once, at that moment of the next calls.
void once_at(World& world, const std::string& moment, const std::function<void()>& meanwhile) {
  world.keeper.on_effect = [&, meanwhile, moment,
                            done = false](const std::string& what) mutable -> std::optional<Error> {
    if (what == moment && !std::exchange(done, true)) meanwhile();
    return std::nullopt;
  };
  world.keeper.kill();
  world.keeper.start();
}

TEST(Trim, ByStageArchivesWhatCameInJustBefore) {
  for (const bool with_pcrs : {true, false}) {
    World world({}, {.method = Method::kStage, .unproven = !with_pcrs}, with_pcrs);
    add_numbered(world.machine, 0, 3);
    once_at(world, "before open to write", [&] { add_numbered(world.machine, 3, 2); });
    EXPECT_EQ(world.trim().records, 5u);
    EXPECT_EQ(world.keeper.archived(), 5u);
    EXPECT_EQ(world.keeper.wrong(), "");
  }
}

// A record comes in whenever the list is read, so none of its ends is ever one of the PCRs'.
TEST(Trim, ByStageNeedsNoQuietWhileItReads) {
  World world({.table = mlist::TableMode::kNone}, {.method = Method::kStage});
  add_numbered(world.machine, 0, 5);
  int opened = 0;
  bool fresh = false;
  world.keeper.on_effect = [&](const std::string& what) -> std::optional<Error> {
    if (what.starts_with("after open")) fresh = true;
    if (what == "after open to write") ++opened;
    if (what == "before read" && std::exchange(fresh, false)) world.machine.add(ima_ng("/again"));
    return std::nullopt;
  };
  const TrimResult trimmed = world.trim();
  world.keeper.on_effect = {};
  EXPECT_EQ(opened, 1);
  EXPECT_EQ(trimmed.records, 6u);
  EXPECT_EQ(world.machine.in_list(), 1u);
  world.follow();
  EXPECT_TRUE(world.keeper.complete());
  EXPECT_EQ(world.keeper.wrong(), "");
}

TEST(Trim, ByStageStagesNothingWhileRecordsComeIn) {
  World world({.table = mlist::TableMode::kNone}, {.method = Method::kStage});
  add_numbered(world.machine, 0, 5);
  bool written = false;
  world.keeper.on_effect = [&](const std::string& what) -> std::optional<Error> {
    if (what.starts_with("after open")) written = what == "after open to write";
    if (what == "after count" && written) world.machine.add(ima_ng("/again"));
    return std::nullopt;
  };
  EXPECT_EQ(world.trim().records, 0u);
  EXPECT_EQ(world.follow().staged_records, 0u);
  world.keeper.on_effect = {};
  EXPECT_EQ(world.trim().records, world.machine.log().size());
  EXPECT_EQ(world.keeper.wrong(), "");
}

TEST(Trim, ByStageReadsThePcrsThatWhatCameInNames) {
  World world({}, {.method = Method::kStage});
  add_numbered(world.machine, 0, 3);
  Content other = ima_ng("/3");
  other.pcr = 11;
  once_at(world, "before open to write", [&] { world.machine.add(other); });
  EXPECT_EQ(world.trim().records, 4u);
  EXPECT_EQ(world.keeper.archived(), 4u);
  EXPECT_EQ(world.keeper.wrong(), "");
}

TEST(Trim, ByStageComparesAPcrThatOnlyWhatCameInNames) {
  World world({}, {.method = Method::kStage});
  add_numbered(world.machine, 0, 3);
  Content other = ima_ng("/3");
  other.pcr = 11;
  once_at(world, "before open to write", [&] {
    world.machine.fail_next_extend();
    world.machine.add(other);
  });
  const auto trimmed = world.keeper.keeper().trim();
  EXPECT_TRUE(!trimmed || trimmed->records == 0);
  EXPECT_EQ(world.machine.in_list(), 4u);
}

TEST(Trim, ByStageArchivesNoDigestThatWasAlteredInTheList) {
  World world({}, {.method = Method::kStage});
  add_numbered(world.machine, 0, 1);
  world.follow();
  const std::size_t digest_bytes = world.keeper.source().bank().digest_bytes();
  const std::size_t first_bytes = imalog::encoded_bytes(world.machine.log()[0].view(), digest_bytes);
  once_at(world, "before open to write", [&] {
    add_numbered(world.machine, 1, 1);
    world.keeper.source().alter([=](ListPart, std::uint64_t offset, std::span<std::byte> bytes) {
      const std::size_t at = first_bytes + 4;  // of the second record's digest
      if (offset <= at && at < offset + bytes.size()) bytes[at - offset] ^= std::byte{1};
    });
  });
  const auto trimmed = world.keeper.keeper().trim();
  ASSERT_FALSE(trimmed);
  EXPECT_EQ(trimmed.error().code, ErrorCode::kMismatch);
  EXPECT_EQ(world.machine.in_list(), 2u);
  ASSERT_EQ(world.keeper.incidents().size(), 1u);
  EXPECT_EQ(world.keeper.incidents()[0].kind, word(Diagnosis::kAlteredRecord));
  EXPECT_EQ(world.keeper.wrong(), "");
}

TEST(Trim, ByStageDeletesNothingThatReadsOtherwiseThanTheArchive) {
  World world({}, {.method = Method::kStage});
  add_numbered(world.machine, 0, 3);
  once_at(world, "after open to write", [&] {
    world.keeper.source().alter([](ListPart part, std::uint64_t offset, std::span<std::byte> bytes) {
      if (part == ListPart::kStaged && offset == 0 && bytes.size() > 80) bytes[80] ^= std::byte{1};
    });
  });
  const auto trimmed = world.keeper.keeper().trim();
  EXPECT_FALSE(trimmed && trimmed->records > 0);
  EXPECT_EQ(world.machine.in_list(), 3u);
}

TEST(Trim, ByCountWithoutPcrsDeletesNothingOfAListThatBecameAnother) {
  World world({}, {.method = Method::kCount, .unproven = true}, false);
  add_numbered(world.machine, 0, 4);
  once_at(world, "before open to write", [&] {
    ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "3\n"));
    add_numbered(world.machine, 4, 3);
  });
  world.trim();
  EXPECT_EQ(world.keeper.bad_deletion, "");
  EXPECT_EQ(world.keeper.wrong(), "");
  EXPECT_TRUE(world.keeper.complete());
}

TEST(Trim, NothingGoesWhenAnAnchorIsAllThatProves) {
  World world({}, {.method = Method::kCount});
  add_numbered(world.machine, 0, 3);
  world.machine.foreign_extend();
  EXPECT_FALSE(world.follow().proven);
  EXPECT_FALSE(world.follow().proven) << "an anchor proves nothing by itself";
  EXPECT_EQ(world.keeper.row().proven, 0u);
  EXPECT_FALSE(world.keeper.keeper().trim());
  EXPECT_EQ(world.machine.in_list(), 3u);
  add_numbered(world.machine, 3, 1);
  EXPECT_GT(world.trim().records, 0u);
}

TEST(Follow, KeepsNoDigestThatWasAlteredInTheList) {
  World world;
  add_numbered(world.machine, 0, 2);
  // In the digest, after the first record's PCR field.
  world.keeper.source().alter([](ListPart part, std::uint64_t offset, std::span<std::byte> bytes) {
    if (part == ListPart::kCurrent && offset == 0 && bytes.size() > 10) bytes[10] ^= std::byte{1};
  });
  EXPECT_THAT(diagnoses(world.follow()), ElementsAre(Diagnosis::kAlteredRecord));
  const auto chain = must(world.keeper.archive().chain(archive::ChainId(1)));
  archive::ArchiveReader reader(world.keeper.store, chain, 0, 1);
  const auto step = must(reader.next());
  ASSERT_TRUE(step.record);
  EXPECT_FALSE(step.record->record.own) << "its digest follows from its data, as the PCRs prove";
}

// A violation at the head says nothing: here another is there, and as many records as before, of which two are new.
TEST(Follow, AViolationAtTheHeadIsNoSignThatTheListIsTheSame) {
  World world;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(world.machine.add(violation("/v")));
    ASSERT_TRUE(world.machine.add(ima_ng("/" + std::to_string(i))));
  }
  world.follow();
  ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "2\n"));
  // Of another PCR, so that IMA's own keeps its value.
  ASSERT_TRUE(world.machine.add(ima_ng("/2", 11)));
  ASSERT_TRUE(world.machine.add(ima_ng("/v", 11)));
  world.follow();
  EXPECT_TRUE(world.keeper.complete());
  EXPECT_EQ(world.keeper.wrong(), "");
}

TEST(Trim, ByCountEndsThoughRecordsKeepComingIn) {
  World world({.table = mlist::TableMode::kNone}, {.method = Method::kCount});
  add_numbered(world.machine, 0, 3);
  trim_while_records_come_in(world, ima_ng("/again"), [] {});
  EXPECT_GT(world.keeper.row().trimmed, 0u);
  EXPECT_EQ(world.keeper.wrong(), "");
}

// Another actor deletes three of the equal violations, and three more come in while the PCRs are read. So the list
// reads as the archive expects it, and begins three records later.
TEST(TrimAfterVerifiers, TheLastTryCountsFromTheListsEnd) {
  World world({}, after_verifiers(Method::kCount));
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(world.machine.add(violation("/v")));
  world.follow();
  ASSERT_TRUE(world.keeper.verified("fleet", kFirst, 5));
  int counts = 0;
  trim_while_records_come_in(
      world, violation("/v"), [&] { ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "3\n")); },
      [&](const std::string& what) {
        if (what != "before count" || ++counts != 2) return;
        for (int i = 0; i < 3; ++i) world.machine.add(violation("/v"));
      });
  EXPECT_GE(counts, 2);
  EXPECT_EQ(world.machine.listed().front(), 4u) << "one more was deleted";
  EXPECT_EQ(world.keeper.wrong_verifiers(), "");
  EXPECT_EQ(world.keeper.wrong(), "");
}

// "A" waits for the extend itself, so that the keeper need not try again until no record is in flight.
TEST(Trim, ByStageDoesNotWaitForARecordInFlight) {
  World world({}, {.method = Method::kStage});
  add_numbered(world.machine, 0, 5);
  world.follow();
  world.machine.delay_extends(true);
  add_numbered(world.machine, 5, 1);
  int looks = 0;
  world.keeper.on_effect = [&](const std::string& what) -> std::optional<Error> {
    if (what == "read PCRs") ++looks;
    return std::nullopt;
  };
  EXPECT_EQ(world.trim().records, 6u);
  world.keeper.on_effect = {};
  EXPECT_LE(looks, 4) << "of its eight tries the keeper needs one";
  EXPECT_EQ(world.keeper.bad_deletion, "");
  EXPECT_EQ(world.keeper.wrong(), "");
}

// Each look at the list finds a record after those that the PCRs covered just before.
TEST(Trim, ByCountEndsThoughThePcrsNeverCatchUp) {
  World world({.table = mlist::TableMode::kNone}, {.method = Method::kCount});
  add_numbered(world.machine, 0, 5);
  bool read = false;
  int came_in = 0;
  world.keeper.on_effect = [&](const std::string& what) -> std::optional<Error> {
    if (what == "read PCRs") read = true;
    if (what == "before count" && std::exchange(read, false) && world.machine.add(ima_ng("/again"))) ++came_in;
    return std::nullopt;
  };
  EXPECT_EQ(world.trim().why_not, "");
  world.keeper.on_effect = {};
  EXPECT_GT(came_in, 7) << "at each of the keeper's tries";
  EXPECT_GT(world.keeper.row().trimmed, 0u);
  EXPECT_EQ(world.keeper.bad_deletion, "");
  world.follow();
  EXPECT_EQ(world.keeper.archived(), world.machine.log().size());
  EXPECT_EQ(world.keeper.wrong(), "");
}

TEST(Trim, ByCountLeavesAListThatAnotherTrimmedJustBefore) {
  World world({.table = mlist::TableMode::kNone}, {.method = Method::kCount});
  add_numbered(world.machine, 0, 5);
  trim_while_records_come_in(world, ima_ng("/again"),
                             [&] { ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "2\n")); });
  world.follow();
  world.trim();
  EXPECT_EQ(world.keeper.row().trimmed_by_others, 2u);
  EXPECT_EQ(world.keeper.row().trimmed + 2 + world.machine.in_list(), world.machine.log().size());
  EXPECT_EQ(world.keeper.wrong(), "");
}

// Another one empties the list, and violations like those that were there take their place while the PCRs are read.
TEST(Trim, ByCountDoesNotTakeViolationsForOthersThatAreLikeThem) {
  World world({}, {.method = Method::kCount});
  for (int i = 0; i < 2; ++i) world.machine.add(violation("/v"));
  std::uint64_t deleted = 0;
  int counts = 0;
  trim_while_records_come_in(
      world, violation("/v"),
      [&] {
        deleted = world.machine.in_list();
        ASSERT_TRUE(world.machine.other(ListPart::kCurrent, std::to_string(deleted) + "\n"));
      },
      [&](const std::string& what) {
        if (what != "before count" || ++counts != 2) return;
        for (std::uint64_t i = 0; i < deleted; ++i) world.machine.add(violation("/v"));
      });
  EXPECT_GE(counts, 2);
  EXPECT_EQ(world.keeper.wrong(), "");
  world.follow();
  EXPECT_EQ(world.keeper.archived(), world.machine.log().size());
}

TEST(Follow, ACrashBeforeTheFirstRecordsLeavesNoEmptyChain) {
  World world;
  add_numbered(world.machine, 0, 3);
  int commits = 0;
  world.keeper.on_effect = [&](const std::string& what) -> std::optional<Error> {
    if (what == "before commit" && ++commits == 2) throw Crash();
    return std::nullopt;
  };
  EXPECT_THROW((void)world.keeper.keeper().follow(), Crash);
  world.keeper.on_effect = {};
  world.keeper.kill();
  world.keeper.start();
  EXPECT_TRUE(world.follow().proven);
  const auto chains = must(world.keeper.archive().chains());
  ASSERT_EQ(chains.size(), 1u);
  EXPECT_EQ(chains[0].end, 3u);
  EXPECT_EQ(world.keeper.wrong(), "");
}

TEST(Follow, AfterACrashBeforeTheFirstRecordsAHeadlessListIsHeadless) {
  World world;
  world.keeper.pcrs.resets = tpm::ResetCounts{.resets = 1, .restarts = 0};
  add_numbered(world.machine, 0, 3);
  int commits = 0;
  world.keeper.on_effect = [&](const std::string& what) -> std::optional<Error> {
    if (what == "before commit" && ++commits == 2) throw Crash();
    return std::nullopt;
  };
  EXPECT_THROW((void)world.keeper.keeper().follow(), Crash);
  world.keeper.on_effect = {};
  world.keeper.kill();
  ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "2\n"));
  world.keeper.start();
  EXPECT_THAT(diagnoses(world.follow()), ElementsAre(Diagnosis::kHeadless));
}

// Violations come in that equal the deleted one. Each is in flight when the keeper looks.
TEST(Follow, APendingTrimIsNotJudgedWhileARepeatMayBeInFlight) {
  World world({}, {.method = Method::kStage});
  world.machine.add(violation("/v"));
  world.keeper.on_effect = [&](const std::string& what) -> std::optional<Error> {
    if (what == "after request D") throw Crash();
    return std::nullopt;
  };
  EXPECT_THROW((void)world.keeper.keeper().trim(), Crash);
  world.keeper.on_effect = {};
  world.keeper.kill();
  world.keeper.start();
  world.machine.delay_extends(true);
  world.machine.add(violation("/v"));
  bool once = true;
  const auto settle = world.machine.clock.on_sleep;
  world.machine.clock.on_sleep = [&](std::int64_t ms) {
    settle(ms);
    if (std::exchange(once, false)) world.machine.add(violation("/v"));
  };
  for (int i = 0; i < 4; ++i) world.follow();
  EXPECT_EQ(world.keeper.row().trimmed_by_others, 0u);
  EXPECT_EQ(world.keeper.row().trimmed, 1u);
  EXPECT_FALSE(must(world.keeper.archive().pending()).has_value());
  EXPECT_EQ(world.keeper.wrong(), "");
}

TEST(Trim, TheListOfAKernelThatTakesNoRequestIsOnlyFollowed) {
  World world({.has_staging = false, .takes_numbers = false});
  add_numbered(world.machine, 0, 3);
  EXPECT_EQ(world.keeper.keeper().trim().error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(world.keeper.archived(), 3u);
}

// Linux frees the records before it asks for the new table.
TEST(Trim, RecordsAreGoneThoughThereWasNoMemoryForTheTable) {
  World world({}, {.method = Method::kStage});
  add_numbered(world.machine, 0, 3);
  world.keeper.on_effect = [](const std::string& what) -> std::optional<Error> {
    if (what != "after request D") return std::nullopt;
    return Error{.code = ErrorCode::kRefused, .message = "no memory", .os_errno = ENOMEM};
  };
  const TrimResult trimmed = world.trim();
  EXPECT_EQ(trimmed.records, 3u);
  EXPECT_EQ(world.machine.in_list(), 0u);
  EXPECT_TRUE(trimmed.no_table_memory);
  EXPECT_FALSE(must(world.keeper.archive().pending()).has_value());
  EXPECT_EQ(world.keeper.row().trimmed, 3u);
}

// No memory for the request itself is another matter.
TEST(Trim, ARequestThatWasNotCarriedOutForLackOfMemoryIsTriedAgain) {
  World world({}, {.method = Method::kStage});
  add_numbered(world.machine, 0, 3);
  world.keeper.on_effect = [](const std::string& what) -> std::optional<Error> {
    if (what != "before request D") return std::nullopt;
    return Error{.code = ErrorCode::kRefused, .message = "no memory", .os_errno = ENOMEM};
  };
  EXPECT_EQ(world.keeper.keeper().trim().error().os_errno, ENOMEM);
  world.keeper.on_effect = {};
  EXPECT_EQ(world.trim().records, 3u);
  EXPECT_EQ(world.keeper.row().trimmed, 3u);
  EXPECT_EQ(world.keeper.wrong(), "");
}

// The pending trim tells whose deletion it was.
TEST(Follow, ADeletionOfAPendingTrimIsNotBlamedOnOthers) {
  for (const Method method : {Method::kStage, Method::kCount}) {
    World world({}, {.method = method});
    add_numbered(world.machine, 0, 4);
    const std::string dies_after = method == Method::kStage ? "after request D" : "after request 3";
    world.keeper.on_effect = [&](const std::string& what) -> std::optional<Error> {
      if (what == dies_after) throw Crash();
      return std::nullopt;
    };
    EXPECT_THROW((void)world.keeper.keeper().trim(), Crash);
    world.keeper.on_effect = {};
    world.keeper.kill();
    world.keeper.start();
    EXPECT_THAT(world.follow().found, IsEmpty());
    EXPECT_EQ(world.keeper.row().trimmed_by_others, 0u);
    EXPECT_EQ(world.keeper.row().trimmed + world.machine.in_list(), 4u);
  }
}

TEST(Trim, OfASuspendedListLeavesThePendingTrim) {
  World world({}, {.method = Method::kCount});
  add_numbered(world.machine, 0, 3);
  world.follow();
  world.machine.suspend();
  EXPECT_EQ(world.keeper.keeper().trim().error().os_errno, ESTALE);
  EXPECT_TRUE(must(world.keeper.archive().pending()).has_value());
  world.machine.reboot();
  world.keeper.kill();
  world.keeper.start();
  world.follow();
  EXPECT_FALSE(must(world.keeper.archive().pending()).has_value());
}

// On such a host the list never stays unchanged for a second, so no look is settled.
TEST(Follow, ArchivesAListThatNeverMatchesThoughItIsNeverQuiet) {
  World world({}, {.method = Method::kCount});
  add_numbered(world.machine, 0, 3);
  world.follow();
  world.machine.fail_next_extend();
  int next = 5;
  add_numbered(world.machine, 3, 2);
  world.machine.clock.on_sleep = [&](std::int64_t) { add_numbered(world.machine, next++, 1); };
  for (int looks = 0; looks < 5; ++looks)
    EXPECT_THAT(diagnoses(world.follow()), ElementsAre(Diagnosis::kConcurrentChange));
  EXPECT_GE(world.keeper.archived() + 2, static_cast<std::uint64_t>(next));
  EXPECT_EQ(world.keeper.wrong(), "");
  EXPECT_THAT(world.keeper.incidents(), IsEmpty()) << "what it is, is not known yet";
  EXPECT_FALSE(world.keeper.keeper().trim()) << "nothing is proven";

  world.machine.clock.on_sleep = {};
  const FollowResult settled = world.follow();
  ASSERT_THAT(diagnoses(settled), ElementsAre(Diagnosis::kFailedExtend));
  EXPECT_EQ(settled.found[0].first, 3u) << "though it was archived meanwhile";
  EXPECT_EQ(settled.found[0].records, 1u);
  add_numbered(world.machine, next++, 1);
  EXPECT_TRUE(world.follow().proven) << "from the anchor on";
  EXPECT_GT(world.trim().records, 0u);
  EXPECT_EQ(world.keeper.wrong(), "");
}

// The keeper has seen no record of the list before, so only the PCRs could tell its place.
TEST(Follow, ArchivesWhatCameAfterAGapThoughItIsNeverQuiet) {
  World world;
  add_numbered(world.machine, 0, 3);
  world.follow();
  add_numbered(world.machine, 3, 1);
  ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "4\n"));
  int next = 4;
  world.machine.clock.on_sleep = [&](std::int64_t) { add_numbered(world.machine, next++, 1); };
  for (int looks = 0; looks < 5; ++looks)
    EXPECT_THAT(diagnoses(world.follow()), ElementsAre(Diagnosis::kConcurrentChange));
  EXPECT_GE(world.keeper.archived() + 3, static_cast<std::uint64_t>(next)) << "but for record 3, and two that come in";
  EXPECT_FALSE(world.keeper.keeper().last().proven);
  EXPECT_FALSE(world.keeper.keeper().trim()) << "nothing is proven";

  world.machine.clock.on_sleep = {};
  add_numbered(world.machine, next++, 1);
  world.follow();
  add_numbered(world.machine, next++, 1);
  EXPECT_TRUE(world.follow().proven) << "from the anchor on";
  EXPECT_EQ(world.keeper.archived(), static_cast<std::uint64_t>(next - 1)) << "none twice";
  EXPECT_EQ(world.keeper.wrong(), "");
}

// Equal violations prove no overlap, so they are archived as new, but once only.
TEST(Follow, ArchivesViolationsAfterAGapOnceThoughItIsNeverQuiet) {
  World world;
  world.machine.add(violation("/v"));
  world.follow();
  for (int i = 0; i < 5; ++i) world.machine.add(violation("/v"));
  world.machine.fail_next_extend();
  world.machine.add(violation("/v"));
  ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "3\n"));
  world.machine.clock.on_sleep = [&](std::int64_t) { world.machine.add(violation("/v")); };
  for (int looks = 0; looks < 20; ++looks) world.follow();
  EXPECT_GE(world.keeper.archived() + 5, world.machine.log().size());
  EXPECT_LE(world.keeper.archived(), world.machine.log().size() + 10);
}

TEST(Follow, ArchivesAnotherBootsHeadlessListThoughItIsNeverQuiet) {
  World world;
  add_numbered(world.machine, 0, 3);
  world.follow();
  world.machine.reboot();
  add_numbered(world.machine, 100, 4);
  ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "2\n"));
  int next = 104;
  world.machine.clock.on_sleep = [&](std::int64_t) { add_numbered(world.machine, next++, 1); };
  for (int looks = 0; looks < 5; ++looks) world.follow();
  ASSERT_EQ(must(world.keeper.archive().chains()).size(), 2u);
  EXPECT_GE(must(world.keeper.archive().chain(archive::ChainId(2))).end + 6, static_cast<std::uint64_t>(next - 100));
  EXPECT_EQ(must(world.keeper.archive().chain(archive::ChainId(1))).end, 3u);
}

TEST(Follow, AHeadlessListThatIsNeverQuietIsCalledHeadlessOnceItIs) {
  World world;
  add_numbered(world.machine, 0, 6);
  ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "4\n"));
  int next = 6;
  world.machine.clock.on_sleep = [&](std::int64_t) { add_numbered(world.machine, next++, 1); };
  for (int looks = 0; looks < 5; ++looks) world.follow();
  EXPECT_GT(world.keeper.archived(), 2u);
  world.machine.clock.on_sleep = {};
  EXPECT_THAT(diagnoses(world.follow()), ElementsAre(Diagnosis::kHeadless));
  EXPECT_TRUE(world.keeper.complete());
}

TEST(Follow, PcrsThatNeverMatchMakeFewAnchorsAndOneIncident) {
  World world;
  add_numbered(world.machine, 0, 1);
  world.follow();
  for (int i = 1; i <= 120; ++i) {
    world.machine.foreign_extend();
    add_numbered(world.machine, i, 1);
    EXPECT_THAT(diagnoses(world.follow()), ElementsAre(Diagnosis::kUnexplainedExtend));
  }
  const auto chain = must(world.keeper.archive().chain(archive::ChainId(1)));
  EXPECT_EQ(chain.end, 121u);
  EXPECT_LT(must(world.keeper.archive().anchors(chain)).size(), 50u);
  EXPECT_EQ(world.keeper.incidents().size(), 1u);
  EXPECT_EQ(world.keeper.wrong(), "");
  for (int i = 121; i <= 140; ++i) add_numbered(world.machine, i, 1);
  world.follow();
  add_numbered(world.machine, 161, 1);
  EXPECT_TRUE(world.follow().proven);
}

// Records that a kexec restored are not in the table, so they repeat.
TEST(Follow, AListCutToARecordLikeItsFirstIsNotTakenForTheWholeList) {
  World world;
  ASSERT_TRUE(world.machine.add(ima_ng("/again")));
  world.follow();
  world.machine.kexec_load();
  world.machine.kexec();
  ASSERT_TRUE(world.machine.add(ima_ng("/again")));
  ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "1\n"));
  world.follow();
  const std::uint64_t rest = world.machine.in_list() - 1;
  ASSERT_TRUE(world.machine.other(ListPart::kCurrent, std::to_string(rest) + "\n"));
  const FollowResult followed = world.follow();
  ASSERT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kTrimmedByOther));
  EXPECT_EQ(followed.found[0].records, rest);
  EXPECT_EQ(world.keeper.wrong(), "");
}

TEST(Follow, ContinuesAfterADamagedSegmentAndTrimsNothing) {
  World world({}, {.method = Method::kCount});
  add_numbered(world.machine, 0, 4);
  world.follow();
  {
    archive::Transaction transaction(world.keeper.store);
    must(transaction.begin());
    auto row = must(world.keeper.store.segment_from(archive::ChainId(1), 0)).value();
    must(world.keeper.store.remove_segment(archive::ChainId(1), row.first));
    must(world.keeper.store.add_segment(row, Bytes(40, std::byte{7})));
    must(transaction.commit());
  }
  world.keeper.kill();
  world.keeper.start();
  add_numbered(world.machine, 4, 2);
  const FollowResult followed = world.follow();
  EXPECT_EQ(followed.archived, 2u);
  EXPECT_TRUE(followed.proven);
  const auto trimmed = world.keeper.keeper().trim();
  ASSERT_FALSE(trimmed);
  EXPECT_EQ(trimmed.error().code, ErrorCode::kMalformed);
  EXPECT_THAT(trimmed.error().message, testing::HasSubstr("record 0 of chain 1 cannot be read from the archive"));
  EXPECT_EQ(world.machine.in_list(), 6u);
}

TEST(Follow, RefusesARowThatGoesBeyondTheChain) {
  World world;
  add_numbered(world.machine, 0, 2);
  world.follow();
  auto row = world.keeper.row();
  row.proven = 3;
  archive::Transaction transaction(world.keeper.store);
  must(transaction.begin());
  must(world.keeper.store.put_list(row));
  must(transaction.commit());
  const auto followed = world.keeper.keeper().follow();
  ASSERT_FALSE(followed);
  EXPECT_EQ(followed.error().code, ErrorCode::kMalformed);
}

// ---- the list's place, by the PCRs

void add_equal(Machine& machine, std::uint64_t count) {
  const Content equal = violation("/run");
  for (std::uint64_t i = 0; i < count; ++i) ASSERT_TRUE(machine.add(equal));
}

void restart(World& world) {
  world.keeper.kill();
  world.keeper.start();
}

// Dies after the list did what was asked and before the archive says so.
void die_after(World& world, const std::string& request) {
  world.keeper.on_effect = [&](const std::string& what) -> std::optional<Error> {
    if (what == "after request " + request) throw Crash();
    return std::nullopt;
  };
  EXPECT_THROW((void)world.keeper.keeper().trim(), Crash);
  world.keeper.on_effect = {};
  restart(world);
}

TEST(Follow, NamesTheFirstRecordThatOthersDeletedAfterAnUnclearedTrim) {
  World world({}, {.method = Method::kCount});
  add_numbered(world.machine, 0, 6);
  die_after(world, "5");
  ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "1\n"));
  const FollowResult followed = world.follow();
  ASSERT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kTrimmedByOther));
  EXPECT_EQ(followed.found[0].first, 5u) << "the keeper deleted records 0 to 4";
  EXPECT_EQ(followed.found[0].records, 1u);
  EXPECT_EQ(world.keeper.row().trimmed, 5u);
  EXPECT_EQ(world.keeper.wrong(), "");
}

// Each round measures the same files in the same order, as ima_flush_htable lets a kernel do.
void measure_round(Machine& machine) {
  for (const char* path : {"/boot", "/cron", "/a", "/b", "/c"}) ASSERT_TRUE(machine.add(ima_ng(path)));
}

void stage_and_delete(Machine& machine) {
  ASSERT_TRUE(machine.other(ListPart::kStaged, "A\n"));
  ASSERT_TRUE(machine.other(ListPart::kStaged, "D\n"));
}

// The keeper archives every record that it reads, whatever happened before.
void expect_that_nothing_is_lost(World& world) {
  ASSERT_TRUE(world.machine.add(ima_ng("/late1")));
  (void)world.keeper.keeper().trim();
  ASSERT_TRUE(world.machine.add(ima_ng("/late2")));
  (void)world.keeper.keeper().trim();
  EXPECT_EQ(world.keeper.wrong(), "");
  EXPECT_TRUE(world.keeper.complete());
  EXPECT_GT(world.keeper.row().trimmed, 0u) << "the list is trimmed again";
}

class RepeatingTable : public testing::TestWithParam<mlist::TableMode> {};

TEST_P(RepeatingTable, AfterAGapAllOfTheListIsNew) {
  World world({.table = GetParam()});
  measure_round(world.machine);
  world.follow();
  stage_and_delete(world.machine);
  for (const char* path : {"/cron", "/a"}) ASSERT_TRUE(world.machine.add(ima_ng(path)));
  stage_and_delete(world.machine);  // others delete these before they are archived
  measure_round(world.machine);
  restart(world);
  EXPECT_FALSE(world.follow().proven);
  EXPECT_EQ(world.keeper.archived(), 10u);
  expect_that_nothing_is_lost(world);
}

TEST_P(RepeatingTable, AfterAForeignExtendAllOfTheListIsNew) {
  World world({.table = GetParam()});
  measure_round(world.machine);
  world.follow();
  stage_and_delete(world.machine);
  world.machine.foreign_extend();
  measure_round(world.machine);
  restart(world);
  EXPECT_FALSE(world.follow().proven);
  EXPECT_EQ(world.keeper.archived(), 10u);
  expect_that_nothing_is_lost(world);
}

// PCR 11 cannot match: the keeper never saw the first record that extended it. PCR 10 tells what is new all the same.
TEST_P(RepeatingTable, ALostRecordOfAPcrThatNothingArchivedNamesDoublesNothing) {
  World world({.table = GetParam()});
  measure_round(world.machine);
  world.follow();
  ASSERT_TRUE(world.machine.add(ima_ng("/lost", 11)));
  stage_and_delete(world.machine);
  measure_round(world.machine);
  EXPECT_TRUE(world.follow().proven);
  EXPECT_EQ(world.keeper.archived(), 10u);
  ASSERT_TRUE(world.machine.add(ima_ng("/of11", 11)));
  const FollowResult followed = world.follow();
  EXPECT_EQ(followed.archived, 1u);
  EXPECT_FALSE(followed.proven);
  EXPECT_EQ(followed.found.size(), 1u);
  EXPECT_EQ(world.keeper.copies(), 0u);
  EXPECT_EQ(world.keeper.wrong(), "");
  ASSERT_TRUE(world.machine.add(ima_ng("/also-of11", 11)));
  EXPECT_TRUE(world.follow().proven) << "PCR 11 has changed since the anchor";
}

TEST_P(RepeatingTable, AfterAnAnchorALostRecordOfAnotherPcrDoublesNothing) {
  World world({.table = GetParam()});
  measure_round(world.machine);
  world.follow();
  ASSERT_TRUE(world.machine.add(ima_ng("/lost", 11)));
  ASSERT_TRUE(world.machine.add(ima_ng("/lost")));
  stage_and_delete(world.machine);
  EXPECT_FALSE(world.follow().proven);
  measure_round(world.machine);
  EXPECT_TRUE(world.follow().proven);
  EXPECT_EQ(world.keeper.archived(), 10u);
  ASSERT_TRUE(world.machine.add(ima_ng("/of11", 11)));
  const FollowResult followed = world.follow();
  EXPECT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kGapOrExtend));
  EXPECT_EQ(followed.archived, 1u);
  EXPECT_EQ(world.keeper.copies(), 0u);
  EXPECT_EQ(world.keeper.wrong(), "");
}

TEST_P(RepeatingTable, WithoutTroubleThePcrsTellTheNextRoundFromTheLast) {
  World world({.table = GetParam()});
  measure_round(world.machine);
  world.follow();
  stage_and_delete(world.machine);
  measure_round(world.machine);
  restart(world);
  EXPECT_TRUE(world.follow().proven);
  EXPECT_EQ(world.keeper.archived(), 10u);
  EXPECT_EQ(world.keeper.copies(), 0u);
  expect_that_nothing_is_lost(world);
}

TEST_P(RepeatingTable, ManyForeignExtendsMakeFewCopiesOfTheList) {
  World world({.table = GetParam()});
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(world.machine.add(ima_ng("/first" + std::to_string(i))));
  world.follow();
  for (int i = 0; i < 100; ++i) {
    world.machine.foreign_extend();
    ASSERT_TRUE(world.machine.add(ima_ng("/then" + std::to_string(i))));
    world.follow();
  }
  EXPECT_EQ(world.keeper.wrong(), "");
  EXPECT_LT(world.keeper.archived(), 2000u);
  EXPECT_TRUE(world.keeper.complete());
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(world.machine.add(ima_ng("/quiet" + std::to_string(i))));
  world.follow();
  expect_that_nothing_is_lost(world);
}

INSTANTIATE_TEST_SUITE_P(, RepeatingTable, testing::Values(mlist::TableMode::kFlushed, mlist::TableMode::kNone),
                         [](const auto& table) {
                           return table.param == mlist::TableMode::kFlushed ? "Flushed" : "Absent";
                         });

TEST(Follow, AfterAKexecEqualContentProvesNothing) {
  World world;
  ASSERT_TRUE(world.machine.add(ima_ng("boot_aggregate")));
  add_numbered(world.machine, 0, 3);
  world.follow();
  world.keeper.kill();
  world.machine.kexec();
  // The next kernel measures what the last one did: what came over is not in its table.
  add_numbered(world.machine, 0, 3);
  world.keeper.start();
  world.follow();
  ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "5\n"));
  add_numbered(world.machine, 3, 1);
  world.machine.foreign_extend();
  world.follow();
  EXPECT_EQ(world.keeper.wrong(), "");
  EXPECT_TRUE(world.keeper.complete());
}

// A kexec dropped a violation of PCR 11. A replay that counts the archived one again matches PCR 11's value too.
TEST(Follow, AViolationThatWasLostDecidesNothingWhereAnotherPcrParted) {
  World world({.table = mlist::TableMode::kFlushed});
  ASSERT_TRUE(world.machine.add(ima_ng("boot_aggregate")));
  ASSERT_TRUE(world.machine.add(violation("/v", 11)));
  world.machine.kexec_load();
  world.follow();
  world.keeper.kill();
  add_numbered(world.machine, 0, 100);
  ASSERT_TRUE(world.machine.add(violation("/v", 11)));
  ASSERT_GT(world.machine.kexec(), 0u);
  world.keeper.start();
  EXPECT_FALSE(world.follow().proven);
  EXPECT_EQ(world.keeper.row().trimmed_by_others, 0u) << "the list still holds these records";
  EXPECT_EQ(world.keeper.wrong(), "");
}

TEST(Follow, AKeptTableMakesEqualContentProof) {
  World world;
  measure_round(world.machine);
  world.follow();
  world.machine.foreign_extend();
  world.follow();
  world.machine.foreign_extend();
  ASSERT_TRUE(world.machine.add(ima_ng("/more")));
  world.follow();
  EXPECT_EQ(world.keeper.archived(), 6u);
  EXPECT_EQ(world.keeper.wrong(), "");
}

TEST(Follow, AfterACrashNoneOfThreeHundredEqualRecordsIsLost) {
  for (const bool with_pcrs : {true, false}) {
    World world({}, {.method = Method::kCount, .unproven = !with_pcrs}, with_pcrs);
    add_equal(world.machine, 601);
    die_after(world, "600");
    ASSERT_EQ(world.machine.in_list(), 1u);
    add_equal(world.machine, 300);
    world.follow();
    EXPECT_EQ(world.keeper.archived(), 901u);
    EXPECT_EQ(world.keeper.row().trimmed, 600u);
    EXPECT_EQ(world.keeper.row().trimmed_by_others, 0u);
    EXPECT_EQ(world.keeper.wrong(), "");
    EXPECT_TRUE(world.keeper.complete());
  }
}

// Without PCRs a list that is longer than before may still be one that was trimmed.
TEST(Follow, WithoutPcrsAPendingTrimIsTakenForCarriedOut) {
  World world({}, {.method = Method::kCount, .unproven = true}, false);
  add_equal(world.machine, 10);
  die_after(world, "9");
  add_equal(world.machine, 30);
  world.follow();
  EXPECT_EQ(world.keeper.archived(), 40u);
  EXPECT_TRUE(world.keeper.complete());
}

TEST(Follow, EqualViolationsAfterAForeignTrimAreCountedByThePcrs) {
  for (const std::uint64_t more : {3u, 300u, 1334u, 3000u}) {
    World world;
    add_numbered(world.machine, 0, 2);
    add_equal(world.machine, 2000);
    world.follow();
    ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "668\n"));
    add_equal(world.machine, more);
    restart(world);
    const FollowResult followed = world.follow();
    EXPECT_EQ(followed.archived, more);
    EXPECT_TRUE(followed.proven);
    EXPECT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kTrimmedByOther));
    EXPECT_EQ(world.keeper.row().trimmed_by_others, 668u);
    EXPECT_EQ(world.keeper.wrong(), "");
  }
}

TEST(Follow, EqualViolationsWithOthersAfterThemAreCountedByThePcrs) {
  World world;
  add_numbered(world.machine, 0, 2);
  add_equal(world.machine, 1500);
  world.follow();
  ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "1000\n"));
  add_equal(world.machine, 700);
  add_numbered(world.machine, 2, 20);
  restart(world);
  const FollowResult followed = world.follow();
  EXPECT_EQ(followed.archived, 720u);
  EXPECT_TRUE(followed.proven);
  EXPECT_EQ(world.keeper.wrong(), "");
}

TEST(Follow, AMachineThatWasSetBackAndWentOnIsNoGap) {
  for (const bool trimmed : {false, true}) {
    World world;
    add_numbered(world.machine, 0, 5);
    world.follow();
    world.machine.take_snapshot();
    add_numbered(world.machine, 5, 4);
    world.follow();
    if (trimmed) world.trim();
    world.keeper.kill();
    ASSERT_TRUE(world.machine.restore_snapshot());
    world.keeper.start();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(world.machine.add(ima_ng("/other" + std::to_string(i))));
    const FollowResult followed = world.follow();
    ASSERT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kArchiveAhead));
    EXPECT_EQ(followed.found[0].first, 5u);
    EXPECT_EQ(followed.found[0].records, 4u);
    EXPECT_EQ(world.keeper.archived(), 9u) << "no record is there twice";
    EXPECT_EQ(world.keeper.keeper().trim().error().code, ErrorCode::kMismatch);
    EXPECT_EQ(world.machine.in_list(), 8u);
  }
}

// The violation that comes after the set-back is like one that is archived; it is not that one that the list begins
// with.
TEST(Follow, AMachineThatWasSetBackToAnEmptyListIsNoGapThoughARecordComesAgain) {
  World world({}, {.method = Method::kStage});
  add_numbered(world.machine, 0, 2);
  world.machine.add(violation("/v"));
  add_numbered(world.machine, 2, 2);
  EXPECT_EQ(world.trim().records, 5u);
  world.machine.take_snapshot();
  add_numbered(world.machine, 4, 3);
  world.follow();
  world.keeper.kill();
  ASSERT_TRUE(world.machine.restore_snapshot());
  world.keeper.start();
  world.machine.add(violation("/v"));
  ASSERT_TRUE(world.machine.add(ima_ng("/other")));
  const FollowResult followed = world.follow();
  ASSERT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kArchiveAhead));
  EXPECT_EQ(followed.found[0].first, 5u);
  EXPECT_EQ(world.keeper.archived(), 8u) << "no record is there twice";
}

// After a snapshot the same files are measured again, as programs start again.
TEST(Follow, AMachineThatWasSetBackAndMeasuresTheSameAgainIsNoGap) {
  for (const int before : {3, 5000}) {
    World world;
    add_numbered(world.machine, 0, before);
    world.follow();
    world.machine.take_snapshot();
    add_numbered(world.machine, before, 3);
    world.follow();
    ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "2\n"));
    world.follow();
    world.keeper.kill();
    ASSERT_TRUE(world.machine.restore_snapshot());
    world.keeper.start();
    ASSERT_TRUE(world.machine.add(ima_ng("/other")));
    add_numbered(world.machine, before, 3);
    const FollowResult followed = world.follow();
    ASSERT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kArchiveAhead)) << before;
    EXPECT_EQ(world.keeper.archived(), static_cast<std::uint64_t>(before) + 3) << "no record is there twice";
  }
}

// A violation was deleted unseen, and the next one took its place in the archive.
TEST(Follow, ALostViolationBeforeAnotherIsNoSetBack) {
  for (const int before : {3, 5000}) {
    World world({.table = mlist::TableMode::kNone}, {.method = Method::kCount});
    add_numbered(world.machine, 0, before);
    world.follow();
    world.machine.add(violation("/lost"));
    ASSERT_TRUE(world.machine.other(ListPart::kCurrent, std::to_string(before + 1) + "\n"));
    world.machine.add(violation("/v"));
    world.machine.delay_extends(true);
    world.machine.add(violation("/w"));
    world.follow();
    world.machine.delay_extends(false);
    add_numbered(world.machine, before, 3);
    const auto found = diagnoses(world.follow());
    EXPECT_THAT(found, testing::Not(testing::Contains(Diagnosis::kArchiveAhead))) << before;
  }
}

TEST(Follow, AMachineThatWasSetBackWithinARunOfEqualRecordsIsNoGap) {
  World world;
  add_numbered(world.machine, 0, 1);
  add_equal(world.machine, 300);
  world.follow();
  world.machine.take_snapshot();
  add_equal(world.machine, 300);
  world.follow();
  world.keeper.kill();
  ASSERT_TRUE(world.machine.restore_snapshot());
  world.keeper.start();
  ASSERT_TRUE(world.machine.add(ima_ng("/other")));
  const FollowResult followed = world.follow();
  ASSERT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kArchiveAhead));
  EXPECT_EQ(followed.found[0].first, 301u);
  EXPECT_EQ(world.keeper.archived(), 601u);
}

TEST(Follow, OfAListThatLacksAMiddleRecordNothingIsArchivedAgain) {
  World world;
  add_numbered(world.machine, 0, 30);
  world.follow();
  // The PCRs stay; the list is made again without record 15.
  auto pcrs = std::move(world.machine.pcrs);
  world.machine.pcrs = std::make_unique<tpm::SoftPcrBanks>(digest::PcrState(pcrs->banks()));
  ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "30\n"));
  world.machine.ima.list = std::make_unique<mlist::MeasurementList>(
      mlist::ListOptions{.banks = mlist::test::banks(world.machine.options.banks), .extend = {}});
  for (int i = 0; i < 30; ++i) {
    if (i == 15) continue;
    ASSERT_TRUE(world.machine.ima.list->append(ima_ng("/" + std::to_string(i)).view()));
  }
  world.machine.pcrs = std::move(pcrs);
  restart(world);
  const FollowResult followed = world.follow();
  EXPECT_EQ(followed.archived, 0u);
  ASSERT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kTrimmedByOther));
  EXPECT_EQ(followed.found[0].first, 15u);
  EXPECT_EQ(followed.found[0].records, 1u);
  EXPECT_THAT(followed.found[0].what, testing::HasSubstr("deleted 1 records, from record 15 on, in the middle"));
  EXPECT_THAT(world.follow().found, IsEmpty()) << "it is said once";
  EXPECT_EQ(must(world.keeper.archive().chain(archive::ChainId(1))).end, 30u);
}

TEST(Follow, ASecondBootThatMeasuresTheSameIsAChainOfItsOwn) {
  for (const bool asked : {true, false}) {
    World world;
    if (asked) world.keeper.pcrs.resets = tpm::ResetCounts{.resets = 7, .restarts = 0};
    ASSERT_TRUE(world.machine.add(ima_ng("boot_aggregate")));
    add_numbered(world.machine, 0, 5);
    world.follow();
    world.machine.reboot(6);
    if (asked) world.keeper.pcrs.resets = tpm::ResetCounts{.resets = 8, .restarts = 0};
    restart(world);
    const FollowResult followed = world.follow();
    EXPECT_EQ(followed.archived, 6u);
    EXPECT_TRUE(followed.proven);
    EXPECT_THAT(followed.found, IsEmpty());
    EXPECT_EQ(must(world.keeper.archive().chains()).size(), 2u);
    EXPECT_EQ(world.keeper.wrong(), "");
  }
}

// With a kexec in both boots, they look like one boot that continued. Only the TPM's counts tell.
TEST(Follow, ResetCountsTellBootsApartThatAKexecMakesAlike) {
  World world;
  world.keeper.pcrs.resets = tpm::ResetCounts{.resets = 7, .restarts = 3};
  ASSERT_TRUE(world.machine.add(ima_ng("boot_aggregate")));
  add_numbered(world.machine, 0, 2);
  world.follow();
  world.machine.kexec();
  restart(world);
  world.follow();
  EXPECT_EQ(must(world.keeper.archive().chains()).size(), 1u) << "the TPM was not reset";
  world.machine.reboot(3);
  world.machine.kexec();
  world.keeper.pcrs.resets = tpm::ResetCounts{.resets = 8, .restarts = 0};
  restart(world);
  EXPECT_EQ(world.follow().archived, world.machine.log().size());
  EXPECT_EQ(must(world.keeper.archive().chains()).size(), 2u);
  const auto origin = must(world.keeper.store.origin(archive::ChainId(2)));
  ASSERT_TRUE(origin);
  EXPECT_EQ(origin->tpm_resets, 8u);
}

// The TPM's counts say that the chain is the same one, though a kexec dropped records and others were deleted.
TEST(Follow, WhileTheTpmWasNotResetAListThatLostBothItsEndsStaysInItsChain) {
  World world;
  world.keeper.pcrs.resets = tpm::ResetCounts{.resets = 7, .restarts = 3};
  ASSERT_TRUE(world.machine.add(ima_ng("boot_aggregate")));
  add_numbered(world.machine, 0, 4);
  world.follow();
  world.machine.foreign_extend();  // takes the place of the records that the kexec dropped unseen
  world.machine.kexec();
  ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "2\n"));
  restart(world);
  EXPECT_THAT(diagnoses(world.follow()), ElementsAre(Diagnosis::kGap));
  EXPECT_EQ(must(world.keeper.archive().chains()).size(), 1u);
  EXPECT_TRUE(world.keeper.complete());
}

// A resume counts as a restart and leaves the PCRs as they are.
TEST(Follow, AResumeStaysInTheChain) {
  World world;
  world.keeper.pcrs.resets = tpm::ResetCounts{.resets = 7, .restarts = 3};
  add_numbered(world.machine, 0, 3);
  world.follow();
  world.keeper.pcrs.resets = tpm::ResetCounts{.resets = 7, .restarts = 4};
  restart(world);
  EXPECT_TRUE(world.follow().proven);
  EXPECT_EQ(must(world.keeper.archive().chains()).size(), 1u);
  EXPECT_EQ(must(world.keeper.store.origin(archive::ChainId(1)))->tpm_restarts, 4u);
}

TEST(Follow, TheRightTpmAfterAWrongOneArchivesNothingAgain) {
  for (const auto table : {mlist::TableMode::kKept, mlist::TableMode::kFlushed}) {
    World world({.table = table});
    add_numbered(world.machine, 0, 5);
    auto right = std::move(world.machine.pcrs);
    digest::PcrState others(right->banks());
    for (std::size_t bank = 0; bank < right->banks().size(); ++bank) {
      others.set(bank, 10, digest::hash(right->banks()[bank].algorithm, as_bytes("another machine")));
    }
    world.machine.pcrs = std::make_unique<tpm::SoftPcrBanks>(others);
    world.keeper.pcrs.resets = tpm::ResetCounts{.resets = 90, .restarts = 0};
    EXPECT_THAT(diagnoses(world.follow()), ElementsAre(Diagnosis::kHeadless));
    world.machine.pcrs = std::move(right);
    world.keeper.pcrs.resets = tpm::ResetCounts{.resets = 7, .restarts = 0};
    restart(world);
    EXPECT_EQ(world.follow().archived, 0u);
    EXPECT_EQ(must(world.keeper.archive().chains()).size(), 1u);
    add_numbered(world.machine, 5, 1);
    EXPECT_TRUE(world.follow().proven);
    EXPECT_EQ(world.keeper.archived(), 6u);
  }
}

// ---- PCRs

TEST(Follow, CountsUnextendedRecordsOfThePcrAlone) {
  World world;
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(world.machine.add(ima_ng("/" + std::to_string(i), i % 2 == 0 ? 10 : 11)));
  world.follow();
  ASSERT_TRUE(world.machine.add(ima_ng("/a", 11)));
  world.machine.fail_next_extend();
  ASSERT_TRUE(world.machine.add(ima_ng("/unextended")));
  ASSERT_TRUE(world.machine.add(ima_ng("/b", 11)));
  const FollowResult followed = world.follow();
  ASSERT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kFailedExtend));
  EXPECT_EQ(followed.found[0].first, 7u);
  EXPECT_EQ(followed.found[0].records, 1u) << "record 8 is of PCR 11";
}

TEST(Trim, OfAListWithAPcrThatCannotBeReadIsArchivedAndNotTrimmed) {
  for (const bool unproven : {false, true}) {
    World world({}, {.method = Method::kCount, .unproven = unproven});
    world.keeper.pcrs.unreadable = 11;
    for (int i = 0; i < 6; ++i) ASSERT_TRUE(world.machine.add(ima_ng("/" + std::to_string(i), i % 3 == 0 ? 11 : 10)));
    const FollowResult followed = world.follow();
    EXPECT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kUnreadPcr));
    EXPECT_THAT(followed.found[0].what, testing::HasSubstr("PCR 11 cannot be read"));
    EXPECT_EQ(followed.archived, 6u);
    EXPECT_FALSE(followed.proven);
    EXPECT_EQ(world.keeper.row().proven, 0u);
    const auto trimmed = world.keeper.keeper().trim();
    EXPECT_EQ(trimmed.has_value(), unproven);
    EXPECT_TRUE(trimmed || trimmed.error().code == ErrorCode::kMismatch);
    EXPECT_EQ(world.machine.in_list(), unproven ? 1u : 6u);
    world.keeper.pcrs.unreadable.reset();
    EXPECT_TRUE(world.follow().proven) << "once it can be read";
    EXPECT_EQ(world.keeper.archived(), 6u);
  }
}

// A TPM may be busy for a moment. The value of PCR 11 does not tell how many of the equal records are new.
TEST(Follow, WaitsForThePcrThatAloneTellsWhereTheListLies) {
  for (const bool for_good : {false, true}) {
    World world({.table = mlist::TableMode::kNone});
    ASSERT_TRUE(world.machine.add(ima_ng("/of PCR 11", 11)));
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(world.machine.add(ima_ng("/repeated")));
    EXPECT_TRUE(world.follow().proven);
    ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "3\n"));
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(world.machine.add(ima_ng("/repeated")));
    world.keeper.pcrs.unreadable = 10;
    for (int tries = 0; tries < 3; ++tries) {
      const auto followed = world.keeper.keeper().follow();
      ASSERT_FALSE(followed);
      EXPECT_EQ(followed.error().code, ErrorCode::kEnvironment);
      EXPECT_THAT(followed.error().message, testing::HasSubstr("PCR 10 cannot be read, so several alignments"));
    }
    EXPECT_EQ(world.keeper.archived(), 5u);
    if (for_good) {
      EXPECT_EQ(world.follow().archived, 4u) << "twice is better than lost";
      continue;
    }
    world.keeper.pcrs.unreadable.reset();
    EXPECT_TRUE(world.follow().proven);
    EXPECT_EQ(world.keeper.archived(), 7u);
    EXPECT_EQ(world.keeper.copies(), 0u);
    EXPECT_EQ(world.keeper.wrong(), "");
  }
}

TEST(Follow, ATpmThatReadsNoPcrIsAnError) {
  World world;
  world.keeper.pcrs.unreadable = 10;
  add_numbered(world.machine, 0, 2);
  EXPECT_EQ(world.keeper.keeper().follow().error().code, ErrorCode::kEnvironment);
}

// ---- chains that are not this host's

TEST(Follow, AnImportedChainIsNotTakenForTheHostsOwn) {
  World world;
  add_numbered(world.machine, 0, 3);
  world.follow();
  auto& archive = world.keeper.archive();
  const auto banks = must(archive.chain(archive::ChainId(1))).banks;
  must(archive.begin_chain(banks, archive::ChainStart::kBoot, kHostOrder, {.origin = "import"}));
  add_numbered(world.machine, 3, 2);
  const FollowResult followed = world.follow();
  EXPECT_EQ(followed.chain, archive::ChainId(1));
  EXPECT_EQ(followed.archived, 2u);
  EXPECT_EQ(must(archive.chain(archive::ChainId(2))).end, 0u);
  EXPECT_EQ(must(archive.host_chain())->chain, archive::ChainId(1));
}

}  // namespace
}  // namespace imakeep::keeper::test
