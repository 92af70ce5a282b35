// SPDX-License-Identifier: Apache-2.0
#include "conformance/report.h"

#include <algorithm>
#include <cerrno>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "conformance/exemptions.h"
#include "conformance/request.h"

namespace imakeep::conformance {
namespace report_test {

Report some_report() {
  return {.ima_dir = "/ima",
          .on_fuse = true,
          .has_staging = true,
          .banks = {"sha1", "sha256"},
          .table = "kept",
          .results = {{.id = "a.one", .title = "one", .expected = "ok", .found = "ok", .status = CheckStatus::kPass},
                      {.id = "a.two", .title = "two", .expected = "ok", .found = "EBUSY", .status = CheckStatus::kFail},
                      {.id = "a.three", .title = "three", .reason = "needs --destructive"},
                      {.id = "a.four",
                       .title = "four",
                       .expected = "EINVAL",
                       .found = "0",
                       .status = CheckStatus::kExempt,
                       .reason = "FUSE does it"}}};
}

TEST(Report, OneFailureFailsItAndAnExemptionDoesNot) {
  Report report = some_report();
  EXPECT_FALSE(report.passed());
  report.results.erase(report.results.begin() + 1);
  EXPECT_TRUE(report.passed());
}

TEST(RenderText, HasOneLineACheckAndTheTotals) {
  const std::string text = render_text(some_report());
  EXPECT_EQ(std::ranges::count(text, '\n'), 6);
  EXPECT_EQ(text.rfind("/ima (FUSE): banks sha1 sha256, with staging\n", 0), 0u);
  EXPECT_NE(text.find("4 checks: 1 pass 1 fail 1 skip 1 exempt; hash table: kept\n"), std::string::npos);
}

TEST(RenderLine, ShowsExpectedAndFound) {
  const std::string line = render_line(some_report().results[1]);
  EXPECT_EQ(line.rfind("fail   a.two ", 0), 0u);
  EXPECT_NE(line.find("two: expected ok, found EBUSY"), std::string::npos);
}

TEST(RenderLine, ASkipShowsItsReasonOnly) {
  const std::string line = render_line(some_report().results[2]);
  EXPECT_EQ(line.find("expected"), std::string::npos);
  EXPECT_NE(line.find("three (needs --destructive)"), std::string::npos);
}

TEST(RenderLine, StaysOneLineWhateverWasFound) {
  CheckResult result = some_report().results[1];
  result.found = "a\nb\x1b[2J";
  const std::string line = render_line(result);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
}

TEST(RenderJson, HoldsEveryCheckAndTheTotals) {
  const auto json = nlohmann::json::parse(render_json(some_report()));
  EXPECT_EQ(json["totals"]["exempt"], 1);
  ASSERT_EQ(json["checks"].size(), 4u);
  EXPECT_EQ(json["checks"][1]["status"], "fail");
  EXPECT_EQ(json["checks"][1]["found"], "EBUSY");
  EXPECT_EQ(json["banks"][1], "sha256");
}

TEST(RenderJson, SurvivesANameThatIsNoUtf8) {
  Report report = some_report();
  report.ima_dir = "/\xff";
  EXPECT_EQ(nlohmann::json::parse(render_json(report))["totals"]["pass"], 1);
}

TEST(Exemptions, EachHasAReasonAndIsFoundOnce) {
  for (const Exemption& exemption : exemptions()) {
    EXPECT_FALSE(exemption.reason.empty());
    EXPECT_EQ(find_exemption(exemption.id), &exemption);
  }
}

TEST(Exemptions, ABankDoesNotHideOneAndAPrefixFindsNone) {
  const std::string id(exemptions().front().id);
  EXPECT_NE(find_exemption(id + ":sha256"), nullptr);
  EXPECT_EQ(find_exemption(id + "-more"), nullptr);
  EXPECT_EQ(find_exemption("stage.A-moves-all"), nullptr);
}

TEST(ErrnoName, IsTheSymbol) {
  EXPECT_EQ(errno_name(0), "ok");
  EXPECT_EQ(errno_name(ESTALE), "ESTALE");
  EXPECT_EQ(errno_name(99999), "errno 99999");
}

}  // namespace report_test
}  // namespace imakeep::conformance
