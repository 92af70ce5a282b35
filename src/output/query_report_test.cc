// SPDX-License-Identifier: Apache-2.0
#include "output/query_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/test_archive.h"

namespace imakeep::output {
namespace query_report_test {

using imalog::test::must;
using nlohmann::json;
using test::sha256_of;
using ::testing::HasSubstr;

constexpr std::int64_t kNow = 1'796'058'303;  // 2026-11-30T17:05:03Z

class StringSink : public FeedSink {
 public:
  Result<void> write(std::string_view written) override {
    text += written;
    return {};
  }
  void report(const Error& error) override { reports.push_back(error.message); }

  std::string text;
  std::vector<std::string> reports;
};

class QueryReport : public ::testing::Test {
 protected:
  QueryReport() {
    const auto chain = archive_.begin_chain();
    archive_.append(chain,
                    {{.path = "/usr/bin/a", .content = "1"},
                     {.path = "/usr/bin/\x1b[2J", .content = "2"},
                     {.path = "/opt/c"},
                     {.path = "", .content = "1", .template_name = "ima-ng"}},
                    kNow);
  }
  std::string ask(const QueryRequest& request) {
    StringSink sink;
    const auto whole = answer(archive_.archive(), request, kNow + 3600, sink);
    if (!whole) return whole.error().message;
    EXPECT_TRUE(*whole);
    return sink.text;
  }

  test::TestArchive archive_;
};

TEST_F(QueryReport, ListsRecordsAsLinesThatATerminalDoesNotObey) {
  EXPECT_EQ(ask({}), "1 0 2026-11-30T17:05:03Z 10 ima-ng " + sha256_of("1") +
                         " /usr/bin/a\n"
                         "1 1 2026-11-30T17:05:03Z 10 ima-ng " +
                         sha256_of("2") +
                         " /usr/bin/\\x1b[2J\n"
                         "1 2 2026-11-30T17:05:03Z 10 ima-ng violation /opt/c\n"
                         "1 3 2026-11-30T17:05:03Z 10 ima-ng " +
                         sha256_of("1") + " -\n");
}

TEST_F(QueryReport, TakesEachCondition) {
  const auto lines = [this](const QueryRequest& request) {
    const std::string text = ask(request);
    return std::count(text.begin(), text.end(), '\n');
  };
  EXPECT_EQ(lines({.paths = {"/usr/*"}}), 2);
  EXPECT_EQ(lines({.digests = {sha256_of("1")}}), 2);
  EXPECT_EQ(lines({.templates = {"ima-sig"}}), 0);
  EXPECT_EQ(lines({.pcrs = {"10", "11"}}), 4);
  EXPECT_EQ(lines({.since = "2h", .until = "30m"}), 4);
  EXPECT_EQ(lines({.until = "2026-11-30"}), 0);
  EXPECT_EQ(lines({.first_seen = true}), 2);
  EXPECT_EQ(lines({.violations = true}), 1);
}

TEST_F(QueryReport, ListsRecordsAsJson) {
  const json line = json::parse(ask({.paths = {"/usr/bin/a"}, .json = true}));
  EXPECT_EQ(line, json::parse(R"({"chain": 1, "number": 0, "archived_not_before": "2026-11-30T17:05:03Z", "pcr": 10,
                                  "template": "ima-ng", "violation": false, "digest": ")" +
                              sha256_of("1") + R"(", "name": "/usr/bin/a"})"));
}

TEST_F(QueryReport, CountsAsText) {
  const std::string text = ask({.count_by = "directory"});
  EXPECT_THAT(text, HasSubstr("2  "));
  EXPECT_THAT(text, HasSubstr("  /usr/bin\n"));
  EXPECT_THAT(text, HasSubstr("  -\n"));
  EXPECT_THAT(text, HasSubstr("4 records, 3 different\n"));
  EXPECT_THAT(ask({.count_by = "directory", .top = 1}), HasSubstr("4 records, 3 different, 2 not shown\n"));
  EXPECT_EQ(ask({.templates = {"none"}, .count_by = "path"}), "0 records, 0 different\n");
}

TEST_F(QueryReport, CountsAsJson) {
  const json object = json::parse(ask({.count_by = "digest", .top = 1, .json = true}));
  EXPECT_EQ(object["records"], 4);
  EXPECT_EQ(object["different"], 3);
  ASSERT_EQ(object["counts"].size(), 1u);
  EXPECT_EQ(object["counts"][0]["digest"], sha256_of("1"));
  EXPECT_EQ(object["counts"][0]["records"], 2);
}

TEST_F(QueryReport, NamesTheOptionThatIsWrong) {
  EXPECT_THAT(ask({.since = "soon"}), HasSubstr("--since: \"soon\" is no time"));
  EXPECT_THAT(ask({.until = "soon"}), HasSubstr("--until: \"soon\" is no time"));
  EXPECT_THAT(ask({.since = "1h", .until = "2h"}), HasSubstr("--until lies before --since"));
  EXPECT_THAT(ask({.pcrs = {"24"}}), HasSubstr("--pcr: "));
  EXPECT_THAT(ask({.digests = {"x"}}), HasSubstr("is no digest"));
  EXPECT_THAT(ask({.chain = archive::ChainId(7)}), HasSubstr("chain 7"));
}

TEST_F(QueryReport, SaysWhatItCouldNotRead) {
  ASSERT_TRUE(archive_.store().begin());
  ASSERT_TRUE(archive_.store().remove_segment(archive::ChainId(1), 0));
  ASSERT_TRUE(archive_.store().commit());
  StringSink sink;
  EXPECT_FALSE(must(answer(archive_.archive(), {}, kNow, sink)));
  EXPECT_THAT(sink.reports, ::testing::ElementsAre(HasSubstr("chain 1: left out records 0 to 3")));
}

}  // namespace query_report_test
}  // namespace imakeep::output
