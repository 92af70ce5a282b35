// SPDX-License-Identifier: Apache-2.0
#include "output/proof_report.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace imakeep::output {
namespace proof_report_test {

const digest::Bank kSha1 = digest::bank_of(digest::Algorithm::kSha1);
const digest::Bank kSha256 = digest::bank_of(digest::Algorithm::kSha256);

attest::LogCheck check_of(std::vector<attest::PcrProof> proofs) {
  attest::LogCheck check;
  const auto sum = attest::totals(proofs);
  for (const attest::PcrProof& proof : proofs) check.records += proof.records;
  check.proven = sum.proven;
  check.after_match = sum.after_match;
  check.unproven = sum.unproven;
  check.pcrs = std::move(proofs);
  return check;
}

const attest::PcrProof kPcr10{.pcr = 10, .records = 9, .banks = {kSha256}, .matched = true, .proven = 7};
const attest::PcrProof kPcr11{.pcr = 11, .records = 2};

TEST(ProofReport, OfOneProvenPcrIsItsTotal) {
  const attest::LogCheck check = check_of({kPcr10});
  EXPECT_TRUE(pcr_lines(check).empty());
  EXPECT_EQ(total_line(check), "7 of 9 records proven, 2 after the match");
}

TEST(ProofReport, NamesAndCountsUnprovenRecordsByPcr) {
  const attest::LogCheck check = check_of({kPcr10, kPcr11});
  const auto lines = pcr_lines(check);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0], "PCR 10    7 of 9 records proven, 2 after the match");
  EXPECT_EQ(lines[1],
            "PCR 11    0 of 2 records proven, 0 after the match, 2 unproven: no value of this PCR was given or quoted");
  EXPECT_EQ(total_line(check), "7 of 11 records proven, 2 after the match, 2 unproven");
}

TEST(ProofReport, NamesAWeakProof) {
  attest::PcrProof weak = kPcr10;
  weak.banks = {kSha1};
  weak.weak = true;
  EXPECT_EQ(pcr_lines(check_of({weak})),
            std::vector<std::string>{
                "PCR 10    7 of 9 records proven, 2 after the match; proven by sha1 alone, which is weak"});
  EXPECT_EQ(proof_json(weak)["weak"], true);
}

TEST(ProofReport, SaysHowTheKernelExtendedABank) {
  attest::ValueMatch match{.value = {.bank = kSha256, .pcr = 10, .value = digest::Digest(32)}, .found_at = 3};
  EXPECT_EQ(match_text(match), "matches after record 3");
  EXPECT_EQ(value_json(match)["extended_as"], "native");
  match.matched_as = *digest::parse_bank("sha256:padded-short");
  EXPECT_EQ(match_text(match), "matches after record 3: padded sha1, as Linux before 5.8 does");
  EXPECT_EQ(value_json(match)["extended_as"], "padded-short");
  match.found_at.reset();
  EXPECT_EQ(value_json(match)["extended_as"], nullptr);
}

TEST(ProofReport, SaysThatAnInvalidatedBankProvesNothing) {
  attest::LogCheck check = check_of({kPcr11});
  check.values = {{.value = {.bank = kSha256, .pcr = 11, .value = digest::Digest(32)},
                   .use = attest::ValueUse::kInvalidated,
                   .matched_as = *digest::parse_bank("sha256:invalidated")}};
  EXPECT_EQ(match_text(check.values[0]), "invalidated by a kernel without that hash (0xfe), which proves nothing");
  EXPECT_TRUE(pcr_lines(check).at(0).ends_with(": the kernel invalidated the banks that were given or quoted"));
  EXPECT_EQ(value_json(check.values[0])["in_log"], false);
}

TEST(ProofReport, SaysHowTheBanksOfAQuoteWereExtended) {
  attest::LogCheck check = check_of({kPcr10});
  check.quote_matched_as = {kSha1, kSha256};
  EXPECT_EQ(quote_fill_text(check), "");
  check.quote_matched_as = {kSha1, *digest::parse_bank("sha256:padded")};
  EXPECT_EQ(quote_fill_text(check), "; sha256: padded sha1, as Linux without that hash does");
}

TEST(ProofReport, SaysThatAValueIsNotInTheLog) {
  const attest::ValueMatch match{.value = {.bank = kSha256, .pcr = 7, .value = digest::Digest(32)},
                                 .use = attest::ValueUse::kNotInLog};
  EXPECT_EQ(match_text(match), "not in the log: no record names it");
  EXPECT_EQ(value_json(match)["in_log"], false);
}

TEST(ProofReport, SaysWhatCameOfBootAggregate) {
  attest::LogCheck check = check_of({kPcr10});
  EXPECT_EQ(boot_aggregate_line(check), "");
  EXPECT_TRUE(boot_aggregate_json(check).is_null());
  check.stated_aggregate = {.algorithm = digest::Algorithm::kSha256, .digest = digest::Digest(32)};
  check.values.push_back({.value = {.bank = kSha1, .pcr = 0, .value = digest::Digest(20)}});
  EXPECT_EQ(boot_aggregate_line(check),
            "boot_aggregate not checked: its hash is sha256, so it requires the values of PCRs 0 to 9 of sha256");
  check.boot_aggregate = {.algorithm = digest::Algorithm::kSha256, .pcrs = 10, .matches = true};
  EXPECT_EQ(boot_aggregate_line(check), "boot_aggregate matches PCRs 0 to 9 of sha256");
  EXPECT_EQ(boot_aggregate_json(check)["matches"], true);
}

TEST(ProofReport, NamesARange) {
  EXPECT_EQ(range_line({.begin = 0, .end = 134, .why = "retired"}), "records [0, 134) not proven: retired");
  EXPECT_EQ(range_json({.begin = 0, .end = 134, .why = "retired"})["end"], 134);
}

}  // namespace proof_report_test
}  // namespace imakeep::output
