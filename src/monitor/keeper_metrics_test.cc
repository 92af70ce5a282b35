// SPDX-License-Identifier: Apache-2.0
#include "monitor/keeper_metrics.h"

#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "monitor/test_support.h"

namespace imakeep::monitor {
namespace keeper_metrics_test {

using test::full_status;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string text_of(const Status& status) {
  return "\n" + metrics_text(status, "0.1.0");
}

void expect_sample(const std::string& text, const std::string& line) {
  EXPECT_THAT(text, HasSubstr("\n" + line + "\n"));
}

TEST(KeeperMetrics, NumbersOfTheStatusAreSamples) {
  const std::string text = text_of(full_status());
  for (const char* line : {
           "imakeep_build_info{version=\"0.1.0\"} 1",
           "imakeep_keeper_info{method=\"count\",table=\"kept\"} 1",
           "imakeep_updated_timestamp_seconds 1800000100",
           "imakeep_archive_records 135",
           "imakeep_archive_payload_bytes 14000",
           "imakeep_archive_filesystem_free_bytes 5000000000",
           "imakeep_trimmed_records_total 100",
           "imakeep_trims_by_others_total 1",
           "imakeep_trimmed_by_others_records_total 5",
           "imakeep_last_proof_timestamp_seconds 1800000060",
           "imakeep_list_records 32",
           "imakeep_list_staged_records 2",
           "imakeep_list_lag_records 1",
           "imakeep_list_violations_total 6",
           "imakeep_list_busy_total 1",
           "imakeep_trimmed_bytes_total 20000",
           "imakeep_failures_total{operation=\"trim\"} 0",
           "imakeep_follows_only 0",
           "imakeep_verifiers 2",
           "imakeep_verifier_records{verifier=\"audit\"} 110",
           "imakeep_verifier_records{verifier=\"fleet\"} 0",
           "imakeep_verifier_last_timestamp_seconds{verifier=\"audit\"} 1800000058",
           "imakeep_held_back_records 30",
       }) {
    expect_sample(text, line);
  }
}

TEST(KeeperMetrics, TimesAreSeconds) {
  const std::string text = text_of(full_status());
  expect_sample(text, "imakeep_list_busy_seconds 2.5");
  expect_sample(text, "imakeep_trim_overdue_seconds 2.5");
  expect_sample(text, "imakeep_pending_age_seconds 30");
  expect_sample(text, "imakeep_pending_records 7");
}

TEST(KeeperMetrics, HoldsAreAHistogramWhoseLastBucketHasAll) {
  EXPECT_THAT(text_of(full_status()), HasSubstr("# TYPE imakeep_trim_hold_seconds histogram\n"
                                                "imakeep_trim_hold_seconds_bucket{le=\"0.0001\"} 0\n"
                                                "imakeep_trim_hold_seconds_bucket{le=\"0.00025\"} 1\n"
                                                "imakeep_trim_hold_seconds_bucket{le=\"0.001\"} 1\n"
                                                "imakeep_trim_hold_seconds_bucket{le=\"0.0025\"} 1\n"
                                                "imakeep_trim_hold_seconds_bucket{le=\"0.01\"} 1\n"
                                                "imakeep_trim_hold_seconds_bucket{le=\"0.025\"} 1\n"
                                                "imakeep_trim_hold_seconds_bucket{le=\"0.1\"} 1\n"
                                                "imakeep_trim_hold_seconds_bucket{le=\"0.25\"} 1\n"
                                                "imakeep_trim_hold_seconds_bucket{le=\"1\"} 1\n"
                                                "imakeep_trim_hold_seconds_bucket{le=\"10\"} 2\n"
                                                "imakeep_trim_hold_seconds_bucket{le=\"+Inf\"} 2\n"
                                                "imakeep_trim_hold_seconds_sum 3.00024\n"
                                                "imakeep_trim_hold_seconds_count 2\n"));
}

TEST(KeeperMetrics, ThePcrsAreInExactlyOneState) {
  const std::string text = text_of(full_status());
  expect_sample(text, "imakeep_pcrs_state{state=\"does not match\"} 1");
  for (const char* state : {"proven", "lagging", "incomplete", "not proven"}) {
    expect_sample(text, std::string("imakeep_pcrs_state{state=\"") + state + "\"} 0");
  }
}

TEST(KeeperMetrics, ARenamedValueOfALabelKeepsItsFormerWord) {
  const std::string text = text_of(full_status());
  expect_sample(text, "imakeep_pcrs_state{state=\"does not fit\"} 1");
  expect_sample(text, "imakeep_pcrs_state{state=\"behind\"} 0");
  for (const char* word : {"unsettled", "concurrent-change"}) {
    expect_sample(text, std::string("imakeep_incidents_total{kind=\"") + word + "\"} 0");
  }
}

TEST(KeeperMetrics, EveryKindIsThereBeforeItsFirstTime) {
  const std::string text = text_of(full_status());
  expect_sample(text, "imakeep_incidents_total{kind=\"gap\"} 2");
  expect_sample(text, "imakeep_incidents_total{kind=\"altered-record\"} 0");
  expect_sample(text, "imakeep_incidents_total{kind=\"odd\\\"one\\\\\"} 1");
  expect_sample(text, "imakeep_found{diagnosis=\"gap\"} 1");
  expect_sample(text, "imakeep_found{diagnosis=\"trimmed-by-other\"} 0");
}

TEST(KeeperMetrics, UnprovenAndBrokenRecordsAreCounted) {
  const std::string text = text_of(full_status());
  expect_sample(text, "imakeep_unproven_records 5");
  expect_sample(text, "imakeep_broken_records 4");
}

TEST(KeeperMetrics, HoldersAreCountedByHow) {
  const std::string text = text_of(full_status());
  expect_sample(text, "imakeep_list_holders{access=\"read\"} 2");
  expect_sample(text, "imakeep_list_holders{access=\"write\"} 1");
}

TEST(KeeperMetrics, TheViewIsCompleteUntilItHasAnError) {
  Status status = full_status();
  expect_sample(text_of(status), "imakeep_view_complete 1");
  status.view->error = "a segment is damaged";
  expect_sample(text_of(status), "imakeep_view_complete 0");
}

TEST(KeeperMetrics, AnUnknownValueHasNoSample) {
  Status status = full_status();
  status.keeper.reset();
  status.holders.reset();
  status.list.reset();
  status.chain.reset();
  status.pending.reset();
  status.view.reset();
  const std::string text = text_of(status);
  expect_sample(text, "imakeep_archive_records 135");
  expect_sample(text, "imakeep_pending_age_seconds 0");
  for (const char* name : {"imakeep_list", "imakeep_trim", "imakeep_unproven", "imakeep_keeper_info", "imakeep_follows",
                           "imakeep_found", "imakeep_view", "null"}) {
    EXPECT_THAT(text, Not(HasSubstr(name))) << name;
  }
}

TEST(KeeperMetrics, AKeeperThatTakesNothingOutSaysSo) {
  Status status = full_status();
  status.keeper->follows_only = "no PCRs";
  status.list->method.clear();
  const std::string text = text_of(status);
  expect_sample(text, "imakeep_follows_only 1");
  expect_sample(text, "imakeep_keeper_info{method=\"none\",table=\"kept\"} 1");
}

TEST(KeeperMetrics, EveryMetricIsDocumentedAndEveryDocumentedOneIsThere) {
  const std::string text = metrics_text(full_status(), "0.1.0");
  std::set<std::string> made;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash, what, name, type;
    words >> hash >> what >> name >> type;
    if (hash == "#" && what == "TYPE") made.insert(name + " " + type);
  }
  std::set<std::string> documented;
  const Bytes page = read_file(IMAKEEP_DOCS "/metrics.md").value();
  std::istringstream rows{std::string(as_text(page))};
  for (std::string row; std::getline(rows, row);) {
    if (!row.starts_with("| `imakeep_")) continue;
    std::string name = row.substr(3, row.find_first_of("`{", 3) - 3);
    const std::size_t type = row.find("| ", 3) + 2;
    documented.insert(name + " " + row.substr(type, row.find(' ', type) - type));
  }
  EXPECT_EQ(made, documented);
}

}  // namespace keeper_metrics_test
}  // namespace imakeep::monitor
