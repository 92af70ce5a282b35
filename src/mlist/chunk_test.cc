// SPDX-License-Identifier: Apache-2.0
#include "mlist/chunk.h"

#include <pthread.h>

#include <functional>

#include <gtest/gtest.h>

#include "mlist/test_support.h"

namespace imakeep::mlist {
namespace chunk_test {

using test::append_numbered;

StoredRecordView record(const Bytes& body) {
  return {.pcr = 23, .violation = true, .template_id = 65535, .body = body};
}

TEST(Chunk, ReadsRecordsAsTheyWereStored) {
  const auto chunk = Chunk::create(0);
  const Bytes first(5, std::byte{1});
  chunk->put(record(first), {.records = 1});
  chunk->put({.pcr = 0, .body = {}}, {.records = 1});
  std::size_t offset = 0;
  const StoredRecordView a = chunk->record_at(offset);
  EXPECT_EQ(a.pcr, 23u);
  EXPECT_TRUE(a.violation);
  EXPECT_EQ(a.template_id, 65535u);
  EXPECT_TRUE(equal(a.body, first));
  const StoredRecordView b = chunk->record_at(offset);
  EXPECT_EQ(b.pcr, 0u);
  EXPECT_FALSE(b.violation);
  EXPECT_TRUE(b.body.empty());
  EXPECT_EQ(offset, chunk->end());
  EXPECT_EQ(chunk->extent().records, 2u);
}

TEST(Chunk, HasRoomToItsLastByte) {
  const auto chunk = Chunk::create(0);
  const std::size_t all = kChunkBytes - 8;
  EXPECT_TRUE(chunk->has_room(all));
  EXPECT_FALSE(chunk->has_room(all + 1));
  chunk->put(record(Bytes(all)), {.records = 1});
  EXPECT_FALSE(chunk->has_room(0));
  EXPECT_EQ(chunk->end(), kChunkBytes);
}

TEST(Chunk, IsMadeAsLargeAsARecordNeeds) {
  const auto chunk = Chunk::create(10 * kChunkBytes);
  ASSERT_TRUE(chunk->has_room(10 * kChunkBytes));
  chunk->put(record(Bytes(10 * kChunkBytes)), {.records = 1});
  EXPECT_FALSE(chunk->has_room(0));
}

TEST(Chunk, TakesOnlyThePagesThatWereWritten) {
  const auto chunk = Chunk::create(0);
  EXPECT_EQ(chunk->memory_bytes(), 0u);
  chunk->put(record(Bytes(100)), {.records = 1});
  EXPECT_EQ(chunk->memory_bytes(), 4096u);
}

TEST(Chunk, HoldsEveryLaterChunk) {
  auto first = Chunk::create(0);
  auto second = Chunk::create(0);
  const std::weak_ptr<Chunk> watched = second;
  EXPECT_EQ(first->next(), nullptr);
  EXPECT_FALSE(first->sealed());
  first->seal(std::move(second));
  EXPECT_TRUE(first->sealed());
  EXPECT_EQ(first->next(), watched.lock());
  first.reset();
  EXPECT_TRUE(watched.expired());
}

// Runs `work` on a stack that is too small for twenty thousand nested calls.
void run_on_small_stack(std::function<void()> work) {
  pthread_attr_t attributes;
  ASSERT_EQ(::pthread_attr_init(&attributes), 0);
  ASSERT_EQ(::pthread_attr_setstacksize(&attributes, 256u << 10), 0);
  const auto run = [](void* of) -> void* {
    (*static_cast<std::function<void()>*>(of))();
    return nullptr;
  };
  pthread_t thread{};
  ASSERT_EQ(::pthread_create(&thread, &attributes, run, &work), 0);
  ::pthread_join(thread, nullptr);
  ::pthread_attr_destroy(&attributes);
}

TEST(Chunk, ChainsOfAnyLengthDieWithoutNesting) {
  constexpr std::size_t kChunks = 20'000;
  auto first = Chunk::create(0);
  std::vector<std::weak_ptr<Chunk>> watched;
  Chunk* last = first.get();
  for (std::size_t i = 0; i < kChunks; ++i) {
    auto next = Chunk::create(0);
    watched.push_back(next);
    Chunk* const tail = next.get();
    last->seal(std::move(next));
    last = tail;
  }
  auto held = watched[kChunks / 2].lock();  // as a reader would
  run_on_small_stack([&] { first.reset(); });
  EXPECT_TRUE(watched[0].expired());
  EXPECT_TRUE(watched[kChunks / 2 - 1].expired());
  EXPECT_FALSE(watched.back().expired()) << "chunks after a held chunk stay";
  run_on_small_stack([&] { held.reset(); });
  EXPECT_TRUE(watched.back().expired());
}

// ---- walking --------------------------------------------------------------------------------------------------------

TEST(ListWalk, FindsWhatIsAppendedAfterItCameToTheEnd) {
  MeasurementList list(ListOptions{});
  ListWalk walk(list, list.snapshot(ListKind::kCurrent));
  EXPECT_FALSE(walk.next());
  append_numbered(list, 0, 1);
  EXPECT_EQ(test::path_of(walk.next().value()), "/0");
  EXPECT_FALSE(walk.next());
  append_numbered(list, 1, 1);
  EXPECT_EQ(test::path_of(walk.next().value()), "/1");
}

TEST(ListWalk, OfNothingStagedIsEmpty) {
  MeasurementList list(ListOptions{});
  append_numbered(list, 0, 1);
  ListWalk walk(list, list.snapshot(ListKind::kStaged));
  EXPECT_FALSE(walk.next());
  EXPECT_EQ(walk.skip(3), 3u);
  EXPECT_EQ(walk.whole_chunk(), nullptr);
}

TEST(ListWalk, SkipsToAnyRecordAndSaysHowManyItLacked) {
  constexpr std::uint64_t kRecords = 9000;
  MeasurementList list(ListOptions{.table = TableMode::kNone});
  append_numbered(list, 0, kRecords);
  for (const std::uint64_t to : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{4321}, kRecords - 1}) {
    ListWalk walk(list, list.snapshot(ListKind::kCurrent));
    EXPECT_EQ(walk.skip(to), 0u);
    EXPECT_EQ(walk.position().first_record, to);
    EXPECT_EQ(test::path_of(walk.next().value()), "/" + std::to_string(to));
  }
  ListWalk walk(list, list.snapshot(ListKind::kCurrent));
  EXPECT_EQ(walk.skip(kRecords + 7), 7u);
  EXPECT_FALSE(walk.next());
}

TEST(ListWalk, NumbersRecordsSinceTheStartOfTheList) {
  MeasurementList list(ListOptions{});
  append_numbered(list, 0, 5);
  ASSERT_TRUE(list.delete_first(2));
  EXPECT_EQ(list.snapshot(ListKind::kCurrent).first_record, 2u);
  ASSERT_TRUE(list.stage());
  EXPECT_EQ(list.snapshot(ListKind::kStaged).first_record, 2u);
  EXPECT_EQ(list.snapshot(ListKind::kCurrent).first_record, 5u);
}

TEST(TemplateNames, KeepTheirNumbersAndPlaces) {
  TemplateNames names;
  const auto first = names.intern("ima-ng").value();
  const std::string_view name = names.name(first);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(names.intern("name-" + std::to_string(i)));
  EXPECT_EQ(names.intern("ima-ng"), first);
  EXPECT_EQ(name.data(), names.name(first).data());
  EXPECT_NE(names.intern("other"), first);
}

}  // namespace chunk_test
}  // namespace imakeep::mlist
