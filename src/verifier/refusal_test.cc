// SPDX-License-Identifier: Apache-2.0
#include "verifier/refusal.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/text.h"

namespace imakeep::verifier {
namespace refusal_test {

// The cells of each row of the page whose first cell is in code style: "| `name` | ... |".
std::vector<std::vector<std::string>> rows_of_page() {
  const auto page = read_file(std::string(IMAKEEP_DOCS) + "/reference/refusals.md");
  std::vector<std::vector<std::string>> rows;
  for (const std::string_view line : split(page ? as_text(*page) : std::string_view(), "\n")) {
    if (!line.starts_with("| `")) continue;
    std::vector<std::string> cells;
    for (const std::string_view cell : split(line.substr(1, line.size() - 2), "|")) {
      std::string text(trimmed(cell));
      std::erase(text, '`');
      cells.push_back(text);
    }
    rows.push_back(std::move(cells));
  }
  return rows;
}

TEST(RefusalsPage, HasEveryReasonWithItsStatusMeaningAndRemedy) {
  std::map<std::string, std::string> on_page;
  for (const auto& row : rows_of_page()) {
    ASSERT_EQ(row.size(), 4u) << row[0];
    EXPECT_TRUE(on_page.emplace(row[0], row[1]).second) << row[0] << " stands twice";
    EXPECT_FALSE(row[2].empty() || row[3].empty()) << row[0];
  }
  std::map<std::string, std::string> in_code;
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    const ReasonInfo& reason = info(static_cast<Reason>(i));
    in_code.emplace(reason.name, std::to_string(reason.status));
  }
  EXPECT_EQ(on_page, in_code);
}

TEST(Reasons, HaveNamesOfTheirOwnAndAnErrorStatus) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    const ReasonInfo& reason = info(static_cast<Reason>(i));
    names.insert(reason.name);
    EXPECT_GE(reason.status, 400) << reason.name;
    EXPECT_LT(reason.status, 600) << reason.name;
  }
  EXPECT_EQ(names.size(), kReasonCount);
}

// A reason that is added to one of the two and not at the same place of the other.
TEST(Reasons, StandAtTheirPlaceOfTheTable) {
  EXPECT_EQ(info(Reason::kMalformed).name, "malformed");
  EXPECT_EQ(info(Reason::kFirst).name, "first");
  EXPECT_EQ(info(Reason::kPolicyMissing).name, "policy-missing");
  EXPECT_EQ(info(Reason::kBadPolicy).name, "bad-policy");
  EXPECT_EQ(info(Reason::kEnrolmentToken).name, "enrolment-token");
  EXPECT_EQ(info(Reason::kUnauthorized).status, 401);
  EXPECT_EQ(info(Reason::kStore).name, "store");
}

TEST(Problem, SaysWhatTheRefusalSays) {
  const auto problem = problem_of({.reason = Reason::kFirst, .detail = "records are missing", .first = 7});
  EXPECT_EQ(problem.status, 409);
  EXPECT_EQ(problem.reason, "first");
  EXPECT_EQ(problem.detail, "records are missing");
  EXPECT_EQ(problem.first, 7u);
  EXPECT_EQ(problem_of({.reason = Reason::kStale}).first, std::nullopt);
}

TEST(StoreRefusal, CarriesTheErrorsMessage) {
  const auto refusal = store_refusal({.code = ErrorCode::kEnvironment, .message = "the database is full"});
  EXPECT_EQ(refusal.reason, Reason::kStore);
  EXPECT_EQ(refusal.detail, "the database is full");
}

}  // namespace refusal_test
}  // namespace imakeep::verifier
