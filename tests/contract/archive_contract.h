// SPDX-License-Identifier: Apache-2.0
// archive_contract.h - the promises of an archive, on any store.
//
// `Fixture` default-constructs an empty store, gives it as store(), and reopen()s what was committed.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/archive.h"
#include "archive/pcr_bytes.h"
#include "archive/test_support.h"

namespace imakeep::archive::test {

using imatest::must;

inline AcceptedQuote a_quote(std::uint8_t fill) {
  return {.statement = Bytes(5, std::byte{fill}),
          .signature = Bytes(kMaxQuotePartBytes, std::byte{fill}),
          .ak_public = Bytes(1, std::byte{fill})};
}

template <class Fixture>
class ArchiveContract : public testing::Test {
 protected:
  Archive archive() { return Archive(fixture_.store()); }
  Chain begin(std::string_view banks = "sha1,sha256") {
    return must(archive().begin_chain(imatest::banks(banks), ChainStart::kBoot));
  }
  Result<Appended> append(const Incoming& from, std::uint64_t first, std::size_t begin, std::size_t count,
                          std::int64_t now = 0) {
    return archive().append(ChainId(1), first, std::span(from.records).subspan(begin, count), from.bank, now);
  }
  Result<Appended> append(const Incoming& from, std::uint64_t first) {
    return append(from, first, 0, from.records.size());
  }
  // A state that no replay matches.
  static digest::PcrState known_again(const Chain& chain, std::uint8_t fill) {
    digest::PcrState state(chain.banks);
    for (std::size_t bank = 0; bank < chain.banks.size(); ++bank) {
      const Bytes value(chain.banks[bank].digest_bytes(), std::byte{fill});
      state.set(bank, imalog::kImaPcr, digest::Digest(value));
    }
    return state;
  }
  static AnchorRow anchor(const Chain& chain, std::uint64_t number, std::uint8_t fill) {
    return {.chain = chain.chain,
            .number = number,
            .broken_at = number / 2,
            .why = "gap",
            .since_unix_s = 9,
            .pcrs = pcr_bytes(known_again(chain, fill))};
  }
  // Records [first, first + count) of `from`, and an anchor after them.
  void append_and_anchor(const Chain& chain, const Incoming& from, std::uint64_t first, std::size_t count,
                         std::uint8_t fill) {
    const AnchorRow row = anchor(chain, first + count, fill);
    must(archive().append(chain.chain, first, std::span(from.records).subspan(first, count), from.bank, 0,
                          {.anchor = &row}));
  }
  void change(const std::function<Result<void>(Store&)>& put) {
    Transaction transaction(fixture_.store());
    must(transaction.begin());
    must(put(fixture_.store()));
    must(transaction.commit());
  }
  std::vector<std::string> findings() {
    std::vector<std::string> what;
    for (Finding& finding : must(archive().check())) what.push_back(std::move(finding.what));
    return what;
  }

  Bytes exported(std::string_view bank, std::uint64_t from = 0) {
    Archive of(fixture_.store());
    return test::exported(of, ChainId(1), imatest::bank(bank), from);
  }

  Fixture fixture_;
};
TYPED_TEST_SUITE_P(ArchiveContract);

TYPED_TEST_P(ArchiveContract, ReadsEveryRecordInEveryBankAfterReopening) {
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

TYPED_TEST_P(ArchiveContract, EndsWithThePcrsThatTheKernelHad) {
  this->begin("sha1,sha256,sha384,sha512");
  must(this->append(incoming("kexec", "sha1"), 0));
  const Chain chain = must(this->archive().chain(ChainId(1)));
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
  EXPECT_LT(must(this->archive().stats(ChainId(1))).segments, 40u);
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
  const Chain chain = must(this->archive().chain(ChainId(1)));
  digest::PcrState state(begun.banks);
  for (std::uint64_t number = 0; number <= 2500; ++number) {
    if (number % 250 == 0 || number % 499 == 0) {
      EXPECT_EQ(must(this->archive().state_at(chain, number)), state) << number;
    }
    if (number < 2500) imalog::extend(state, log.records[number].content);
  }
  EXPECT_EQ(this->archive().state_at(chain, 2501).error().code, ErrorCode::kUsage);
}

TYPED_TEST_P(ArchiveContract, KeepsARecordWhoseDigestDoesNotMatchAndSaysSo) {
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
  EXPECT_EQ(second.chain, ChainId(2));
  const Incoming log = made("/two/", 9);
  must(this->append(log, 0));
  EXPECT_EQ(must(this->archive().chain(ChainId(2))).end, 0u);
  EXPECT_EQ(must(this->archive().chain(ChainId(1))).end, 9u);
  EXPECT_EQ(this->archive().chain(ChainId(3)).error().code, ErrorCode::kUsage);
  EXPECT_EQ(must(this->archive().chain(ChainId(2))).start, ChainStart::kUnknown);
}

TYPED_TEST_P(ArchiveContract, RemembersThePendingTrim) {
  EXPECT_FALSE(must(this->archive().pending()));
  must(this->archive().set_pending(
      {.chain = ChainId(1), .method = "stage", .first = 5, .records = 7, .since_unix_s = 9}));
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

TYPED_TEST_P(ArchiveContract, RemembersWhatEachVerifierAcknowledgedOfEachChain) {
  this->begin();
  EXPECT_FALSE(must(this->archive().acknowledged(ChainId(1)))) << "nobody is registered";
  must(this->append(made("/verifiers/", 40), 0));
  must(this->archive().begin_chain(imatest::banks("sha1"), ChainStart::kBoot));
  EXPECT_TRUE(must(this->archive().acknowledge("fleet", ChainId(1), 30, 7)));
  EXPECT_FALSE(must(this->archive().acknowledge("fleet", ChainId(1), 40, 8)));
  EXPECT_FALSE(must(this->archive().acknowledge("fleet", ChainId(1), 40, 9))) << "the same again is no decrease";
  EXPECT_FALSE(must(this->archive().acknowledge("fleet", ChainId(2), 0, 10)));
  EXPECT_TRUE(must(this->archive().acknowledge("audit", ChainId(1), 12, -3)));
  this->fixture_.reopen();
  const auto of_1 = must(this->archive().verifiers(ChainId(1)));
  ASSERT_EQ(of_1.size(), 2u);
  EXPECT_EQ(std::tie(of_1[0].name, of_1[0].acknowledged, of_1[0].acknowledged_unix_s), std::tuple("audit", 12u, -3));
  EXPECT_EQ(std::tie(of_1[1].name, of_1[1].acknowledged, of_1[1].acknowledged_unix_s), std::tuple("fleet", 40u, 9));
  const auto of_2 = must(this->archive().verifiers(ChainId(2)));
  ASSERT_EQ(of_2.size(), 2u);
  EXPECT_EQ(std::tie(of_2[0].name, of_2[0].acknowledged, of_2[0].acknowledged_unix_s), std::tuple("audit", 0u, 0));
  EXPECT_EQ(std::tie(of_2[1].name, of_2[1].acknowledged, of_2[1].acknowledged_unix_s), std::tuple("fleet", 0u, 10));
  EXPECT_EQ(must(this->archive().acknowledged(ChainId(1))), 12u);
  EXPECT_EQ(must(this->archive().acknowledged(ChainId(2))), 0u);
  EXPECT_TRUE(this->findings().empty());
}

TYPED_TEST_P(ArchiveContract, RefusesAcknowledgementsThatCannotBeTrueAndStoresNothing) {
  this->begin();
  must(this->append(made("/refused/", 40), 0));
  must(this->archive().acknowledge("fleet", ChainId(1), 20, 1));
  const auto refused = [&](const std::string& verifier, std::uint64_t chain, std::uint64_t records) {
    const auto answer = this->archive().acknowledge(verifier, ChainId(chain), records, 2);
    return !answer && answer.error().code == ErrorCode::kUsage;
  };
  EXPECT_TRUE(refused("fleet", 1, 19)) << "fewer than before";
  EXPECT_TRUE(refused("fleet", 1, 41)) << "more than the chain has";
  EXPECT_TRUE(refused("other", 1, 41));
  EXPECT_TRUE(refused("fleet", 2, 0)) << "no such chain";
  EXPECT_TRUE(refused("fleet", 0, 0));
  for (const std::string& name :
       {std::string(), std::string("two words"), std::string("tab\t"), std::string("nul\0", 4), std::string("\xc3\xa4"),
        std::string("\x7f"), std::string(65, 'x')}) {
    EXPECT_TRUE(refused(name, 1, 30)) << name;
  }
  const auto all = must(this->archive().verifiers(ChainId(1)));
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(std::tie(all[0].name, all[0].acknowledged, all[0].acknowledged_unix_s), std::tuple("fleet", 20u, 1));
  EXPECT_TRUE(must(this->archive().acknowledge(std::string(64, '~'), ChainId(1), 40, 2)));
}

TYPED_TEST_P(ArchiveContract, RegistersAtMost64Verifiers) {
  this->begin();
  for (std::size_t i = 0; i < kMaxVerifiers; ++i) {
    must(this->archive().acknowledge("v" + std::to_string(i), ChainId(1), 0, 1));
  }
  EXPECT_EQ(this->archive().acknowledge("one-more", ChainId(1), 0, 1).error().code, ErrorCode::kUsage);
  EXPECT_FALSE(must(this->archive().acknowledge("v3", ChainId(1), 0, 1))) << "a known one may go on";
  must(this->archive().remove_verifier("v3"));
  EXPECT_TRUE(must(this->archive().acknowledge("one-more", ChainId(1), 0, 1)));
}

TYPED_TEST_P(ArchiveContract, RemovesAVerifierFromAllChains) {
  this->begin();
  must(this->append(made("/removed/", 40), 0));
  must(this->archive().begin_chain(imatest::banks("sha1"), ChainStart::kBoot));
  must(this->archive().acknowledge("fleet", ChainId(1), 30, 1));
  must(this->archive().acknowledge("audit", ChainId(1), 10, 1));
  must(this->archive().acknowledge("audit", ChainId(2), 0, 1));
  EXPECT_EQ(this->archive().remove_verifier("nobody").error().code, ErrorCode::kUsage);
  must(this->archive().remove_verifier("audit"));
  this->fixture_.reopen();
  EXPECT_EQ(must(this->archive().verifiers(ChainId(2))).size(), 1u);
  EXPECT_EQ(must(this->archive().acknowledged(ChainId(1))), 30u);
  EXPECT_EQ(this->archive().remove_verifier("audit").error().code, ErrorCode::kUsage);
  EXPECT_TRUE(must(this->archive().acknowledge("audit", ChainId(1), 5, 1))) << "it starts over";
  must(this->archive().remove_verifier("audit"));
  must(this->archive().remove_verifier("fleet"));
  EXPECT_FALSE(must(this->archive().acknowledged(ChainId(1))));
  EXPECT_TRUE(this->findings().empty());
}

TYPED_TEST_P(ArchiveContract, KeepsTheQuotesOfEachChainInOrder) {
  this->begin();
  must(this->append(made("/quotes/", 40), 0));
  must(this->archive().begin_chain(imatest::banks("sha1"), ChainStart::kBoot));
  EXPECT_TRUE(must(this->archive().quotes(ChainId(1))).empty());
  AcceptedQuote quote = a_quote(1);
  quote.pcrs = {{.bank = imatest::bank("sha1"), .pcr = 0, .value = digest::Digest(20)},
                {.bank = imatest::bank("sha512"), .pcr = 23, .value = digest::Digest(64)}};
  must(this->archive().acknowledge("fleet", ChainId(1), 30, 1000, quote));
  must(this->archive().acknowledge("fleet", ChainId(1), 40, 1001, a_quote(2)));
  must(this->archive().acknowledge("audit", ChainId(1), 12, 1002));
  must(this->archive().acknowledge("fleet", ChainId(2), 0, 1003, a_quote(3)));
  this->fixture_.reopen();
  const auto of_1 = must(this->archive().quotes(ChainId(1)));
  ASSERT_EQ(of_1.size(), 2u);
  EXPECT_EQ(std::tie(of_1[0].quote, of_1[0].records, of_1[0].added_unix_s), std::tuple(1u, 30u, 1000));
  EXPECT_EQ(of_1[0].accepted.statement, quote.statement);
  EXPECT_EQ(of_1[0].accepted.signature, quote.signature);
  EXPECT_EQ(of_1[0].accepted.ak_public, quote.ak_public);
  EXPECT_EQ(of_1[0].accepted.pcrs, quote.pcrs);
  EXPECT_EQ(std::tie(of_1[1].quote, of_1[1].records, of_1[1].added_unix_s), std::tuple(2u, 40u, 1001));
  ASSERT_EQ(must(this->archive().quotes(ChainId(2))).size(), 1u);
  EXPECT_EQ(must(this->archive().quotes(ChainId(2)))[0].quote, 1u) << "each chain has numbers of its own";
  EXPECT_TRUE(this->findings().empty());
}

TYPED_TEST_P(ArchiveContract, KeepsNoQuoteOfARefusedAcknowledgementAndNoneOfAnImpossibleSize) {
  this->begin();
  must(this->append(made("/quotes/", 40), 0));
  EXPECT_FALSE(this->archive().acknowledge("fleet", ChainId(1), 41, 1, a_quote(1)));
  EXPECT_FALSE(this->archive().acknowledge("fleet", ChainId(2), 0, 1, a_quote(1)));
  for (Bytes AcceptedQuote::*const part :
       {&AcceptedQuote::statement, &AcceptedQuote::signature, &AcceptedQuote::ak_public}) {
    for (const std::size_t size : {std::size_t{0}, kMaxQuotePartBytes + 1}) {
      AcceptedQuote quote = a_quote(1);
      quote.*part = Bytes(size);
      EXPECT_EQ(this->archive().acknowledge("fleet", ChainId(1), 5, 1, quote).error().code, ErrorCode::kUsage);
    }
  }
  EXPECT_TRUE(must(this->archive().quotes(ChainId(1))).empty());
  EXPECT_TRUE(must(this->archive().verifiers(ChainId(1))).empty());
}

TYPED_TEST_P(ArchiveContract, ThinsQuotesByAge) {
  this->begin();
  must(this->append(made("/quotes/", 40), 0));
  for (std::int64_t day = 0; day < 3; ++day) {
    for (std::int64_t minute = 0; minute < 10; ++minute) {
      must(this->archive().acknowledge("fleet", ChainId(1), 40, day * 86400 + minute * 60, a_quote(1)));
    }
  }
  std::vector<std::uint64_t> kept;
  for (const KeptQuote& quote : must(this->archive().quotes(ChainId(1)))) kept.push_back(quote.quote);
  EXPECT_THAT(kept, testing::ElementsAre(1, 10, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30));
  EXPECT_TRUE(this->findings().empty()) << "the seal follows";
}

TYPED_TEST_P(ArchiveContract, ForgetsQuotesWithTheLastRecordThatTheyCover) {
  this->begin();
  const Incoming log = made("/retire/", 4000);
  for (std::size_t at = 0; at < 4000; at += 1000) must(this->append(log, at, at, 1000, static_cast<std::int64_t>(at)));
  for (const std::uint64_t records : {5u, 500u, 4000u}) {
    must(this->archive().acknowledge("fleet", ChainId(1), records, 1, a_quote(1)));
  }
  must(this->archive().retire(ChainId(1), {.dry_run = true}));
  EXPECT_EQ(must(this->archive().quotes(ChainId(1))).size(), 3u) << "a dry run removes nothing";
  must(this->archive().retire(ChainId(1), {}));
  ASSERT_GT(must(this->archive().chain(ChainId(1))).first_kept, 500u);
  const auto left = must(this->archive().quotes(ChainId(1)));
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].records, 4000u);
  EXPECT_TRUE(this->findings().empty());
}

TYPED_TEST_P(ArchiveContract, NamesQuotesThatNoKeeperWrites) {
  this->begin();
  must(this->append(made("/quotes/", 4), 0));
  this->change([](Store& in) -> Result<void> {
    IMAKEEP_CHECK(in.put_quote({.chain = ChainId(1), .records = 5}));
    return in.put_quote({.chain = ChainId(1), .records = 4, .pcrs = Bytes(7)});
  });
  EXPECT_THAT(this->findings(), testing::ElementsAre("quote 1 is damaged", "quote 2 is damaged"));
  EXPECT_EQ(this->archive().quotes(ChainId(1)).error().code, ErrorCode::kMalformed);
}

TYPED_TEST_P(ArchiveContract, RetiresOnlyWhatEveryVerifierAcknowledged) {
  this->begin();
  const Incoming log = made("/retire/", 4000);
  for (std::size_t at = 0; at < 4000; at += 1000) must(this->append(log, at, at, 1000, static_cast<std::int64_t>(at)));
  EXPECT_EQ(this->archive().retire(ChainId(1), {}).error().code, ErrorCode::kRefused);
  must(this->archive().acknowledge("fleet", ChainId(1), 4000, 0));
  must(this->archive().acknowledge("audit", ChainId(1), 2500, 0));
  EXPECT_EQ(this->archive().acknowledge("audit", ChainId(1), 2400, 0).error().code, ErrorCode::kUsage);
  EXPECT_EQ(this->archive().acknowledge("audit", ChainId(1), 4001, 0).error().code, ErrorCode::kUsage);
  EXPECT_EQ(must(this->archive().acknowledged(ChainId(1))), 2500u);
  const Retired retired = must(this->archive().retire(ChainId(1), {}));
  const Chain chain = must(this->archive().chain(ChainId(1)));
  EXPECT_GT(retired.records, 0u);
  EXPECT_EQ(chain.first_kept, retired.records);
  EXPECT_LE(chain.first_kept, 2500u);
  EXPECT_EQ(retired.violations_kept, chain.first_kept / 7);
  EXPECT_EQ(must(this->archive().stats(ChainId(1))).violations, 4000u / 7);
  const Bytes rest = this->exported("sha1");
  EXPECT_TRUE(equal(rest, ByteView(log.list).last(rest.size())));
  EXPECT_TRUE(must(this->archive().check()).empty());
  must(this->archive().retire(ChainId(1), {.unacknowledged = true}));
  EXPECT_LT(must(this->archive().chain(ChainId(1))).first_kept, 4000u) << "the last segment stays";
}

TYPED_TEST_P(ArchiveContract, RetiresByAge) {
  this->begin();
  const Incoming log = made("/age/", 4000);
  for (std::size_t at = 0; at < 4000; at += 2000) must(this->append(log, at, at, 2000, static_cast<std::int64_t>(at)));
  EXPECT_EQ(must(this->archive().retire(ChainId(1), {.added_before_unix_s = 0, .unacknowledged = true})).records, 0u);
  const std::uint64_t old =
      must(this->archive().retire(ChainId(1), {.added_before_unix_s = 2000, .unacknowledged = true})).records;
  EXPECT_GT(old, 0u);
  EXPECT_LE(old, 2000u);
}

TYPED_TEST_P(ArchiveContract, RetiresByNumberAndBySize) {
  this->begin();
  const Incoming log = made("/size/", 8000);
  must(this->append(log, 0));
  const auto segments = this->fixture_.store().segments(ChainId(1)).segments;
  ASSERT_GE(segments.size(), 4u);
  EXPECT_EQ(must(this->archive().retire(ChainId(1), {.before = segments[1].first, .unacknowledged = true})).records,
            segments[0].records);
  const std::uint64_t two = segments[segments.size() - 1].stored_bytes + segments[segments.size() - 2].stored_bytes;
  must(this->archive().retire(ChainId(1), {.keep_bytes = two, .unacknowledged = true}));
  EXPECT_EQ(must(this->archive().chain(ChainId(1))).first_kept, segments[segments.size() - 2].first);
  EXPECT_EQ(must(this->archive().retire(ChainId(1), {.keep_bytes = two, .unacknowledged = true})).records, 0u);
}

TYPED_TEST_P(ArchiveContract, RemembersWhatIsKnownOfTheList) {
  this->begin();
  EXPECT_FALSE(must(this->archive().list(ChainId(1))));
  const Incoming log = made("/list/", 9);
  ListRow row{.chain = ChainId(1),
              .head = 3,
              .holes = "5-7",
              .proven = 8,
              .proven_unix_s = -4,
              .trimmed = 5,
              .trims = 6,
              .trimmed_unix_s = 7,
              .trimmed_by_others = 10,
              .trims_by_others = 9,
              .boot_id = "b00t"};
  must(this->archive().append(ChainId(1), 0, log.records, log.bank, 0, {.list = &row}));
  this->fixture_.reopen();
  auto list = must(this->archive().list(ChainId(1)));
  ASSERT_TRUE(list);
  EXPECT_EQ(std::tie(list->chain, list->head, list->holes, list->proven, list->proven_unix_s, list->boot_id),
            std::tie(row.chain, row.head, row.holes, row.proven, row.proven_unix_s, row.boot_id));
  EXPECT_EQ(std::tie(list->trimmed, list->trims, list->trimmed_unix_s, list->trimmed_by_others, list->trims_by_others),
            std::tie(row.trimmed, row.trims, row.trimmed_unix_s, row.trimmed_by_others, row.trims_by_others));
  row.head = 9;
  must(this->archive().append(ChainId(1), 9, {}, log.bank, 0, {.list = &row}));
  EXPECT_EQ(must(this->archive().list(ChainId(1)))->head, 9u);
  EXPECT_FALSE(must(this->archive().list(ChainId(2))));
  EXPECT_TRUE(this->findings().empty());
}

TYPED_TEST_P(ArchiveContract, NumbersIncidentsInTheOrderTheyCome) {
  this->begin();
  EXPECT_TRUE(must(this->archive().incidents()).empty());
  const digest::Bank bank = imatest::bank("sha1");
  const std::vector<IncidentRow> two{
      {.incident = 7,
       .chain = ChainId(1),
       .first = 4,
       .records = 0,
       .kind = "altered",
       .what = "A.",
       .since_unix_s = 5},
      {.chain = ChainId(2), .first = 6, .kind = "gap", .what = "B.", .since_unix_s = -1}};
  must(this->archive().append(ChainId(1), 0, {}, bank, 0, {.incidents = two}));
  must(this->archive().append(ChainId(1), 0, {}, bank, 0, {.incidents = std::span(two).first(1)}));
  this->fixture_.reopen();
  const auto incidents = must(this->archive().incidents());
  ASSERT_EQ(incidents.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    const IncidentRow& put = two[i % 2];
    EXPECT_EQ(incidents[i].incident, i + 1);
    EXPECT_EQ(incidents[i].records, put.records);
    EXPECT_EQ(std::tie(incidents[i].chain, incidents[i].first, incidents[i].kind, incidents[i].what),
              std::tie(put.chain, put.first, put.kind, put.what));
    EXPECT_EQ(incidents[i].since_unix_s, put.since_unix_s);
  }
}

TYPED_TEST_P(ArchiveContract, RemembersAnchorsByNumber) {
  Store& store = this->fixture_.store();
  this->change([](Store& in) -> Result<void> {
    for (const std::uint64_t number : {30u, 5u, 12u}) {
      IMAKEEP_CHECK(in.put_anchor({.chain = ChainId(1),
                                   .number = number,
                                   .broken_at = number - 1,
                                   .why = "w" + std::to_string(number),
                                   .since_unix_s = -3,
                                   .pcrs = Bytes(4, std::byte{1}),
                                   .before_pcrs = Bytes(5, std::byte{2})}));
    }
    IMAKEEP_CHECK(in.put_anchor({.chain = ChainId(2), .number = 13, .why = "other", .pcrs = {}}));
    return in.put_anchor({.chain = ChainId(1), .number = 30, .broken_at = 20, .why = "again", .pcrs = {}});
  });
  const auto anchors = must(store.anchors(ChainId(1)));
  ASSERT_EQ(anchors.size(), 3u);
  EXPECT_EQ(anchors[0].number, 5u);
  EXPECT_EQ(anchors[0].chain, ChainId(1));
  EXPECT_EQ(anchors[0].broken_at, 4u);
  EXPECT_EQ(anchors[0].why, "w5");
  EXPECT_EQ(anchors[0].since_unix_s, -3);
  EXPECT_EQ(anchors[0].pcrs, Bytes(4, std::byte{1}));
  EXPECT_EQ(anchors[0].before_pcrs, Bytes(5, std::byte{2}));
  EXPECT_EQ(anchors[2].why, "again") << "a second anchor at the same number replaces the first";
  EXPECT_EQ(must(store.anchors_from(ChainId(1), 12)).size(), 2u);
  EXPECT_EQ(must(store.anchors_from(ChainId(1), 13)).front().number, 30u);
  EXPECT_TRUE(must(store.anchors_from(ChainId(1), 31)).empty());
}

TYPED_TEST_P(ArchiveContract, GoesOnFromAnAnchor) {
  const Chain chain = this->begin();
  const Incoming log = made("/anchor/", 30);
  digest::PcrState before(chain.banks);
  for (std::size_t i = 0; i < 10; ++i) imalog::extend(before, log.records[i].content);
  this->append_and_anchor(chain, log, 0, 10, 0xaa);
  EXPECT_EQ(must(this->archive().chain(ChainId(1))).end_pcrs, this->known_again(chain, 0xaa));
  EXPECT_EQ(must(this->fixture_.store().anchors(ChainId(1))).at(0).before_pcrs, pcr_bytes(before));
  EXPECT_TRUE(this->findings().empty()) << "an anchor at the end";
  must(this->append(log, 10, 10, 20));
  this->fixture_.reopen();
  digest::PcrState state = this->known_again(chain, 0xaa);
  const Chain now = must(this->archive().chain(ChainId(1)));
  EXPECT_EQ(must(this->archive().state_at(now, 10)), state);
  for (std::size_t i = 10; i < 25; ++i) imalog::extend(state, log.records[i].content);
  EXPECT_EQ(must(this->archive().state_at(now, 25)), state);
  EXPECT_TRUE(equal(this->exported("sha1"), log.list));
  EXPECT_TRUE(this->findings().empty());
  const auto anchors = must(this->archive().anchors(now));
  ASSERT_EQ(anchors.size(), 1u);
  EXPECT_EQ(anchors[0].number, 10u);
  EXPECT_EQ(anchors[0].broken_at, 5u);
  EXPECT_EQ(anchors[0].why, "gap");
  EXPECT_EQ(anchors[0].pcrs, this->known_again(chain, 0xaa));
  EXPECT_TRUE(must(this->archive().anchors(chain)).empty()) << "the chain as it was had none";
  const ReplayStart start = must(this->archive().replay_start(now));
  EXPECT_EQ(start.number, 10u);
  EXPECT_EQ(start.pcrs, this->known_again(chain, 0xaa));
}

TYPED_TEST_P(ArchiveContract, MayBeginWithAnAnchor) {
  const Chain chain = this->begin();
  EXPECT_FALSE(must(this->archive().replay_start(chain)).pcrs);
  const Incoming log = made("/headless/", 3);
  this->append_and_anchor(chain, log, 0, 0, 0xbb);
  EXPECT_TRUE(this->findings().empty());
  must(this->append(log, 0));
  EXPECT_TRUE(this->findings().empty());
  const Chain now = must(this->archive().chain(ChainId(1)));
  EXPECT_EQ(must(this->archive().state_at(now, 0)), this->known_again(chain, 0xbb));
  EXPECT_EQ(must(this->archive().replay_start(now)).pcrs, this->known_again(chain, 0xbb));
}

TYPED_TEST_P(ArchiveContract, GathersNothingAcrossAnAnchor) {
  const Chain chain = this->begin();
  const Incoming log = made("/apart/", 300);
  for (std::size_t at = 0; at < 300; at += 2) {
    if (at == 40 || at == 150) {
      this->append_and_anchor(chain, log, at, 2, static_cast<std::uint8_t>(at));
    } else {
      must(this->append(log, at, at, 2));
    }
  }
  const Chain now = must(this->archive().chain(ChainId(1)));
  EXPECT_LT(must(this->archive().stats(ChainId(1))).segments, 3 * 33u) << "on both sides they are";
  for (const std::uint64_t number : {42u, 152u}) {
    EXPECT_EQ(must(this->fixture_.store().segment_from(ChainId(1), number))->first, number);
    EXPECT_EQ(must(this->archive().state_at(now, number)),
              this->known_again(chain, static_cast<std::uint8_t>(number - 2)));
  }
  EXPECT_TRUE(equal(this->exported("sha1"), log.list));
  EXPECT_TRUE(this->findings().empty());
}

TYPED_TEST_P(ArchiveContract, RecordsThatAnAnchorCallsBrokenStaySo) {
  const Chain chain = this->begin();
  const Incoming log = made("/twice/", 10);
  this->append_and_anchor(chain, log, 0, 10, 0x11);
  const Bytes before = must(this->fixture_.store().anchors(ChainId(1))).at(0).before_pcrs;
  AnchorRow again = this->anchor(chain, 10, 0x22);
  again.broken_at = 10;
  again.why = "extend";
  must(this->archive().append(ChainId(1), 10, {}, log.bank, 0, {.anchor = &again}));
  const auto anchors = must(this->fixture_.store().anchors(ChainId(1)));
  ASSERT_EQ(anchors.size(), 1u);
  EXPECT_EQ(anchors[0].broken_at, 5u);
  EXPECT_EQ(anchors[0].why, "extend");
  EXPECT_EQ(anchors[0].before_pcrs, before) << "the replay of the records gives the same state";
  EXPECT_EQ(must(this->archive().chain(ChainId(1))).end_pcrs, this->known_again(chain, 0x22));
  EXPECT_TRUE(this->findings().empty());
}

TYPED_TEST_P(ArchiveContract, StoresTheRowsOfTheOptionsWithTheRecords) {
  Archive archive = this->archive();
  must(archive.begin_chain(imatest::banks("sha1"), ChainStart::kUnknown));
  const Incoming log = made("/options/", 4);
  const SourceRow source{.source = 1, .chain = ChainId(1), .name = "x", .sha256 = Bytes(32)};
  const PendingRow pending{.chain = ChainId(1), .method = "count", .records = 2};
  const ListRow list{.chain = ChainId(1), .head = 4, .proven = 4};
  must(archive.append(
      ChainId(1), 0, log.records, log.bank, 0,
      {.source = &source, .list = &list, .pending = &pending, .incidents = {}, .start = ChainStart::kBoot}));
  this->fixture_.reopen();
  Archive reopened = this->archive();
  EXPECT_EQ(must(reopened.chain(ChainId(1))).end, 4u);
  EXPECT_EQ(must(reopened.chain(ChainId(1))).start, ChainStart::kBoot);
  EXPECT_EQ(must(reopened.pending())->records, 2u);
  EXPECT_EQ(must(reopened.list(ChainId(1)))->proven, 4u);
  EXPECT_EQ(must(reopened.store().sources()).size(), 1u);
  must(reopened.append(ChainId(1), 4, {}, log.bank, 0));
  EXPECT_TRUE(must(reopened.pending())) << "what is not named stays";
  EXPECT_EQ(must(reopened.chain(ChainId(1))).start, ChainStart::kBoot);
  must(reopened.append(ChainId(1), 4, {}, log.bank, 0, {.clear_pending = true}));
  EXPECT_FALSE(must(reopened.pending()));
}

TYPED_TEST_P(ArchiveContract, StoresNothingIfARowOfTheOptionsIsRefused) {
  const Chain chain = this->begin();
  const Chain other = must(this->archive().begin_chain(imatest::banks("sha512"), ChainStart::kBoot));
  const Incoming log = made("/refused/", 10);
  const PendingRow pending{.chain = ChainId(1), .method = "stage"};
  const std::vector<IncidentRow> incidents{{.chain = ChainId(1), .kind = "gap", .what = "G."}};
  const auto refused = [&](AppendOptions options, std::uint64_t first = 0) {
    if (!options.clear_pending) options.pending = &pending;
    options.incidents = incidents;
    options.start = ChainStart::kUnknown;
    return this->archive().append(ChainId(1), first, log.records, log.bank, 0, options).error().code;
  };
  AnchorRow early = this->anchor(chain, 9, 1);
  AnchorRow late = this->anchor(chain, 11, 1);
  AnchorRow of_another = this->anchor(chain, 10, 1);
  of_another.chain = ChainId(2);
  AnchorRow banks = this->anchor(other, 10, 1);
  banks.chain = ChainId(1);
  AnchorRow backwards = this->anchor(chain, 10, 1);
  backwards.broken_at = 11;
  for (const AnchorRow* row : {&early, &late, &of_another, &banks, &backwards}) {
    EXPECT_EQ(refused({.anchor = row}), ErrorCode::kUsage);
  }
  const ListRow list_of_another{.chain = ChainId(2)};
  const ListRow head{.chain = ChainId(1), .head = 11};
  const ListRow proven{.chain = ChainId(1), .proven = 11};
  for (const ListRow* row : {&list_of_another, &head, &proven}) EXPECT_EQ(refused({.list = row}), ErrorCode::kUsage);
  EXPECT_EQ(refused({.pending = &pending, .clear_pending = true}), ErrorCode::kUsage);
  EXPECT_EQ(refused({}, 1), ErrorCode::kMismatch);
  EXPECT_EQ(this->archive().append(ChainId(1), 1, {}, log.bank, 0, {.incidents = incidents}).error().code,
            ErrorCode::kMismatch);

  EXPECT_EQ(must(this->archive().chain(ChainId(1))).end, 0u);
  EXPECT_EQ(must(this->archive().chain(ChainId(1))).start, ChainStart::kBoot);
  EXPECT_FALSE(must(this->archive().pending()));
  EXPECT_FALSE(must(this->archive().list(ChainId(1))));
  EXPECT_TRUE(must(this->archive().incidents()).empty());
  EXPECT_TRUE(must(this->fixture_.store().anchors(ChainId(1))).empty());
}

TYPED_TEST_P(ArchiveContract, NamesAnAnchorThatWasAltered) {
  const Chain chain = this->begin();
  const Incoming log = made("/named/", 20);
  this->append_and_anchor(chain, log, 0, 10, 0x33);
  const AnchorRow good = must(this->fixture_.store().anchors(ChainId(1))).at(0);
  const std::vector<std::string> differs{"the anchor at record 10 does not match the PCR state that follows it"};
  const std::vector<std::string> damaged{"the anchor at record 10 is damaged"};
  for (const bool at_the_end : {true, false}) {
    SCOPED_TRACE(at_the_end ? "at the end" : "within the chain");
    if (!at_the_end) must(this->append(log, 10, 10, 10));
    const auto with = [&](const std::function<void(AnchorRow&)>& alter) {
      AnchorRow row = good;
      alter(row);
      this->change([&](Store& store) { return store.put_anchor(row); });
      return this->findings();
    };
    EXPECT_EQ(with([](AnchorRow& row) { row.pcrs.back() ^= std::byte{1}; }), differs);
    EXPECT_EQ(with([](AnchorRow& row) { row.pcrs.pop_back(); }), damaged);
    EXPECT_EQ(with([](AnchorRow& row) { row.broken_at = 11; }), damaged);
    EXPECT_FALSE(with([](AnchorRow& row) { row.before_pcrs.back() ^= std::byte{1}; }).empty());
    EXPECT_EQ(with([](AnchorRow& row) { row.before_pcrs.clear(); }).back(), damaged.front());
    EXPECT_TRUE(with([](AnchorRow&) {}).empty());
  }
  const Chain now = must(this->archive().chain(ChainId(1)));
  AnchorRow cut = good;
  cut.pcrs.pop_back();
  AnchorRow backwards = good;
  backwards.broken_at = 11;
  for (const AnchorRow* row : {&cut, &backwards}) {
    this->change([&](Store& store) { return store.put_anchor(*row); });
    EXPECT_EQ(this->archive().anchors(now).error().code, ErrorCode::kMalformed);
    EXPECT_EQ(this->archive().replay_start(now).error().code, ErrorCode::kMalformed);
  }
}

TYPED_TEST_P(ArchiveContract, NamesAnAnchorWhereNoneCanBe) {
  const Chain chain = this->begin();
  must(this->append(made("/none/", 20), 0));
  const auto with = [&](std::uint64_t number) {
    AnchorRow row = this->anchor(chain, number, 0x44);
    row.before_pcrs = row.pcrs;
    this->change([&](Store& store) { return store.put_anchor(row); });
    return this->findings();
  };
  EXPECT_EQ(with(21), std::vector<std::string>{"the anchor at record 21 is damaged"});
  EXPECT_EQ(with(7).front(), "the anchor at record 7 lies within a segment");
}

TYPED_TEST_P(ArchiveContract, NamesRecordsThatDoNotMatchTheStateBeforeAnAnchor) {
  const Chain chain = this->begin();
  const Incoming log = made("/before/", 20);
  this->append_and_anchor(chain, log, 0, 10, 0x55);
  must(this->append(log, 10, 10, 10));
  SegmentRow row = *must(this->fixture_.store().segment_from(ChainId(1), 0));
  const Bytes start = pcr_bytes(this->known_again(chain, 0x66));
  const Bytes data = must(this->fixture_.store().segment_data(ChainId(1), 0));
  row.start_pcrs = start;
  this->change([&](Store& store) -> Result<void> {
    IMAKEEP_CHECK(store.remove_segment(ChainId(1), 0));
    return store.add_segment(row, data);
  });
  const auto findings = must(this->archive().check());
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].first, 0u);
  EXPECT_EQ(findings[0].records, 10u);
}

TYPED_TEST_P(ArchiveContract, NamesWhatIsKnownOfAListIfItGoesBeyondTheEnd) {
  this->begin();
  must(this->append(made("/beyond/", 5), 0));
  this->change([](Store& store) { return store.put_list({.chain = ChainId(1), .head = 6}); });
  EXPECT_EQ(this->findings().size(), 1u);
  this->change([](Store& store) { return store.put_list({.chain = ChainId(1), .head = 5, .proven = 6}); });
  EXPECT_EQ(this->findings().size(), 1u);
  this->change([](Store& store) { return store.put_list({.chain = ChainId(1), .head = 5, .proven = 5}); });
  EXPECT_TRUE(this->findings().empty());
}

TYPED_TEST_P(ArchiveContract, RetiresNothingThatTheListMayHold) {
  this->begin();
  const Incoming log = made("/held/", 8000);
  must(this->append(log, 0));
  const auto segments = this->fixture_.store().segments(ChainId(1)).segments;
  ASSERT_GE(segments.size(), 4u);
  const auto retire_with_head = [&](std::uint64_t head) {
    const ListRow list{.chain = ChainId(1), .head = head};
    must(this->archive().append(ChainId(1), 8000, {}, log.bank, 0, {.list = &list}));
    return this->archive().retire(ChainId(1), {.unacknowledged = true});
  };
  const auto refused = retire_with_head(segments[0].end() - 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
  EXPECT_NE(refused.error().message.find("measurement list"), std::string::npos) << refused.error().message;
  EXPECT_EQ(must(retire_with_head(segments[1].end())).records, segments[1].end());
  EXPECT_EQ(must(this->archive().chain(ChainId(1))).first_kept, segments[1].end());
  must(retire_with_head(8000));
  EXPECT_EQ(must(this->archive().chain(ChainId(1))).first_kept, segments.back().first);
}

TYPED_TEST_P(ArchiveContract, RetiresUpToAnAnchorAndAfterIt) {
  const Chain chain = this->begin();
  const Incoming log = made("/past/", 8000);
  this->append_and_anchor(chain, log, 0, 10, 0x77);
  must(this->append(log, 10, 10, 7990));
  must(this->archive().retire(ChainId(1), {.before = 10, .unacknowledged = true}));
  Chain now = must(this->archive().chain(ChainId(1)));
  EXPECT_EQ(now.first_kept, 10u);
  EXPECT_EQ(must(this->archive().replay_start(now)).pcrs, this->known_again(chain, 0x77));
  EXPECT_EQ(must(this->archive().state_at(now, 10)), this->known_again(chain, 0x77));
  EXPECT_TRUE(this->findings().empty());
  must(this->archive().retire(ChainId(1), {.unacknowledged = true}));
  now = must(this->archive().chain(ChainId(1)));
  ASSERT_GT(now.first_kept, 10u);
  EXPECT_EQ(must(this->archive().replay_start(now)).number, now.first_kept);
  EXPECT_EQ(must(this->archive().anchors(now)).size(), 1u) << "what was broken stays known";
  EXPECT_TRUE(this->findings().empty());
}

TYPED_TEST_P(ArchiveContract, RollsBackWhatWasNotCommitted) {
  this->begin();
  const Incoming log = made("/rollback/", 10);
  must(this->append(log, 0, 0, 5));
  {
    Transaction transaction(this->fixture_.store());
    must(transaction.begin());
    must(this->fixture_.store().remove_segment(ChainId(1), 0));
    must(this->fixture_.store().put_source({.source = 1, .chain = ChainId(1), .name = "x", .sha256 = Bytes(32)}));
    must(this->fixture_.store().put_anchor({.chain = ChainId(1), .number = 5, .why = "gap", .pcrs = {}}));
    must(this->fixture_.store().put_list({.chain = ChainId(1), .head = 1}));
    must(this->fixture_.store().put_incident({.chain = ChainId(1), .kind = "gap", .what = "G."}));
    must(this->fixture_.store().put_quote({.chain = ChainId(1), .records = 5}));
  }
  EXPECT_TRUE(must(this->fixture_.store().quotes(ChainId(1))).empty());
  EXPECT_TRUE(must(this->fixture_.store().sources()).empty());
  EXPECT_TRUE(must(this->fixture_.store().anchors(ChainId(1))).empty());
  EXPECT_FALSE(must(this->fixture_.store().list(ChainId(1))));
  EXPECT_TRUE(must(this->fixture_.store().incidents()).empty());
  must(this->append(log, 5, 5, 5));
  EXPECT_TRUE(equal(this->exported("sha1"), log.list));
}

TYPED_TEST_P(ArchiveContract, ChangesNothingOutsideATransaction) {
  Store& store = this->fixture_.store();
  EXPECT_FALSE(store.put_chain(
      {.chain = ChainId(1), .banks = "sha1", .byte_order = "little", .start = "boot", .end_pcrs = Bytes(4)}));
  const auto refused = store.set_pending(std::nullopt);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUsage);
  EXPECT_FALSE(store.put_anchor({.chain = ChainId(1), .number = 5, .why = "gap", .pcrs = {}}));
  EXPECT_FALSE(store.put_list({.chain = ChainId(1)}));
  EXPECT_FALSE(store.put_verifier({.name = "fleet", .chain = ChainId(1)}));
  EXPECT_FALSE(store.remove_verifier("fleet"));
  EXPECT_FALSE(store.put_incident({.chain = ChainId(1), .kind = "gap", .what = "G."}));
  EXPECT_FALSE(store.put_quote({.chain = ChainId(1), .records = 1}));
  EXPECT_FALSE(store.remove_quote(ChainId(1), 1));
  EXPECT_TRUE(must(store.chains()).empty());
}

REGISTER_TYPED_TEST_SUITE_P(ArchiveContract, ReadsEveryRecordInEveryBankAfterReopening, EndsWithThePcrsThatTheKernelHad,
                            TakesNoRecordTwiceAndLeavesNoneOut, GathersSmallAppendsAndReadsFromAnyRecord,
                            KnowsThePcrStateAtEveryRecord, KeepsARecordWhoseDigestDoesNotMatchAndSaysSo,
                            KeepsADigestOfABankThatTheChainDoesNotReplay, KeepsAnUnknownTemplateByteForByte,
                            HoldsChainsApart, RemembersThePendingTrim, RemembersWhatEachVerifierAcknowledgedOfEachChain,
                            RefusesAcknowledgementsThatCannotBeTrueAndStoresNothing, RegistersAtMost64Verifiers,
                            RemovesAVerifierFromAllChains, KeepsTheQuotesOfEachChainInOrder,
                            KeepsNoQuoteOfARefusedAcknowledgementAndNoneOfAnImpossibleSize, ThinsQuotesByAge,
                            ForgetsQuotesWithTheLastRecordThatTheyCover, NamesQuotesThatNoKeeperWrites,
                            RetiresOnlyWhatEveryVerifierAcknowledged, RetiresByAge, RetiresByNumberAndBySize,
                            RemembersWhatIsKnownOfTheList, NumbersIncidentsInTheOrderTheyCome, RemembersAnchorsByNumber,
                            GoesOnFromAnAnchor, MayBeginWithAnAnchor, GathersNothingAcrossAnAnchor,
                            RecordsThatAnAnchorCallsBrokenStaySo, StoresTheRowsOfTheOptionsWithTheRecords,
                            StoresNothingIfARowOfTheOptionsIsRefused, NamesAnAnchorThatWasAltered,
                            NamesAnAnchorWhereNoneCanBe, NamesRecordsThatDoNotMatchTheStateBeforeAnAnchor,
                            NamesWhatIsKnownOfAListIfItGoesBeyondTheEnd, RetiresNothingThatTheListMayHold,
                            RetiresUpToAnAnchorAndAfterIt, RollsBackWhatWasNotCommitted,
                            ChangesNothingOutsideATransaction);

}  // namespace imakeep::archive::test
