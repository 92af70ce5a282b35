// SPDX-License-Identifier: Apache-2.0
#include "evidence/verdict.h"

#include <gtest/gtest.h>

namespace imakeep::evidence {
namespace verdict_test {

TEST(Verdict, IsReadAsItWasMade) {
  const Verdict verdict{.chain = 2, .n = 1'000'000'000'000, .again = true, .interval_s = 61, .result = "a.b.c"};
  EXPECT_EQ(read_verdict(make_verdict(verdict)).value(), verdict);
}

TEST(Verdict, WithoutAMemberIsRefused) {
  const std::string whole = make_verdict({.chain = 1, .n = 2, .interval_s = 3, .result = "r"});
  for (const char* const member : {"version", "chain", "n", "again", "interval_s", "result"}) {
    std::string other = whole;
    const std::size_t at = other.find("\"" + std::string(member) + "\"");
    ASSERT_NE(at, std::string::npos);
    other[at + 1] = 'x';
    EXPECT_FALSE(read_verdict(other)) << member;
  }
  EXPECT_EQ(read_verdict(std::string(kMostVerdictBytes + 1, ' ')).error().code, ErrorCode::kUnsupported);
}

TEST(PartReceipt, IsReadAsItWasMade) {
  const PartReceipt receipt{.chain = 2, .first = 1'000'000'000'000};
  EXPECT_EQ(read_part_receipt(make_part_receipt(receipt)).value(), receipt);
  EXPECT_FALSE(read_part_receipt(R"({"version":1,"chain":2})"));
  EXPECT_FALSE(read_part_receipt(R"({"version":2,"chain":2,"first":3})"));
}

TEST(Problem, IsReadAsItWasMade) {
  const Problem problem{.status = 409, .reason = "first", .detail = "record 7 is wanted", .first = 7};
  EXPECT_EQ(read_problem(make_problem(problem)).value(), problem);
  const Problem without{.status = 403, .reason = "unknown-host", .detail = ""};
  EXPECT_EQ(read_problem(make_problem(without)).value(), without);
}

TEST(Problem, OfAnImpossibleStatusIsRefused) {
  EXPECT_FALSE(read_problem(make_problem({.status = 99, .reason = "x"})));
  EXPECT_FALSE(read_problem(make_problem({.status = 600, .reason = "x"})));
  EXPECT_FALSE(read_problem("<html>"));
}

}  // namespace verdict_test
}  // namespace imakeep::evidence
