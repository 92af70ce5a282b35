// import_test.cc - saved lists of a real kernel, and lists made to mislead, become an archive or are refused.
#include "archive/import.h"

#include <gtest/gtest.h>

#include "archive/memory/memory_store.h"
#include "archive/test_support.h"

namespace imakeep::archive::test {
namespace {

using imatest::must;

struct List {
  std::string name;
  Bytes bytes;
  digest::Bank bank;
};

List captured(const std::string& folder, const std::string& bank_name) {
  const digest::Bank bank = imatest::bank(bank_name);
  return {folder, imatest::captured_binary(folder, bank), bank};
}

class ImportTest : public testing::Test {
 protected:
  ImportOptions options() const { return {.banks = imatest::banks(imatest::kCapturedBanks)}; }
  Result<ImportReport> import(const std::vector<List>& lists, const ImportOptions& with) {
    std::vector<ImportPart> parts;
    for (const List& list : lists) parts.push_back({.name = list.name, .list = list.bytes, .bank = list.bank});
    return import_lists(archive_, parts, with);
  }
  void expect_log(std::string_view log, std::uint64_t chain = 1) {
    for (const digest::Bank& bank : imatest::banks(imatest::kCapturedBanks)) {
      EXPECT_TRUE(equal(exported(archive_, chain, bank), imatest::whole_log(log, bank))) << bank.name();
    }
    EXPECT_TRUE(must(archive_.check()).empty());
  }

  MemoryStore store_;
  Archive archive_{store_};
};

TEST_F(ImportTest, TakesOneListAndItsOtherBanksAreThereAlready) {
  ImportOptions with = options();
  must(import({captured("templates", "sha256")}, with));
  const auto again = must(import({captured("templates", "sha1"), captured("templates", "sha512")}, with));
  EXPECT_EQ(again.parts[0].join, Join::kAlreadyThere);
  EXPECT_EQ(again.parts[1].added, 0u);
  expect_log("templates");
  EXPECT_EQ(must(archive_.chain(1)).start, ChainStart::kBoot);
}

TEST_F(ImportTest, JoinsStagedPartsByThePcrs) {
  ImportOptions with = options();
  with.pcrs = imatest::captured_pcrs("staging/6-final");
  const auto report =
      must(import({captured("staging/1-staged", "sha1"), captured("staging/3-current-after-delete", "sha256"),
                   captured("staging/5-staged", "sha384"), captured("staging/6-final", "sha512")},
                  with));
  EXPECT_EQ(report.parts[1].join, Join::kBehind);
  EXPECT_EQ(report.parts[2].join, Join::kAlreadyThere);
  EXPECT_EQ(report.parts[2].first, 58u);
  expect_log("staging");
}

TEST_F(ImportTest, KeepsRecordsThatRepeatWhenThePcrsSaySo) {
  ImportOptions with = options();
  const std::vector<List> lists{captured("flush/1-staged", "sha1"), captured("flush/2-staged", "sha256"),
                                captured("flush/3-staged", "sha1"), captured("flush/4-final", "sha1")};
  const auto guessed = import(lists, with);
  ASSERT_FALSE(guessed) << "40 records repeat: without PCRs nothing tells whether they are the same";
  EXPECT_EQ(guessed.error().code, ErrorCode::kMismatch);
  EXPECT_TRUE(must(archive_.chains()).empty()) << "what is refused adds nothing";
  with.pcrs = imatest::captured_pcrs("flush/4-final");
  must(import(lists, with));
  expect_log("flush");
}

TEST_F(ImportTest, FollowsAChainThroughKexec) {
  ImportOptions with = options();
  with.pcrs = imatest::captured_pcrs("kexec/second");
  const auto report = must(import({captured("kexec/first-deleted-1", "sha1"), captured("kexec/first-staged-2", "sha1"),
                                   captured("kexec/first-current", "sha512"), captured("kexec/second", "sha256")},
                                  with));
  EXPECT_EQ(report.parts[3].join, Join::kOverlap);
  EXPECT_EQ(report.parts[3].first, 54u);
  EXPECT_EQ(report.parts[3].added, 68u);
  expect_log("kexec");
}

TEST_F(ImportTest, RefusesWhatDoesNotLeadToThePcrs) {
  ImportOptions with = options();
  with.pcrs = imatest::captured_pcrs("staging/6-final");
  const auto imported = import({captured("staging/1-staged", "sha1"), captured("staging/6-final", "sha1")}, with);
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().code, ErrorCode::kMismatch);
  EXPECT_TRUE(must(archive_.chains()).empty());
}

TEST_F(ImportTest, RefusesAnotherBootUnlessItIsSaidToBeOne) {
  ImportOptions with = options();
  must(import({captured("templates", "sha1")}, with));
  const auto mixed = import({captured("staging/1-staged", "sha1")}, with);
  ASSERT_FALSE(mixed);
  EXPECT_NE(mixed.error().message.find("another boot"), std::string::npos) << mixed.error().message;
  with.new_chain = true;
  EXPECT_EQ(must(import({captured("staging/1-staged", "sha1")}, with)).chain, 2u);
  expect_log("templates", 1);
}

TEST_F(ImportTest, TakesAGrownListFromItsFirstNewRecord) {
  ImportOptions with = options();
  List early = captured("templates", "sha1");
  early.bytes = imatest::first_records(early.bytes, early.bank, 80);
  must(import({early}, with));
  const auto report = must(import({captured("templates", "sha1")}, with));
  EXPECT_EQ(report.parts[0].join, Join::kOverlap);
  EXPECT_EQ(report.parts[0].added, 55u);
  expect_log("templates");
}

TEST_F(ImportTest, TrustsEqualRecordsOnlyIfNothingRepeats) {
  ImportOptions with = options();
  with.no_repeats = true;
  must(import({captured("staging/3-current-after-delete", "sha1"), captured("staging/5-staged", "sha1")}, with));
  EXPECT_EQ(must(archive_.chain(1)).end, 80u);
  EXPECT_EQ(must(archive_.chain(1)).start, ChainStart::kUnknown);
}

TEST_F(ImportTest, NamesThePartAndRecordOfADamagedList) {
  List cut = captured("templates", "sha1");
  cut.bytes.resize(cut.bytes.size() - 3);
  const auto imported = import({captured("templates", "sha256"), cut}, options());
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().code, ErrorCode::kTruncated);
  EXPECT_EQ(imported.error().record, 134u);
  EXPECT_EQ(imported.error().message.find("templates: "), 0u);
  EXPECT_TRUE(must(archive_.chains()).empty());
}

TEST_F(ImportTest, RefusesAListOfAnotherBank) {
  List wrong = captured("templates", "sha256");
  wrong.bank = imatest::bank("sm3");
  EXPECT_EQ(import({wrong}, options()).error().code, ErrorCode::kMismatch);
}

TEST_F(ImportTest, KeepsAnAlteredRecordAndNamesIt) {
  List altered = captured("templates", "sha1");
  altered.bytes[60] ^= std::byte{4};
  const auto report = must(import({altered}, options()));
  EXPECT_EQ(report.parts[0].mismatched, std::vector<std::uint64_t>{0});
  EXPECT_TRUE(equal(exported(archive_, 1, altered.bank), altered.bytes));
}

TEST_F(ImportTest, GoesOnWhereAnInterruptedOneStopped) {
  // Records that repeat throughout: only what the archive noted of the file tells where to go on.
  std::vector<imatest::Content> contents;
  for (int i = 0; i < 40'000; ++i) contents.push_back(imatest::ima_ng("/repeats/" + std::to_string(i % 3)));
  const digest::Bank bank = imatest::bank("sha1");
  const List list{"repeats", imatest::list_of(contents, bank), bank};
  ImportOptions with{.banks = imatest::banks("sha1")};
  with.on_added = [](std::uint64_t) { throw std::runtime_error("interrupted"); };
  EXPECT_THROW(static_cast<void>(import({list}, with)), std::runtime_error);
  const std::uint64_t stopped_at = must(archive_.chain(1)).end;
  EXPECT_GT(stopped_at, 0u);
  EXPECT_LT(stopped_at, 40'000u);
  with.on_added = nullptr;
  const auto report = must(import({list}, with));
  EXPECT_EQ(report.parts[0].added, 40'000 - stopped_at);
  EXPECT_TRUE(equal(exported(archive_, 1, bank), list.bytes));
  EXPECT_EQ(must(import({list}, with)).parts[0].join, Join::kAlreadyThere);
}

}  // namespace
}  // namespace imakeep::archive::test
