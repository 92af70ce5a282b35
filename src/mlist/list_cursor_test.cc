// SPDX-License-Identifier: Apache-2.0
#include "mlist/list_cursor.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "mlist/test_support.h"

namespace imakeep::mlist {
namespace list_cursor_test {

using test::append_numbered;
using test::bank;
using test::Content;
using test::expected;
using test::must;
using test::numbered;
using test::shown;

constexpr auto kCurrent = ListKind::kCurrent;
constexpr auto kStaged = ListKind::kStaged;

std::vector<Content> numbered_contents(std::uint64_t first, std::uint64_t count) {
  std::vector<Content> contents;
  for (std::uint64_t i = first; i < first + count; ++i) contents.push_back(numbered(i));
  return contents;
}

Bytes read(ListCursor& cursor, std::uint64_t offset, std::size_t count) {
  Bytes bytes;
  must(cursor.read(offset, count, bytes));
  return bytes;
}

// Everything, `step` bytes a read.
Bytes read_all_by(ListCursor& cursor, std::size_t step) {
  Bytes all;
  for (;;) {
    const Bytes piece = read(cursor, all.size(), step);
    if (piece.empty()) return all;
    append_bytes(all, piece);
  }
}

Bytes part(const Bytes& whole, std::uint64_t offset, std::size_t count) {
  const auto begin = static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(offset, whole.size()));
  const auto end = static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(offset + count, whole.size()));
  return Bytes(whole.begin() + begin, whole.begin() + end);
}

// ---- a list that stays as it is -------------------------------------------------------------------------------------

TEST(ListCursor, ShowsEveryBankInBothForms) {
  MeasurementList list({.banks = test::banks("sha256,sha384,tpm_alg_27")});
  const std::vector<Content> contents = {
      numbered(1),
      {.pcr = 11, .template_name = "ima", .body = imalog::test::ima_body(Bytes(20), "/ima")},
      {.template_name = "ima-ng", .body = numbered(2).body, .violation = true},
      {.pcr = 5, .template_name = "n-ng", .body = imalog::test::data_of({imalog::test::bytes_of("name")})}};
  for (const Content& content : contents) must(list.append(content.view()));
  ASSERT_EQ(list.shown_banks().size(), 4u) << "sha1 and the requested banks";
  for (const digest::Bank& of : list.shown_banks()) {
    EXPECT_EQ(shown(list, kCurrent, Form::kBinary, of), expected(contents, Form::kBinary, of)) << of.name();
    EXPECT_EQ(shown(list, kCurrent, Form::kAscii, of), expected(contents, Form::kAscii, of)) << of.name();
  }
}

TEST(ListCursor, ShowsNothingOfAnEmptyList) {
  MeasurementList list(ListOptions{});
  for (const ListKind kind : {kCurrent, kStaged}) {
    ListCursor cursor(list, kind, Form::kBinary, bank("sha1"));
    EXPECT_TRUE(read(cursor, 0, 4096).empty());
    EXPECT_TRUE(read(cursor, 100, 4096).empty());
  }
}

TEST(ListCursor, GivesTheSameBytesInReadsOfAnySize) {
  MeasurementList list(ListOptions{.table = TableMode::kNone});
  append_numbered(list, 0, 50);
  for (const Form form : {Form::kBinary, Form::kAscii}) {
    const Bytes whole = expected(numbered_contents(0, 50), form, bank("sha1"));
    for (const std::size_t step : {1u, 2u, 3u, 7u, 100u, 4096u, 1u << 20}) {
      ListCursor cursor(list, kCurrent, form, bank("sha1"));
      EXPECT_EQ(read_all_by(cursor, step), whole) << step;
      EXPECT_EQ(read_all_by(cursor, step), whole) << "again from the start, " << step;
    }
  }
}

// A list of several chunks, one of them for a single record.
struct ManyChunks : testing::Test {
  ManyChunks() {
    for (std::uint64_t i = 0; i < kRecords; ++i) {
      contents.push_back(i == kRecords / 2 ? test::ima_ng("/" + std::string(kChunkBytes + 5, 'x')) : numbered(i));
      must(list.append(contents.back().view()));
    }
    EXPECT_GT(list.counters().record_bytes, 2 * kChunkBytes);
  }

  static constexpr std::uint64_t kRecords = 6000;
  MeasurementList list{ListOptions{.table = TableMode::kNone}};
  std::vector<Content> contents;
};

TEST_F(ManyChunks, AreReadFromAnyOffsetInAnyOrder) {
  for (const Form form : {Form::kBinary, Form::kAscii}) {
    const Bytes whole = expected(contents, form, bank("sha1"));
    ListCursor cursor(list, kCurrent, form, bank("sha1"));
    std::vector<std::uint64_t> offsets = {whole.size() - 1, 1, whole.size(), whole.size() + 10, 0, 0};
    for (std::uint64_t i = 0; i < 60; ++i) offsets.push_back((i * 7'919'777) % whole.size());
    for (const std::uint64_t offset : offsets) {
      ASSERT_EQ(read(cursor, offset, 700), part(whole, offset, 700)) << offset;
      ASSERT_EQ(read(cursor, offset + 700, 300), part(whole, offset + 700, 300)) << "going on after " << offset;
    }
  }
}

TEST_F(ManyChunks, RememberTheirAsciiSizeForEveryBank) {
  const digest::Bank sha1 = bank("sha1");
  const Bytes whole = expected(contents, Form::kAscii, sha1);
  const auto first_chunk = list.snapshot(kCurrent).chunk;
  EXPECT_EQ(first_chunk->remembered_ascii_bytes(), 0u);
  for (int i = 0; i < 3; ++i) {
    ListCursor cursor(list, kCurrent, Form::kAscii, sha1);
    ASSERT_EQ(read(cursor, whole.size() - 500, 1000), part(whole, whole.size() - 500, 500));
    EXPECT_GT(first_chunk->remembered_ascii_bytes(), 0u);
  }
  MeasurementList two_banks({.banks = test::banks("sha512,sha256"), .table = TableMode::kNone});
  for (const Content& content : contents) must(two_banks.append(content.view()));
  for (const digest::Bank& of : two_banks.shown_banks()) {
    const Bytes all = expected(contents, Form::kAscii, of);
    ListCursor cursor(two_banks, kCurrent, Form::kAscii, of);
    EXPECT_EQ(read(cursor, all.size() - 333, 1000), part(all, all.size() - 333, 333)) << of.name();
  }
}

TEST_F(ManyChunks, AreReadFromAnyOffsetAfterACutInTheMiddleOfOne) {
  constexpr std::uint64_t kCut = 1234;
  ASSERT_TRUE(list.delete_first(kCut));
  contents.erase(contents.begin(), contents.begin() + kCut);
  for (const Form form : {Form::kBinary, Form::kAscii}) {
    const Bytes whole = expected(contents, form, bank("sha1"));
    EXPECT_EQ(shown(list, kCurrent, form, bank("sha1")), whole);
    ListCursor cursor(list, kCurrent, form, bank("sha1"));
    for (std::uint64_t i = 1; i < 40; ++i) {
      const std::uint64_t offset = (i * 7'919'777) % whole.size();
      ASSERT_EQ(read(cursor, offset, 700), part(whole, offset, 700)) << offset;
    }
  }
}

RC_GTEST_PROP(ListCursorProperty, AnyReadsOfAnyRecordsGiveThatPartOfTheFile, ()) {
  MeasurementList list({.banks = test::banks("sha1,sha256"), .table = TableMode::kNone});
  std::vector<Content> contents;
  const int records = *rc::gen::inRange(0, 12);
  for (int i = 0; i < records; ++i) {
    contents.push_back(*imalog::test::any_content(kHostOrder));
    must(list.append(contents.back().view()));
  }
  const digest::Bank of = list.shown_banks()[*rc::gen::inRange<std::size_t>(0, 2)];
  const Bytes whole = expected(contents, Form::kBinary, of);
  ListCursor cursor(list, kCurrent, Form::kBinary, of);
  const auto reads = *rc::gen::container<std::vector<std::pair<std::size_t, std::size_t>>>(
      rc::gen::pair(rc::gen::inRange<std::size_t>(0, whole.size() + 3), rc::gen::inRange<std::size_t>(0, 300)));
  for (const auto& [offset, count] : reads) RC_ASSERT(read(cursor, offset, count) == part(whole, offset, count));
}

// ---- a list that changes under the reader ---------------------------------------------------------------------------

const digest::Bank kSha1{.algorithm = digest::Algorithm::kSha1};

Bytes binary(std::uint64_t first, std::uint64_t count) {
  return expected(numbered_contents(first, count), Form::kBinary, kSha1);
}

TEST(ListCursorUnderChange, GoesOnWithWhatWasAppended) {
  MeasurementList list(ListOptions{});
  append_numbered(list, 0, 3);
  ListCursor cursor(list, kCurrent, Form::kBinary, kSha1);
  const Bytes before = read_all_by(cursor, 50);
  EXPECT_EQ(before, binary(0, 3));
  append_numbered(list, 3, 2);
  EXPECT_EQ(read(cursor, before.size(), 4096), binary(3, 2));
}

TEST(ListCursorUnderChange, GoesOnByRecordNumberFromTheNewBegin) {
  MeasurementList list(ListOptions{});
  append_numbered(list, 0, 10);
  ListCursor cursor(list, kCurrent, Form::kBinary, kSha1);
  const Bytes two = binary(0, 2);
  ASSERT_EQ(read(cursor, 0, two.size()), two);
  ASSERT_TRUE(list.delete_first(3));
  EXPECT_EQ(read(cursor, two.size(), 4096), binary(5, 5)) << "two records after the new beginning, as Linux's seq_file";
}

TEST(ListCursorUnderChange, FinishesTheRecordItHadBegun) {
  MeasurementList list(ListOptions{});
  append_numbered(list, 0, 10);
  ListCursor cursor(list, kCurrent, Form::kBinary, kSha1);
  const Bytes one = binary(0, 1);
  Bytes all = read(cursor, 0, 5);
  ASSERT_TRUE(list.delete_first(1));
  append_bytes(all, read(cursor, 5, 4096));
  Bytes expected_bytes = one;
  append_bytes(expected_bytes, binary(2, 8));
  EXPECT_EQ(all, expected_bytes);
}

TEST(ListCursorUnderChange, StartsAfreshAtZero) {
  MeasurementList list(ListOptions{});
  append_numbered(list, 0, 10);
  ListCursor cursor(list, kCurrent, Form::kBinary, kSha1);
  ASSERT_EQ(read(cursor, 0, 7).size(), 7u);
  ASSERT_TRUE(list.delete_first(4));
  EXPECT_EQ(read(cursor, 0, 4096), binary(4, 6)) << "without the rest of the record begun before";
}

TEST(ListCursorUnderChange, FindsAnOffsetInTheListAsItIsNow) {
  MeasurementList list(ListOptions{});
  append_numbered(list, 0, 10);
  ListCursor cursor(list, kCurrent, Form::kBinary, kSha1);
  ASSERT_EQ(read(cursor, 0, 7).size(), 7u);
  ASSERT_TRUE(list.delete_first(4));
  EXPECT_EQ(read(cursor, 20, 100), part(binary(4, 6), 20, 100));
}

TEST(ListCursorUnderChange, ShowsTheNewListAfterStagingWhileTheOldOneIsStillThere) {
  MeasurementList list(ListOptions{});
  append_numbered(list, 0, 10);
  ListCursor cursor(list, kCurrent, Form::kBinary, kSha1);
  ASSERT_EQ(read_all_by(cursor, 4096), binary(0, 10));
  ASSERT_TRUE(list.stage());
  EXPECT_TRUE(read(cursor, 0, 4096).empty());
  append_numbered(list, 10, 2);
  EXPECT_EQ(read(cursor, 0, 4096), binary(10, 2));
}

TEST(ListCursorUnderChange, ShowsEachGroupThatIsStagedInTurn) {
  MeasurementList list(ListOptions{});
  ListCursor cursor(list, kStaged, Form::kBinary, kSha1);
  EXPECT_TRUE(read(cursor, 0, 4096).empty());
  for (std::uint64_t group = 0; group < 3; ++group) {
    append_numbered(list, group * 5, 5);
    ASSERT_TRUE(list.stage());
    // A reader elsewhere keeps the memory of the group before.
    const ListSnapshot held = list.snapshot(kStaged);
    EXPECT_EQ(read(cursor, 0, 4096), binary(group * 5, 5));
    ASSERT_TRUE(list.delete_staged());
    EXPECT_TRUE(read(cursor, binary(group * 5, 5).size(), 4096).empty());
    append_numbered(list, 100 + group, 1);
    ASSERT_TRUE(list.stage());
    EXPECT_EQ(read(cursor, 0, 4096), binary(100 + group, 1));
    ASSERT_TRUE(list.delete_staged());
  }
}

TEST(ListCursorUnderChange, DoesNotKeepDeletedRecordsInMemory) {
  MeasurementList list(ListOptions{});
  append_numbered(list, 0, 3000);
  ListCursor cursor(list, kCurrent, Form::kBinary, kSha1);
  ASSERT_EQ(read(cursor, 0, 1000).size(), 1000u);
  const std::weak_ptr<const Chunk> first = list.snapshot(kCurrent).chunk;
  ASSERT_TRUE(list.stage());
  ASSERT_TRUE(list.delete_staged());
  EXPECT_TRUE(first.expired());
  EXPECT_TRUE(read(cursor, 1000, 4096).size() < 300) << "the rest of one record at most";
}

TEST(ListCursor, RefusesARecordWithoutAnAsciiForm) {
  MeasurementList list(ListOptions{});
  must(list.append(Content{.template_name = "ima-ng", .body = Bytes(3)}.view()));
  ListCursor cursor(list, kCurrent, Form::kAscii, kSha1);
  Bytes bytes;
  const auto result = cursor.read(0, 4096, bytes);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kMalformed);
}

}  // namespace list_cursor_test
}  // namespace imakeep::mlist
