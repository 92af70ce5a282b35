// SPDX-License-Identifier: Apache-2.0
#include "digest/digest.h"

#include <gtest/gtest.h>

#include "digest/bank.h"

namespace imakeep::digest {
namespace digest_test {

struct KnownAnswer {
  Algorithm algorithm;
  const char* abc;  // digest of the three bytes "abc": FIPS 180-4 and FIPS 202 examples, GB/T 32905-2016 A.1
};

constexpr KnownAnswer kKnownAnswers[] = {
    {Algorithm::kSha1, "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {Algorithm::kSha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {Algorithm::kSha384,
     "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
    {Algorithm::kSha512,
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e"
     "2a9ac94fa54ca49f"},
    {Algorithm::kSm3_256, "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"},
    {Algorithm::kSha3_256, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"},
};

TEST(Hash, MatchesThePublishedExamples) {
  for (const auto& [algorithm, abc] : kKnownAnswers) {
    EXPECT_EQ(to_hex(hash(algorithm, as_bytes("abc")).view()), abc) << info(algorithm).name;
    EXPECT_EQ(to_hex(hash(algorithm, {as_bytes("a"), as_bytes(""), as_bytes("bc")}).view()), abc);
  }
}

TEST(Hasher, GivesWhatTheOneShotGivesAndStartsAfresh) {
  Hasher hasher(Algorithm::kSha384);
  for (int round = 0; round < 2; ++round) {
    hasher.update(as_bytes("ab"));
    hasher.update(as_bytes("c"));
    EXPECT_EQ(hasher.finish(), hash(Algorithm::kSha384, as_bytes("abc")));
  }
}

TEST(Extend, HashesTheOldValueBeforeTheDigest) {
  const Digest pcr(20);
  const Digest ones = Digest::filled(20, std::byte{0xff});
  Bytes joined(20);
  append_bytes(joined, ones.view());
  EXPECT_EQ(extend(Algorithm::kSha1, pcr, ones), hash(Algorithm::kSha1, joined));
}

TEST(Algorithm, IsFoundByTheNumberThatTcgGaveIt) {
  EXPECT_EQ(algorithm_from_tpm_alg(0x0004), Algorithm::kSha1);
  EXPECT_EQ(algorithm_from_tpm_alg(0x000b), Algorithm::kSha256);
  EXPECT_EQ(algorithm_from_tpm_alg(0x0029), Algorithm::kSha3_512);
  EXPECT_EQ(algorithm_from_tpm_alg(0x0010), std::nullopt);  // TPM_ALG_NULL
}

TEST(Bank, OfAHashThatLinuxLacksIsFilledWithPaddedSha1) {
  EXPECT_EQ(bank_of(Algorithm::kSha256), *parse_bank("sha256"));
  EXPECT_EQ(bank_of(Algorithm::kSm3_256), *parse_bank("sm3"));
  EXPECT_EQ(bank_of(Algorithm::kSha3_256), *parse_bank("tpm_alg_27"));
}

TEST(Bank, NamesAreLinuxs) {
  EXPECT_EQ(parse_bank("sm3_256")->name(), "sm3");
  EXPECT_EQ(parse_bank("tpm_alg_27")->name(), "tpm_alg_27");
  EXPECT_TRUE(parse_bank("tpm_alg_27")->padded());
  EXPECT_EQ(parse_bank("sha3-256").error().code, ErrorCode::kUsage);
  EXPECT_EQ(parse_banks("sha1,sha256")->size(), 2u);
  EXPECT_EQ(parse_banks("sha1,sha1").error().code, ErrorCode::kUsage);
  EXPECT_EQ(parse_banks("").error().code, ErrorCode::kUsage);
}

TEST(Bank, OfATpmAlgorithmIsPaddedWhereLinuxLacksTheHash) {
  for (const char* name : {"sha1", "sha256", "sha384", "sha512", "sm3", "tpm_alg_27", "tpm_alg_28", "tpm_alg_29"}) {
    const Bank bank = *parse_bank(name);
    EXPECT_EQ(bank_from_tpm_alg(info(bank.algorithm).tpm_alg), bank) << name;
  }
  EXPECT_EQ(bank_from_tpm_alg(0x0027), (Bank{.algorithm = Algorithm::kSha3_256, .fill = Fill::kPaddedSha1Short}));
  EXPECT_EQ(bank_from_tpm_alg(0x0012), (Bank{.algorithm = Algorithm::kSm3_256}));
  EXPECT_EQ(bank_from_tpm_alg(0x0010), std::nullopt);  // TPM_ALG_NULL
}

TEST(Bank, OfAHashThatTheKernelWasBuiltWithoutIsPaddedToo) {
  const Bank padded = *parse_bank("sha384:padded");
  EXPECT_EQ(padded, (Bank{.algorithm = Algorithm::kSha384, .fill = Fill::kPaddedSha1}));
  EXPECT_EQ(padded.name(), "sha384");
  EXPECT_EQ(padded.spec(), "sha384:padded");
  for (const char* none : {"sha1:padded", "sha1:padded-short", ":padded", "md4:padded", "tpm_alg_27:padded",
                           "tpm_alg_27:native", "sha256:", "sha256:padded:padded", "sha256:long"}) {
    EXPECT_FALSE(parse_bank(none)) << none;
  }
}

TEST(Bank, ListsAreReadAsTheyAreWritten) {
  for (const char* names : {"sha1", "sha512,sha1,tpm_alg_28", "sha1,sha384:padded,sha384",
                            "sha256:padded-short,sha384:invalidated", "sha1:invalidated,tpm_alg_27:invalidated"})
    EXPECT_EQ(bank_names(*parse_banks(names)), names);
}

}  // namespace digest_test
}  // namespace imakeep::digest
