#include "imalog/template_digest.h"

#include <gtest/gtest.h>

#include "imalog/test_support.h"

namespace imakeep::imalog {
namespace {

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

TEST(ExtendedDigest, OfAViolationIsAllOnesInEveryBankEvenAPaddedOne) {
  Content content = small_record();
  content.violation = true;
  for (const char* name : {"sha1", "sha256", "sha384", "sha512", "sm3", "tpm_alg_27"}) {
    const digest::Bank bank = test::bank(name);
    EXPECT_EQ(extended_digest(bank, content.view()), digest::Digest::filled(bank.digest_bytes(), std::byte{0xff}))
        << name;
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

// `altered` records whose digests fit nothing, then `good` ones.
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

TEST(DetectBank, GivesUpAfterSixteenRecordsThatFitNoBank) {
  EXPECT_EQ(detected(altered_list(15, 1, test::bank("sha256"))), "sha256");
  const auto bank = detect_bank(altered_list(16, 100, test::bank("sha256")), ByteOrder::kLittle);
  EXPECT_EQ(bank.error().code, ErrorCode::kMalformed);
}

TEST(DetectBank, AListThatIsDamagedFurtherOnStillTellsItsBank) {
  Bytes list = test::captured_binary("templates", test::bank("sha384"));
  list.pop_back();
  EXPECT_EQ(detected(list), "sha384");
}

TEST(DetectBank, OneAlteredRecordAloneFitsNoBank) {
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

TEST(DetectBank, WhatIsNoBinaryListFitsNoBank) {
  const Bytes ascii = test::captured("templates", "ascii_runtime_measurements_sha1");
  EXPECT_EQ(detect_bank(ascii, ByteOrder::kLittle).error().code, ErrorCode::kMalformed);
  EXPECT_EQ(detect_bank(Bytes(1), ByteOrder::kLittle).error().code, ErrorCode::kMalformed);
}

TEST(DetectBank, TheOtherByteOrderFitsNoBank) {
  const Bytes list = test::list_of({test::ima_ng("/a")}, test::bank("sha256"), ByteOrder::kLittle);
  EXPECT_EQ(detect_bank(list, ByteOrder::kBig).error().code, ErrorCode::kMalformed);
}

}  // namespace
}  // namespace imakeep::imalog
