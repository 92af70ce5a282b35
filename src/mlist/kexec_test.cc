// SPDX-License-Identifier: Apache-2.0
#include "mlist/kexec.h"

#include <gtest/gtest.h>

#include "imalog/template_data.h"
#include "mlist/test_support.h"

namespace imakeep::mlist {
namespace kexec_test {

using test::append_numbered;
using test::bank;
using test::Content;
using test::errno_of;
using test::must;
using test::numbered;
using test::numbered_paths;
using test::paths_of;

constexpr std::uint32_t kPcr = 10;

Bytes records_in(const KexecImage& image) {
  return Bytes(image.bytes.begin() + kKexecHeaderBytes, image.bytes.end());
}

// The name and the text of the buffer of an ima-buf record.
std::pair<std::string, std::string> buffer_of(const Content& content) {
  imalog::FieldReader reader(*imalog::Template::find("ima-buf"), "ima-buf", content.body, kHostOrder);
  static_cast<void>(must(reader.next()));
  const std::string name(as_text(must(reader.next())->bytes));
  return {name.substr(0, name.find('\0')), std::string(as_text(must(reader.next())->bytes))};
}

// ---- saving ---------------------------------------------------------------------------------------------------------

TEST(KexecSave, WritesStagedRecordsThenCurrentOnesAfterTheKernelsHeader) {
  MeasurementList list({.banks = test::banks("sha256")});
  append_numbered(list, 0, 2);
  ASSERT_TRUE(list.stage());
  append_numbered(list, 2, 3);
  KexecSaver saver(list, kPcr, false);
  const KexecImage image = must(saver.save());
  EXPECT_EQ(image.records, 5u);
  EXPECT_EQ(image.dropped, 0u);
  const std::byte* const header = image.bytes.data();
  EXPECT_EQ(load<std::uint16_t>(header), 1u);
  EXPECT_EQ(load<std::uint16_t>(header + 2), 0u);
  EXPECT_EQ(load<std::uint32_t>(header + 4), 0u);
  EXPECT_EQ(load<std::uint64_t>(header + 8), image.bytes.size());
  EXPECT_EQ(load<std::uint64_t>(header + 16), 5u);
  std::vector<Content> contents;
  for (std::uint64_t i = 0; i < 5; ++i) contents.push_back(numbered(i));
  EXPECT_EQ(records_in(image), imalog::test::list_of(contents, bank("sha1"), kHostOrder)) << "with sha1 digests";
}

TEST(KexecSave, SuspendsTheList) {
  MeasurementList list(ListOptions{});
  append_numbered(list, 0, 1);
  must(KexecSaver(list, kPcr, false).save());
  EXPECT_EQ(errno_of(list.append(numbered(1).view())), ENODEV);
  EXPECT_EQ(errno_of(list.stage()), EACCES);
}

TEST(KexecSave, OfASuspendedListAddsNoRecordsOfItsOwn) {
  MeasurementList list(ListOptions{});
  append_numbered(list, 0, 3);
  list.suspend();
  const KexecImage image = must(KexecSaver(list, kPcr, true).save());
  EXPECT_EQ(image.records, 3u);
  EXPECT_EQ(image.dropped, 0u);
  EXPECT_EQ(list.current_records(), 3u);
}

TEST(KexecSave, MeasuresTheFullListsFiguresAtLoadAndAtKexec) {
  MeasurementList list(ListOptions{});
  append_numbered(list, 0, 4);
  ASSERT_TRUE(list.delete_first(3));
  KexecSaver saver(list, kPcr, true);
  const auto figures = [&](std::uint64_t segment_bytes) {
    const Extent full = list.counters().full;
    return "kexec_segment_size=" + std::to_string(segment_bytes) +
           ";ima_binary_runtime_size=" + std::to_string(full.counted_bytes + kKexecHeaderBytes) +
           ";ima_runtime_measurements_count=" + std::to_string(full.records) + ";";
  };
  const Extent at_load = list.counters().full;
  EXPECT_EQ(at_load.records, 4u);
  const std::uint64_t segment_bytes = 4096;  // one record, two headers and half a page
  const std::string load_figures = figures(segment_bytes);
  EXPECT_EQ(must(saver.load()), segment_bytes);
  const std::string kexec_figures = figures(segment_bytes);
  must(saver.save());

  const auto contents = test::contents_of(list, ListKind::kCurrent);
  ASSERT_EQ(contents.size(), 3u);
  EXPECT_EQ(buffer_of(contents[1]), std::pair(std::string("kexec_load"), load_figures));
  EXPECT_EQ(buffer_of(contents[2]), std::pair(std::string("kexec_execute"), kexec_figures));
  EXPECT_NE(load_figures, kexec_figures);
}

TEST(KexecSave, AddsNoRecordWhereThePolicyMeasuresNoCriticalData) {
  MeasurementList list(ListOptions{});
  append_numbered(list, 0, 4);
  must(KexecSaver(list, kPcr, false).save());
  EXPECT_EQ(list.counters().full.records, 4u);
}

TEST(KexecSave, LeavesTwoToSixKibibytesToSpare) {
  for (const std::uint64_t records : {1u, 10u, 50u, 64u, 65u, 66u, 67u, 300u}) {
    MeasurementList list(ListOptions{});
    append_numbered(list, 0, records);
    KexecSaver saver(list, kPcr, false);
    const std::uint64_t segment_bytes = must(saver.load());
    EXPECT_EQ(segment_bytes % 4096, 0u);
    const std::uint64_t needed = list.counters().current.counted_bytes + kKexecHeaderBytes;
    EXPECT_GE(segment_bytes - needed, 2048u) << records;
    EXPECT_LE(segment_bytes - needed, 6u * 1024 + kKexecHeaderBytes) << records;
  }
}

TEST(KexecSave, DropsWholeRecordsThatCameAfterTheSegmentWasMadeAndSaysHowMany) {
  MeasurementList list(ListOptions{});
  append_numbered(list, 0, 10);
  KexecSaver saver(list, kPcr, false);
  const std::uint64_t segment_bytes = must(saver.load());
  append_numbered(list, 10, 500);
  const KexecImage image = must(saver.save());
  EXPECT_LE(image.bytes.size(), segment_bytes);
  EXPECT_GT(image.bytes.size() + 200, segment_bytes) << "no room is wasted";
  EXPECT_GT(image.dropped, 0u);
  EXPECT_EQ(image.records + image.dropped, 510u);
  EXPECT_EQ(load<std::uint64_t>(image.bytes.data() + 16), image.records);

  MeasurementList next(ListOptions{});
  const KexecRestored restored = must(restore_kexec_image(next, image.bytes));
  EXPECT_EQ(restored.records, image.records);
  EXPECT_FALSE(restored.stopped);
  EXPECT_EQ(paths_of(next), numbered_paths(0, image.records));
}

TEST(KexecSave, LeavesOutEverythingAfterTheFirstRecordThatDoesNotFit) {
  MeasurementList list(ListOptions{});
  append_numbered(list, 0, 1);
  KexecSaver saver(list, kPcr, false);
  must(saver.load());
  must(list.append(test::ima_ng("/" + std::string(8000, 'x')).view()));
  append_numbered(list, 1, 1);
  const KexecImage image = must(saver.save());
  EXPECT_EQ(image.records, 1u);
  EXPECT_EQ(image.dropped, 2u) << "a small record after a large one would be out of order";
}

// ---- restoring ------------------------------------------------------------------------------------------------------

TEST(KexecRestore, GivesTheNextListWhatTheLastOneHad) {
  MeasurementList list({.banks = test::banks("sha1,sha256")});
  const ByteView sha1 = as_bytes({"sha1:\0digest", 12});
  const Bytes named_digest(sha1.begin(), sha1.end());
  const std::vector<Content> contents = {
      numbered(0),
      {.pcr = 11, .template_name = "ima-ng", .body = numbered(1).body, .violation = true},
      {.template_name = "d-ng|n-ng|iuid", .body = imalog::test::data_of({named_digest, Bytes(2), Bytes(4)})},
      numbered(3)};
  for (const Content& content : contents) must(list.append(content.view()));
  const Bytes before = test::shown(list, ListKind::kCurrent, Form::kBinary, bank("sha256"));
  const KexecImage image = must(KexecSaver(list, kPcr, false).save());

  bool extended = false;
  MeasurementList next({.banks = test::banks("sha1,sha256"), .extend = [&](std::uint32_t, auto) -> Result<void> {
                          extended = true;
                          return {};
                        }});
  const KexecRestored restored = must(restore_kexec_image(next, image.bytes));
  EXPECT_EQ(restored.records, 4u);
  EXPECT_FALSE(restored.stopped);
  EXPECT_EQ(test::shown(next, ListKind::kCurrent, Form::kBinary, bank("sha256")), before);
  EXPECT_EQ(next.counters().current, list.counters().current);
  EXPECT_EQ(next.counters().full, list.counters().current);
  EXPECT_FALSE(extended) << "the PCRs lived through the kexec";
}

TEST(KexecRestore, EntersNothingInTheTable) {
  MeasurementList list(ListOptions{});
  append_numbered(list, 0, 1);
  const KexecImage image = must(KexecSaver(list, kPcr, false).save());
  MeasurementList next(ListOptions{});
  must(restore_kexec_image(next, image.bytes));
  EXPECT_EQ(next.counters().table_entries, 0u);
  EXPECT_EQ(errno_of(next.append(numbered(0).view())), 0) << "as the second boot_aggregate after a kexec";
}

TEST(KexecRestore, TakesWhatARealKernelHandedOver) {
  // The second kernel's list starts with the first one's staged and current records.
  const Bytes staged = imalog::test::captured_binary("kexec/first-staged-2", bank("sha1"));
  const Bytes current = imalog::test::captured_binary("kexec/first-current", bank("sha1"));
  Bytes image;
  append_int(image, std::uint64_t{1});
  append_int<std::uint64_t>(image, kKexecHeaderBytes + staged.size() + current.size());
  append_int(image, std::uint64_t{80});
  append_bytes(image, staged);
  append_bytes(image, current);
  MeasurementList next(ListOptions{});
  EXPECT_EQ(must(restore_kexec_image(next, image)).records, 80u);
  const Bytes second = imalog::test::captured_binary("kexec/second", bank("sha1"));
  EXPECT_EQ(test::shown(next, ListKind::kCurrent, Form::kBinary, bank("sha1")),
            imalog::test::first_records(second, bank("sha1"), 80));
}

// ---- images that no kernel writes -----------------------------------------------------------------------------------

struct BadImage : testing::Test {
  BadImage() {
    MeasurementList list(ListOptions{});
    append_numbered(list, 0, 3);
    image = must(KexecSaver(list, kPcr, false).save()).bytes;
    record_bytes = (image.size() - kKexecHeaderBytes) / 3;
  }

  template <class T>
  void set(std::size_t offset, T value) {
    store(image.data() + offset, value);
  }
  Error refused() const {
    MeasurementList next(ListOptions{});
    const auto restored = restore_kexec_image(next, image);
    EXPECT_FALSE(restored);
    EXPECT_EQ(next.current_records(), 0u) << "nothing is restored on an error";
    return restored ? Error{} : restored.error();
  }

  Bytes image;
  std::size_t record_bytes = 0;
};

TEST_F(BadImage, RecordThatIsNotTheFieldsOfItsTemplateIsNamed) {
  // The last field's size, which ends beyond the record's data.
  const std::size_t second = kKexecHeaderBytes + record_bytes;
  const std::size_t fields = 4 + 20 + 4 + std::string_view("ima-ng").size() + 4;
  const std::size_t first_field_bytes = load<std::uint32_t>(image.data() + second + fields);
  set(second + fields + 4 + first_field_bytes, std::uint32_t{5000});
  EXPECT_EQ(refused().code, ErrorCode::kMalformed) << refused().message;
  EXPECT_EQ(refused().record, 1u);
  EXPECT_EQ(refused().offset, second);
}

TEST_F(BadImage, OfAnotherVersionIsUnsupported) {
  for (const std::uint16_t version : {std::uint16_t{0}, std::uint16_t{2}, std::uint16_t{0x100}}) {
    set(0, version);
    EXPECT_EQ(refused().code, ErrorCode::kUnsupported);
    EXPECT_EQ(refused().offset, 0u);
    EXPECT_NE(refused().message.find("version " + std::to_string(version)), std::string::npos);
  }
}

TEST_F(BadImage, CutInItsHeaderIsTruncated) {
  const Bytes whole = image;
  for (std::size_t size = 0; size < kKexecHeaderBytes; ++size) {
    image = Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(refused().code, ErrorCode::kTruncated) << size;
    EXPECT_EQ(refused().offset, size);
  }
}

TEST_F(BadImage, ShorterThanItsHeaderSaysIsTruncated) {
  const Bytes whole = image;
  for (std::size_t size = kKexecHeaderBytes; size < whole.size(); ++size) {
    image = Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(refused().code, ErrorCode::kTruncated) << size;
    EXPECT_EQ(refused().offset, 8u);
  }
  image = whole;
  set(8, ~std::uint64_t{0});
  EXPECT_EQ(refused().code, ErrorCode::kTruncated);
}

TEST_F(BadImage, WhoseSizeLeavesNoRoomForItsHeaderIsMalformed) {
  for (const std::uint64_t size : {0u, 1u, 23u}) {
    set(8, size);
    EXPECT_EQ(refused().code, ErrorCode::kMalformed);
    EXPECT_EQ(refused().offset, 8u);
  }
}

TEST_F(BadImage, ThatCountsMoreRecordsThanItHoldsIsMalformed) {
  for (const std::uint64_t count : {std::uint64_t{4}, ~std::uint64_t{0}}) {
    set(16, count);
    EXPECT_EQ(refused().code, ErrorCode::kMalformed);
    EXPECT_EQ(refused().offset, 16u);
  }
}

TEST_F(BadImage, WithBytesAfterTheCountedRecordsIsMalformed) {
  set(16, std::uint64_t{2});
  EXPECT_EQ(refused().code, ErrorCode::kMalformed);
  EXPECT_EQ(refused().offset, kKexecHeaderBytes + 2 * record_bytes);
  set(16, std::uint64_t{3});
  image.push_back(std::byte{0});
  set<std::uint64_t>(8, image.size());
  EXPECT_EQ(refused().code, ErrorCode::kMalformed);
}

TEST_F(BadImage, WithARecordThatCannotBeOneIsMalformed) {
  set(kKexecHeaderBytes + record_bytes, std::uint32_t{999});  // the second record's PCR
  const Error error = refused();
  EXPECT_EQ(error.code, ErrorCode::kMalformed);
  EXPECT_EQ(error.offset, kKexecHeaderBytes + record_bytes);
  EXPECT_EQ(error.record, 1u);
}

TEST_F(BadImage, PaddedAfterItsSizeIsTaken) {
  image.resize(image.size() + 4096);
  MeasurementList next(ListOptions{});
  EXPECT_EQ(must(restore_kexec_image(next, image)).records, 3u) << "a segment is whole pages";
}

TEST_F(BadImage, ThatEndsWithinARecordIsRestoredUpToItAsLinuxDoes) {
  image.resize(image.size() - 1);
  set<std::uint64_t>(8, image.size());
  MeasurementList next(ListOptions{});
  const KexecRestored restored = must(restore_kexec_image(next, image));
  EXPECT_EQ(restored.records, 2u);
  ASSERT_TRUE(restored.stopped);
  EXPECT_EQ(restored.stopped->code, ErrorCode::kTruncated);
  EXPECT_EQ(restored.stopped->record, 2u);
  EXPECT_EQ(paths_of(next), numbered_paths(0, 2));
}

TEST(KexecRestore, StopsAtTheFirstRecordThatLinuxWouldNotRestore) {
  const Content ima{.template_name = "ima", .body = imalog::test::ima_body(Bytes(20), "/ima")};
  const Content unknown{.template_name = "unknown", .body = Bytes(4)};
  for (const Content& odd : {ima, unknown}) {
    MeasurementList list(ListOptions{});
    append_numbered(list, 0, 1);
    must(list.append(odd.view()));
    append_numbered(list, 1, 1);
    const KexecImage image = must(KexecSaver(list, kPcr, false).save());
    EXPECT_EQ(image.records, 3u);
    MeasurementList next(ListOptions{});
    const KexecRestored restored = must(restore_kexec_image(next, image.bytes));
    EXPECT_EQ(restored.records, 1u);
    ASSERT_TRUE(restored.stopped);
    EXPECT_EQ(restored.stopped->code, ErrorCode::kUnsupported);
    EXPECT_EQ(restored.stopped->record, 1u);
    EXPECT_NE(restored.stopped->message.find("'" + odd.template_name + "'"), std::string::npos);
    EXPECT_EQ(paths_of(next), numbered_paths(0, 1));
  }
}

}  // namespace kexec_test
}  // namespace imakeep::mlist
