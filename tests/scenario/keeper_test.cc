#include "keeper/keeper.h"

#include <gmock/gmock.h>

#include "archive/archive_reader.h"
#include "scenario/keeper_world.h"

namespace imakeep::keeper::test {
namespace {

using mlist::test::ima_ng;
using mlist::test::must;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<Diagnosis> diagnoses(const Followed& followed) {
  std::vector<Diagnosis> all;
  for (const Found& found : followed.found) all.push_back(found.diagnosis);
  return all;
}

void add_numbered(Machine& machine, int first, int count) {
  for (int i = first; i < first + count; ++i) ASSERT_TRUE(machine.add(ima_ng("/" + std::to_string(i))));
}

struct World {
  explicit World(MachineOptions machine_options = {}, KeeperOptions options = {}, bool with_pcrs = true)
      : machine(std::move(machine_options)), keeper(machine, std::move(options), 1, with_pcrs) {}
  Machine machine;
  KeeperProcess keeper;
  Followed follow() { return must(keeper.keeper().follow()); }
  Trimmed trim() { return must(keeper.keeper().trim()); }
};

TEST(Follow, ArchivesAndProvesWhatIsThere) {
  World world;
  add_numbered(world.machine, 0, 5);
  const Followed followed = world.follow();
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
  const Trimmed trimmed = world.trim();
  EXPECT_EQ(trimmed.records, 5u);
  EXPECT_EQ(trimmed.method, Method::kStage);
  EXPECT_EQ(world.keeper.keeper().table(), TableMode::kFlushed);
}

TEST(Follow, SaysHowManyOthersDeleted) {
  World world;
  add_numbered(world.machine, 0, 6);
  world.follow();
  ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "4\n"));
  const Followed followed = world.follow();
  EXPECT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kTrimmedByOther));
  EXPECT_EQ(followed.found[0].records, 4u);
  EXPECT_EQ(world.keeper.row().trimmed_by_others, 4u);
  EXPECT_TRUE(followed.proven);
}

// A violation that is on its way is like the last one that was deleted.
TEST(Follow, WaitsForWhatIsOnItsWayBeforeItCountsWhatOthersDeleted) {
  World world;
  add_numbered(world.machine, 0, 1);
  world.machine.add(violation("/v"));
  world.follow();
  ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "2\n"));
  world.machine.delay_extends(true);
  world.machine.add(violation("/v"));
  const Followed followed = world.follow();
  EXPECT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kTrimmedByOther));
  EXPECT_EQ(followed.found[0].records, 2u);
  EXPECT_EQ(world.keeper.wrong(), "");
}

TEST(Follow, NamesAGapAndGoesOnBehindIt) {
  World world;
  add_numbered(world.machine, 0, 4);
  world.follow();
  add_numbered(world.machine, 4, 4);
  ASSERT_TRUE(world.machine.other(ListPart::kCurrent, "6\n"));
  const Followed followed = world.follow();
  EXPECT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kGap));
  EXPECT_EQ(followed.found[0].first, 4u);
  EXPECT_FALSE(followed.proven);
  EXPECT_EQ(world.keeper.archived(), 6u);
  EXPECT_EQ(world.keeper.wrong(), "");
  // Nothing is deleted until the PCRs went on from there.
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
  const Followed followed = world.follow();
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

TEST(Follow, AKexecStaysInTheChain) {
  World world;
  add_numbered(world.machine, 0, 3);
  world.follow();
  ASSERT_TRUE(world.machine.other(ListPart::kStaged, "A\n"));
  add_numbered(world.machine, 3, 3);
  world.keeper.kill();
  EXPECT_EQ(world.machine.kexec(), 0u);
  world.keeper.start();
  const Followed followed = world.follow();
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
  const Followed followed = world.follow();
  EXPECT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kKexecDropped));
  EXPECT_EQ(followed.found[0].records, dropped);
  EXPECT_THAT(followed.found[0].what, testing::HasSubstr(" " + std::to_string(dropped) + " records"));
  EXPECT_TRUE(followed.proven);
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
  const Followed followed = world.follow();
  EXPECT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kAlteredRecord));
  EXPECT_EQ(followed.found[0].first, 0u);
  EXPECT_EQ(world.keeper.keeper().trim().error().code, ErrorCode::kMismatch);
  EXPECT_EQ(world.machine.in_list(), 5u);
}

// One that was deleted and one that is on its way would look the same; but nothing is on its way for a second.
TEST(Follow, ALoneAlteredRecordIsNotTakenForANewOne) {
  World world;
  add_numbered(world.machine, 0, 1);
  world.follow();
  world.keeper.source().alter([](ListPart part, std::uint64_t offset, std::span<std::byte> bytes) {
    if (part == ListPart::kCurrent && offset == 0 && !bytes.empty()) bytes[80] ^= std::byte{1};
  });
  const Followed followed = world.follow();
  EXPECT_FALSE(followed.proven);
  EXPECT_THAT(diagnoses(followed), testing::Not(testing::Contains(Diagnosis::kTrimmedByOther)));
}

TEST(Follow, NamesANewRecordWhoseDataWereAltered) {
  World world;
  add_numbered(world.machine, 0, 5);
  world.keeper.source().alter([](ListPart part, std::uint64_t offset, std::span<std::byte> bytes) {
    if (part == ListPart::kCurrent && offset == 0 && !bytes.empty()) bytes[80] ^= std::byte{1};
  });
  const Followed followed = world.follow();
  EXPECT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kAlteredRecord));
  EXPECT_EQ(followed.found[0].first, 0u);
}

TEST(Follow, NamesAnArchiveThatIsAhead) {
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
  // Behind the first record's PCR.
  world.keeper.source().alter([](ListPart part, std::uint64_t offset, std::span<std::byte> bytes) {
    if (part == ListPart::kCurrent && offset == 0 && bytes.size() > 10) bytes[10] ^= std::byte{1};
  });
  EXPECT_THAT(diagnoses(world.follow()), ElementsAre(Diagnosis::kAlteredRecord));
  const auto chain = must(world.keeper.archive().chain(1));
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
  // Of another PCR, so that IMA's own stands where it stood.
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

// Each look at the list finds records behind what the PCRs said just before.
TEST(Trim, ByCountEndsThoughThePcrsNeverCatchUp) {
  World world({.table = mlist::TableMode::kNone}, {.method = Method::kCount});
  add_numbered(world.machine, 0, 5);
  bool opened = false;
  world.keeper.on_effect = [&](const std::string& what) -> std::optional<Error> {
    if (what.starts_with("after open")) opened = true;
    if (what == "before read" && std::exchange(opened, false)) world.machine.add(ima_ng("/again"));
    return std::nullopt;
  };
  EXPECT_EQ(world.trim().why_not, "");
  world.keeper.on_effect = {};
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

// Violations come in that are like the deleted one, each still on its way to the PCRs when the keeper looks.
TEST(Follow, AMarkIsNotJudgedWhileARepeatMayBeOnItsWay) {
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

TEST(Trim, AKernelThatGivesNothingBackIsOnlyFollowed) {
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
  const Trimmed trimmed = world.trim();
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

// The mark tells whose deletion it was.
TEST(Follow, ADeletionThatAMarkStandsForIsNotBlamedOnOthers) {
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

TEST(Trim, OfASuspendedListLeavesTheMark) {
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

// On such a host there is never a quiet second to tell what the PCRs stand for.
TEST(Follow, ArchivesAListThatNeverFitsThoughItIsNeverQuiet) {
  World world({}, {.method = Method::kCount});
  add_numbered(world.machine, 0, 3);
  world.follow();
  world.machine.fail_next_extend();
  int next = 5;
  add_numbered(world.machine, 3, 2);
  world.machine.clock.on_sleep = [&](std::int64_t) { add_numbered(world.machine, next++, 1); };
  for (int looks = 0; looks < 5; ++looks) EXPECT_THAT(diagnoses(world.follow()), ElementsAre(Diagnosis::kUnsettled));
  EXPECT_GE(world.keeper.archived() + 2, static_cast<std::uint64_t>(next));
  EXPECT_EQ(world.keeper.wrong(), "");
  EXPECT_THAT(world.keeper.incidents(), IsEmpty()) << "what it is, is not known yet";
  EXPECT_FALSE(world.keeper.keeper().trim()) << "nothing is proven";

  world.machine.clock.on_sleep = {};
  const Followed settled = world.follow();
  ASSERT_THAT(diagnoses(settled), ElementsAre(Diagnosis::kFailedExtend));
  EXPECT_EQ(settled.found[0].first, 3u) << "though it was archived meanwhile";
  EXPECT_EQ(settled.found[0].records, 1u);
  add_numbered(world.machine, next++, 1);
  EXPECT_TRUE(world.follow().proven) << "from the anchor on";
  EXPECT_GT(world.trim().records, 0u);
  EXPECT_EQ(world.keeper.wrong(), "");
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

TEST(Follow, PcrsThatNeverFitMakeFewAnchorsAndOneIncident) {
  World world;
  add_numbered(world.machine, 0, 1);
  world.follow();
  for (int i = 1; i <= 120; ++i) {
    world.machine.foreign_extend();
    add_numbered(world.machine, i, 1);
    EXPECT_THAT(diagnoses(world.follow()), ElementsAre(Diagnosis::kUnexplainedExtend));
  }
  const auto chain = must(world.keeper.archive().chain(1));
  EXPECT_EQ(chain.end, 121u);
  EXPECT_LT(must(world.keeper.archive().anchors(chain)).size(), 50u);
  EXPECT_EQ(world.keeper.incidents().size(), 1u);
  EXPECT_EQ(world.keeper.wrong(), "");
  for (int i = 121; i <= 140; ++i) add_numbered(world.machine, i, 1);
  world.follow();
  add_numbered(world.machine, 161, 1);
  EXPECT_TRUE(world.follow().proven);
}

// What a kexec restored is not in the table, so its records come again.
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
  const Followed followed = world.follow();
  ASSERT_THAT(diagnoses(followed), ElementsAre(Diagnosis::kTrimmedByOther));
  EXPECT_EQ(followed.found[0].records, rest);
  EXPECT_EQ(world.keeper.wrong(), "");
}

TEST(Follow, GoesOnBehindADamagedSegmentAndTrimsNothing) {
  World world({}, {.method = Method::kCount});
  add_numbered(world.machine, 0, 4);
  world.follow();
  {
    archive::Transaction transaction(world.keeper.store);
    must(transaction.begin());
    auto row = must(world.keeper.store.segment_from(1, 0)).value();
    must(world.keeper.store.remove_segment(1, row.first));
    must(world.keeper.store.add_segment(row, Bytes(40, std::byte{7})));
    must(transaction.commit());
  }
  world.keeper.kill();
  world.keeper.start();
  add_numbered(world.machine, 4, 2);
  const Followed followed = world.follow();
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

}  // namespace
}  // namespace imakeep::keeper::test
