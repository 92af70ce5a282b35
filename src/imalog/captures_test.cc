// SPDX-License-Identifier: Apache-2.0
// Everything of imalog on the lists that a real kernel gave: testdata/README.md says how they were made.
#include <filesystem>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "imalog/ascii.h"
#include "imalog/replay.h"
#include "imalog/test_support.h"

namespace imakeep::imalog {
namespace captures_test {

using test::Capture;

const std::vector<digest::Bank> kBanks = test::banks(test::kCapturedBanks);

// ---- each list by itself --------------------------------------------------------------------------------------------

class CapturedList : public ::testing::TestWithParam<Capture> {};

INSTANTIATE_TEST_SUITE_P(Linux_7_3_4, CapturedList, ::testing::ValuesIn(test::kCaptures),
                         [](const ::testing::TestParamInfo<Capture>& param) {
                           std::string name = param.param.folder;
                           std::replace_if(
                               name.begin(), name.end(), [](char c) { return c == '/' || c == '-'; }, '_');
                           return name;
                         });

TEST_P(CapturedList, DecodesToItsLastByteInEveryBank) {
  for (const digest::Bank& bank : kBanks) {
    const Bytes list = test::captured_binary(GetParam(), bank);
    EXPECT_EQ(test::records_of(list, test::format_of(bank)).size(), GetParam().records) << bank.name();
  }
}

TEST_P(CapturedList, IsEncodedAgainByteForByte) {
  for (const digest::Bank& bank : kBanks) {
    const Bytes list = test::captured_binary(GetParam(), bank);
    Bytes again;
    for (const RecordView& record : test::records_of(list, test::format_of(bank))) {
      encode_record(again, record.content(), record.digest, ByteOrder::kLittle);
    }
    EXPECT_EQ(again, list) << bank.name();
  }
}

TEST_P(CapturedList, OfAnyBankGivesTheFileOfEveryOther) {
  for (const digest::Bank& from : kBanks) {
    const Bytes list = test::captured_binary(GetParam(), from);
    for (const digest::Bank& to : kBanks) {
      Bytes made;
      for (const RecordView& record : test::records_of(list, test::format_of(from))) {
        encode_record(made, record.content(), shown_digest(to, record.content()).view(), ByteOrder::kLittle);
      }
      EXPECT_EQ(made, test::captured_binary(GetParam(), to)) << from.name() << " to " << to.name();
    }
  }
}

TEST_P(CapturedList, PrintsAsTheKernelPrintedIt) {
  for (const digest::Bank& bank : kBanks) {
    const Bytes list = test::captured_binary(GetParam(), bank);
    std::string ascii;
    for (const RecordView& record : test::records_of(list, test::format_of(bank))) {
      ASSERT_TRUE(append_ascii(ascii, record.content(), record.digest, ByteOrder::kLittle));
    }
    EXPECT_EQ(ascii, test::captured_ascii(GetParam(), bank)) << bank.name();
  }
}

TEST_P(CapturedList, TellsItsBank) {
  for (const digest::Bank& bank : kBanks) {
    const Bytes list = test::captured_binary(GetParam(), bank);
    EXPECT_EQ(test::must(detect_bank(list, ByteOrder::kLittle)), GetParam().records == 0 ? kBanks.front() : bank);
  }
}

// Of a kernel booted with ima_template=ima ima_hash=md5: digests of 20 bytes for the boot aggregate and a violation, of
// 16 for files, and a path of more than 255 bytes.
TEST(ListOfImaHashMd5, IsReadAndPrintedAsTheKernelMadeIt) {
  const std::string folder = IMAKEEP_TESTDATA "/cases/ima-md5/";
  for (const digest::Bank& bank : {kBanks[0], kBanks[1]}) {
    const Bytes list = test::must(read_file(folder + "binary_runtime_measurements_" + bank.name()));
    std::string ascii;
    Bytes again;
    std::size_t sha1_bodies = 0;
    for (const RecordView& record : test::records_of(list, test::format_of(bank))) {
      EXPECT_TRUE(digest_matches(bank, record.content(), record.digest));
      if (ima_file_digest_bytes(record.body) == kImaFileDigestBytes) ++sha1_bodies;
      ASSERT_TRUE(append_ascii(ascii, record.content(), record.digest, ByteOrder::kLittle));
      encode_record(again, record.content(), record.digest, ByteOrder::kLittle);
    }
    EXPECT_EQ(sha1_bodies, 2u);
    EXPECT_EQ(again, list);
    EXPECT_EQ(ascii, as_text(test::must(read_file(folder + "ascii_runtime_measurements_" + bank.name()))));
    EXPECT_EQ(test::must(detect_bank(list, ByteOrder::kLittle)), bank);
  }
}

TEST(ListOfAKernelWithoutSha512, MatchesPcrsOfPaddedSha1Digests) {
  const std::string folder = IMAKEEP_TESTDATA "/cases/padded-banks/";
  Replay replay{PcrState(test::banks("sha1,sha256,sha384:padded,sha512:padded"))};
  for (PcrValue value : test::must(parse_pcr_file(as_text(test::must(read_file(folder + "pcr10.txt")))))) {
    if (value.bank.digest_bytes() >= 48) value.bank.fill = digest::Fill::kPaddedSha1;
    EXPECT_TRUE(replay.expect(value));
  }
  const Bytes list = test::must(read_file(folder + "binary_runtime_measurements_sha1"));
  ASSERT_TRUE(replay.add_list(list, kBanks[0], ByteOrder::kLittle));
  EXPECT_EQ(replay.all_found_at(), 74u);
}

TEST(Captures, NoFolderWithAListIsLeftOut) {
  std::set<std::string> tested;
  for (const Capture& capture : test::kCaptures) tested.insert(capture.folder);
  std::set<std::string> there;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(test::captures_root())) {
    if (entry.path().filename().string().starts_with("binary_runtime_measurements")) {
      there.insert(std::filesystem::relative(entry.path().parent_path(), test::captures_root()).string());
    }
  }
  EXPECT_EQ(there, tested);
}

TEST(Captures, TheListOfTemplatesHoldsViolationsSeveralPcrsAndSevenTemplates) {
  const Bytes list = test::captured_binary("templates", kBanks[1]);
  std::set<std::string_view> names;
  std::set<std::uint32_t> pcrs;
  int violations = 0;
  for (const RecordView& record : test::records_of(list, test::format_of(kBanks[1]))) {
    names.insert(record.template_name);
    pcrs.insert(record.pcr);
    violations += record.content().violation ? 1 : 0;
  }
  EXPECT_EQ(names,
            (std::set<std::string_view>{"evm-sig", "ima", "ima-buf", "ima-modsig", "ima-ng", "ima-sig", "ima-sigv2"}));
  EXPECT_EQ(pcrs, (std::set<std::uint32_t>{10, 11}));
  EXPECT_EQ(violations, 4);
}

// ---- whole logs -----------------------------------------------------------------------------------------------------

// Where a PCR 10 that was read in passing lies in the whole log.
struct ReadPcrs {
  const char* log;
  const char* folder;     // of pcr10.txt
  std::uint64_t records;  // of the log whose end it matches
};

constexpr ReadPcrs kReadPcrs[] = {
    {"templates", "templates", 135},
    {"staging", "staging/0-before", 51},
    {"staging", "staging/1-staged", 51},
    {"staging", "staging/2-current-while-staged", 91},
    {"staging", "staging/3-current-after-delete", 131},
    {"staging", "staging/4-after-delete-7", 131},
    {"staging", "staging/6-final", 131},
    {"flush", "flush/4-final", 186},
    {"kexec", "kexec/first-current", 134},
    {"kexec", "kexec/second", 202},
};

constexpr const char* kLogs[] = {"templates", "staging", "flush", "kexec"};
constexpr const char* kLastPcrs[] = {"templates", "staging/6-final", "flush/4-final", "kexec/second"};

// The last record that went into PCR 10, counted from 1.
std::uint64_t last_in_pcr10(ByteView log, const digest::Bank& bank) {
  std::uint64_t last = 0;
  std::uint64_t number = 0;
  for (const RecordView& record : test::records_of(log, test::format_of(bank))) {
    ++number;
    if (record.pcr == kImaPcr) last = number;
  }
  return last;
}

TEST(WholeLog, OfAnyBankReachesThePcrsOfEveryBankInOnePass) {
  for (std::size_t i = 0; i < std::size(kLogs); ++i) {
    for (const digest::Bank& shown : kBanks) {
      const Bytes log = test::whole_log(kLogs[i], shown);
      Replay replay{PcrState(kBanks)};
      for (const PcrValue& value : test::captured_pcrs(kLastPcrs[i])) ASSERT_TRUE(replay.expect(value));
      ASSERT_TRUE(replay.add_list(log, shown, ByteOrder::kLittle));
      EXPECT_EQ(replay.all_found_at(), last_in_pcr10(log, shown)) << kLogs[i] << " " << shown.name();
      EXPECT_EQ(replay.proven(), replay.all_found_at());
      for (const PcrValue& value : test::captured_pcrs(kLastPcrs[i])) {
        const auto bank = std::find(kBanks.begin(), kBanks.end(), value.bank) - kBanks.begin();
        EXPECT_EQ(replay.state().value(static_cast<std::size_t>(bank), kImaPcr), value.value) << kLogs[i];
      }
    }
  }
}

TEST(WholeLog, EveryPcrReadInPassingIsFoundAtTheRecordItMatches) {
  for (const ReadPcrs& read : kReadPcrs) {
    Replay replay{PcrState(kBanks)};
    const auto values = test::captured_pcrs(read.folder);
    ASSERT_EQ(values.size(), kBanks.size());
    for (const PcrValue& value : values) ASSERT_TRUE(replay.expect(value));
    ASSERT_TRUE(replay.add_list(test::whole_log(read.log, kBanks[1]), kBanks[1], ByteOrder::kLittle));
    EXPECT_EQ(replay.all_found_at(), read.records) << read.folder;
  }
}

TEST(WholeLog, EveryPrefixIsFoundByItsPcrs) {
  const Bytes log = test::whole_log("kexec", kBanks[0]);
  const auto records = test::records_of(log, test::format_of(kBanks[0]));
  PcrState state(kBanks);
  for (std::uint64_t length = 0; length <= records.size(); ++length) {
    if (length > 0) extend(state, records[length - 1].content());
    if (length % 10 > 1) continue;
    Replay replay{PcrState(kBanks)};
    for (std::size_t bank = 0; bank < kBanks.size(); ++bank) {
      ASSERT_TRUE(replay.expect({.bank = kBanks[bank], .pcr = kImaPcr, .value = state.value(bank, kImaPcr)}));
    }
    ASSERT_TRUE(replay.add_list(log, kBanks[0], ByteOrder::kLittle));
    EXPECT_EQ(replay.all_found_at(), length);
  }
}

TEST(WholeLog, LackingItsFirstRecordNeverReachesThePcrs) {
  const Bytes log = test::whole_log("staging", kBanks[0]);
  const std::size_t first = test::records_of(log, test::format_of(kBanks[0])).front().encoded_bytes;
  Replay replay{PcrState(kBanks)};
  for (const PcrValue& value : test::captured_pcrs("staging/6-final")) ASSERT_TRUE(replay.expect(value));
  ASSERT_TRUE(replay.add_list(ByteView(log).subspan(first), kBanks[0], ByteOrder::kLittle));
  EXPECT_EQ(replay.proven(), std::nullopt);
}

RC_GTEST_PROP(WholeLog, InPiecesOfAnySizeReachesThePcrs, ()) {
  const std::size_t which = *rc::gen::inRange<std::size_t>(0, std::size(kLogs));
  const digest::Bank shown = *rc::gen::elementOf(kBanks);
  const Bytes log = test::whole_log(kLogs[which], shown);
  const auto records = test::records_of(log, test::format_of(shown));

  PcrState state(kBanks);
  std::size_t offset = 0;
  for (std::size_t next = 0; next < records.size();) {
    const std::size_t last = next + *rc::gen::inRange<std::size_t>(1, records.size() - next + 1);
    std::size_t bytes = 0;
    for (; next < last; ++next) bytes += records[next].encoded_bytes;
    Replay piece(state);
    RC_ASSERT(piece.add_list(ByteView(log).subspan(offset, bytes), shown, ByteOrder::kLittle).has_value());
    state = piece.state();
    offset += bytes;
  }
  for (const PcrValue& value : test::captured_pcrs(kLastPcrs[which])) {
    const auto bank = std::find(kBanks.begin(), kBanks.end(), value.bank) - kBanks.begin();
    RC_ASSERT(state.value(static_cast<std::size_t>(bank), kImaPcr) == value.value);
  }
}

// ---- quotes ---------------------------------------------------------------------------------------------------------

// PCR 10 of sha1, sha256 and sha384 out of tpm2-tools' serialized form, which on this machine is
//   count:u32=3  16 x { alg:u16 size:u8 select[4] pad:u8 }  lists:u32=1  count:u32=3  8 x { size:u16 digest[64] }
std::vector<PcrValue> quoted_pcrs(std::string_view folder) {
  constexpr std::size_t kSelectionBytes = 4 + 16 * 8;
  constexpr std::size_t kDigestsAt = kSelectionBytes + 4 + 4;
  const Bytes file = test::captured(folder, "quote.pcrs");
  std::vector<PcrValue> values;
  for (std::size_t i = 0; i < 3; ++i) {
    const std::byte* const at = file.data() + kDigestsAt + i * 66;
    const auto size = load<std::uint16_t>(at, ByteOrder::kLittle);
    values.push_back({.bank = kBanks[i], .pcr = kImaPcr, .value = digest::Digest(ByteView(at + 2, size))});
  }
  return values;
}

// The quote's digest over the PCRs is the last 32 bytes of its TPMS_ATTEST.
void expect_quoted(std::string_view folder, const std::vector<PcrValue>& values) {
  const Bytes message = test::captured(folder, "quote.msg");
  const digest::Digest over = digest::hash(digest::Algorithm::kSha256,
                                           {values[0].value.view(), values[1].value.view(), values[2].value.view()});
  EXPECT_TRUE(equal(ByteView(message).last(32), over.view())) << folder;
}

std::optional<std::uint64_t> quoted_prefix(const char* log, std::string_view folder) {
  const auto values = quoted_pcrs(folder);
  expect_quoted(folder, values);
  Replay replay{PcrState(kBanks)};
  for (const PcrValue& value : values) EXPECT_TRUE(replay.expect(value));
  EXPECT_TRUE(replay.add_list(test::whole_log(log, kBanks[2]), kBanks[2], ByteOrder::kLittle));
  return replay.all_found_at();
}

TEST(Quote, TakenInTheMiddleMatchesAPrefix) {
  EXPECT_EQ(quoted_prefix("templates", "templates/quote-mid"), 93u);
}

// These were made after the last list and PCRs of their log had been read, and more had been measured by then.
TEST(Quote, OfALaterMomentThanTheListMatchesNoPrefixOfIt) {
  EXPECT_EQ(quoted_prefix("staging", "staging/quote-final"), std::nullopt);
  EXPECT_EQ(quoted_prefix("flush", "flush/quote-final"), std::nullopt);
  EXPECT_EQ(quoted_prefix("kexec", "kexec/quote-second"), std::nullopt);
}

}  // namespace captures_test
}  // namespace imakeep::imalog
