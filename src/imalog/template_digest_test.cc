// SPDX-License-Identifier: Apache-2.0
#include "imalog/template_digest.h"

#include <gtest/gtest.h>

#include "imalog/test_support.h"

namespace imakeep::imalog {
namespace template_digest_test {

using test::Content;

// The data of `printf '\4\0\0\0abc\0'`.
Content small_record() {
  return {.template_name = "n-ng", .body = test::data_of({test::bytes_of(std::string_view("abc\0", 4))})};
}

std::string digest_of(std::string_view bank, const Content& content) {
  return to_hex(template_digest(test::bank(bank), content.template_name, content.body).view());
}

TEST(TemplateDigest, IsTheHashOfTheData) {
  // printf '\4\0\0\0abc\0' | openssl dgst -sha1; the same with -sm3
  EXPECT_EQ(digest_of("sha1", small_record()), "0e8b6e7a212ed9482060ad79f160b819cf42df21");
  EXPECT_EQ(digest_of("sm3", small_record()), "2b7386bfa7d87b8966c6e9d8a1a7f963fc7a6dd7bf2a7a005289b7fd315e38f0");
}

TEST(TemplateDigest, PadsAnImaPathTo256BytesAndLeavesItsLengthOut) {
  // (printf 'dddddddddddddddddddd/bin/sh'; head -c 249 /dev/zero) | openssl dgst -sha256; the same with -sm3
  const Content ima{.template_name = "ima", .body = test::ima_body(as_bytes("dddddddddddddddddddd"), "/bin/sh")};
  EXPECT_EQ(digest_of("sha256", ima), "a5fdaa5a3f085852bcd5155223cee2622fc480ce291d522cf95bff0825b7b58e");
  EXPECT_EQ(digest_of("sm3", ima), "c4b69c88467f16a601404097aabe4256daae265d5d8b6477e3858bac51e8d558");
}

TEST(TemplateDigest, OfAnMd5DigestPadsTheImaPathAllTheSame) {
  // (printf 'dddddddddddddddd/bin/sh'; head -c 249 /dev/zero) | openssl dgst -sha256; the same with -sha1
  const Content ima{.template_name = "ima", .body = test::ima_body(as_bytes("dddddddddddddddd"), "/bin/sh")};
  EXPECT_EQ(digest_of("sha256", ima), "e540e67cdfd3fac32ef5470dd373b676571112a9c28473a7fd6bdd2ebfe4b2e9");
  EXPECT_EQ(digest_of("sha1", ima), "4aeab85ee35feab1c36094125147c572e5ba5c82");
}

TEST(TemplateDigest, AnImaPathOfTheLargestLengthStillEndsInAZero) {
  const std::string path(kMaxImaPathBytes, 'p');
  const Content ima{.template_name = "ima", .body = test::ima_body(Bytes(20), path)};
  Bytes hashed(20);
  append_bytes(hashed, as_bytes(path));
  hashed.push_back(std::byte{0});
  EXPECT_EQ(digest_of("sha1", ima), to_hex(digest::hash(digest::Algorithm::kSha1, hashed).view()));
}

TEST(TemplateDigest, IsPaddedSha1WhereLinuxLacksTheHash) {
  const std::string sha1 = "0e8b6e7a212ed9482060ad79f160b819cf42df21";
  EXPECT_EQ(digest_of("tpm_alg_27", small_record()), sha1 + std::string(24, '0'));
  EXPECT_EQ(digest_of("tpm_alg_28", small_record()), sha1 + std::string(56, '0'));
  EXPECT_EQ(digest_of("tpm_alg_29", small_record()), sha1 + std::string(88, '0'));
}

TEST(TemplateDigest, DoesNotDependOnTheNameOfAnyTemplateButIma) {
  Content renamed = small_record();
  renamed.template_name = "acme-v9";
  EXPECT_EQ(digest_of("sha256", renamed), digest_of("sha256", small_record()));
}

TEST(ShownDigest, OfAViolationIsZeros) {
  Content content = small_record();
  content.violation = true;
  for (const char* name : {"sha1", "sha256", "sha384", "sha512", "sm3", "tpm_alg_27"}) {
    const digest::Bank bank = test::bank(name);
    EXPECT_EQ(shown_digest(bank, content.view()), digest::Digest(bank.digest_bytes())) << name;
  }
}

TEST(ExtendedDigest, OfAViolationIsAllOnesInEveryBankThatLinuxCanNameEvenAPaddedOne) {
  Content content = small_record();
  content.violation = true;
  for (const char* name : {"sha1", "sha256", "sha384", "sha512", "sm3", "sha384:padded"}) {
    const digest::Bank bank = test::bank(name);
    EXPECT_EQ(extended_digest(bank, content.view()), digest::Digest::filled(bank.digest_bytes(), std::byte{0xff}))
        << name;
  }
}

TEST(ExtendedDigest, OfAViolationIsAsLongAsSha1WhereLinuxPadsWhateverItExtends) {
  Content content = small_record();
  content.violation = true;
  for (const char* name : {"sha256:padded-short", "sha384:padded-short", "tpm_alg_27", "tpm_alg_29"}) {
    const digest::Bank bank = test::bank(name);
    const std::size_t zeros = 2 * (bank.digest_bytes() - 20);
    EXPECT_EQ(to_hex(extended_digest(bank, content.view()).view()), std::string(40, 'f') + std::string(zeros, '0'))
        << name;
  }
}

TEST(ExtendedDigest, OfAnInvalidatedBankSaysNothingOfTheRecord) {
  Content violation = small_record();
  violation.violation = true;
  for (const char* name : {"sha1:invalidated", "sha384:invalidated", "tpm_alg_27:invalidated"}) {
    const digest::Bank bank = test::bank(name);
    const auto invalid = digest::Digest::filled(bank.digest_bytes(), std::byte{0xfe});
    EXPECT_EQ(extended_digest(bank, small_record().view()), invalid) << name;
    EXPECT_EQ(extended_digest(bank, violation.view()), invalid) << name;
  }
}

TEST(ExtendedDigest, OfAnyOtherRecordIsTheOneShown) {
  for (const char* name : {"sha1", "sm3", "tpm_alg_28"}) {
    const digest::Bank bank = test::bank(name);
    EXPECT_EQ(extended_digest(bank, small_record().view()), shown_digest(bank, small_record().view())) << name;
  }
}

// ---- detect_bank ----------------------------------------------------------------------------------------------------

constexpr const char* kAllBanks[] = {"sha1", "sha256",     "sha384",     "sha512",
                                     "sm3",  "tpm_alg_27", "tpm_alg_28", "tpm_alg_29"};

std::string detected(ByteView list, ByteOrder order = ByteOrder::kLittle) {
  const auto bank = detect_bank(list, order);
  return bank ? bank->name() : "none";
}

Content violation(std::string_view path) {
  Content content = test::ima_ng(path);
  content.violation = true;
  return content;
}

// `altered` records whose digests match no data, then `good` ones.
Bytes altered_list(std::size_t altered, std::size_t good, const digest::Bank& bank) {
  Bytes list;
  for (std::size_t i = 0; i < altered; ++i) {
    encode_record(list, test::ima_ng("/altered" + std::to_string(i)).view(),
                  digest::Digest::filled(bank.digest_bytes(), std::byte{0x55}).view());
  }
  for (std::size_t i = 0; i < good; ++i) test::append_record(list, test::ima_ng("/" + std::to_string(i)), bank);
  return list;
}

TEST(DetectBank, FindsEveryBankFromOneRecordInEitherByteOrder) {
  for (const char* name : kAllBanks) {
    for (const ByteOrder order : {ByteOrder::kLittle, ByteOrder::kBig}) {
      EXPECT_EQ(detected(test::list_of({test::ima_ng("/a")}, test::bank(name), order), order), name);
    }
  }
}

TEST(DetectBank, AnEmptyListIsSha1) {
  EXPECT_EQ(detected({}), "sha1");
}

TEST(DetectBank, LooksPastViolationsAtTheFront) {
  for (const char* name : kAllBanks) {
    std::vector<Content> contents(40, violation("/v"));
    contents.push_back(test::ima_ng("/a"));
    EXPECT_EQ(detected(test::list_of(contents, test::bank(name))), name);
  }
}

TEST(DetectBank, LooksPastAnAlteredFirstRecord) {
  for (const char* name : kAllBanks) EXPECT_EQ(detected(altered_list(1, 1, test::bank(name))), name);
}

TEST(DetectBank, GivesUpAfterSixteenRecordsThatMatchNoBank) {
  EXPECT_EQ(detected(altered_list(15, 1, test::bank("sha256"))), "sha256");
  const auto bank = detect_bank(altered_list(16, 100, test::bank("sha256")), ByteOrder::kLittle);
  EXPECT_EQ(bank.error().code, ErrorCode::kMalformed);
}

TEST(DetectBank, AListThatIsDamagedFurtherOnStillTellsItsBank) {
  Bytes list = test::captured_binary("templates", test::bank("sha384"));
  list.pop_back();
  EXPECT_EQ(detected(list), "sha384");
}

TEST(DetectBank, OneAlteredRecordAloneMatchesNoBank) {
  const auto bank = detect_bank(altered_list(1, 0, test::bank("sha1")), ByteOrder::kLittle);
  EXPECT_EQ(bank.error().code, ErrorCode::kMalformed);
}

TEST(DetectBank, ViolationsOnlyTellTheBankWhereItsSizeIsItsOwn) {
  EXPECT_EQ(detected(test::list_of({violation("/a"), violation("/b")}, test::bank("sha1"))), "sha1");
}

TEST(DetectBank, ViolationsOnlyAreUnsupportedWhereBanksShareTheSize) {
  for (const char* name : {"sha256", "sha384", "sha512", "sm3", "tpm_alg_29"}) {
    const auto bank = detect_bank(test::list_of({violation("/a"), violation("/b")}, test::bank(name)), kHostOrder);
    ASSERT_FALSE(bank) << name;
    EXPECT_EQ(bank.error().code, ErrorCode::kUnsupported) << name;
  }
}

TEST(DetectBank, AFileThatIsNoBinaryListMatchesNoBank) {
  const Bytes ascii = test::captured("templates", "ascii_runtime_measurements_sha1");
  const auto named_kind = detect_bank(ascii, ByteOrder::kLittle);
  EXPECT_EQ(named_kind.error().code, ErrorCode::kMalformed);
  EXPECT_EQ(named_kind.error().message,
            "not a binary measurement list but an ASCII list; give the binary one: binary_runtime_measurements");
  EXPECT_EQ(detect_bank(Bytes(100, std::byte{0xee}), ByteOrder::kLittle).error().code, ErrorCode::kMalformed);
}

TEST(DetectBank, AListThatEndsWithinItsFirstRecordIsCutShort) {
  for (const char* name : kAllBanks) {
    const Bytes list = test::list_of({test::ima_ng("/a")}, test::bank(name));
    const auto format = test::format_of(test::bank(name));
    for (std::size_t bytes = 1; bytes < list.size(); ++bytes) {
      const ByteView cut = ByteView(list).first(bytes);
      const auto bank = detect_bank(cut, ByteOrder::kLittle);
      ASSERT_FALSE(bank);
      EXPECT_EQ(bank.error().code, ErrorCode::kTruncated) << name << " " << bytes;
      EXPECT_EQ(bank.error().record, 0u);
      // Before the name's length no bank can be told from another; from there on the message is that of the right bank.
      if (bytes < format.digest_bytes + 8u) continue;
      EXPECT_EQ(bank.error().message, decode_record(cut, format).error().message) << name << " " << bytes;
      EXPECT_EQ(bank.error().offset, decode_record(cut, format).error().offset) << name << " " << bytes;
    }
  }
}

TEST(DetectBank, ViolationsBeforeACutTellTheBankWhereItsSizeIsItsOwn) {
  Bytes list = test::list_of({violation("/a"), violation("/b")}, test::bank("sha1"));
  list.pop_back();
  EXPECT_EQ(detected(list), "sha1");
}

TEST(DetectBank, OfAListsFrontAsksForMoreUntilARecordDecides) {
  const Bytes list = test::list_of({violation("/v"), test::ima_ng("/a"), test::ima_ng("/b")}, test::bank("sha256"));
  const std::size_t record = list.size() / 3;
  for (std::size_t bytes = 1; bytes <= list.size(); ++bytes) {
    const auto bank = detect_bank(ByteView(list).first(bytes), ByteOrder::kLittle, Extent::kFront);
    EXPECT_EQ(bank.has_value(), bytes >= 2 * record) << bytes;
    if (!bank) {
      EXPECT_EQ(bank.error().code, ErrorCode::kTruncated) << bytes;
    }
  }
  EXPECT_EQ(detect_bank(altered_list(16, 1, test::bank("sha1")), ByteOrder::kLittle, Extent::kFront).error().code,
            ErrorCode::kMalformed);
}

TEST(DetectBank, TheOtherByteOrderMatchesNoBank) {
  const Bytes list = test::list_of({test::ima_ng("/a")}, test::bank("sha256"), ByteOrder::kLittle);
  EXPECT_EQ(detect_bank(list, ByteOrder::kBig).error().code, ErrorCode::kMalformed);
}

// ---- byte order
// ------------------------------------------------------------------------------------------------------

TEST(DetectFormat, FindsTheBankAndTheByteOrderOfEveryList) {
  for (const char* name : kAllBanks) {
    for (const ByteOrder order : {ByteOrder::kLittle, ByteOrder::kBig}) {
      for (const std::uint32_t pcr : {0u, 10u, 23u}) {
        const digest::Bank bank = test::bank(name);
        const Bytes list = test::list_of({test::ima_ng("/1", pcr), test::ima_ng("/2", pcr)}, bank, order);
        const ListFormat format = test::must(detect_format(list));
        EXPECT_EQ(format.bank, bank) << name << " PCR " << pcr;
        EXPECT_EQ(format.order, order) << name << " PCR " << pcr;
        EXPECT_EQ(detect_order(list, bank), order) << name << " PCR " << pcr;
      }
    }
  }
}

TEST(DetectFormat, TellsTheByteOrderOfAListOfViolationsOnly) {
  Content violation = test::ima_ng("/open", 0);
  violation.violation = true;
  for (const ByteOrder order : {ByteOrder::kLittle, ByteOrder::kBig}) {
    EXPECT_EQ(test::must(detect_format(test::list_of({violation}, test::bank("sha1"), order))).order, order);
  }
}

TEST(DetectFormat, KeepsTheErrorsOfDetectBank) {
  EXPECT_EQ(test::must(detect_format({})).bank.name(), "sha1");
  const Bytes noise(100, std::byte{0x55});
  EXPECT_EQ(detect_format(noise).error().code, ErrorCode::kMalformed);
  const Bytes list = test::list_of({test::ima_ng("/1")}, test::bank("sha1"), ByteOrder::kBig);
  EXPECT_EQ(detect_format(ByteView(list).first(list.size() - 1)).error().code, ErrorCode::kTruncated);
}

}  // namespace template_digest_test
}  // namespace imakeep::imalog
