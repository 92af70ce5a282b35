// SPDX-License-Identifier: Apache-2.0
#include "mlist/measurement_list.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "mlist/counting.h"
#include "mlist/test_support.h"

// Threads are tested in tests/scenario/staging_concurrency_test.cc.
namespace imakeep::mlist {
namespace measurement_list_test {

using test::append_numbered;
using test::Content;
using test::errno_of;
using test::must;
using test::numbered;
using test::numbered_paths;
using test::paths_of;

ListOptions in_mode(TableMode table) {
  return {.banks = test::banks("sha1,sha256"), .table = table};
}

Content violation_of(std::string_view path) {
  Content content = test::ima_ng(path);
  content.violation = true;
  return content;
}

Extent extent_of_all(const std::vector<Content>& contents) {
  Extent extent;
  for (const Content& content : contents) extent += extent_of(content.view());
  return extent;
}

// ---- adding ---------------------------------------------------------------------------------------------------------

TEST(Append, KeepsRecordsInOrderAndUnchanged) {
  MeasurementList list(in_mode(TableMode::kKept));
  const std::vector<Content> added = {
      test::ima_ng("/a", 11),
      violation_of("/b"),
      {.template_name = "ima", .body = imalog::test::ima_body(Bytes(20), "/c")},
      {.template_name = "d-ng|n-ng|iuid", .body = imalog::test::data_of({Bytes(3), Bytes(2), Bytes(4)})},
      {.template_name = "unknown", .body = Bytes{}}};
  for (const Content& content : added) must(list.append(content.view()));
  const auto kept = test::contents_of(list, ListKind::kCurrent);
  ASSERT_EQ(kept.size(), added.size());
  for (std::size_t i = 0; i < added.size(); ++i) {
    EXPECT_EQ(kept[i].pcr, added[i].pcr);
    EXPECT_EQ(kept[i].template_name, added[i].template_name);
    EXPECT_EQ(kept[i].body, added[i].body);
    EXPECT_EQ(kept[i].violation, added[i].violation);
  }
}

TEST(Append, RefusesARepeatOfTheSameDataInTheSamePcr) {
  MeasurementList list(in_mode(TableMode::kKept));
  must(list.append(numbered(1).view()));
  EXPECT_EQ(errno_of(list.append(numbered(1).view())), EEXIST);
  EXPECT_EQ(list.append(numbered(1).view()).error().code, ErrorCode::kRefused);
  EXPECT_EQ(errno_of(list.append(test::ima_ng("/1", 11).view())), 0);
  EXPECT_EQ(paths_of(list), (std::vector<std::string>{"/1", "/1"}));
}

TEST(Append, TakesARepeatWhenAskedTo) {
  MeasurementList list(in_mode(TableMode::kKept));
  must(list.append(numbered(1).view()));
  EXPECT_EQ(errno_of(list.append(numbered(1).view(), Repeats::kAdd)), 0);
  EXPECT_EQ(list.counters().table_entries, 1u);
  EXPECT_EQ(list.current_records(), 2u);
}

TEST(Append, NeverTakesAViolationForARepeat) {
  MeasurementList list(in_mode(TableMode::kKept));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(errno_of(list.append(violation_of("/v").view())), 0);
  EXPECT_EQ(list.counters().table_entries, 0u);
  EXPECT_EQ(errno_of(list.append(test::ima_ng("/v").view())), 0) << "a violation's digest must not be in the table";
}

TEST(Append, KnowsRepeatsByImasHashThoughNoBankHasIt) {
  MeasurementList list({.banks = test::banks("sha1"), .hash = digest::Algorithm::kSha512});
  must(list.append(numbered(1).view()));
  EXPECT_EQ(errno_of(list.append(numbered(1).view())), EEXIST);
}

TEST(Append, IsRefusedWithEnodevOnceSuspendedEvenForARepeat) {
  MeasurementList list(in_mode(TableMode::kKept));
  must(list.append(numbered(1).view()));
  list.suspend();
  EXPECT_EQ(errno_of(list.append(numbered(1).view())), ENODEV);
  EXPECT_EQ(errno_of(list.append(numbered(2).view(), Repeats::kAdd)), ENODEV);
  EXPECT_EQ(list.current_records(), 1u);
  EXPECT_TRUE(list.counters().suspended);
}

TEST(Append, ExtendsEveryBankInOrderWithWhatTheRecordSays) {
  imalog::PcrState pcrs(test::banks("sha1,sha256"));
  imalog::PcrState expected = pcrs;
  MeasurementList list({.banks = pcrs.banks(),
                        .extend = [&](std::uint32_t pcr, std::span<const digest::Digest> digests) -> Result<void> {
                          EXPECT_EQ(digests.size(), 2u);
                          for (std::size_t i = 0; i < digests.size(); ++i) pcrs.extend(i, pcr, digests[i]);
                          return {};
                        }});
  for (const Content& content : {numbered(1), violation_of("/v"), test::ima_ng("/a", 11), numbered(1)}) {
    if (list.append(content.view())) imalog::extend(expected, content.view());
  }
  EXPECT_EQ(pcrs, expected);
}

TEST(Append, ReportsAFailedExtendAndKeepsTheRecord) {
  bool works = true;
  MeasurementList list({.extend = [&](std::uint32_t, auto) -> Result<void> {
    if (!works) return fail(ErrorCode::kIo, "TPM in failure mode");
    return {};
  }});
  EXPECT_FALSE(must(list.append(numbered(0).view())).extend_failure);
  works = false;
  const Appended appended = must(list.append(numbered(1).view()));
  ASSERT_TRUE(appended.extend_failure);
  EXPECT_EQ(appended.extend_failure->code, ErrorCode::kIo);
  EXPECT_EQ(appended.extend_failure->message, "TPM in failure mode");
  works = true;
  EXPECT_EQ(errno_of(list.append(numbered(1).view())), EEXIST) << "the record is in the list and in the table";
  EXPECT_EQ(paths_of(list), numbered_paths(0, 2));
}

TEST(Append, TakesARecordLargerThanAChunk) {
  MeasurementList list(in_mode(TableMode::kKept));
  const Content large{.template_name = "ima-buf", .body = Bytes(imalog::kMaxDataBytes, std::byte{7})};
  append_numbered(list, 0, 1);
  must(list.append(large.view()));
  append_numbered(list, 1, 1);
  const auto kept = test::contents_of(list, ListKind::kCurrent);
  ASSERT_EQ(kept.size(), 3u);
  EXPECT_EQ(kept[1].body, large.body);
  EXPECT_EQ(test::path_of(kept[2].view()), "/1");
}

// ---- 'A' ------------------------------------------------------------------------------------------------------------

TEST(Stage, MovesTheWholeCurrentList) {
  MeasurementList list(in_mode(TableMode::kKept));
  append_numbered(list, 0, 3);
  ASSERT_TRUE(list.stage());
  EXPECT_EQ(paths_of(list, ListKind::kStaged), numbered_paths(0, 3));
  EXPECT_TRUE(paths_of(list).empty());
  append_numbered(list, 3, 2);
  EXPECT_EQ(paths_of(list, ListKind::kStaged), numbered_paths(0, 3));
  EXPECT_EQ(paths_of(list), numbered_paths(3, 2));
}

TEST(Stage, RefusesAnEmptyList) {
  MeasurementList list(in_mode(TableMode::kKept));
  EXPECT_EQ(errno_of(list.stage()), ENOENT);
  append_numbered(list, 0, 2);
  ASSERT_TRUE(list.delete_first(2));
  EXPECT_EQ(errno_of(list.stage()), ENOENT) << "emptied by number";
}

TEST(Stage, RefusesWhileSomethingIsStagedEvenIfTheListIsEmptyOrSuspended) {
  MeasurementList list(in_mode(TableMode::kKept));
  append_numbered(list, 0, 1);
  ASSERT_TRUE(list.stage());
  EXPECT_EQ(errno_of(list.stage()), EEXIST);
  append_numbered(list, 1, 1);
  EXPECT_EQ(errno_of(list.stage()), EEXIST);
  list.suspend();
  EXPECT_EQ(errno_of(list.stage()), EEXIST);
  EXPECT_EQ(paths_of(list), numbered_paths(1, 1));
}

TEST(Stage, LooksForAnEmptyListBeforeSuspension) {
  MeasurementList empty(in_mode(TableMode::kKept));
  empty.suspend();
  EXPECT_EQ(errno_of(empty.stage()), ENOENT);
  MeasurementList list(in_mode(TableMode::kKept));
  append_numbered(list, 0, 1);
  list.suspend();
  EXPECT_EQ(errno_of(list.stage()), EACCES);
  EXPECT_EQ(paths_of(list), numbered_paths(0, 1));
}

// ---- 'D' ------------------------------------------------------------------------------------------------------------

TEST(DeleteStaged, TakesWhatIsStagedAndNothingElse) {
  MeasurementList list(in_mode(TableMode::kKept));
  append_numbered(list, 0, 3);
  ASSERT_TRUE(list.stage());
  append_numbered(list, 3, 1);
  ASSERT_TRUE(list.delete_staged());
  EXPECT_TRUE(paths_of(list, ListKind::kStaged).empty());
  EXPECT_EQ(paths_of(list), numbered_paths(3, 1));
  EXPECT_TRUE(list.stage()) << "a new group may be staged";
}

TEST(DeleteStaged, RefusesWhereNothingIsStagedEvenIfSuspended) {
  MeasurementList list(in_mode(TableMode::kKept));
  append_numbered(list, 0, 1);
  EXPECT_EQ(errno_of(list.delete_staged()), ENOENT);
  list.suspend();
  EXPECT_EQ(errno_of(list.delete_staged()), ENOENT);
}

TEST(DeleteStaged, IsRefusedWithEstaleOnceSuspended) {
  MeasurementList list(in_mode(TableMode::kFlushed));
  append_numbered(list, 0, 1);
  ASSERT_TRUE(list.stage());
  list.suspend();
  EXPECT_EQ(errno_of(list.delete_staged()), ESTALE);
  EXPECT_EQ(paths_of(list, ListKind::kStaged), numbered_paths(0, 1));
  EXPECT_EQ(list.counters().table_entries, 1u);
}

// ---- N --------------------------------------------------------------------------------------------------------------

TEST(DeleteFirst, TakesTheFirstRecordsOfTheCurrentList) {
  MeasurementList list(in_mode(TableMode::kKept));
  append_numbered(list, 0, 5);
  ASSERT_TRUE(list.delete_first(2));
  EXPECT_EQ(paths_of(list), numbered_paths(2, 3));
  ASSERT_TRUE(list.delete_first(3));
  EXPECT_TRUE(paths_of(list).empty());
  append_numbered(list, 5, 1);
  EXPECT_EQ(paths_of(list), numbered_paths(5, 1));
}

TEST(DeleteFirst, LeavesWhatIsStagedAlone) {
  MeasurementList list(in_mode(TableMode::kKept));
  append_numbered(list, 0, 2);
  ASSERT_TRUE(list.stage());
  append_numbered(list, 2, 3);
  EXPECT_EQ(errno_of(list.delete_first(4)), ENOENT) << "what is staged does not count";
  ASSERT_TRUE(list.delete_first(2));
  EXPECT_EQ(paths_of(list, ListKind::kStaged), numbered_paths(0, 2));
  EXPECT_EQ(paths_of(list), numbered_paths(4, 1));
}

TEST(DeleteFirst, RefusesMoreThanThereAre) {
  MeasurementList list(in_mode(TableMode::kKept));
  EXPECT_EQ(errno_of(list.delete_first(1)), ENOENT);
  append_numbered(list, 0, 3);
  EXPECT_EQ(errno_of(list.delete_first(4)), ENOENT);
  EXPECT_EQ(errno_of(list.delete_first(~std::uint64_t{0})), ENOENT);
  EXPECT_EQ(paths_of(list), numbered_paths(0, 3));
}

TEST(DeleteFirst, RefusesZeroBeforeAnythingElse) {
  MeasurementList list(in_mode(TableMode::kKept));
  EXPECT_EQ(errno_of(list.delete_first(0)), EINVAL);
  list.suspend();
  EXPECT_EQ(errno_of(list.delete_first(0)), EINVAL);
}

TEST(DeleteFirst, IsRefusedWhereTheTableIsToBeFlushed) {
  MeasurementList list(in_mode(TableMode::kFlushed));
  append_numbered(list, 0, 3);
  EXPECT_EQ(errno_of(list.delete_first(1)), EINVAL);
  EXPECT_EQ(errno_of(list.delete_first(9)), EINVAL);
  list.suspend();
  EXPECT_EQ(errno_of(list.delete_first(1)), EINVAL);
  EXPECT_EQ(paths_of(list), numbered_paths(0, 3));
}

TEST(DeleteFirst, LooksForTheRecordsBeforeSuspension) {
  MeasurementList list(in_mode(TableMode::kKept));
  append_numbered(list, 0, 3);
  list.suspend();
  EXPECT_EQ(errno_of(list.delete_first(4)), ENOENT);
  EXPECT_EQ(errno_of(list.delete_first(3)), ESTALE);
  EXPECT_EQ(paths_of(list), numbered_paths(0, 3));
}

TEST(DeleteFirst, CutsAnywhereInAListOfManyChunks) {
  constexpr std::uint64_t kRecords = 10'000;
  for (const std::uint64_t cut : {std::uint64_t{1}, std::uint64_t{2500}, kRecords / 2, kRecords - 1, kRecords}) {
    MeasurementList list(in_mode(TableMode::kNone));
    append_numbered(list, 0, kRecords);
    ASSERT_TRUE(list.delete_first(cut));
    EXPECT_EQ(paths_of(list), numbered_paths(cut, kRecords - cut)) << cut;
    EXPECT_EQ(list.counters().current.records, kRecords - cut);
    append_numbered(list, kRecords, 1);
    EXPECT_EQ(paths_of(list), numbered_paths(cut, kRecords - cut + 1)) << cut;
  }
}

// ---- the table's modes ----------------------------------------------------------------------------------------------

TEST(KeptTable, KnowsARecordAfterItWasDeleted) {
  MeasurementList list(in_mode(TableMode::kKept));
  append_numbered(list, 0, 2);
  ASSERT_TRUE(list.delete_first(1));
  EXPECT_EQ(errno_of(list.append(numbered(0).view())), EEXIST);
  ASSERT_TRUE(list.stage());
  EXPECT_EQ(errno_of(list.append(numbered(1).view())), EEXIST);
  ASSERT_TRUE(list.delete_staged());
  EXPECT_EQ(errno_of(list.append(numbered(1).view())), EEXIST);
  EXPECT_EQ(list.counters().table_entries, 2u);
}

TEST(FlushedTable, ForgetsEveryRecordAtDeletionAndNotBefore) {
  MeasurementList list(in_mode(TableMode::kFlushed));
  append_numbered(list, 0, 2);
  ASSERT_TRUE(list.stage());
  append_numbered(list, 2, 1);
  EXPECT_EQ(errno_of(list.append(numbered(0).view())), EEXIST);
  ASSERT_TRUE(list.delete_staged());
  EXPECT_EQ(list.counters().table_entries, 0u);
  EXPECT_EQ(list.counters().table_bytes, 0u);
  EXPECT_EQ(errno_of(list.append(numbered(0).view())), 0);
  EXPECT_EQ(errno_of(list.append(numbered(2).view())), 0) << "the whole table, not only what was deleted";
  EXPECT_EQ(paths_of(list), (std::vector<std::string>{"/2", "/0", "/2"}));
}

TEST(NoTable, NeverKnowsARepeat) {
  MeasurementList list(in_mode(TableMode::kNone));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(errno_of(list.append(numbered(0).view())), 0);
  EXPECT_EQ(list.counters().table_entries, 0u);
  EXPECT_EQ(list.counters().table_bytes, 0u);
  EXPECT_TRUE(list.delete_first(1));
  EXPECT_TRUE(list.stage());
  EXPECT_TRUE(list.delete_staged());
}

// ---- counters -------------------------------------------------------------------------------------------------------

TEST(CountedBytes, AreWhatLinuxAllocates) {
  const Content ng = test::ima_ng("/a");
  EXPECT_EQ(linux_counted_bytes(ng.view()), 4 + 20 + 4 + 6 + 4 + ng.body.size());
  Content free_format = ng;
  free_format.template_name = "d-ng|n-ng";
  EXPECT_EQ(linux_counted_bytes(free_format.view()), 4 + 20 + 4 + 4 + ng.body.size()) << "a free format has no name";
  const Content ima{.template_name = "ima", .body = imalog::test::ima_body(Bytes(20), "/abc")};
  EXPECT_EQ(linux_counted_bytes(ima.view()), 4 + 20 + 4 + 3 + 4 + (4 + 20) + (4 + 5)) << "lengths and the path's NUL";
}

TEST(Counters, FollowRecordsAndBytesOfEachListThroughEveryRequest) {
  MeasurementList list(in_mode(TableMode::kKept));
  std::vector<Content> all;
  const auto append = [&](const Content& content) {
    must(list.append(content.view()));
    all.push_back(content);
  };
  const auto sum = [&](std::size_t first, std::size_t count) {
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(first);
    return extent_of_all({begin, begin + static_cast<std::ptrdiff_t>(count)});
  };
  for (const char* path : {"/a", "/bb", "/ccc"}) append(test::ima_ng(path));
  EXPECT_EQ(list.counters().current, sum(0, 3));
  EXPECT_EQ(list.counters().full, sum(0, 3));
  EXPECT_EQ(list.counters().staged, Extent{});

  ASSERT_TRUE(list.stage());
  append({.template_name = "ima", .body = imalog::test::ima_body(Bytes(20), "/dddd")});
  append(test::ima_ng("/eeeee"));
  EXPECT_EQ(list.counters().staged, sum(0, 3));
  EXPECT_EQ(list.counters().current, sum(3, 2));
  EXPECT_EQ(list.counters().full, sum(0, 5));

  ASSERT_TRUE(list.delete_first(1));
  EXPECT_EQ(list.counters().staged, sum(0, 3));
  EXPECT_EQ(list.counters().current, sum(4, 1));
  EXPECT_EQ(list.current_records(), 1u);

  ASSERT_TRUE(list.delete_staged());
  EXPECT_EQ(list.counters().staged, Extent{});
  EXPECT_EQ(list.counters().current, sum(4, 1));
  EXPECT_EQ(list.counters().full, sum(0, 5)) << "never reduced";

  EXPECT_EQ(errno_of(list.append(test::ima_ng("/a").view())), EEXIST);
  EXPECT_EQ(list.counters().full, sum(0, 5)) << "a refused record counts nowhere";
}

TEST(Counters, CountViolationsApartFromRecords) {
  MeasurementList list(in_mode(TableMode::kKept));
  list.count_violation();
  list.count_violation();
  EXPECT_EQ(list.violations(), 2u);
  EXPECT_EQ(list.counters().violations, 2u);
  EXPECT_EQ(list.current_records(), 0u);
}

// ---- memory ---------------------------------------------------------------------------------------------------------

constexpr std::uint64_t kManyRecords = 10'000;  // several chunks

TEST(Memory, OfStagedRecordsIsFreedByDeletion) {
  MeasurementList list(in_mode(TableMode::kNone));
  append_numbered(list, 0, kManyRecords);
  EXPECT_GT(list.counters().record_bytes, 2 * kChunkBytes);
  ASSERT_TRUE(list.stage());
  const std::weak_ptr<const Chunk> staged = list.snapshot(ListKind::kStaged).chunk;
  EXPECT_GT(list.counters().record_bytes, 2 * kChunkBytes) << "staged records are in memory";
  ASSERT_TRUE(list.delete_staged());
  EXPECT_TRUE(staged.expired());
  EXPECT_EQ(list.counters().record_bytes, 0u);
}

TEST(Memory, OfRecordsDeletedByNumberIsFreedChunkByChunk) {
  MeasurementList list(in_mode(TableMode::kNone));
  append_numbered(list, 0, kManyRecords);
  const std::uint64_t before = list.counters().record_bytes;
  const std::weak_ptr<const Chunk> first = list.snapshot(ListKind::kCurrent).chunk;
  ASSERT_TRUE(list.delete_first(kManyRecords / 2));
  EXPECT_TRUE(first.expired());
  EXPECT_LE(list.counters().record_bytes, before / 2 + kChunkBytes);
  EXPECT_GE(list.counters().record_bytes, before / 2 - kChunkBytes);
  ASSERT_TRUE(list.delete_first(kManyRecords - kManyRecords / 2));
  EXPECT_LE(list.counters().record_bytes, kChunkBytes);
}

TEST(Memory, IsKeptForTheReaderThatHoldsIt) {
  MeasurementList list(in_mode(TableMode::kNone));
  append_numbered(list, 0, kManyRecords);
  ListWalk walk(list, list.snapshot(ListKind::kCurrent));
  ASSERT_TRUE(list.stage());
  ASSERT_TRUE(list.delete_staged());
  append_numbered(list, kManyRecords, 1);
  std::uint64_t seen = 0;
  while (const auto content = walk.next()) ASSERT_EQ(test::path_of(*content), "/" + std::to_string(seen++));
  EXPECT_EQ(seen, kManyRecords) << "all staged records, and none after them";
}

// ---- against a model ------------------------------------------------------------------------------------------------

// The list as two vectors and a set.
struct Model {
  TableMode table;
  std::vector<std::string> current = {};
  std::vector<std::string> staged = {};
  std::vector<std::string> known = {};
  std::uint64_t full = 0;

  int append(const std::string& path, bool violation) {
    const bool in_table = table != TableMode::kNone && !violation;
    if (in_table && std::find(known.begin(), known.end(), path) != known.end()) return EEXIST;
    if (in_table) known.push_back(path);
    current.push_back(path);
    ++full;
    return 0;
  }
  int stage() {
    if (!staged.empty()) return EEXIST;
    if (current.empty()) return ENOENT;
    staged.swap(current);
    return 0;
  }
  int delete_staged() {
    if (staged.empty()) return ENOENT;
    staged.clear();
    if (table == TableMode::kFlushed) known.clear();
    return 0;
  }
  int delete_first(std::uint64_t records) {
    if (records == 0 || table == TableMode::kFlushed) return EINVAL;
    if (records > current.size()) return ENOENT;
    current.erase(current.begin(), current.begin() + static_cast<std::ptrdiff_t>(records));
    return 0;
  }
};

RC_GTEST_PROP(MeasurementListProperty, AnySequenceOfRequestsDoesWhatTheModelDoes, ()) {
  Model model{.table = *rc::gen::element(TableMode::kKept, TableMode::kFlushed, TableMode::kNone)};
  MeasurementList list(in_mode(model.table));
  // Long paths, so that few records fill a chunk.
  const std::string stem = "/" + std::string(*rc::gen::element<std::size_t>(1, 60'000), 'p');
  const int steps = *rc::gen::inRange(1, 60);
  for (int i = 0; i < steps; ++i) {
    switch (*rc::gen::weightedElement<int>({{6, 0}, {1, 1}, {2, 2}, {2, 3}, {2, 4}})) {
      case 0:
      case 1: {
        Content content = test::ima_ng(stem + std::to_string(*rc::gen::inRange(0, 25)));
        content.violation = *rc::gen::weightedElement<bool>({{1, true}, {6, false}});
        RC_ASSERT(errno_of(list.append(content.view())) ==
                  model.append(test::path_of(content.view()), content.violation));
        break;
      }
      case 2:
        RC_ASSERT(errno_of(list.stage()) == model.stage());
        break;
      case 3:
        RC_ASSERT(errno_of(list.delete_staged()) == model.delete_staged());
        break;
      default: {
        const auto records = *rc::gen::inRange<std::uint64_t>(0, model.current.size() + 2);
        RC_ASSERT(errno_of(list.delete_first(records)) == model.delete_first(records));
      }
    }
    RC_ASSERT(paths_of(list) == model.current);
    RC_ASSERT(paths_of(list, ListKind::kStaged) == model.staged);
    const ListCounters counters = list.counters();
    RC_ASSERT(counters.current == extent_of_all(test::contents_of(list, ListKind::kCurrent)));
    RC_ASSERT(counters.staged == extent_of_all(test::contents_of(list, ListKind::kStaged)));
    RC_ASSERT(counters.full.records == model.full);
    RC_ASSERT(counters.table_entries == (model.table == TableMode::kNone ? 0 : model.known.size()));
  }
}

}  // namespace measurement_list_test
}  // namespace imakeep::mlist
