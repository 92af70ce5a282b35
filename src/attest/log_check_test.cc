#include "attest/log_check.h"

#include <gtest/gtest.h>

#include "attest/test_support.h"

namespace imakeep::attest {
namespace {

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

TEST(CheckLog, WithNothingExpectedSaysWhatTheLogLeadsTo) {
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
            "list: the sm3 template digest does not fit the record's data (record 0, byte offset 0)");
}

TEST(CheckLog, StartsWhereItIsTold) {
  const auto contents = six_records();
  ListLog rest = log_of(list_of({contents.begin() + 3, contents.end()}));
  const auto result = must(check_log(rest, {.values = values_after(contents, 5)}, state_after(contents, 3)));
  EXPECT_EQ(result.proven, 2u);
  EXPECT_EQ(result.problem, std::nullopt);
}

TEST(CheckLog, WithNoRecordAndPcrsAtTheirStartIsAsItShouldBe) {
  const LogCheck result = check({}, {.values = values_after({}, 0)});
  EXPECT_EQ(result.proven, 0u);
  EXPECT_EQ(result.problem, std::nullopt);
}

// ---- quotes ---------------------------------------------------------------------------------------------------------

TEST(CheckLog, FindsTheRecordsThatACapturedQuoteCovers) {
  for (const std::string_view bank : {"sha1", "sha256", "sha384", "sha512"}) {
    ListLog log = log_of(imalog::test::whole_log("templates", imalog::test::bank(bank)), bank);
    const auto result = must(check_log(log, test::captured_quote("templates/quote-mid").expected()));
    EXPECT_EQ(result.proven, 93u);
    EXPECT_EQ(result.quote_found_at, 93u);
    EXPECT_EQ(result.records, 135u);
    EXPECT_EQ(result.violations, 4u);
    EXPECT_EQ(result.problem, std::nullopt) << message_of(result);
  }
}

TEST(CheckLog, SaysThatTheLogEndsBeforeWhatACapturedQuoteCovers) {
  const std::pair<const char*, const char*> pairs[] = {
      {"staging", "staging/quote-final"}, {"flush", "flush/quote-final"}, {"kexec", "kexec/quote-second"}};
  for (const auto& [log_name, folder] : pairs) {
    ListLog log = log_of(imalog::test::whole_log(log_name, kSha256));
    const auto result = must(check_log(log, test::captured_quote(folder).expected()));
    EXPECT_EQ(result.proven, std::nullopt) << folder;
    EXPECT_EQ(message_of(result),
              "the quote stands for no prefix of this log, though every digest fits its data; the log ends before what "
              "the quote covers, or a record is missing, repeated or out of order");
  }
}

TEST(CheckLog, SaysWhetherTheValuesBesideAQuoteAreTheQuotedOnes) {
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
            "the quote also covers PCRs that no record of the log is in: sha256:0, sha256:7; give their values with "
            "--pcrs FILE (the quote's digest vouches for them)");

  std::vector<PcrValue> values{{.bank = kSha256, .pcr = 0, .value = state.value(1, 0)},
                               {.bank = kSha256, .pcr = 7, .value = state.value(1, 7)}};
  const auto with = must(check_log(log, {.values = values, .quote = quote}));
  EXPECT_EQ(with.proven, 4u);
  EXPECT_FALSE(with.values[0].looked_for);
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
    EXPECT_EQ(check(list_of(contents), {.values = {}, .quote = quote}).proven, length);
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
            "the quote covers no PCR that records of the log are in, so it proves none; quote PCR 10");
}

TEST(CheckLog, AQuoteWhoseDigestIsByAnotherHashIsAMismatch) {
  const auto contents = six_records();
  QuotedPcrs quote = quote_of(state_after(contents, 4), {{kSha256, {10}}});
  quote.hash = digest::Algorithm::kSha384;
  ListLog log = log_of(list_of(contents));
  const auto result = check_log(log, {.values = {}, .quote = quote});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "the quote's PCR digest of 32 bytes is not by the signature's hash, sha384");
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
            "list: the sha256 template digest does not fit the record's data; the PCRs fit the data, "
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
  EXPECT_NE(message_of(result).find("; the PCRs fit the digest, so the data was altered (record 2"), std::string::npos)
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

TEST(CheckLog, ABadRecordBehindWhatIsProvenIsNamed) {
  const auto contents = six_records();
  Bytes list = list_of(contents);
  list.back() ^= std::byte{1};
  const LogCheck result = check(list, {.values = values_after(contents, 4)});
  EXPECT_EQ(result.proven, 4u);
  EXPECT_EQ(result.bad_record->side, Side::kUnknown);
  EXPECT_NE(message_of(result).find("; the 4 records that are proven lie before it (record 5"), std::string::npos);
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
  const LogCheck behind = check(list, {.values = values_after(contents, 4)});
  EXPECT_EQ(behind.proven, 4u);
  EXPECT_EQ(behind.problem->code, ErrorCode::kTruncated);
  EXPECT_TRUE(message_of(behind).starts_with(
      "list: record cut short in its data; the 4 records that are proven lie before it (record 5"))
      << message_of(behind);
  const LogCheck within = check(list, {.values = values_after(contents, 6)});
  EXPECT_EQ(within.proven, std::nullopt);
  EXPECT_NE(message_of(within).find("nothing is proven"), std::string::npos);
  EXPECT_TRUE(check(list, {}).problem);
}

TEST(CheckLog, RecordsMissingAtTheHeadAreToldByTheMissingBootAggregate) {
  const auto contents = six_records();
  const LogCheck result = check(list_of({contents.begin() + 2, contents.end()}), {.values = values_after(contents, 6)});
  EXPECT_EQ(message_of(result),
            "the PCRs stand for no prefix of this log, though every digest fits its data; the log "
            "does not begin with boot_aggregate, so records at its head are missing");
}

TEST(CheckLog, ARecordMissingInTheMiddleLeavesNoPrefix) {
  auto contents = six_records();
  const auto values = values_after(contents, 6);
  contents.erase(contents.begin() + 3);
  const LogCheck result = check(list_of(contents), {.values = values});
  EXPECT_EQ(result.proven, std::nullopt);
  EXPECT_EQ(message_of(result),
            "the PCRs stand for no prefix of this log, though every digest fits its data; a record "
            "is missing, repeated or out of order, or the log ends before what the PCRs cover");
}

std::string change_found(std::vector<Content> contents, const std::vector<PcrValue>& values) {
  const LogCheck result = check(list_of(contents), {.values = values});
  const std::string message = message_of(result);
  const auto at = message.find("fits its data; ");
  return at == std::string::npos ? message : message.substr(at + 15);
}

TEST(CheckLog, ARepeatedRecordIsFound) {
  auto contents = six_records();
  const auto values = values_after(contents, 6);
  contents.insert(contents.begin() + 4, contents[2]);
  EXPECT_TRUE(change_found(contents, values)
                  .starts_with("without this record it fits: it is a repeat of one before it (record 4"));
}

TEST(CheckLog, AnInsertedRecordIsFound) {
  auto contents = six_records();
  const auto values = values_after(contents, 6);
  contents.insert(contents.begin() + 4, imalog::test::ima_ng("/foreign"));
  EXPECT_TRUE(change_found(contents, values).starts_with("without this record it fits: it was put in (record 4"));
}

TEST(CheckLog, NeighboursOutOfOrderAreFound) {
  auto contents = six_records();
  const auto values = values_after(contents, 6);
  std::swap(contents[1], contents[2]);
  EXPECT_TRUE(change_found(contents, values)
                  .starts_with("with this record and the next exchanged it fits: they are out of order (record 1"));
}

TEST(CheckLog, ADigestThatWasZeroedIsFound) {
  auto contents = six_records();
  const auto values = values_after(contents, 6);
  contents[2].violation = true;
  EXPECT_TRUE(change_found(contents, values)
                  .starts_with("with this record's digest it fits: it is shown as a violation and was none (record 2"));
}

TEST(CheckLog, AChangeIsFoundUnderAQuoteOfSeveralBanksToo) {
  auto contents = six_records();
  const QuotedPcrs quote = quote_of(state_after(contents, 6), {{kSha1, {10}}, {kSha256, {10}}});
  std::swap(contents[3], contents[4]);
  EXPECT_NE(message_of(check(list_of(contents), {.values = {}, .quote = quote})).find("exchanged it fits"),
            std::string::npos);
}

TEST(CheckLog, BanksThatDoNotFitAreNamedBesideThoseThatDo) {
  const auto contents = six_records();
  auto values = values_after(contents, 4);
  values[1].value.data()[0] ^= std::byte{1};
  EXPECT_EQ(message_of(check(list_of(contents), {.values = values})),
            "the PCRs stand for no prefix of this log, though every digest fits its data; it fits sha1:10 but not "
            "sha256:10: wrong values, or something else extended these");
}

TEST(CheckLog, PcrsAtTheirStartProveNoRecord) {
  const auto contents = six_records();
  const LogCheck result = check(list_of(contents), {.values = values_after(contents, 0)});
  EXPECT_EQ(result.proven, 0u);
  EXPECT_EQ(message_of(result), "no record is proven: the PCRs are as they were before the log's first record");
}

TEST(CheckLog, AnEmptyLogUnderPcrsThatWereExtendedIsAMismatch) {
  EXPECT_EQ(message_of(check({}, {.values = values_after(six_records(), 2)})),
            "the PCRs stand for no prefix of this log, and the log is empty");
}

// ---- errors ---------------------------------------------------------------------------------------------------------

TEST(CheckLog, AListThatCannotBeLoadedIsAnErrorOfItsOwn) {
  ListLog log({"gone"}, [](const std::string&) -> Result<Bytes> { return fail(ErrorCode::kEnvironment, "gone"); });
  const auto result = check_log(log, {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kEnvironment);
}

}  // namespace
}  // namespace imakeep::attest
