// SPDX-License-Identifier: Apache-2.0
// view_files_test.cc - what the view's files are, what they hold, and what is left of a chain that another followed.
#include "view/view_files.h"

#include <atomic>
#include <cerrno>
#include <functional>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "archive/memory/memory_store.h"
#include "archive/sqlite/sqlite_store.h"
#include "archive/test_support.h"
#include "support/scratch_directory.h"
#include "support/test_clock.h"

namespace imakeep::view {
namespace {

namespace imatest = imalog::test;
using archive::ChainId;
using archive::SqliteStore;
using archive::test::Incoming;
using imatest::must;

constexpr std::string_view kAscii256 = "ascii_runtime_measurements_sha256";
constexpr std::string_view kBinary1 = "binary_runtime_measurements_sha1";
constexpr std::string_view kCount = "runtime_measurements_count";

// An archive in a file, the view of it, and readers that open it by themselves.
class View {
 public:
  explicit View(std::string_view banks = "sha1,sha256")
      : store_(must(SqliteStore::open(file(), archive::OpenMode::kCreate))),
        archive_(*store_),
        files_(
            {.banks = imatest::banks(banks), .owner = 7, .group = 8}, [this] { return open_store(); }, clock_) {}

  ChainId begin_chain() {
    return must(archive_.begin_chain(imatest::banks("sha1,sha256"), archive::ChainStart::kBoot)).chain;
  }
  void append(ChainId chain, const Incoming& from, std::size_t first, std::size_t count) {
    must(archive_.append(chain, first, std::span(from.records).subspan(first, count), from.bank, 0));
  }
  void refresh(std::time_t now = 0) { must(files_.refresh(archive_, {.tv_sec = now, .tv_nsec = 5})); }
  // A chain of `count` made records, shown.
  ChainId show_chain(const Incoming& from) {
    const ChainId chain = begin_chain();
    append(chain, from, 0, from.records.size());
    refresh();
    return chain;
  }
  // Retires all records that may be retired; returns their count.
  std::uint64_t retire(ChainId chain) { return must(archive_.retire(chain, {.unacknowledged = true})).records; }
  void lose_segments(ChainId chain) {
    archive::Transaction transaction(*store_);
    must(transaction.begin());
    for (const auto& row : store_->segments(chain).segments) must(store_->remove_segment(chain, row.first));
    must(transaction.commit());
  }

  std::unique_ptr<view::WholeList> whole() {
    const auto chain = must(archive_.chain_or_last(std::nullopt)).value();
    auto list = std::make_unique<view::WholeList>(chain);
    must(list->extend(*store_, chain.end));
    return list;
  }

  ViewFiles& files() { return files_; }
  void pause(std::int64_t ms) { clock_.sleep_ms(ms); }
  int opened_stores() const { return opened_; }
  std::atomic<bool> refuse_stores = false;
  std::function<void()> on_news_wanted;
  std::function<void()> on_open;  // of a connection to the archive

 private:
  std::string file() const { return directory_.file("archive"); }
  Result<std::unique_ptr<archive::Store>> open_store() {
    if (refuse_stores) return fail(ErrorCode::kEnvironment, "no such archive");
    ++opened_;
    if (on_open) on_open();
    auto store = SqliteStore::open(file(), archive::OpenMode::kRead);
    if (!store) return unexpected(store.error());
    return std::unique_ptr<archive::Store>(std::move(*store));
  }

  test::ScratchDirectory directory_{test::ScratchDirectory::in_memory()};
  std::unique_ptr<SqliteStore> store_;
  archive::Archive archive_;
  std::atomic<int> opened_ = 0;
  test::TestClock clock_;
  ViewFiles files_;
};

// A reader with a descriptor of its own.
class Open {
 public:
  Open(View& view, std::string_view name)
      : view_(view), files_(view.files()), inode_(files_.lookup(name).value()), handle_(files_.open(inode_)) {}
  ~Open() { files_.release(handle_); }
  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;

  Result<Bytes> read(std::uint64_t offset, std::size_t count) {
    if (files_.wants_news(inode_, handle_, offset, count) && view_.on_news_wanted) view_.on_news_wanted();
    return files_.read(inode_, handle_, offset, count);
  }
  void read_ahead() { files_.read_ahead(inode_, handle_); }
  // To the end, which is told by nothing more to come.
  Bytes rest(std::uint64_t offset = 0, std::size_t at_once = 100'000) {
    Bytes bytes;
    for (;;) {
      const Bytes more = must(read(offset + bytes.size(), at_once));
      if (more.empty()) return bytes;
      append_bytes(bytes, more);
    }
  }
  struct stat attributes() { return must(files_.attributes(inode_)); }

 private:
  View& view_;
  ViewFiles& files_;
  ViewFiles::Inode inode_;
  std::uint64_t handle_;
};

int errno_of(const Result<Bytes>& result) {
  return result ? 0 : result.error().os_errno;
}

TEST(ViewFiles, AreNamedAsTheKernelsAreWithoutStaging) {
  View view("sha1,sha384");
  std::vector<std::string> found;
  for (const auto& node : view.files().nodes()) {
    found.push_back(node.name + (node.link_target.empty() ? "" : ">" + node.link_target));
  }
  std::ranges::sort(found);
  EXPECT_EQ(found, (std::vector<std::string>{"ascii_runtime_measurements>ascii_runtime_measurements_sha1",
                                             "ascii_runtime_measurements_sha1", "ascii_runtime_measurements_sha384",
                                             "binary_runtime_measurements>binary_runtime_measurements_sha1",
                                             "binary_runtime_measurements_sha1", "binary_runtime_measurements_sha384",
                                             "runtime_measurements_count", "violations"}));
  EXPECT_FALSE(view.files().lookup("ascii_runtime_measurements_sha1_staged"));
  EXPECT_FALSE(view.files().lookup(""));
}

TEST(ViewFiles, AreReadableByTheGroupAlone) {
  View view;
  view.show_chain(archive::test::made("/mode/", 3));
  EXPECT_EQ(Open(view, kAscii256).attributes().st_mode, mode_t{S_IFREG | 0440});
  EXPECT_EQ(Open(view, kCount).attributes().st_mode, mode_t{S_IFREG | 0440});
  const auto link = must(view.files().attributes(view.files().lookup("binary_runtime_measurements").value()));
  EXPECT_EQ(link.st_mode, mode_t{S_IFLNK | 0777});
  EXPECT_EQ(link.st_size, 32);
  EXPECT_EQ(view.files().link_target(link.st_ino), kBinary1);
  const auto root = must(view.files().attributes(ViewFiles::kRoot));
  EXPECT_EQ(root.st_mode, mode_t{S_IFDIR | 0550});
  for (const auto& found : {link, root, Open(view, kAscii256).attributes()}) {
    EXPECT_EQ(found.st_uid, 7u);
    EXPECT_EQ(found.st_gid, 8u);
  }
}

TEST(ViewFiles, HaveTheirTrueSizeAndTheTimeOfTheLastRecord) {
  View view;
  const Incoming log = archive::test::made("/grows/", 20);
  const ChainId chain = view.begin_chain();
  view.append(chain, log, 0, 10);
  view.refresh(100);
  Open open(view, kBinary1);
  const auto before = open.attributes();
  EXPECT_EQ(before.st_mtim.tv_sec, 100);
  view.refresh(200);
  EXPECT_EQ(open.attributes().st_mtim.tv_sec, 100) << "nothing came";
  view.append(chain, log, 10, 10);
  EXPECT_EQ(open.attributes().st_size, before.st_size) << "not shown yet";
  view.refresh(300);
  EXPECT_EQ(open.attributes().st_mtim.tv_sec, 300);
  EXPECT_EQ(open.attributes().st_size, static_cast<off_t>(log.list.size()));
  EXPECT_EQ(open.attributes().st_ino, before.st_ino);
  EXPECT_EQ(open.rest(), log.list);
}

TEST(ViewFiles, CountersAreTrueSinceTheChainBegan) {
  View view;
  view.show_chain(archive::test::made("/count/", 20));
  Open count(view, kCount);
  EXPECT_EQ(as_text(count.rest()), "20\n");
  EXPECT_EQ(count.attributes().st_size, 3);
  EXPECT_EQ(as_text(count.rest(1)), "0\n");
  EXPECT_EQ(as_text(Open(view, "violations").rest(0, 1)), "2\n");
}

TEST(ViewFiles, AreEmptyBeforeThereIsAChain) {
  View view;
  view.refresh();
  EXPECT_EQ(view.files().chain(), archive::kNoChain);
  EXPECT_EQ(Open(view, kAscii256).attributes().st_size, 0);
  EXPECT_TRUE(Open(view, kAscii256).rest().empty());
  EXPECT_EQ(as_text(Open(view, kCount).rest()), "0\n");
}

TEST(ViewFiles, ReadAnywhereAndAnyCount) {
  View view;
  const Incoming log = archive::test::made("/anywhere/", 6000);
  view.show_chain(log);
  Open open(view, kBinary1);
  const std::size_t size = log.list.size();
  ASSERT_GT(size, 4 * view::WholeList::kBlockBytes);
  for (const std::size_t at_once : {333u, 4096u, 131072u, 1u << 20, 1u << 24})
    EXPECT_EQ(open.rest(0, at_once), log.list);
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    const std::size_t offset = random() % size;
    const std::size_t count = random() % 200'000;
    const ByteView rest = ByteView(log.list).subspan(offset);
    EXPECT_TRUE(equal(must(open.read(offset, count)), rest.first(std::min(count, rest.size()))));
  }
  EXPECT_TRUE(must(open.read(0, 0)).empty());
  EXPECT_TRUE(must(open.read(size, 1)).empty());
  EXPECT_TRUE(must(open.read(std::uint64_t{1} << 62, 100)).empty());
  EXPECT_EQ(must(open.read(size - 1, 100)).size(), 1u);
}

TEST(ViewFiles, AnOldChainIsReadToItsEndWhichIsToldOnceAndIsStaleAfter) {
  View view;
  const Incoming old_log = archive::test::made("/old/", 3000);
  const ChainId old_chain = view.show_chain(old_log);
  Open held(view, kBinary1);
  Open twin(view, kBinary1);
  Open count(view, kCount);
  EXPECT_EQ(must(held.read(0, 1000)).size(), 1000u);

  const Incoming new_log = archive::test::made("/new/", 5);
  const ChainId new_chain = view.show_chain(new_log);
  EXPECT_NE(old_chain, new_chain);
  EXPECT_EQ(view.files().chain(), new_chain);
  Open fresh(view, kBinary1);
  EXPECT_NE(fresh.attributes().st_ino, held.attributes().st_ino);
  EXPECT_EQ(fresh.rest(), new_log.list);
  EXPECT_TRUE(must(fresh.read(new_log.list.size(), 10)).empty());
  EXPECT_TRUE(must(fresh.read(new_log.list.size(), 10)).empty()) << "it may yet grow";

  EXPECT_EQ(held.attributes().st_size, static_cast<off_t>(old_log.list.size()));
  // rest() is told the end once.
  EXPECT_TRUE(equal(held.rest(1000), ByteView(old_log.list).subspan(1000)));
  EXPECT_EQ(errno_of(held.read(old_log.list.size(), 10)), ESTALE);
  EXPECT_EQ(must(held.read(5, 10)).size(), 10u) << "what it holds is there all the same";
  EXPECT_TRUE(must(twin.read(old_log.list.size(), 10)).empty()) << "every descriptor is told for itself";
  EXPECT_EQ(errno_of(twin.read(old_log.list.size(), 10)), ESTALE);
  EXPECT_EQ(as_text(count.rest()), "3000\n");
  EXPECT_EQ(errno_of(count.read(5, 10)), ESTALE);
}

TEST(ViewFiles, AChainOfTheSameLengthHasItsOwnBytes) {
  View view;
  const Incoming old_log = archive::test::made("/chain/1/", 100);
  view.show_chain(old_log);
  Open held(view, kBinary1);
  EXPECT_EQ(held.rest(), old_log.list);
  const Incoming new_log = archive::test::made("/chain/2/", 100);
  view.show_chain(new_log);
  EXPECT_EQ(Open(view, kBinary1).rest(), new_log.list);
  EXPECT_EQ(must(held.read(0, old_log.list.size())), old_log.list);
}

TEST(ViewFiles, AClosedDescriptorsEndIsForgotten) {
  View view;
  const Incoming log = archive::test::made("/old/", 3);
  view.show_chain(log);
  ViewFiles& files = view.files();
  const auto inode = files.lookup(kBinary1).value();
  view.show_chain(log);
  const std::uint64_t handle = files.open(inode);
  EXPECT_TRUE(must(files.read(inode, handle, log.list.size(), 1)).empty());
  files.release(handle);
  EXPECT_TRUE(must(files.read(inode, handle, log.list.size(), 1)).empty());
  EXPECT_NE(files.open(inode), handle);
}

TEST(ViewFiles, AnInodeOfAnUnknownChainOrFileIsStale) {
  View view;
  view.show_chain(archive::test::made("/known/", 3));
  const auto known = view.files().lookup(kBinary1).value();
  for (const ViewFiles::Inode unknown : {known + (std::uint64_t{9} << 8), known | 0xff, ViewFiles::Inode{2}}) {
    EXPECT_EQ(errno_of(view.files().read(unknown, 1, 0, 10)), ESTALE) << unknown;
    EXPECT_EQ(view.files().attributes(unknown).error().os_errno, ESTALE) << unknown;
  }
  EXPECT_EQ(errno_of(view.files().read(ViewFiles::kRoot, 1, 0, 10)), ESTALE);
}

TEST(ViewFiles, MeanTheSameToAViewThatComesAfter) {
  View view;
  const Incoming log = archive::test::made("/again/", 30);
  view.show_chain(log);
  const auto inode = view.files().lookup(kAscii256).value();
  View after;
  after.show_chain(log);
  EXPECT_EQ(after.files().lookup(kAscii256).value(), inode);
  EXPECT_EQ(must(after.files().read(inode, 1, 0, 1u << 20)), must(view.files().read(inode, 1, 0, 1u << 20)));
  EXPECT_NE(view.files().open(inode), after.files().open(inode)) << "handles are never another process's";
}

TEST(ViewFiles, ABlockIsMadeOnceForAllWhoComeSoonAfter) {
  View view;
  const Incoming log = archive::test::made("/cached/", 6000);
  const ChainId chain = view.show_chain(log);
  Open first(view, kBinary1);
  EXPECT_TRUE(equal(must(first.read(0, 100)), ByteView(log.list).first(100)));
  view.lose_segments(chain);
  Open second(view, kBinary1);
  EXPECT_TRUE(equal(must(second.read(200, 1000)), ByteView(log.list).subspan(200, 1000)));
  EXPECT_EQ(errno_of(second.read(log.list.size() - 10, 10)), EIO) << "that was never made";
  EXPECT_EQ(errno_of(Open(view, kAscii256).read(0, 10)), EIO) << "nor this";
}

TEST(ViewFiles, DamageIsReportedUntilItCanBeRead) {
  View view;
  const Incoming log = archive::test::made("/unread/", 6000);
  const ChainId chain = view.show_chain(log);
  Open open(view, kBinary1);
  EXPECT_EQ(view.files().damage(), "");
  view.refuse_stores = true;
  EXPECT_EQ(errno_of(open.read(0, 10)), EIO);
  EXPECT_NE(view.files().damage().find("no such archive"), std::string::npos);
  view.refresh();
  EXPECT_NE(view.files().damage(), "");
  view.refuse_stores = false;
  view.refresh();
  EXPECT_EQ(view.files().damage(), "") << "the archive can be opened again";
  must(Open(view, kAscii256).read(0, 10));
  view.lose_segments(chain);
  EXPECT_EQ(errno_of(open.read(log.list.size() - 10, 10)), EIO);
  const std::string damage = view.files().damage();
  EXPECT_NE(damage, "");
  EXPECT_EQ(errno_of(open.read(0, 10)), EIO) << "it was made in ASCII only";
  must(Open(view, kAscii256).read(0, 10));
  EXPECT_NE(view.files().damage(), "") << "another part tells nothing of what is lost";
}

// Where each block of the binary list begins, and its end.
std::vector<std::uint64_t> block_offsets(View& view) {
  const auto list = view.whole();
  const view::ListFile file{.form = imalog::Form::kBinary, .bank = imatest::bank("sha1")};
  std::vector<std::uint64_t> offsets{0};
  while (const auto block = must(list->block_at(file, offsets.back()))) offsets.push_back(block->offset + block->bytes);
  return offsets;
}

TEST(ViewFiles, OnlyAReaderInOrderFindsTheNextBlockMade) {
  View view;
  const ChainId chain = view.show_chain(archive::test::made("/ahead/", 10'000));
  const auto at = block_offsets(view);
  ASSERT_GE(at.size(), 6u);
  Open in_order(view, kBinary1);
  must(in_order.read(0, at[1]));
  in_order.read_ahead();
  Open anywhere(view, kBinary1);
  must(anywhere.read(at[2], at[3] - at[2]));
  anywhere.read_ahead();
  view.lose_segments(chain);
  EXPECT_EQ(must(in_order.read(at[1], 10)).size(), 10u);
  EXPECT_EQ(errno_of(anywhere.read(at[3], 10)), EIO);
}

TEST(ViewFiles, ABlockThatMayGrowIsNotMadeBeforeItIsRead) {
  View view;
  const ChainId chain = view.show_chain(archive::test::made("/last/", 6000));
  const auto at = block_offsets(view);
  const std::uint64_t last = at[at.size() - 2];
  Open open(view, kBinary1);
  must(open.read(0, last));
  open.read_ahead();
  view.lose_segments(chain);
  EXPECT_EQ(errno_of(open.read(last, 10)), EIO);
}

TEST(ViewFiles, ABlockMadeLongAgoIsNotKept) {
  View view;
  const Incoming log = archive::test::made("/much/", 110'000);
  const ChainId chain = view.show_chain(log);
  Open open(view, kBinary1);
  ASSERT_EQ(open.rest(0, 1u << 20).size(), log.list.size());
  ASSERT_GT(log.list.size(), 9u << 20) << "more than is kept";
  view.lose_segments(chain);
  view.refuse_stores = true;
  EXPECT_EQ(must(open.read(log.list.size() - 10, 10)).size(), 10u) << "the last blocks are kept";
  EXPECT_EQ(errno_of(open.read(0, 10)), EIO);
}

TEST(ViewFiles, ABlockThatGrewIsMadeAgain) {
  View view;
  const Incoming log = archive::test::made("/grows/", 20);
  const ChainId chain = view.begin_chain();
  for (std::size_t at = 0; at < 20; at += 5) {
    view.append(chain, log, at, 5);
    view.refresh();
    Open open(view, kBinary1);
    const auto size = static_cast<std::size_t>(open.attributes().st_size);
    EXPECT_TRUE(equal(open.rest(), ByteView(log.list).first(size))) << at;
  }
}

TEST(ViewFiles, AReaderAtTheEndIsShownNewRecords) {
  View view;
  const Incoming log = archive::test::made("/news/", 20);
  const ChainId chain = view.begin_chain();
  view.append(chain, log, 0, 10);
  view.refresh();
  Open open(view, kBinary1);
  Open count(view, kCount);
  const auto shown = static_cast<std::size_t>(open.attributes().st_size);
  int asked = 0;
  view.on_news_wanted = [&] { ++asked; };
  EXPECT_EQ(must(open.read(0, shown)).size(), shown);
  EXPECT_EQ(asked, 0) << "all of it was there";
  EXPECT_EQ(must(open.read(10, shown)).size(), shown - 10);
  EXPECT_EQ(asked, 1) << "the list may have more";
  view.on_news_wanted = [&] {
    view.append(chain, log, 10, 5);
    view.refresh();
    view.on_news_wanted = {};
  };
  EXPECT_GT(must(open.read(0, log.list.size())).size(), shown);
  view.on_news_wanted = [&] {
    view.append(chain, log, 15, 5);
    view.refresh();
    view.on_news_wanted = {};
  };
  EXPECT_EQ(as_text(must(count.read(0, 10))), "20\n");
}

TEST(ViewFiles, AListThatGrowsAllTheTimeComesToAnEnd) {
  View view;
  const Incoming log = archive::test::made("/flood/", 100);
  const ChainId chain = view.begin_chain();
  view.append(chain, log, 0, 10);
  view.refresh();
  std::size_t appended = 10;
  view.on_news_wanted = [&] {
    if (appended == log.records.size()) return;  // a reader that is asked so often has no end
    view.append(chain, log, appended++, 1);
    view.refresh();
  };
  Open open(view, kBinary1);
  const std::size_t first = open.rest().size();
  EXPECT_EQ(appended, 11u) << "asked once, and told the end";
  EXPECT_LT(first, open.rest(first).size() + first) << "asked again by who comes after that";
  EXPECT_EQ(appended, 12u);
  EXPECT_EQ(open.rest().size(), archive::test::made("/flood/", 13).list.size()) << "and by who begins anew";
}

TEST(ViewFiles, AReaderThatBeginsAnewBeforeTheEndIsShownNewRecords) {
  View view;
  const Incoming log = archive::test::made("/anew/", 20);
  const ChainId chain = view.begin_chain();
  view.append(chain, log, 0, 10);
  view.refresh();
  Open open(view, kBinary1);
  const std::size_t shown = must(open.read(0, log.list.size())).size();
  view.on_news_wanted = [&] {
    view.append(chain, log, 10, 10);
    view.refresh();
    view.on_news_wanted = {};
  };
  // The first read of the second time does not come to the end.
  EXPECT_EQ(must(open.read(0, shown / 2)).size(), shown / 2);
  EXPECT_EQ(open.rest(shown / 2).size(), log.list.size() - shown / 2);
}

TEST(ViewFiles, AReaderThatContinuesAfterAPauseIsShownNewRecords) {
  View view;
  const Incoming log = archive::test::made("/pause/", 3);
  view.show_chain(log);
  Open open(view, kBinary1);
  int asked = 0;
  view.on_news_wanted = [&] { ++asked; };
  const std::size_t read = must(open.read(0, log.list.size() + 1)).size();
  EXPECT_EQ(asked, 1);
  view.pause(99);
  EXPECT_TRUE(must(open.read(read, 1)).empty());
  EXPECT_EQ(asked, 1) << "it is still reading";
  EXPECT_EQ(must(open.read(0, log.list.size() + 1)).size(), read);
  EXPECT_EQ(asked, 2);
  view.pause(100);
  EXPECT_TRUE(must(open.read(read, 1)).empty());
  EXPECT_EQ(asked, 3) << "it was not told the end before";
}

TEST(ViewFiles, NobodyWaitsForAChainThatIsOver) {
  View view;
  const Incoming log = archive::test::made("/over/", 3);
  view.show_chain(log);
  Open held(view, kBinary1);
  view.show_chain(log);
  view.on_news_wanted = [] { FAIL() << "nothing comes any more"; };
  EXPECT_EQ(held.rest(), log.list);
}

TEST(ViewFiles, ABeginningThatWasRetiredIsNeitherShownNorCounted) {
  View view;
  const Incoming log = archive::test::made("/retired/", 6000);
  const ChainId chain = view.begin_chain();
  view.append(chain, log, 0, 3000);
  view.append(chain, log, 3000, 3000);
  ASSERT_GT(view.retire(chain), 0u);
  view.refresh();
  EXPECT_NE(view.files().damage().find("retired"), std::string::npos);
  for (const std::string_view name : {kBinary1, kAscii256, kCount, std::string_view("violations")}) {
    EXPECT_EQ(errno_of(Open(view, name).read(0, 10)), EIO) << name;
  }
}

// One that fails to read any segment but the first it is asked for.
class OneSegmentStore : public archive::MemoryStore {
 public:
  Result<Bytes> segment_data(ChainId chain, std::uint64_t first) override {
    if (fails && asked_++ > 0) return fail(ErrorCode::kIo, "the disk failed");
    return MemoryStore::segment_data(chain, first);
  }
  bool fails = false;

 private:
  int asked_ = 0;
};

TEST(ViewFiles, AChainIsShownOnceAllOfItIsKnown) {
  OneSegmentStore store;
  archive::Archive archive(store);
  const Incoming log = archive::test::made("/half/", 6000);
  const auto chain = must(archive.begin_chain(imatest::banks("sha1,sha256"), archive::ChainStart::kBoot));
  must(archive.append(chain.chain, 0, log.records, log.bank, 0));
  test::TestClock clock;
  ViewFiles files(
      {.banks = imatest::banks("sha1")}, [] { return fail(ErrorCode::kEnvironment, "no archive to read"); }, clock);
  store.fails = true;
  EXPECT_EQ(files.refresh(archive, {}).error().code, ErrorCode::kIo);
  EXPECT_EQ(files.chain(), archive::kNoChain);
  EXPECT_EQ(must(files.attributes(files.lookup(kBinary1).value())).st_size, 0);
  store.fails = false;
  must(files.refresh(archive, {}));
  EXPECT_EQ(must(files.attributes(files.lookup(kBinary1).value())).st_size, static_cast<off_t>(log.list.size()));
}

TEST(ViewFiles, ConnectionsToTheArchiveAreUsedAgain) {
  View view;
  view.show_chain(archive::test::made("/stores/", 6000));
  Open(view, kBinary1).rest();
  Open(view, kAscii256).rest();
  // One for the reader, and one that makes blocks before they are read.
  EXPECT_LE(view.opened_stores(), 2);
}

TEST(ViewFiles, AnArchiveThatCannotBeOpenedIsEio) {
  View view;
  view.show_chain(archive::test::made("/gone/", 10));
  view.refuse_stores = true;
  EXPECT_EQ(errno_of(Open(view, kBinary1).read(0, 10)), EIO);
  view.refuse_stores = false;
  EXPECT_EQ(must(Open(view, kBinary1).read(0, 10)).size(), 10u);
}

TEST(ViewFiles, RecordsBeforeDamageAreReadAndAReaderOfTheRestIsTold) {
  View view;
  const Incoming log = archive::test::made("/damage/", 6000);
  const ChainId chain = view.begin_chain();
  view.append(chain, log, 0, 3000);
  view.refresh();
  Open open(view, kBinary1);
  const auto known = static_cast<std::size_t>(open.attributes().st_size);
  // Read before it is lost: what came before the damage stays readable from the cache.
  EXPECT_TRUE(equal(open.rest(0, 1u << 20), ByteView(log.list).first(known)));
  view.append(chain, log, 3000, 3000);
  view.lose_segments(chain);
  view.refresh();
  EXPECT_EQ(open.attributes().st_size, static_cast<off_t>(known + 1));
  EXPECT_TRUE(equal(must(open.read(known - 50, 100)), ByteView(log.list).subspan(known - 50, 50)));
  EXPECT_EQ(errno_of(open.read(known, 1)), EIO);
}

TEST(ViewFilesThreads, ReadersSeeAPrefixOfTheListWhileItGrows) {
  View view;
  const Incoming log = archive::test::made("/threads/", 4000);
  const ChainId chain = view.begin_chain();
  view.append(chain, log, 0, 100);
  view.refresh();
  std::atomic<bool> done = false;
  std::atomic<int> rounds = 0;
  const auto reader = [&](std::string_view name, unsigned seed) {
    std::mt19937 random(seed);
    while (!done) {
      Open open(view, name);
      const auto size = static_cast<std::size_t>(open.attributes().st_size);
      const std::size_t offset = random() % (size + 1);
      const auto bytes = open.read(offset, random() % 300'000 + 1);
      ASSERT_TRUE(bytes) << describe(bytes.error());
      ASSERT_GE(bytes->size(), std::min<std::size_t>(1, size - offset));
      ASSERT_LE(offset + bytes->size(), log.list.size());
      ASSERT_TRUE(equal(*bytes, ByteView(log.list).subspan(offset, bytes->size())));
      ASSERT_FALSE(Open(view, kAscii256).rest().empty());
      ++rounds;
    }
  };
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed) threads.emplace_back(reader, kBinary1, seed);
  for (std::size_t at = 100; at < log.records.size(); at += 100) {
    view.append(chain, log, at, 100);
    view.refresh(static_cast<std::time_t>(at));
  }
  while (rounds < 8) std::this_thread::yield();
  done = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Open(view, kBinary1).rest(), log.list);
}

TEST(ViewFilesThreads, ABlockIsMadeByTheFirstWhoComesForIt) {
  View view;
  view.show_chain(archive::test::made("/at/once/", 3000));
  std::atomic<int> come = 0;
  // Until all have come, and had time to open one too.
  view.on_open = [&] {
    while (come < 8) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      Open open(view, kBinary1);
      ++come;
      EXPECT_EQ(must(open.read(0, 1000)).size(), 1000u);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(view.opened_stores(), 1);
}

TEST(ViewFilesThreads, ANewChainComesUnderReaders) {
  View view;
  const Incoming log = archive::test::made("/chains/", 500);
  view.show_chain(log);
  std::atomic<bool> done = false;
  const auto reader = [&] {
    while (!done) {
      Open open(view, kBinary1);
      // Whichever chain it is of, all have the same records.
      ASSERT_EQ(open.rest(), log.list);
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back(reader);
  for (int i = 0; i < 10; ++i) view.show_chain(log);
  done = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace imakeep::view
