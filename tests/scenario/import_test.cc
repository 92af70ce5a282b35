// SPDX-License-Identifier: Apache-2.0
// import_test.cc - saved lists of a real kernel, and lists made to mislead, become an archive or are refused.
#include "archive/import.h"

#include <gtest/gtest.h>

#include "archive/memory/memory_store.h"
#include "archive/pcr_bytes.h"
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
  void expect_log(std::string_view log, ChainId chain = ChainId(1)) {
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
  EXPECT_EQ(must(archive_.chain(ChainId(1))).start, ChainStart::kBoot);
}

TEST_F(ImportTest, JoinsStagedPartsByThePcrs) {
  ImportOptions with = options();
  with.pcrs = imatest::captured_pcrs("staging/6-final");
  const auto report =
      must(import({captured("staging/1-staged", "sha1"), captured("staging/3-current-after-delete", "sha256"),
                   captured("staging/5-staged", "sha384"), captured("staging/6-final", "sha512")},
                  with));
  EXPECT_EQ(report.parts[1].join, Join::kAfter);
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

TEST_F(ImportTest, FollowsAChainFromItsLastAnchorOn) {
  const Incoming log = made("/anchored/", 20);
  const Chain chain = must(archive_.begin_chain({log.bank}, ChainStart::kBoot));
  digest::PcrState state(chain.banks);
  state.set(0, imalog::kImaPcr, digest::Digest(Bytes(20, std::byte{0xaa})));
  const AnchorRow anchor{.chain = ChainId(1), .number = 10, .broken_at = 3, .why = "gap", .pcrs = pcr_bytes(state)};
  must(archive_.append(ChainId(1), 0, std::span(log.records).first(10), log.bank, 0, {.anchor = &anchor}));
  digest::PcrState from_reset(chain.banks);
  for (std::size_t i = 0; i < 20; ++i) {
    imalog::extend(from_reset, log.records[i].content);
    if (i >= 10) imalog::extend(state, log.records[i].content);
  }
  const List grown{"grown", log.list, log.bank};
  const auto with_pcr = [&](const digest::Bank& bank, const digest::Digest& value) {
    return import({grown}, {.banks = {log.bank}, .pcrs = {{.bank = bank, .pcr = imalog::kImaPcr, .value = value}}});
  };
  EXPECT_EQ(with_pcr(log.bank, from_reset.value(0, imalog::kImaPcr)).error().code, ErrorCode::kMismatch);
  EXPECT_EQ(with_pcr(imatest::bank("sha256"), digest::Digest(32)).error().code, ErrorCode::kUsage);
  const auto report = must(with_pcr(log.bank, state.value(0, imalog::kImaPcr)));
  EXPECT_EQ(report.parts[0].join, Join::kOverlap);
  EXPECT_EQ(report.parts[0].added, 10u);
  EXPECT_EQ(must(archive_.chain(ChainId(1))).end_pcrs, state);
  EXPECT_TRUE(must(archive_.check()).empty());
}

TEST_F(ImportTest, RefusesAListThatDoesNotMatchThePcrs) {
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
  EXPECT_EQ(must(import({captured("staging/1-staged", "sha1")}, with)).chain, ChainId(2));
  expect_log("templates", ChainId(1));
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
  EXPECT_EQ(must(archive_.chain(ChainId(1))).end, 80u);
  EXPECT_EQ(must(archive_.chain(ChainId(1))).start, ChainStart::kUnknown);
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
  EXPECT_TRUE(equal(exported(archive_, ChainId(1), altered.bank), altered.bytes));
}

TEST_F(ImportTest, KeepsTheKindOfABankWhoseHashTheKernelLacked) {
  const std::vector<imatest::Content> contents{imatest::ima_ng("/padded/1"), imatest::ima_ng("/padded/2")};
  const digest::Bank padded = imatest::bank("sha384:padded");
  const List list{"padded", imatest::list_of(contents, padded), padded};
  const auto report = must(import({list}, options()));
  EXPECT_TRUE(report.parts[0].mismatched.empty());
  const Chain chain = must(archive_.chain(ChainId(1)));
  EXPECT_EQ(digest::bank_names(chain.banks), "sha1,sha256,sha384:padded,sha512");
  digest::PcrState state(chain.banks);
  for (const imatest::Content& content : contents) imalog::extend(state, content.view());
  EXPECT_EQ(chain.end_pcrs, state);
  EXPECT_TRUE(equal(exported(archive_, ChainId(1), padded), list.bytes));
}

TEST_F(ImportTest, GoesOnWhereAnInterruptedOneStopped) {
  // All records repeat, so only the source row of the archive tells at which record the import continues.
  std::vector<imatest::Content> contents;
  for (int i = 0; i < 40'000; ++i) contents.push_back(imatest::ima_ng("/repeats/" + std::to_string(i % 3)));
  const digest::Bank bank = imatest::bank("sha1");
  const List list{"repeats", imatest::list_of(contents, bank), bank};
  ImportOptions with{.banks = imatest::banks("sha1")};
  with.on_added = [](std::uint64_t) { throw std::runtime_error("interrupted"); };
  EXPECT_THROW(static_cast<void>(import({list}, with)), std::runtime_error);
  const std::uint64_t stopped_at = must(archive_.chain(ChainId(1))).end;
  EXPECT_GT(stopped_at, 0u);
  EXPECT_LT(stopped_at, 40'000u);
  with.on_added = nullptr;
  const auto report = must(import({list}, with));
  EXPECT_EQ(report.parts[0].added, 40'000 - stopped_at);
  EXPECT_TRUE(equal(exported(archive_, ChainId(1), bank), list.bytes));
  EXPECT_EQ(must(import({list}, with)).parts[0].join, Join::kAlreadyThere);
}

// Lists made to mislead. Records are named by numbers, or "V" for a violation, or "B" for the boot_aggregate.
class MisleadingLists : public ImportTest {
 protected:
  static imatest::Content record(int name) {
    imatest::Content content = imatest::ima_ng(name == kBoot ? "boot_aggregate" : "/" + std::to_string(name));
    content.violation = name == kViolation;
    return content;
  }
  static List list(const std::string& name, const std::vector<int>& records) {
    std::vector<imatest::Content> contents;
    for (const int r : records) contents.push_back(record(r));
    const digest::Bank bank = imatest::bank("sha1");
    return {name, imatest::list_of(contents, bank), bank};
  }
  static std::vector<int> sequence(int from, int to) {
    std::vector<int> all;
    for (int i = from; i < to; ++i) all.push_back(i);
    return all;
  }
  static std::vector<int> joined(std::vector<int> a, const std::vector<int>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  }
  // The PCRs after these records, in the banks named.
  static std::vector<imalog::PcrValue> pcrs(const std::vector<int>& records, const char* names = "sha1,sha256") {
    digest::PcrState state(imatest::banks(names));
    for (const int r : records) imalog::extend(state, record(r).view());
    std::vector<imalog::PcrValue> values;
    for (std::size_t i = 0; i < state.banks().size(); ++i) {
      values.push_back({.bank = state.banks()[i], .pcr = 10, .value = state.value(i, 10)});
    }
    return values;
  }
  ImportOptions with(std::vector<imalog::PcrValue> values) const {
    ImportOptions options = this->options();
    options.pcrs = std::move(values);
    return options;
  }
  void expect_records(const std::vector<int>& records, ChainId chain = ChainId(1)) {
    const List expected = list("expected", records);
    EXPECT_TRUE(equal(exported(archive_, chain, expected.bank), expected.bytes));
  }
  // Stops an import of a long list after its first batch.
  void interrupt(const List& list) {
    ImportOptions options = this->options();
    options.on_added = [](std::uint64_t) { throw std::runtime_error("interrupted"); };
    EXPECT_THROW(static_cast<void>(import({list}, options)), std::runtime_error);
  }

  static constexpr int kBoot = -1;
  static constexpr int kViolation = -2;
  // More than one batch.
  const std::vector<int> long_ = joined({kBoot}, sequence(0, 20'000));
};

// Lists do not say how the kernel that made them extended its banks.
TEST_F(MisleadingLists, AChainHasTheBanksAsThePcrsWereExtended) {
  const std::vector<int> records = joined({kBoot, kViolation}, sequence(0, 5));
  const std::vector<int> more = joined(records, sequence(5, 9));
  for (const char* const banks : {"sha1,sha256:padded-short", "sha1,sha256:padded", "sha1:invalidated,sha256"}) {
    std::vector<imalog::PcrValue> values = pcrs(records, banks);
    std::vector<imalog::PcrValue> later = pcrs(more, banks);
    for (auto* const each : {&values, &later})
      for (imalog::PcrValue& value : *each) value.bank = digest::bank_of(value.bank.algorithm);
    ImportOptions options = with(values);
    options.banks = imatest::banks("sha1,sha256");
    options.new_chain = true;
    const auto report = must(import({list("saved", records)}, options));
    EXPECT_EQ(digest::bank_names(must(archive_.chain(report.chain)).banks), banks);
    options.new_chain = false;
    options.pcrs = later;
    EXPECT_EQ(must(import({list("later", more)}, options)).parts[0].added, 4u) << banks;
  }
}

TEST_F(MisleadingLists, ABankThatIsCalledInvalidatedProvesNothing) {
  const std::vector<int> records = joined({kBoot}, sequence(0, 5));
  std::vector<imalog::PcrValue> values = pcrs(joined({kBoot}, sequence(1, 6)), "sha256:invalidated");
  for (imalog::PcrValue& value : values) value.bank = digest::bank_of(value.bank.algorithm);
  const auto imported = import({list("saved", records)}, with(values));
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().code, ErrorCode::kMismatch);
}

TEST_F(MisleadingLists, NothingGoesBetweenTheHalvesOfAnInterruptedFile) {
  interrupt(list("long", long_));
  const auto other = import({list("other", sequence(50'000, 50'010))}, options());
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("the import of long was cut short"), std::string::npos) << other.error().message;
  must(import({list("long", long_), list("other", sequence(50'000, 50'010))}, options()));
  expect_records(joined(long_, sequence(50'000, 50'010)));
}

TEST_F(MisleadingLists, EqualFilesOfAFlushedListAreTwoWhenThePcrsSaySo) {
  const std::vector<int> boot = joined({kBoot}, sequence(0, 20));
  const std::vector<int> again = sequence(0, 20);
  must(import({list("1", boot)}, with(pcrs(boot))));
  must(import({list("2", again)}, with(pcrs(joined(boot, again)))));
  const std::vector<int> all = joined(joined(boot, again), again);
  EXPECT_EQ(must(import({list("3", again)}, with(pcrs(all)))).parts[0].added, 20u);
  expect_records(all);
  EXPECT_EQ(must(import({list("3", again)}, options())).parts[0].join, Join::kAlreadyThere) << "known by its bytes";
  EXPECT_EQ(must(import({list("3", again)}, with(pcrs(all)))).parts[0].added, 0u);
}

TEST_F(MisleadingLists, APartAroundWhatIsThereIsRefused) {
  for (const bool no_repeats : {false, true}) {
    ImportOptions options = this->options();
    options.no_repeats = no_repeats;
    options.new_chain = no_repeats;
    must(import({list("inner", sequence(40 + no_repeats, 50))}, options));
    options.new_chain = false;
    EXPECT_EQ(import({list("outer", sequence(30, 60))}, options).error().code, ErrorCode::kMismatch);
    expect_records(sequence(40 + no_repeats, 50), ChainId(no_repeats ? 2 : 1));
  }
}

TEST_F(MisleadingLists, WithoutRepeatsOnlyWhatGoesOnIsTaken) {
  ImportOptions options = this->options();
  options.no_repeats = true;
  must(import({list("a", sequence(0, 10)), list("b", sequence(5, 15)), list("c", sequence(7, 12))}, options));
  expect_records(sequence(0, 15));
  const auto repeating = import({list("d", joined(sequence(12, 15), sequence(3, 5)))}, options);
  EXPECT_FALSE(repeating) << "its end was there before";
}

TEST_F(MisleadingLists, PcrsReadBeforeTheListEndedDecideWhatTheyCover) {
  const std::vector<int> all = joined({kBoot}, sequence(0, 100));
  const ImportOptions early = with(pcrs(joined({kBoot}, sequence(0, 90))));
  must(import({list("all", all)}, early));
  EXPECT_EQ(must(import({list("all", all)}, early)).parts[0].added, 0u) << "the same command again";
  expect_records(all);
}

TEST_F(MisleadingLists, PcrsThatMatchTwoWaysAreReadTooEarly) {
  const std::vector<int> head = joined(joined({kBoot}, sequence(0, 5)), {kViolation});
  const std::vector<int> tail{kViolation, kViolation, 7, 8};
  const auto early = import({list("head", head), list("tail", tail)}, with(pcrs(joined(head, {kViolation}))));
  ASSERT_FALSE(early);
  EXPECT_NE(early.error().message.find("too early"), std::string::npos) << early.error().message;
  const std::vector<int> three = joined(head, tail);
  must(import({list("head", head), list("tail", tail)}, with(pcrs(three))));
  expect_records(three);
}

TEST_F(MisleadingLists, EveryPcrValueHasToMatch) {
  const std::vector<int> all = joined({kBoot}, sequence(0, 9));
  auto values = pcrs(all);
  values[1].value = digest::Digest(32);
  const auto wrong = import({list("all", all)}, with(values));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::kMismatch) << describe(wrong.error());
  values = pcrs(all);
  values.insert(values.begin(),
                {.bank = imatest::bank("sha256"), .pcr = 0, .value = digest::Digest::filled(32, std::byte{7})});
  must(import({list("all", all)}, with(values)));
  EXPECT_EQ(import({list("all", all)}, with({values[0]})).error().code, ErrorCode::kUsage) << "of no record's PCR";
}

TEST_F(MisleadingLists, PcrsOfABankThatTheChainDoesNotKeepServeToo) {
  const std::vector<int> head = joined({kBoot}, sequence(0, 9));
  ImportOptions options = with(pcrs(head));
  options.banks = imatest::banks("sha256");
  must(import({list("head", head)}, options));
  options.pcrs = pcrs(joined(head, {77}), "sha512");
  must(import({list("tail", {77})}, options));
  expect_records(joined(head, {77}));
}

TEST_F(MisleadingLists, ANewChainIsBegunOnce) {
  ImportOptions fresh = options();
  fresh.new_chain = true;
  must(import({list("1", {kBoot, 1, 2})}, fresh));
  EXPECT_EQ(must(import({list("1", {kBoot, 1, 2}), list("2", {3, 4})}, fresh)).chain, ChainId(1));
  EXPECT_EQ(must(import({list("1", {kBoot, 1, 2}), list("2", {3, 4})}, fresh)).chain, ChainId(1));
  expect_records({kBoot, 1, 2, 3, 4});
  EXPECT_EQ(must(import({list("other", {kBoot, 9})}, fresh)).chain, ChainId(2));
  ImportOptions first = options();
  first.chain = ChainId(1);
  must(import({list("3", {5, 6})}, first));
  expect_records({kBoot, 1, 2, 3, 4, 5, 6});
}

TEST_F(MisleadingLists, AnAlteredDigestOfARecordThatIsThereIsReported) {
  const std::vector<int> all = joined({kBoot}, sequence(0, 9));
  must(import({list("good", all)}, options()));
  List altered = list("altered", all);
  altered.bytes[8] ^= std::byte{1};
  const auto report = must(import({altered}, options()));
  EXPECT_EQ(report.parts[0].join, Join::kAlreadyThere);
  EXPECT_EQ(report.parts[0].mismatched, std::vector<std::uint64_t>{0});
}

TEST_F(MisleadingLists, ManyPartsAreJoinedAndManyWaysAreBounded) {
  std::vector<List> parts;
  std::vector<int> all{kBoot};
  parts.push_back(list("boot", {kBoot}));
  for (int i = 0; i < 3000; ++i) {
    parts.push_back(list(std::to_string(i), {i}));
    all.push_back(i);
  }
  must(import(parts, with(pcrs(all))));
  expect_records(all);
  std::vector<List> violations;
  for (int i = 1; i < 40; ++i)
    violations.push_back(list("v", std::vector<int>(static_cast<std::size_t>(i), kViolation)));
  const auto hopeless = import(violations, with(pcrs({kBoot})));
  ASSERT_FALSE(hopeless);
  EXPECT_EQ(hopeless.error().code, ErrorCode::kMismatch);
}

TEST_F(ImportTest, AKeepersChainTakesNoSavedLists) {
  const auto kept = must(archive_.begin_chain(options().banks, ChainStart::kBoot, kHostOrder, {.origin = "list"}));
  ImportOptions with = options();
  with.chain = kept.chain;
  const auto refused = import({captured("templates", "sha256")}, with);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
  EXPECT_EQ(must(archive_.chain(kept.chain)).end, 0u);
  const auto report = must(import({captured("templates", "sha256")}, options()));
  EXPECT_EQ(report.chain, ChainId(2)) << "a chain of its own";
  EXPECT_EQ(must(archive_.host_chain())->chain, kept.chain);
  const auto again = must(import({captured("templates", "sha1")}, options()));
  EXPECT_EQ(again.chain, ChainId(2)) << "continues with the last imported list";
  expect_log("templates", ChainId(2));
}

// An archive of an imakeep that kept no origins: a row of a list tells a keeper's chain.
TEST_F(ImportTest, AKeepersChainIsKnownWithoutItsOrigin) {
  const auto kept = must(archive_.begin_chain(options().banks, ChainStart::kBoot));
  const ListRow row{.chain = kept.chain};
  must(archive_.append(kept.chain, 0, {}, kept.banks.front(), 0, {.list = &row}));
  EXPECT_EQ(must(import({captured("templates", "sha256")}, options())).chain, ChainId(2));
  EXPECT_EQ(must(archive_.host_chain())->chain, kept.chain);
}

}  // namespace
}  // namespace imakeep::archive::test
