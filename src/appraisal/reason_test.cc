// SPDX-License-Identifier: Apache-2.0
#include "appraisal/reason.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/text.h"

namespace imakeep::appraisal {
namespace reason_test {

// The cells of each row of the page's tables whose first cell is in code style: "| `name` | ... |".
std::vector<std::vector<std::string>> rows_below(const std::string& heading) {
  const auto page = read_file(std::string(IMAKEEP_DOCS) + "/reference/findings.md");
  std::vector<std::vector<std::string>> rows;
  bool inside = false;
  for (const std::string_view line : split(page ? as_text(*page) : std::string_view(), "\n")) {
    if (line.starts_with("## ")) inside = line == heading;
    if (!inside || !line.starts_with("| `")) continue;
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

TEST(FindingsPage, HasEveryReasonWithItsEventMeaningAndRemedy) {
  std::map<std::string, std::string> on_page;
  for (const auto& row : rows_below("## Reasons")) {
    ASSERT_EQ(row.size(), 4u) << row[0];
    EXPECT_TRUE(on_page.emplace(row[0], row[1]).second) << row[0] << " stands twice";
    EXPECT_FALSE(row[2].empty() || row[3].empty()) << row[0];
  }
  std::map<std::string, std::string> in_code;
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    const ReasonInfo& reason = info(static_cast<Reason>(i));
    in_code.emplace(reason.name, reason.event_id);
  }
  EXPECT_EQ(on_page, in_code);
}

TEST(FindingsPage, HasEveryRule) {
  std::set<std::string> on_page;
  for (const auto& row : rows_below("## Rules that accept")) on_page.insert(row[0]);
  std::set<std::string> in_code;
  for (std::size_t i = 0; i < kRuleCount; ++i) in_code.emplace(name(static_cast<Rule>(i)));
  EXPECT_EQ(on_page, in_code);
}

TEST(Reasons, HaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kReasonCount; ++i) names.insert(info(static_cast<Reason>(i)).name);
  EXPECT_EQ(names.size(), kReasonCount);
}

}  // namespace reason_test
}  // namespace imakeep::appraisal
