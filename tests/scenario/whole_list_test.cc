// SPDX-License-Identifier: Apache-2.0
// whole_list_test.cc - the whole list is what the kernel's files would show, byte for byte, wherever a reader
// begins.
#include "view/whole_list.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "archive/memory/memory_store.h"
#include "archive/test_support.h"
#include "imalog/ascii.h"

namespace imakeep::view {
namespace {

namespace imatest = imalog::test;
using archive::Archive;
using archive::Chain;
using archive::ChainId;
using archive::ChainStart;
using imalog::Form;
using imatest::Content;
using imatest::must;

constexpr std::string_view kBanks = "sha1,sha256,sha512,tpm_alg_29";

std::vector<ListFile> all_files() {
  std::vector<ListFile> files;
  for (const Form form : imalog::kForms) {
    for (const digest::Bank& bank : imatest::banks(kBanks)) files.push_back({.form = form, .bank = bank});
  }
  return files;
}

Bytes expected(const std::vector<Content>& contents, const ListFile& file, ByteOrder order = ByteOrder::kLittle) {
  if (file.form == Form::kBinary) return imatest::list_of(contents, file.bank, order);
  std::string text;
  for (const Content& content : contents) {
    must(imalog::append_ascii(text, content.view(), imalog::shown_digest(file.bank, content.view()).view(), order));
  }
  return imatest::bytes_of(text);
}

// An archive in memory, with one chain.
class World {
 public:
  explicit World(ByteOrder order = ByteOrder::kLittle) : archive_(store_) {
    must(archive_.begin_chain(imatest::banks("sha1,sha256"), ChainStart::kBoot, order));
  }

  void append(const std::vector<Content>& contents, std::size_t first, std::size_t count) {
    const digest::Bank bank = imatest::bank("sha256");
    std::vector<digest::Digest> digests;
    std::vector<archive::IncomingView> records;
    for (std::size_t i = first; i < first + count; ++i) {
      digests.push_back(imalog::shown_digest(bank, contents[i].view()));
    }
    for (std::size_t i = 0; i < count; ++i) {
      records.push_back({.content = contents[first + i].view(), .shown = digests[i].view()});
    }
    must(archive_.append(ChainId(1), first, records, bank, 0));
  }
  void append(const std::vector<Content>& contents) { append(contents, 0, contents.size()); }
  Chain chain() { return must(archive_.chain(ChainId(1))); }
  // Of all that is archived.
  WholeList whole() { return WholeList(chain()); }
  void extend(WholeList& list) { must(list.extend(store_, chain().end)); }
  std::uint64_t first_of_segment(std::size_t which) { return store_.segments(ChainId(1)).segments.at(which).first; }
  void lose_segment(std::size_t which) {
    const std::uint64_t first = first_of_segment(which);
    archive::Transaction transaction(store_);
    must(transaction.begin());
    must(store_.remove_segment(ChainId(1), first));
    must(transaction.commit());
  }

  Archive& archive() { return archive_; }
  archive::MemoryStore& store() { return store_; }

 private:
  archive::MemoryStore store_;
  Archive archive_;
};

Bytes read(const WholeList& list, archive::Store& store, const ListFile& file, std::uint64_t offset,
           std::uint64_t count) {
  Bytes bytes;
  while (bytes.size() < count) {
    const std::uint64_t at = offset + bytes.size();
    const auto block = must(list.block_at(file, at));
    if (!block) break;
    const Bytes whole = must(list.bytes_of(store, file, *block));
    const ByteView rest = ByteView(whole).subspan(at - block->offset);
    append_bytes(bytes, rest.first(std::min<std::uint64_t>(rest.size(), count - bytes.size())));
  }
  return bytes;
}

std::vector<Content> numbered(std::size_t count) {
  std::vector<Content> contents;
  for (std::size_t i = 0; i < count; ++i) contents.push_back(imatest::ima_ng("/whole/list/" + std::to_string(i)));
  return contents;
}

// Printable, and so long that some ten make a block.
rc::Gen<Content> long_content() {
  return rc::gen::exec([] {
    const std::string path(*rc::gen::inRange<std::size_t>(1, 30'000), *rc::gen::inRange('a', 'z'));
    Content content = imatest::ima_ng("/" + path, *imatest::any_pcr());
    content.violation = *rc::gen::weightedElement<bool>({{1, true}, {4, false}});
    if (*rc::gen::weightedElement<bool>({{1, true}, {3, false}})) {
      content.template_name = "ima";
      content.body = imatest::ima_body(digest::Digest(20).view(), path.substr(0, imalog::kMaxImaPathBytes));
    }
    return content;
  });
}

RC_GTEST_PROP(WholeList, HoldsEveryRecordAsTheKernelsFileWould, ()) {
  const auto contents =
      *rc::gen::container<std::vector<Content>>(*rc::gen::inRange<std::size_t>(0, 40), long_content());
  World world;
  WholeList list = world.whole();
  for (std::size_t at = 0; at < contents.size();) {
    const std::size_t count = *rc::gen::inRange<std::size_t>(1, contents.size() - at + 1);
    world.append(contents, at, count);
    at += count;
    if (*rc::gen::arbitrary<bool>()) world.extend(list);
  }
  world.extend(list);
  RC_ASSERT(list.records() == contents.size());
  for (const ListFile& file : all_files()) {
    const Bytes whole = expected(contents, file);
    RC_ASSERT(list.bytes(file) == whole.size());
    RC_ASSERT(read(list, world.store(), file, 0, whole.size() + 1) == whole);
    const auto offset = *rc::gen::inRange<std::size_t>(0, whole.size() + 2);
    const auto count = *rc::gen::inRange<std::size_t>(0, 300'000);
    const ByteView rest = ByteView(whole).subspan(std::min(offset, whole.size()));
    RC_ASSERT(equal(read(list, world.store(), file, offset, count), rest.first(std::min(count, rest.size()))));
  }
}

RC_GTEST_PROP(WholeList, KeepsUnknownTemplatesByteForByteInEitherByteOrder, ()) {
  const ByteOrder order = *imatest::any_order();
  const auto contents = *rc::gen::container<std::vector<Content>>(imatest::any_content(order));
  World world(order);
  world.append(contents);
  WholeList list = world.whole();
  world.extend(list);
  for (const digest::Bank& bank : imatest::banks(kBanks)) {
    const ListFile file{.form = Form::kBinary, .bank = bank};
    const Bytes whole = expected(contents, file, order);
    RC_ASSERT(list.bytes(file) == whole.size());
    RC_ASSERT(read(list, world.store(), file, 0, whole.size() + 1) == whole);
  }
}

// The blocks of a file from its front to its end. Each begins at the end of the one before it.
std::size_t expect_whole_blocks(const WholeList& list, const ListFile& file) {
  std::size_t blocks = 0;
  std::uint64_t record = 0;
  for (std::uint64_t at = 0; at < list.bytes(file); ++blocks) {
    const auto block = must(list.block_at(file, at));
    EXPECT_EQ(block->offset, at);
    EXPECT_EQ(block->first, record);
    EXPECT_EQ(must(list.block_at(file, at + block->bytes - 1))->first, record);
    const std::uint64_t digest_bytes = file.bank.digest_bytes() * (file.form == Form::kBinary ? 1 : 2);
    const std::uint64_t without_digests = block->bytes - digest_bytes * (block->end - block->first);
    EXPECT_LT(without_digests, 4 * WholeList::kBlockBytes);
    record = block->end;
    at += block->bytes;
  }
  EXPECT_EQ(record, list.records());
  return blocks;
}

TEST(WholeList, GrownInPiecesHasWholeBlocksAndTheSameBytes) {
  const std::vector<Content> contents = numbered(5000);
  World world;
  WholeList grown = world.whole();
  for (std::size_t at = 0, step = 1; at < contents.size(); at += step, step = step % 97 + 1) {
    step = std::min(step, contents.size() - at);
    world.append(contents, at, step);
    world.extend(grown);
  }
  WholeList at_once = WholeList(Chain{.chain = ChainId(1), .order = ByteOrder::kLittle});
  world.extend(at_once);
  for (const ListFile& file : all_files()) {
    ASSERT_EQ(grown.bytes(file), at_once.bytes(file));
    for (const WholeList* list : {&grown, &at_once}) EXPECT_GT(expect_whole_blocks(*list, file), 3u);
    const Bytes whole = expected(contents, file);
    EXPECT_EQ(read(grown, world.store(), file, 0, whole.size()), whole);
    EXPECT_EQ(read(at_once, world.store(), file, 0, whole.size()), whole);
  }
}

TEST(WholeList, BlocksBeginWhereSegmentsDo) {
  World world;
  world.append(numbered(8000));
  WholeList list = world.whole();
  world.extend(list);
  const ListFile file{.form = Form::kBinary, .bank = imatest::bank("sha1")};
  const auto segments = world.store().segments(ChainId(1)).segments;
  ASSERT_GT(segments.size(), 3u);
  std::uint64_t at = 0;
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    const auto block = must(list.block_at(file, at));
    EXPECT_EQ(block->first, segments[i].first);
    EXPECT_EQ(block->end, segments[i].end());
    at += block->bytes;
  }
}

TEST(WholeList, IsEmptyBeforeAnythingIsKnown) {
  World world;
  WholeList list = world.whole();
  for (const ListFile& file : all_files()) {
    EXPECT_EQ(list.bytes(file), 0u);
    EXPECT_FALSE(must(list.block_at(file, 0)));
  }
  world.extend(list);
  EXPECT_EQ(list.records(), 0u);
}

TEST(WholeList, AByteBeyondTheEndIsNoBlock) {
  World world;
  world.append(numbered(3));
  WholeList list = world.whole();
  world.extend(list);
  for (const ListFile& file : all_files()) {
    EXPECT_TRUE(must(list.block_at(file, list.bytes(file) - 1)));
    EXPECT_FALSE(must(list.block_at(file, list.bytes(file))));
    EXPECT_FALSE(must(list.block_at(file, std::numeric_limits<std::uint64_t>::max())));
  }
}

TEST(WholeList, CountsViolations) {
  World world;
  std::vector<Content> contents = numbered(50);
  for (std::size_t i = 0; i < 50; i += 10) contents[i].violation = true;
  world.append(contents, 0, 25);
  WholeList list = world.whole();
  world.extend(list);
  EXPECT_EQ(list.violations(), 3u);
  world.append(contents, 25, 25);
  world.extend(list);
  EXPECT_EQ(list.violations(), 5u);
  EXPECT_EQ(list.records(), 50u);
}

TEST(WholeList, ShowsTheDigestThatTheListShowedThoughItDoesNotMatch) {
  World world;
  archive::test::Incoming log = archive::test::made("/altered/", 5, "sha256");
  log.list[10] ^= std::byte{1};  // Within the first record's digest.
  must(world.archive().append(ChainId(1), 0, log.records, log.bank, 0));
  WholeList list(world.chain());
  world.extend(list);
  const ListFile altered{.form = Form::kBinary, .bank = log.bank};
  EXPECT_EQ(read(list, world.store(), altered, 0, 1u << 20), log.list);
  const ListFile other{.form = Form::kBinary, .bank = imatest::bank("sha1")};
  EXPECT_EQ(read(list, world.store(), other, 0, 1u << 20), archive::test::made("/altered/", 5, "sha1").list);
}

TEST(WholeList, ShowsTheOldImaTemplateInBothForms) {
  const std::vector<Content> contents{
      {.template_name = "ima", .body = imatest::ima_body(digest::Digest(20).view(), "/bin/a_b")},
      imatest::ima_ng("/bin/c"),
      {.template_name = "ima", .body = imatest::ima_body(digest::Digest(20).view(), "/bin/d"), .violation = true}};
  World world;
  world.append(contents);
  WholeList list = world.whole();
  world.extend(list);
  for (const ListFile& file : all_files()) {
    EXPECT_EQ(read(list, world.store(), file, 0, 1u << 20), expected(contents, file)) << file.bank.name();
  }
}

TEST(WholeList, AnUnprintableRecordIsDamageInAsciiOnly) {
  World world;
  const std::vector<Content> contents{{.template_name = "ima-ng", .body = imatest::bytes_of("no fields")}};
  world.append(contents);
  WholeList list = world.whole();
  world.extend(list);
  const ListFile binary{.form = Form::kBinary, .bank = imatest::bank("sha1")};
  EXPECT_EQ(read(list, world.store(), binary, 0, 1u << 20), expected(contents, binary));
  const ListFile ascii{.form = Form::kAscii, .bank = imatest::bank("sha1")};
  const auto block = must(list.block_at(ascii, 0));
  ASSERT_TRUE(block);
  EXPECT_EQ(list.bytes_of(world.store(), ascii, *block).error().code, ErrorCode::kMalformed);
}

TEST(WholeList, AfterDamageIsOneByteThatCannotBeRead) {
  World world;
  const std::vector<Content> contents = numbered(4000);
  for (std::size_t at = 0; at < 4000; at += 1000) world.append(contents, at, 1000);
  const std::uint64_t lost = world.first_of_segment(1);
  world.lose_segment(1);
  WholeList list = world.whole();
  world.extend(list);
  EXPECT_EQ(list.records(), lost);
  const std::vector<Content> before(contents.begin(), contents.begin() + static_cast<std::ptrdiff_t>(lost));
  for (const ListFile& file : all_files()) {
    const Bytes known = expected(before, file);
    EXPECT_EQ(list.bytes(file), known.size() + 1);
    EXPECT_EQ(read(list, world.store(), file, 0, known.size()), known);
    EXPECT_EQ(list.block_at(file, known.size()).error().code, ErrorCode::kMalformed);
    EXPECT_EQ(list.block_at(file, known.size() + 100).error().code, ErrorCode::kMalformed);
  }
  // Later records have no place either.
  world.append(numbered(4001), 4000, 1);
  world.extend(list);
  EXPECT_EQ(list.records(), lost);
}

TEST(WholeList, ABlockThatIsLostLaterFailsAloneAndKeepsItsSize) {
  World world;
  const std::vector<Content> contents = numbered(4000);
  for (std::size_t at = 0; at < 4000; at += 1000) world.append(contents, at, 1000);
  WholeList list = world.whole();
  world.extend(list);
  const ListFile file{.form = Form::kBinary, .bank = imatest::bank("sha256")};
  const Bytes whole = expected(contents, file);
  const std::size_t segments = world.store().segments(ChainId(1)).segments.size();
  ASSERT_GT(segments, 2u);
  world.lose_segment(segments - 1);
  EXPECT_EQ(list.bytes(file), whole.size());
  const auto first = must(list.block_at(file, 0));
  EXPECT_TRUE(equal(must(list.bytes_of(world.store(), file, *first)), ByteView(whole).first(first->bytes)));
  const auto last = must(list.block_at(file, whole.size() - 1));
  EXPECT_EQ(list.bytes_of(world.store(), file, *last).error().code, ErrorCode::kMalformed);
}

TEST(WholeList, ABlockThatIsNotWhatItWasIsNotGivenOut) {
  World world;
  world.append(numbered(100));
  WholeList list = world.whole();
  world.extend(list);
  for (const ListFile& file : all_files()) {
    WholeList::Block block = *must(list.block_at(file, 0));
    EXPECT_EQ(must(list.bytes_of(world.store(), file, block)).size(), block.bytes);
    --block.end;
    const auto shorter = list.bytes_of(world.store(), file, block);
    ASSERT_FALSE(shorter);
    EXPECT_EQ(shorter.error().code, ErrorCode::kMalformed);
  }
}

// As when an archive is copied over another one that is in use.
TEST(WholeList, NothingIsShownOfAnotherArchiveThatHasAsManyBytes) {
  World world;
  World other;
  std::vector<Content> contents = numbered(3000);
  world.append(contents);
  std::swap(contents[10], contents[11]);
  other.append(contents);
  WholeList list = world.whole();
  world.extend(list);
  for (const ListFile& file : all_files()) {
    const WholeList::Block first = *must(list.block_at(file, 0));
    const auto shown = list.bytes_of(other.store(), file, first);
    ASSERT_FALSE(shown);
    EXPECT_EQ(shown.error().code, ErrorCode::kMalformed);
    const WholeList::Block later = *must(list.block_at(file, list.bytes(file) - 1));
    ASSERT_GT(later.first, 11u);
    EXPECT_TRUE(list.bytes_of(other.store(), file, later)) << "it has the same records";
  }
}

TEST(WholeList, AChainWhoseBeginningWasRetiredHasNoByteThatCanBeRead) {
  World world;
  const std::vector<Content> contents = numbered(4000);
  for (std::size_t at = 0; at < 4000; at += 1000) world.append(contents, at, 1000);
  WholeList before = world.whole();
  world.extend(before);
  must(world.archive().retire(ChainId(1), {.before = 2000, .unacknowledged = true}));
  ASSERT_GT(world.chain().first_kept, 0u);
  WholeList list = world.whole();
  world.extend(list);
  EXPECT_EQ(list.records(), 0u);
  for (const ListFile& file : all_files()) {
    EXPECT_EQ(list.bytes(file), 1u);
    const auto block = list.block_at(file, 0);
    ASSERT_FALSE(block);
    EXPECT_NE(block.error().message.find("retired"), std::string::npos) << block.error().message;
    // A reader that had begun before finds the rest at the same offset.
    const auto last = must(before.block_at(file, before.bytes(file) - 1));
    EXPECT_TRUE(before.bytes_of(world.store(), file, *last));
    EXPECT_EQ(before.bytes_of(world.store(), file, *must(before.block_at(file, 0))).error().code,
              ErrorCode::kMalformed);
  }
}

}  // namespace
}  // namespace imakeep::view
