// archive_contract.h - what an archive promises, on whatever store lies below it.
//
// `Fixture` default-constructs an empty store, gives it as store(), and reopen()s what was committed.
#pragma once

#include <gtest/gtest.h>

#include "archive/archive.h"
#include "archive/test_support.h"

namespace imakeep::archive::test {

using imatest::must;

template <class Fixture>
class ArchiveContract : public testing::Test {
 protected:
  Archive archive() { return Archive(fixture_.store()); }
  Chain begin(std::string_view banks = "sha1,sha256") {
    return must(archive().begin_chain(imatest::banks(banks), ChainStart::kBoot));
  }
  Result<Appended> append(const Incoming& from, std::uint64_t first, std::size_t begin, std::size_t count,
                          std::int64_t now = 0) {
    return archive().append(1, first, std::span(from.records).subspan(begin, count), from.bank, now);
  }
  Result<Appended> append(const Incoming& from, std::uint64_t first) {
    return append(from, first, 0, from.records.size());
  }
  Bytes exported(std::string_view bank, std::uint64_t from = 0) {
    Archive of(fixture_.store());
    return test::exported(of, 1, imatest::bank(bank), from);
  }

  Fixture fixture_;
};
TYPED_TEST_SUITE_P(ArchiveContract);

TYPED_TEST_P(ArchiveContract, GivesBackEveryRecordInEveryBankAfterReopening) {
  this->begin();
  const Incoming log = incoming("templates", "sha384");
  const Appended appended = must(this->append(log, 0));
  EXPECT_EQ(appended.records, 135u);
  EXPECT_TRUE(appended.mismatched.empty());
  this->fixture_.reopen();
  for (const digest::Bank& bank : imatest::banks(imatest::kCapturedBanks)) {
    EXPECT_TRUE(equal(this->exported(bank.name()), imatest::whole_log("templates", bank))) << bank.name();
  }
  EXPECT_TRUE(must(this->archive().check()).empty());
}

TYPED_TEST_P(ArchiveContract, LeadsToThePcrsThatTheKernelHad) {
  this->begin("sha1,sha256,sha384,sha512");
  must(this->append(incoming("kexec", "sha1"), 0));
  const Chain chain = must(this->archive().chain(1));
  for (const imalog::PcrValue& value : imatest::captured_pcrs("kexec/second")) {
    const auto bank = std::find(chain.banks.begin(), chain.banks.end(), value.bank) - chain.banks.begin();
    EXPECT_EQ(chain.end_pcrs.value(static_cast<std::size_t>(bank), value.pcr), value.value) << value.bank.name();
  }
}

TYPED_TEST_P(ArchiveContract, TakesNoRecordTwiceAndLeavesNoneOut) {
  this->begin();
  const Incoming log = made("/a", 20);
  must(this->append(log, 0, 0, 10));
  EXPECT_EQ(this->append(log, 9, 9, 2).error().code, ErrorCode::kMismatch);
  EXPECT_EQ(this->append(log, 11, 11, 2).error().code, ErrorCode::kMismatch);
  EXPECT_EQ(this->append(log, 0, 0, 10).error().code, ErrorCode::kMismatch);
  must(this->append(log, 10, 10, 10));
  EXPECT_TRUE(equal(this->exported("sha1"), log.list));
}

TYPED_TEST_P(ArchiveContract, GathersSmallAppendsAndReadsFromAnyRecord) {
  this->begin();
  const Incoming log = made("/small/append/", 3000);
  std::size_t at = 0;
  for (std::size_t step = 1; at < log.records.size(); at += step, step = step % 13 + 1) {
    step = std::min(step, log.records.size() - at);
    must(this->append(log, at, at, step));
  }
  EXPECT_LT(must(this->archive().stats(1)).segments, 40u);
  EXPECT_TRUE(equal(this->exported("sha1"), log.list));
  for (const std::uint64_t from : {1u, 499u, 1500u, 2999u}) {
    const Bytes rest = this->exported("sha1", from);
    EXPECT_TRUE(equal(rest, ByteView(log.list).last(rest.size()))) << from;
    EXPECT_EQ(imatest::records_of(rest, imatest::format_of(log.bank)).size(), 3000 - from);
  }
  EXPECT_TRUE(must(this->archive().check()).empty());
}

TYPED_TEST_P(ArchiveContract, KnowsThePcrStateAtEveryRecord) {
  const Chain begun = this->begin();
  const Incoming log = made("/state/", 2500);
  for (std::size_t at = 0; at < 2500; at += 500) must(this->append(log, at, at, 500));
  const Chain chain = must(this->archive().chain(1));
  digest::PcrState state(begun.banks);
  for (std::uint64_t number = 0; number <= 2500; ++number) {
    if (number % 250 == 0 || number % 499 == 0) {
      EXPECT_EQ(must(this->archive().state_at(chain, number)), state) << number;
    }
    if (number < 2500) imalog::extend(state, log.records[number].content);
  }
  EXPECT_EQ(this->archive().state_at(chain, 2501).error().code, ErrorCode::kUsage);
}

TYPED_TEST_P(ArchiveContract, KeepsARecordWhoseDigestDoesNotFitAndSaysSo) {
  this->begin();
  Incoming log = made("/altered/", 5, "sha256");
  log.list[10] ^= std::byte{1};  // Within the first record's digest.
  EXPECT_EQ(must(this->append(log, 0)).mismatched, std::vector<std::uint64_t>{0});
  EXPECT_TRUE(equal(this->exported("sha256"), log.list));
  const Incoming good = made("/altered/", 5, "sha1");
  EXPECT_TRUE(equal(this->exported("sha1"), good.list)) << "other banks have the digest of the data";
  EXPECT_TRUE(must(this->archive().check()).empty());
}

TYPED_TEST_P(ArchiveContract, KeepsADigestOfABankThatTheChainDoesNotReplay) {
  this->begin("sha1");
  Incoming log = made("/other/", 3, "sha512");
  log.list[5] ^= std::byte{1};
  EXPECT_EQ(must(this->append(log, 0)).mismatched.size(), 1u);
  EXPECT_TRUE(equal(this->exported("sha512"), log.list));
}

TYPED_TEST_P(ArchiveContract, KeepsAnUnknownTemplateByteForByte) {
  this->begin();
  const std::vector<imatest::Content> contents{
      {.template_name = "acme-v9", .body = imatest::bytes_of(std::string_view("\0\xff any", 6))},
      {.template_name = "ima", .body = imatest::ima_body(digest::Digest(20).view(), "/bin/a b")},
      {.pcr = 23, .template_name = "x", .body = {}}};
  const digest::Bank bank = imatest::bank("sha256");
  const Incoming log(imatest::list_of(contents, bank), bank);
  must(this->append(log, 0));
  EXPECT_TRUE(equal(this->exported("sha256"), log.list));
}

TYPED_TEST_P(ArchiveContract, HoldsChainsApart) {
  this->begin();
  const Chain second = must(this->archive().begin_chain(imatest::banks("sha512"), ChainStart::kUnknown));
  EXPECT_EQ(second.chain, 2u);
  const Incoming log = made("/two/", 9);
  must(this->append(log, 0));
  EXPECT_EQ(must(this->archive().chain(2)).end, 0u);
  EXPECT_EQ(must(this->archive().chain(1)).end, 9u);
  EXPECT_EQ(this->archive().chain(3).error().code, ErrorCode::kUsage);
  EXPECT_EQ(must(this->archive().chain(2)).start, ChainStart::kUnknown);
}

TYPED_TEST_P(ArchiveContract, RemembersThePendingMark) {
  EXPECT_FALSE(must(this->archive().pending()));
  must(this->archive().set_pending({.chain = 1, .method = "stage", .first = 5, .records = 7, .since_unix_s = 9}));
  this->fixture_.reopen();
  const auto pending = must(this->archive().pending());
  ASSERT_TRUE(pending);
  EXPECT_EQ(pending->method, "stage");
  EXPECT_EQ(pending->first, 5u);
  EXPECT_EQ(pending->records, 7u);
  must(this->archive().clear_pending());
  this->fixture_.reopen();
  EXPECT_FALSE(must(this->archive().pending()));
}

TYPED_TEST_P(ArchiveContract, RetiresOnlyWhatEveryVerifierAcknowledged) {
  this->begin();
  const Incoming log = made("/retire/", 4000);
  for (std::size_t at = 0; at < 4000; at += 1000) must(this->append(log, at, at, 1000, static_cast<std::int64_t>(at)));
  EXPECT_EQ(this->archive().retire(1, {}).error().code, ErrorCode::kRefused);
  must(this->archive().acknowledge("fleet", 1, 4000));
  must(this->archive().acknowledge("audit", 1, 2500));
  EXPECT_EQ(this->archive().acknowledge("audit", 1, 2400).error().code, ErrorCode::kUsage);
  EXPECT_EQ(this->archive().acknowledge("audit", 1, 4001).error().code, ErrorCode::kUsage);
  EXPECT_EQ(must(this->archive().acknowledged(1)), 2500u);
  const Retired retired = must(this->archive().retire(1, {}));
  const Chain chain = must(this->archive().chain(1));
  EXPECT_GT(retired.records, 0u);
  EXPECT_EQ(chain.first_kept, retired.records);
  EXPECT_LE(chain.first_kept, 2500u);
  EXPECT_EQ(retired.violations_kept, chain.first_kept / 7);
  EXPECT_EQ(must(this->archive().stats(1)).violations, 4000u / 7);
  const Bytes rest = this->exported("sha1");
  EXPECT_TRUE(equal(rest, ByteView(log.list).last(rest.size())));
  EXPECT_TRUE(must(this->archive().check()).empty());
  must(this->archive().retire(1, {.unacknowledged = true}));
  EXPECT_LT(must(this->archive().chain(1)).first_kept, 4000u) << "the last segment stays";
}

TYPED_TEST_P(ArchiveContract, RetiresByAge) {
  this->begin();
  const Incoming log = made("/age/", 4000);
  for (std::size_t at = 0; at < 4000; at += 2000) must(this->append(log, at, at, 2000, static_cast<std::int64_t>(at)));
  EXPECT_EQ(must(this->archive().retire(1, {.added_before_unix_s = 0, .unacknowledged = true})).records, 0u);
  const std::uint64_t old =
      must(this->archive().retire(1, {.added_before_unix_s = 2000, .unacknowledged = true})).records;
  EXPECT_GT(old, 0u);
  EXPECT_LE(old, 2000u);
}

TYPED_TEST_P(ArchiveContract, RetiresByNumberAndBySize) {
  this->begin();
  const Incoming log = made("/size/", 8000);
  must(this->append(log, 0));
  const auto segments = this->fixture_.store().segments(1).segments;
  ASSERT_GE(segments.size(), 4u);
  EXPECT_EQ(must(this->archive().retire(1, {.before = segments[1].first, .unacknowledged = true})).records,
            segments[0].records);
  const std::uint64_t two = segments[segments.size() - 1].stored_bytes + segments[segments.size() - 2].stored_bytes;
  must(this->archive().retire(1, {.keep_bytes = two, .unacknowledged = true}));
  EXPECT_EQ(must(this->archive().chain(1)).first_kept, segments[segments.size() - 2].first);
  EXPECT_EQ(must(this->archive().retire(1, {.keep_bytes = two, .unacknowledged = true})).records, 0u);
}

TYPED_TEST_P(ArchiveContract, RollsBackWhatWasNotCommitted) {
  this->begin();
  const Incoming log = made("/rollback/", 10);
  must(this->append(log, 0, 0, 5));
  {
    Transaction transaction(this->fixture_.store());
    must(transaction.begin());
    must(this->fixture_.store().remove_segment(1, 0));
    must(this->fixture_.store().put_source({.source = 1, .chain = 1, .name = "x", .sha256 = Bytes(32)}));
  }
  EXPECT_TRUE(must(this->fixture_.store().sources()).empty());
  must(this->append(log, 5, 5, 5));
  EXPECT_TRUE(equal(this->exported("sha1"), log.list));
}

TYPED_TEST_P(ArchiveContract, ChangesNothingOutsideATransaction) {
  Store& store = this->fixture_.store();
  EXPECT_FALSE(
      store.put_chain({.chain = 1, .banks = "sha1", .byte_order = "little", .start = "boot", .end_pcrs = Bytes(4)}));
  EXPECT_FALSE(store.set_pending(std::nullopt));
  EXPECT_TRUE(must(store.chains()).empty());
}

REGISTER_TYPED_TEST_SUITE_P(ArchiveContract, GivesBackEveryRecordInEveryBankAfterReopening,
                            LeadsToThePcrsThatTheKernelHad, TakesNoRecordTwiceAndLeavesNoneOut,
                            GathersSmallAppendsAndReadsFromAnyRecord, KnowsThePcrStateAtEveryRecord,
                            KeepsARecordWhoseDigestDoesNotFitAndSaysSo, KeepsADigestOfABankThatTheChainDoesNotReplay,
                            KeepsAnUnknownTemplateByteForByte, HoldsChainsApart, RemembersThePendingMark,
                            RetiresOnlyWhatEveryVerifierAcknowledged, RetiresByAge, RetiresByNumberAndBySize,
                            RollsBackWhatWasNotCommitted, ChangesNothingOutsideATransaction);

}  // namespace imakeep::archive::test
