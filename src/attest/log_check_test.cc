// SPDX-License-Identifier: Apache-2.0
#include "attest/log_check.h"

#include <gtest/gtest.h>

#include "attest/test_support.h"

namespace imakeep::attest {
namespace log_check_test {

using imalog::PcrState;
using imalog::PcrValue;
using imalog::test::Content;
using test::log_of;
using test::must;

const digest::Bank kSha1 = imalog::test::bank("sha1");
const digest::Bank kSha256 = imalog::test::bank("sha256");

std::vector<Content> six_records() {
  std::vector<Content> contents{imalog::test::ima_ng("boot_aggregate")};
  for (const char* const path : {"/1", "/2", "/3", "/4", "/5"}) contents.push_back(imalog::test::ima_ng(path));
  return contents;
}

Bytes list_of(const std::vector<Content>& contents) {
  return imalog::test::list_of(contents, kSha256);
}

PcrState state_after(const std::vector<Content>& contents, std::size_t count,
                     std::vector<digest::Bank> banks = {kSha1, kSha256}) {
  PcrState state(std::move(banks));
  for (std::size_t i = 0; i < count; ++i) imalog::extend(state, contents[i].view());
  return state;
}

std::vector<PcrValue> values_after(const std::vector<Content>& contents, std::size_t count) {
  const PcrState state = state_after(contents, count);
  return {{.bank = kSha1, .pcr = 10, .value = state.value(0, 10)},
          {.bank = kSha256, .pcr = 10, .value = state.value(1, 10)}};
}

QuotedPcrs quote_of(const PcrState& state, const std::vector<tpm::PcrSelection>& selections) {
  Bytes joined;
  for (const tpm::PcrSelection& selection : selections) {
    const auto bank = std::find(state.banks().begin(), state.banks().end(), selection.bank) - state.banks().begin();
    for (const std::uint32_t pcr : selection.pcrs) {
      append_bytes(joined, state.value(static_cast<std::size_t>(bank), pcr).view());
    }
  }
  const auto digest = digest::hash(digest::Algorithm::kSha256, joined);
  return {.selections = selections, .digest = Bytes(digest.view().begin(), digest.view().end())};
}

LogCheck check(Bytes list, const Expected& expected, std::string_view bank = "sha256") {
  ListLog log = log_of(std::move(list), bank);
  return must(check_log(log, expected));
}

std::string message_of(const LogCheck& check) {
  return check.problem ? describe(*check.problem) : "";
}

// Where record `i` begins.
std::size_t start_of(const Bytes& list, std::size_t i) {
  std::size_t at = 0;
  const auto records = imalog::test::records_of(list, imalog::test::format_of(kSha256));
  for (std::size_t before = 0; before < i; ++before) at += records[before].encoded_bytes;
  return at;
}

// ---- a log as it should be ------------------------------------------------------------------------------------------

TEST(CheckLog, SaysHowManyRecordsThePcrsProve) {
  const auto contents = six_records();
  for (std::size_t proven = 1; proven <= contents.size(); ++proven) {
    const LogCheck result = check(list_of(contents), {.values = values_after(contents, proven)});
    EXPECT_EQ(result.proven, proven);
    EXPECT_EQ(result.records, 6u);
    EXPECT_EQ(result.problem, std::nullopt) << message_of(result);
    EXPECT_EQ(result.values[0].found_at, proven);
    EXPECT_EQ(result.values[1].found_at, proven);
  }
}

TEST(CheckLog, WithNothingExpectedGivesTheStateAfterTheLog) {
  auto contents = six_records();
  contents[2].violation = true;
  const LogCheck result = check(list_of(contents), {});
  EXPECT_EQ(result.problem, std::nullopt);
  EXPECT_EQ(result.proven, std::nullopt);
  EXPECT_EQ(result.violations, 1u);
  EXPECT_EQ(result.state, state_after(contents, 6, imalog::test::banks("sha1,sha256,sha384,sha512")));
}

TEST(CheckLog, OfABankThatIsNotReplayedChecksItsDigestsAllTheSame) {
  const auto contents = six_records();
  Bytes list = imalog::test::list_of(contents, imalog::test::bank("sm3"));
  EXPECT_EQ(check(list, {}, "sm3").problem, std::nullopt);
  list[4] ^= std::byte{1};
  EXPECT_EQ(message_of(check(list, {}, "sm3")),
            "list: the sm3 template digest does not match the record's data (record 0, byte offset 0)");
}

TEST(CheckLog, StartsWhereItIsTold) {
  const auto contents = six_records();
  ListLog rest = log_of(list_of({contents.begin() + 3, contents.end()}));
  const auto result = must(check_log(rest, {.values = values_after(contents, 5)}, state_after(contents, 3)));
  EXPECT_EQ(result.proven, 2u);
  EXPECT_EQ(result.problem, std::nullopt);
}

TEST(CheckLog, WithNoRecordProvesNothingWhateverThePcrsAre) {
  EXPECT_EQ(message_of(check({}, {.values = values_after({}, 0)})), "nothing is proven: the log has no records");
  const QuotedPcrs quote = quote_of(state_after({}, 0), {{kSha256, {10}}});
  EXPECT_EQ(message_of(check({}, {.values = {}, .quote = quote})), "nothing is proven: the log has no records");
  const std::vector<PcrValue> other{{.bank = kSha256, .pcr = 7, .value = digest::Digest(32)}};
  EXPECT_EQ(message_of(check({}, {.values = other})), "nothing is proven: the log has no records");
}

// ---- quotes ---------------------------------------------------------------------------------------------------------

TEST(CheckLog, FindsTheRecordsThatACapturedQuoteCovers) {
  for (const std::string_view bank : {"sha1", "sha256", "sha384", "sha512"}) {
    ListLog log = log_of(imalog::test::whole_log("templates", imalog::test::bank(bank)), bank);
    const auto result = must(check_log(log, test::captured_quote("templates/quote-mid").expected()));
    EXPECT_EQ(result.proven, 90u);
    EXPECT_EQ(result.after_match, 42u);
    EXPECT_EQ(result.unproven, 3u) << "the quote covers PCR 10 only";
    EXPECT_EQ(result.quote_found_at, 93u);
    EXPECT_EQ(result.records, 135u);
    EXPECT_EQ(result.violations, 4u);
    EXPECT_EQ(message_of(result),
              "not every record is proven: 3 records of PCR 11, of which no value was given or quoted");
  }
}

TEST(CheckLog, SaysThatTheLogEndsBeforeWhatACapturedQuoteCovers) {
  const std::pair<const char*, const char*> pairs[] = {
      {"staging", "staging/quote-final"}, {"flush", "flush/quote-final"}, {"kexec", "kexec/quote-second"}};
  for (const auto& [log_name, folder] : pairs) {
    ListLog log = log_of(imalog::test::whole_log(log_name, kSha256));
    const auto result = must(check_log(log, test::captured_quote(folder).expected()));
    EXPECT_EQ(result.proven, std::nullopt) << folder;
    EXPECT_TRUE(message_of(result).starts_with(
        "the quote matches no prefix of this log, though every digest matches its data; the log ends before what "
        "the quote covers, or a record is missing, repeated or out of order"));
  }
}

TEST(CheckLog, SaysWhetherTheValuesGivenWithAQuoteAreTheQuotedOnes) {
  for (const char* const folder : {"staging/quote-final", "flush/quote-final", "kexec/quote-second"}) {
    const std::string log_name(folder, std::string_view(folder).find('/'));
    Expected expected = test::captured_quote(folder).expected();
    expected.values = test::captured_quote_pcrs(folder);
    ListLog log = log_of(imalog::test::whole_log(log_name, kSha256));
    const auto quoted = must(check_log(log, expected));
    EXPECT_NE(message_of(quoted).find("(the PCR values given are those that were quoted)"), std::string::npos)
        << folder;
    expected.values[1].value = digest::Digest(32);
    const auto others = must(check_log(log, expected));
    EXPECT_NE(message_of(others).find("(the PCR values given are not those that were quoted)"), std::string::npos);
  }
}

TEST(CheckLog, TheQuoteDecidesWhateverValuesAreGivenOfTheLogsPcrs) {
  const auto contents = six_records();
  const Expected expected{.values = values_after(contents, 2),
                          .quote = quote_of(state_after(contents, 4), {{kSha1, {10}}, {kSha256, {10}}})};
  const LogCheck result = check(list_of(contents), expected);
  EXPECT_EQ(result.proven, 4u);
  EXPECT_EQ(result.values[0].found_at, 2u);
  EXPECT_EQ(result.problem, std::nullopt);
}

TEST(CheckLog, TakesGivenValuesForQuotedPcrsThatNoRecordIsIn) {
  const auto contents = six_records();
  PcrState state = state_after(contents, 4);
  state.set(1, 0, digest::Digest::filled(32, std::byte{7}));
  state.set(1, 7, digest::Digest::filled(32, std::byte{8}));
  const QuotedPcrs quote = quote_of(state, {{kSha1, {10}}, {kSha256, {0, 7, 10}}});
  ListLog log = log_of(list_of(contents));

  const auto without = check_log(log, {.values = {}, .quote = quote});
  ASSERT_FALSE(without);
  EXPECT_EQ(without.error().code, ErrorCode::kUsage);
  EXPECT_EQ(without.error().message,
            "the quote also covers PCRs that no record of the log names: sha256:0, sha256:7; give their values with "
            "--pcrs FILE (the quote's digest vouches for them)");

  std::vector<PcrValue> values{{.bank = kSha256, .pcr = 0, .value = state.value(1, 0)},
                               {.bank = kSha256, .pcr = 7, .value = state.value(1, 7)}};
  const auto with = must(check_log(log, {.values = values, .quote = quote}));
  EXPECT_EQ(with.proven, 4u);
  EXPECT_EQ(with.values[0].use, ValueUse::kCompletesQuote);
  EXPECT_EQ(with.problem, std::nullopt);

  values[0].value = state.value(1, 7);
  const auto wrong = must(check_log(log, {.values = values, .quote = quote}));
  EXPECT_EQ(wrong.proven, std::nullopt);
  EXPECT_NE(message_of(wrong).find("(unless a PCR value given is not the one quoted)"), std::string::npos);
}

TEST(CheckLog, FollowsEveryQuotedPcrThatRecordsAreIn) {
  auto contents = six_records();
  contents[3].pcr = 11;
  contents[5].pcr = 12;
  for (std::size_t length = 1; length <= 5; ++length) {
    const QuotedPcrs quote = quote_of(state_after(contents, length), {{kSha256, {10, 11}}});
    const LogCheck result = check(list_of(contents), {.values = {}, .quote = quote});
    EXPECT_EQ(result.proven, length);
    EXPECT_EQ(result.after_match, 5 - length);
    EXPECT_EQ(result.unproven, 1u);
    EXPECT_EQ(message_of(result),
              "not every record is proven: 1 record of PCR 12, of which no value was given or quoted");
  }
}

TEST(CheckLog, AQuoteOverNoPcrOfTheLogProvesNothing) {
  const auto contents = six_records();
  ListLog log = log_of(list_of(contents));
  const auto error = [&](const std::vector<tpm::PcrSelection>& selections) {
    const auto result = check_log(log, {.values = {}, .quote = quote_of(state_after(contents, 4), selections)});
    return result ? Error{} : result.error();
  };
  EXPECT_EQ(error({{kSha256, {0, 1}}}).code, ErrorCode::kMismatch);
  EXPECT_EQ(error({}).message,
            "the quote covers no PCR that records of the log name, so it proves no record; quote PCR 10");
}

TEST(CheckLog, AQuoteWhoseDigestIsByAnotherHashIsAMismatch) {
  const auto contents = six_records();
  QuotedPcrs quote = quote_of(state_after(contents, 4), {{kSha256, {10}}});
  quote.hash = digest::Algorithm::kSha384;
  ListLog log = log_of(list_of(contents));
  const auto result = check_log(log, {.values = {}, .quote = quote});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message,
            "the quote's PCR digest of 32 bytes does not have the size of the signature's hash, sha384");
}

// ---- one PCR says nothing of another -------------------------------------------------------------------------------

// Six records, of which 2 and 4 name PCR 11.
std::vector<Content> records_of_two_pcrs() {
  auto contents = six_records();
  contents[2].pcr = 11;
  contents[4].pcr = 11;
  return contents;
}

PcrValue value_after(const std::vector<Content>& contents, std::size_t count, std::string_view bank,
                     std::uint32_t pcr) {
  const PcrState state = state_after(contents, count, {imalog::test::bank(bank)});
  return {.bank = imalog::test::bank(bank), .pcr = pcr, .value = state.value(0, pcr)};
}

TEST(CheckLog, AQuoteOfOnePcrProvesNoRecordOfAnother) {
  const auto contents = records_of_two_pcrs();
  const QuotedPcrs quote = quote_of(state_after(contents, 6), {{kSha256, {11}}});
  const LogCheck result = check(list_of(contents), {.values = {}, .quote = quote});
  EXPECT_EQ(result.proven, 2u);
  EXPECT_EQ(result.unproven, 4u);
  EXPECT_EQ(message_of(result),
            "not every record is proven: 4 records of PCR 10, of which no value was given or quoted");
}

TEST(CheckLog, AValueOfOnePcrProvesNoRecordOfAnother) {
  const auto contents = records_of_two_pcrs();
  const LogCheck result = check(list_of(contents), {.values = {value_after(contents, 6, "sha256", 10)}});
  ASSERT_EQ(result.pcrs.size(), 2u);
  EXPECT_EQ(result.pcrs[0].proven, 4u);
  EXPECT_EQ(result.pcrs[1].unproven(), 2u);
  EXPECT_EQ(message_of(result),
            "not every record is proven: 2 records of PCR 11, of which no value was given or quoted");
}

TEST(CheckLog, ValuesAddToAQuoteThatLacksTheirPcr) {
  const auto contents = records_of_two_pcrs();
  const QuotedPcrs quote = quote_of(state_after(contents, 4), {{kSha256, {10}}});
  const LogCheck result =
      check(list_of(contents), {.values = {value_after(contents, 3, "sha256", 11)}, .quote = quote});
  EXPECT_EQ(result.proven, 4u);
  EXPECT_EQ(result.after_match, 2u);
  EXPECT_EQ(result.problem, std::nullopt) << message_of(result);
}

TEST(CheckLog, AnotherBankOfAQuotedPcrHasToMatchToo) {
  const auto contents = six_records();
  const QuotedPcrs quote = quote_of(state_after(contents, 6), {{kSha1, {10}}});
  PcrValue sha256 = value_after(contents, 4, "sha256", 10);
  EXPECT_EQ(check(list_of(contents), {.values = {sha256}, .quote = quote}).proven, 4u);
  sha256.value.data()[0] ^= std::byte{1};
  const LogCheck result = check(list_of(contents), {.values = {sha256}, .quote = quote});
  EXPECT_EQ(result.proven, std::nullopt);
  EXPECT_TRUE(result.problem);
}

TEST(CheckLog, EachBankOfAPcrCoversOnlyWhatItMatches) {
  const auto contents = six_records();
  const LogCheck result = check(
      list_of(contents), {.values = {value_after(contents, 5, "sha1", 10), value_after(contents, 3, "sha256", 10)}});
  EXPECT_EQ(result.proven, 3u);
  EXPECT_EQ(result.after_match, 3u);
  EXPECT_EQ(result.problem, std::nullopt) << message_of(result);
}

TEST(CheckLog, Sha1AloneIsWeakAndOtherBanksAreNot) {
  const auto contents = six_records();
  const auto weak = [&](const std::vector<PcrValue>& values) {
    return check(list_of(contents), {.values = values}).pcrs.at(0).weak;
  };
  EXPECT_TRUE(weak({value_after(contents, 6, "sha1", 10)}));
  EXPECT_FALSE(weak(values_after(contents, 6)));
  EXPECT_TRUE(weak({value_after(contents, 6, "sha256:padded", 10)})) << "Linux filled it from sha1 digests";
  const QuotedPcrs quote = quote_of(state_after(contents, 6), {{kSha1, {10}}});
  EXPECT_TRUE(check(list_of(contents), {.values = {}, .quote = quote}).pcrs.at(0).weak);
}

TEST(CheckLog, ValuesOfPcrsThatNoRecordNamesSayNothing) {
  const auto contents = six_records();
  const PcrValue other{.bank = kSha256, .pcr = 7, .value = digest::Digest::filled(32, std::byte{7})};
  const LogCheck with = check(list_of(contents), {.values = {other, value_after(contents, 6, "sha256", 10)}});
  EXPECT_EQ(with.proven, 6u);
  EXPECT_EQ(with.values[0].use, ValueUse::kNotInLog);
  EXPECT_EQ(with.problem, std::nullopt) << message_of(with);
  const LogCheck alone = check(list_of(contents), {.values = {other}});
  EXPECT_EQ(alone.proven, std::nullopt);
  EXPECT_EQ(message_of(alone), "no record is proven: 6 records of PCR 10, of which no value was given or quoted");
  const PcrValue zero{.bank = kSha256, .pcr = 16, .value = digest::Digest(32)};
  EXPECT_TRUE(check(list_of(contents), {.values = {zero}}).problem) << "a PCR that no record extends is at its start";
}

constexpr char kReadAgain[] =
    "was read before the kernel extended this record, or somebody added the record to the log; read the PCRs again, "
    "and "
    "verify the log with these values";

TEST(CheckLog, APcrAtItsStartBeforeProvenRecordsIsNoLag) {
  auto contents = six_records();
  contents[3].pcr = 12;
  const std::vector<PcrValue> values{value_after(contents, 6, "sha256", 10), value_after(contents, 0, "sha256", 12)};
  const LogCheck result = check(list_of(contents), {.values = values});
  EXPECT_EQ(result.proven, 5u);
  EXPECT_EQ(message_of(result),
            std::string("record 3 of those read (PCR 12) is not proven, though records after it are proven: PCR 12 ") +
                kReadAgain);
}

TEST(CheckLog, ARecordBetweenProvenOnesIsNoLagWhateverOfItsPcrIsProvenBefore) {
  auto genuine = six_records();
  genuine[2].pcr = 11;
  auto forged = genuine;
  forged.insert(forged.begin() + 4, imalog::test::ima_ng("/invented", 11));
  const std::vector<PcrValue> values{value_after(genuine, 6, "sha256", 10), value_after(genuine, 6, "sha256", 11)};
  EXPECT_EQ(check(list_of(genuine), {.values = values}).problem, std::nullopt);
  const LogCheck result = check(list_of(forged), {.values = values});
  EXPECT_EQ(result.proven, 6u);
  EXPECT_EQ(message_of(result),
            std::string("record 4 of those read (PCR 11) is not proven, though records after it are proven: PCR 11 ") +
                kReadAgain);
}

TEST(CheckLog, ValuesOfSeveralPcrsMayBeOfAnyOneMoment) {
  auto contents = six_records();
  contents[2].pcr = 11;
  contents[4].pcr = 11;
  for (std::size_t moment = 1; moment <= contents.size(); ++moment) {
    const LogCheck result =
        check(list_of(contents),
              {.values = {value_after(contents, moment, "sha256", 10), value_after(contents, moment, "sha256", 11)}});
    EXPECT_EQ(result.proven, moment);
    EXPECT_EQ(result.problem, std::nullopt) << message_of(result);
  }
}

TEST(CheckLog, AValueGivenWithAQuoteOfALaterMomentIsToBeReadAgain) {
  auto contents = six_records();
  contents[2].pcr = 11;
  const QuotedPcrs quote = quote_of(state_after(contents, 5), {{kSha256, {10}}});
  const auto with = [&](std::size_t moment) {
    return message_of(
        check(list_of(contents), {.values = {value_after(contents, moment, "sha256", 11)}, .quote = quote}));
  };
  EXPECT_EQ(with(5), "");
  EXPECT_NE(with(2).find("record 2 of those read (PCR 11) is not proven"), std::string::npos) << with(2);
}

TEST(CheckLog, APcrAtItsStartAfterAllProvenRecordsIsLag) {
  auto contents = six_records();
  contents[5].pcr = 12;
  const std::vector<PcrValue> values{value_after(contents, 4, "sha256", 10), value_after(contents, 0, "sha256", 12)};
  const LogCheck result = check(list_of(contents), {.values = values});
  EXPECT_EQ(result.proven, 4u);
  EXPECT_EQ(result.after_match, 2u);
  EXPECT_EQ(result.problem, std::nullopt) << message_of(result);
}

TEST(CheckLog, BeyondWhereReplayEndsNothingIsProven) {
  const auto contents = six_records();
  ListLog log = log_of(list_of(contents));
  const ReplayLimit limit{.records = 4, .why = "the rest is an anchor's word"};
  const auto beyond = must(check_log(log, {.values = values_after(contents, 6)}, std::nullopt, limit));
  EXPECT_EQ(beyond.proven, std::nullopt);
  EXPECT_EQ(message_of(beyond), limit.why);
  const auto before = must(check_log(log, {.values = values_after(contents, 3)}, std::nullopt, limit));
  EXPECT_EQ(before.proven, 3u);
  EXPECT_EQ(before.after_match, 1u);
  EXPECT_EQ(before.unproven, 2u);
  EXPECT_EQ(message_of(before), limit.why);
}

TEST(CheckLog, ABootAggregateOfOtherPcrsIsAMismatch) {
  const auto contents = six_records();
  std::vector<PcrValue> values{value_after(contents, 6, "sha256", 10)};
  for (std::uint32_t pcr = 0; pcr < 10; ++pcr)
    values.push_back({.bank = kSha256, .pcr = pcr, .value = digest::Digest(32)});
  const LogCheck result = check(list_of(contents), {.values = values});
  EXPECT_EQ(result.proven, 6u);
  EXPECT_EQ(message_of(result),
            "boot_aggregate does not match PCRs 0 to 9 of sha256: the log and these values are of different boots, or "
            "the kernel measured without this TPM");
}

// ---- what is wrong with a log ---------------------------------------------------------------------------------------

TEST(CheckLog, ADigestThatWasAlteredWithinWhatIsProvenIsToldFromData) {
  const auto contents = six_records();
  Bytes list = list_of(contents);
  const std::size_t at = start_of(list, 2);
  list[at + 4] ^= std::byte{1};
  const LogCheck result = check(list, {.values = values_after(contents, 4)});
  ASSERT_TRUE(result.bad_record);
  EXPECT_EQ(result.bad_record->number, 2u);
  EXPECT_EQ(result.bad_record->side, Side::kData);
  EXPECT_EQ(message_of(result),
            "list: the sha256 template digest does not match the record's data; the PCRs match the data, "
            "so the digest was altered (record 2, byte offset " +
                std::to_string(at) + ")");
  EXPECT_EQ(result.proven, 4u) << "the data is what the PCRs prove";
}

TEST(CheckLog, DataThatWasAlteredIsToldFromTheDigest) {
  const auto contents = six_records();
  Bytes list = list_of(contents);
  list[start_of(list, 3) - 1] ^= std::byte{1};
  const LogCheck result = check(list, {.values = values_after(contents, 4)});
  ASSERT_TRUE(result.bad_record);
  EXPECT_EQ(result.bad_record->number, 2u);
  EXPECT_EQ(result.bad_record->side, Side::kDigest);
  EXPECT_NE(message_of(result).find("; the PCRs match the digest, so the data was altered (record 2"),
            std::string::npos)
      << message_of(result);
  EXPECT_EQ(result.proven, std::nullopt);
}

TEST(CheckLog, AlteredDataUnderAQuoteIsToldFromTheDigestIfItIsOverTheListsBankAlone) {
  const auto contents = six_records();
  Bytes list = list_of(contents);
  list[start_of(list, 3) - 1] ^= std::byte{1};
  const PcrState state = state_after(contents, 4);
  EXPECT_EQ(check(list, {.values = {}, .quote = quote_of(state, {{kSha256, {10}}})}).bad_record->side, Side::kDigest);
  const QuotedPcrs both = quote_of(state, {{kSha1, {10}}, {kSha256, {10}}});
  EXPECT_EQ(check(list, {.values = {}, .quote = both}).bad_record->side, Side::kUnknown);
  EXPECT_EQ(check(list, {.values = values_after(contents, 4), .quote = both}).bad_record->side, Side::kDigest);
  EXPECT_EQ(check(list, {.values = values_after(contents, 3), .quote = both}).bad_record->side, Side::kUnknown)
      << "values that are not the quoted ones say nothing";
}

TEST(CheckLog, ABadRecordAfterProvenOnesIsNamed) {
  const auto contents = six_records();
  Bytes list = list_of(contents);
  list.back() ^= std::byte{1};
  const LogCheck result = check(list, {.values = values_after(contents, 4)});
  EXPECT_EQ(result.proven, 4u);
  EXPECT_EQ(result.bad_record->side, Side::kUnknown);
  EXPECT_NE(message_of(result).find("; the 4 proven records lie before it (record 5"), std::string::npos);
}

TEST(CheckLog, ABadRecordThatNeitherSideExplainsProvesNothing) {
  const auto contents = six_records();
  Bytes list = list_of(contents);
  list[4] ^= std::byte{1};
  auto values = values_after(contents, 4);
  values[1].value = digest::Digest(32);
  values[1].value.data()[0] = std::byte{1};
  const LogCheck result = check(list, {.values = values});
  EXPECT_EQ(result.proven, std::nullopt);
  EXPECT_NE(message_of(result).find(", and nothing is proven: with either"), std::string::npos);
}

TEST(CheckLog, AListCutShortKeepsWhatIsProven) {
  const auto contents = six_records();
  Bytes list = list_of(contents);
  list.pop_back();
  const LogCheck after = check(list, {.values = values_after(contents, 4)});
  EXPECT_EQ(after.proven, 4u);
  EXPECT_EQ(after.problem->code, ErrorCode::kTruncated);
  EXPECT_TRUE(
      message_of(after).starts_with("list: record cut short in its data; the 4 proven records lie before it (record 5"))
      << message_of(after);
  const LogCheck within = check(list, {.values = values_after(contents, 6)});
  EXPECT_EQ(within.proven, std::nullopt);
  EXPECT_NE(message_of(within).find("nothing is proven"), std::string::npos);
  EXPECT_TRUE(check(list, {}).problem);
}

TEST(CheckLog, RecordsMissingAtTheHeadAreToldByTheMissingBootAggregate) {
  const auto contents = six_records();
  const LogCheck result = check(list_of({contents.begin() + 2, contents.end()}), {.values = values_after(contents, 6)});
  EXPECT_EQ(message_of(result),
            "the PCRs match no prefix of this log, though every digest matches its data; the log "
            "does not begin with boot_aggregate, so records at its head are missing");
}

TEST(CheckLog, ARecordMissingInTheMiddleLeavesNoPrefix) {
  auto contents = six_records();
  const auto values = values_after(contents, 6);
  contents.erase(contents.begin() + 3);
  const LogCheck result = check(list_of(contents), {.values = values});
  EXPECT_EQ(result.proven, std::nullopt);
  EXPECT_EQ(message_of(result),
            "the PCRs match no prefix of this log, though every digest matches its data; a record "
            "is missing, repeated or out of order, or the log ends before what the PCRs cover; or something, such as a "
            "boot loader, had extended the PCRs before IMA began: give their values from before the first record with "
            "--start FILE");
  EXPECT_EQ(result.diagnosis, Diagnosis::kStartMayNotBeZero);
}

std::string change_found(std::vector<Content> contents, const std::vector<PcrValue>& values) {
  const LogCheck result = check(list_of(contents), {.values = values});
  const std::string message = message_of(result);
  const auto at = message.find("matches its data; ");
  return at == std::string::npos ? message : message.substr(at + 18);
}

TEST(CheckLog, ARepeatedRecordIsFound) {
  auto contents = six_records();
  const auto values = values_after(contents, 6);
  contents.insert(contents.begin() + 4, contents[2]);
  EXPECT_TRUE(change_found(contents, values)
                  .starts_with("without this record the PCRs match: it repeats a record before it (record 4"));
}

TEST(CheckLog, AnInsertedRecordIsFound) {
  auto contents = six_records();
  const auto values = values_after(contents, 6);
  contents.insert(contents.begin() + 4, imalog::test::ima_ng("/foreign"));
  EXPECT_TRUE(change_found(contents, values).starts_with("without this record the PCRs match: it was added (record 4"));
}

TEST(CheckLog, NeighboursOutOfOrderAreFound) {
  auto contents = six_records();
  const auto values = values_after(contents, 6);
  std::swap(contents[1], contents[2]);
  EXPECT_TRUE(
      change_found(contents, values)
          .starts_with("with this record and the next exchanged the PCRs match: they are out of order (record 1"));
}

TEST(CheckLog, ADigestThatWasZeroedIsFound) {
  auto contents = six_records();
  const auto values = values_after(contents, 6);
  contents[2].violation = true;
  EXPECT_TRUE(
      change_found(contents, values)
          .starts_with(
              "with this record's digest the PCRs match: it is shown as a violation but was not one (record 2"));
}

TEST(CheckLog, AChangeIsFoundUnderAQuoteOfSeveralBanksToo) {
  auto contents = six_records();
  const QuotedPcrs quote = quote_of(state_after(contents, 6), {{kSha1, {10}}, {kSha256, {10}}});
  std::swap(contents[3], contents[4]);
  EXPECT_NE(message_of(check(list_of(contents), {.values = {}, .quote = quote})).find("exchanged the PCRs match"),
            std::string::npos);
}

TEST(CheckLog, BanksThatDoNotMatchAreNamedWithThoseThatDo) {
  const auto contents = six_records();
  auto values = values_after(contents, 4);
  values[1].value.data()[0] ^= std::byte{1};
  EXPECT_EQ(message_of(check(list_of(contents), {.values = values})),
            "the PCRs match no prefix of this log, though every digest matches its data; it matches sha1:10 but not "
            "sha256:10: wrong values, or something else extended these");
}

TEST(CheckLog, PcrsAtTheirStartProveNoRecord) {
  const auto contents = six_records();
  const LogCheck result = check(list_of(contents), {.values = values_after(contents, 0)});
  EXPECT_EQ(result.proven, 0u);
  EXPECT_EQ(result.diagnosis, Diagnosis::kMeasuredWithoutTpm);
  EXPECT_EQ(message_of(result),
            "no record is proven: every PCR that was compared is zero, as a TPM reset leaves it, though the log has 6 "
            "records: the kernel measured without this TPM, which it had not found when IMA began, or these values are "
            "of another boot or machine");
}

TEST(CheckLog, PcrsAtAStartThatWasGivenDoNotSayThatTheKernelHadNoTpm) {
  const auto contents = six_records();
  const PcrState start = state_after(contents, 2);
  ListLog log = log_of(list_of({contents.begin() + 2, contents.end()}));
  const LogCheck result = must(check_log(log, {.values = values_after(contents, 2)}, start));
  EXPECT_EQ(message_of(result), "no record is proven: the PCRs are as they were before the log's first record");
  EXPECT_EQ(result.diagnosis, Diagnosis::kNone);
}

// ---- other ways of extending a bank ---------------------------------------------------------------------------------

std::vector<Content> six_with_a_violation() {
  auto contents = six_records();
  contents[3].violation = true;
  return contents;
}

// The value of PCR 10 after a kernel extended the bank in that way. It names the bank without the fill.
PcrValue value_by_kernel(const std::vector<Content>& contents, std::size_t count, std::string_view spec) {
  const digest::Bank bank = imalog::test::bank(spec);
  const digest::Bank plain = digest::bank_of(bank.algorithm);
  return {.bank = plain, .pcr = 10, .value = state_after(contents, count, {bank}).value(0, 10)};
}

TEST(CheckLogVariants, EachWayOfExtendingABankIsFoundAndNamed) {
  const auto contents = six_with_a_violation();
  for (const char* const spec : {"sha256:padded-short", "sha256:padded", "sha384:padded", "sha512:padded-short"}) {
    SCOPED_TRACE(spec);
    const LogCheck result = check(list_of(contents), {.values = {value_by_kernel(contents, 5, spec)}});
    EXPECT_EQ(result.problem, std::nullopt) << message_of(result);
    EXPECT_EQ(result.proven, 5u);
    EXPECT_EQ(result.after_match, 1u);
    EXPECT_EQ(result.values.at(0).matched_as, imalog::test::bank(spec));
    EXPECT_FALSE(result.values.at(0).either_padding);
    EXPECT_TRUE(result.pcrs.at(0).weak) << "it proves as much as sha1 does";
  }
}

TEST(CheckLogVariants, ABankThatIsExtendedByItsOwnHashIsSeenAsThat) {
  const auto contents = six_with_a_violation();
  const LogCheck result = check(list_of(contents), {.values = values_after(contents, 6)});
  for (const ValueMatch& entry : result.values) EXPECT_EQ(entry.matched_as, entry.value.bank);
  EXPECT_FALSE(result.pcrs.at(0).weak);
}

TEST(CheckLogVariants, WithoutAViolationTheTwoPaddingsAreNotToldApart) {
  const auto contents = six_records();
  EXPECT_TRUE(check(list_of(contents), {.values = {value_by_kernel(contents, 6, "sha256:padded")}})
                  .values.at(0)
                  .either_padding);
}

TEST(CheckLogVariants, AValueThatNamesItsWayIsComparedWithThatOneAlone) {
  const auto contents = six_with_a_violation();
  PcrValue value = value_by_kernel(contents, 6, "sha256:padded-short");
  value.bank = imalog::test::bank("sha256:padded");
  EXPECT_EQ(check(list_of(contents), {.values = {value}}).proven, std::nullopt);
}

TEST(CheckLogVariants, AnAlteredRecordOfAPaddedBankIsNotProven) {
  auto contents = six_with_a_violation();
  const PcrValue value = value_by_kernel(contents, 6, "sha256:padded-short");
  contents[4] = imalog::test::ima_ng("/altered");
  EXPECT_EQ(check(list_of(contents), {.values = {value}}).proven, std::nullopt);
}

TEST(CheckLogVariants, StartFromTheStateThatWasGiven) {
  const auto contents = six_with_a_violation();
  const PcrState start = must(start_state({value_by_kernel(contents, 2, "sha256:padded-short")}, {}));
  ListLog log = log_of(list_of({contents.begin() + 2, contents.end()}));
  const LogCheck result =
      must(check_log(log, {.values = {value_by_kernel(contents, 6, "sha256:padded-short")}}, start));
  EXPECT_EQ(result.proven, 4u);
  EXPECT_EQ(result.problem, std::nullopt) << message_of(result);
}

TEST(CheckLogVariants, ABankThatWasInvalidatedProvesNothingAndHindersNoOther) {
  const auto contents = six_with_a_violation();
  const PcrValue invalid = value_by_kernel(contents, 6, "sha384:invalidated");
  const LogCheck alone = check(list_of(contents), {.values = {invalid}});
  EXPECT_EQ(alone.proven, std::nullopt);
  EXPECT_EQ(alone.values.at(0).use, ValueUse::kInvalidated);
  EXPECT_EQ(message_of(alone),
            "no record is proven: 6 records of PCR 10, of which no value was given or quoted but of sha384, which the "
            "kernel invalidated (0xfe), so that they prove nothing; give another bank");
  const LogCheck with = check(list_of(contents), {.values = {invalid, value_after(contents, 6, "sha256", 10)}});
  EXPECT_EQ(with.proven, 6u);
  EXPECT_EQ(with.problem, std::nullopt) << message_of(with);
}

TEST(FindFills, TellsHowEachBankIsExtended) {
  const auto contents = six_with_a_violation();
  const auto fills_of = [&](const std::vector<PcrValue>& values) {
    ListLog log = log_of(list_of(contents));
    return digest::bank_names(must(find_fills(log, values)));
  };
  const PcrValue sha1 = value_by_kernel(contents, 6, "sha1");
  EXPECT_EQ(fills_of({sha1, value_by_kernel(contents, 6, "sha256")}), "sha1,sha256");
  EXPECT_EQ(fills_of({sha1, value_by_kernel(contents, 6, "sha256:padded-short")}), "sha1,sha256:padded-short");
  EXPECT_EQ(fills_of({sha1, value_by_kernel(contents, 5, "sha256:padded"), value_by_kernel(contents, 6, "sha384")}),
            "sha1,sha256:padded,sha384");
  EXPECT_EQ(fills_of({sha1, value_by_kernel(contents, 6, "sha256:invalidated")}), "sha1,sha256:invalidated");
}

TEST(FindFills, TakesTheLikelierPaddingOfAListWithoutViolations) {
  std::vector<Content> contents;
  for (int i = 0; i < 4; ++i) contents.push_back(imalog::test::ima_ng("/" + std::to_string(i)));
  const auto fills_of = [&](const std::vector<PcrValue>& values) {
    ListLog log = log_of(list_of(contents));
    return digest::bank_names(must(find_fills(log, values)));
  };
  const PcrValue sha1 = value_by_kernel(contents, 4, "sha1");
  const PcrValue sha384 = value_by_kernel(contents, 4, "sha384:padded");
  EXPECT_EQ(fills_of({sha1, sha384}), "sha1,sha384:padded-short") << "Linux before 5.8";
  EXPECT_EQ(fills_of({sha1, value_by_kernel(contents, 4, "sha256"), sha384}), "sha1,sha256,sha384:padded")
      << "Linux since 5.8";
}

TEST(FindFills, TellsNothingByAValueThatMatchesNoRecord) {
  const auto contents = six_with_a_violation();
  ListLog log = log_of(list_of(contents));
  const PcrValue unknown{.bank = kSha256, .pcr = 10, .value = digest::Digest::filled(32, std::byte{7})};
  EXPECT_EQ(digest::bank_names(must(find_fills(log, {unknown, value_by_kernel(contents, 0, "sha1")}))), "");
}

QuotedPcrs quote_by_kernel(const std::vector<Content>& contents, std::size_t count, std::string_view specs) {
  const PcrState state = state_after(contents, count, imalog::test::banks(specs));
  std::vector<tpm::PcrSelection> selections;
  for (const digest::Bank& bank : state.banks()) selections.push_back({.bank = bank, .pcrs = {10}});
  QuotedPcrs quote = quote_of(state, selections);
  for (tpm::PcrSelection& selection : quote.selections) selection.bank = digest::bank_of(selection.bank.algorithm);
  return quote;
}

TEST(CheckLogVariants, AQuoteOfSeveralBanksIsFoundInEveryMix) {
  const auto contents = six_with_a_violation();
  const auto strong = [&](const char* specs) {
    const LogCheck result = check(list_of(contents), {.values = {}, .quote = quote_by_kernel(contents, 6, specs)});
    EXPECT_EQ(result.proven, 6u) << specs << ": " << message_of(result);
    EXPECT_EQ(digest::bank_names(result.quote_matched_as), specs);
    return !result.pcrs.at(0).weak;
  };
  EXPECT_FALSE(strong("sha1,sha256:padded-short,sha384:padded-short"));
  EXPECT_TRUE(strong("sha1,sha256,sha384:padded,sha512"));
  EXPECT_FALSE(strong("sha256:padded,sha384:padded"));
  EXPECT_TRUE(strong("sha1:invalidated,sha256"));
}

TEST(CheckLogVariants, AQuoteOfAnInvalidatedBankAloneProvesNothing) {
  const auto contents = six_with_a_violation();
  const LogCheck result =
      check(list_of(contents), {.values = {}, .quote = quote_by_kernel(contents, 6, "sha256:invalidated")});
  EXPECT_EQ(result.proven, std::nullopt);
  EXPECT_TRUE(result.problem);
}

TEST(CheckLog, AnEmptyLogUnderPcrsThatWereExtendedIsAMismatch) {
  EXPECT_EQ(message_of(check({}, {.values = values_after(six_records(), 2)})),
            "the PCRs match no prefix of this log, and the log is empty");
}

// ---- observers ------------------------------------------------------------------------------------------------------

// Notes what it sees.
class Notes : public RecordObserver {
 public:
  void see(std::uint64_t number, const LoggedRecord& record, bool digest_matches) override {
    EXPECT_EQ(number, seen.size());
    seen.push_back(digest_matches);
    bytes += record.content.body.size();
  }
  std::vector<bool> seen;
  std::size_t bytes = 0;
};

TEST(CheckLogObserver, SeesEveryRecordOnceHoweverOftenTheLogIsRead) {
  const auto contents = six_records();
  Bytes list = list_of(contents);
  list[start_of(list, 2) + 4] ^= std::byte{1};
  list[start_of(list, 4) + 4] ^= std::byte{1};
  // Values that match nothing let check_log() read the log again, with other fills and for a cause.
  ListLog log = log_of(list);
  Notes notes;
  const auto result =
      must(check_log(log, {.values = values_after({contents[1]}, 1)}, std::nullopt, std::nullopt, &notes));
  EXPECT_TRUE(result.problem);
  EXPECT_EQ(notes.seen, (std::vector<bool>{true, true, false, true, false, true}))
      << "each bad one, not the first alone";
}

TEST(CheckLogObserver, SeesTheRecordsBeforeOneThatCannotBeRead) {
  Bytes list = list_of(six_records());
  list.resize(list.size() - 3);
  ListLog log = log_of(list);
  Notes notes;
  EXPECT_TRUE(must(check_log(log, {}, std::nullopt, std::nullopt, &notes)).problem);
  EXPECT_EQ(notes.seen.size(), 5u);
}

// ---- errors ---------------------------------------------------------------------------------------------------------

TEST(CheckLog, AListThatCannotBeLoadedIsAnErrorOfItsOwn) {
  ListLog log({"gone"},
              [](const std::string&) -> Result<ListLog::Source> { return fail(ErrorCode::kEnvironment, "gone"); });
  const auto result = check_log(log, {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kEnvironment);
}

}  // namespace log_check_test
}  // namespace imakeep::attest
