// SPDX-License-Identifier: Apache-2.0
#include "monitor/status_json.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "monitor/test_support.h"

namespace imakeep::monitor {
namespace status_json_test {

using nlohmann::json;
using test::full_status;

TEST(StatusJson, HasTheMembersOfThePage) {
  const json made = json_of(full_status());
  EXPECT_EQ(made["at_unix_s"], 1'800'000'100);
  EXPECT_EQ(made["archive"]["payload_bytes"], 14'000);
  EXPECT_EQ(made["chain"]["start"], "boot");
  EXPECT_EQ(made["chain"]["broken"], json::parse(R"([{"first": 10, "end": 14, "why": "gap", "since_unix_s": 1}])"));
  EXPECT_EQ(made["chain"]["anchors"], json::parse(R"([{"record": 14, "broken_at": 10, "why": "gap"}])"));
  EXPECT_EQ(made["trimmed"]["by_others"], json::parse(R"({"records": 5, "times": 1})"));
  EXPECT_EQ(made["pcrs"], json::parse(R"({"state": "does not match", "diagnosis": "gap", "what": "4 records are lost",
                                          "chain": 2, "first": 10, "records": 4})"));
  EXPECT_EQ(made["incidents"][0]["records"], nullptr);
  EXPECT_EQ(made["list"]["archived_records"], 30);
  EXPECT_EQ(made["keeper"]["failures"], json::parse(R"({"follow": 0, "trim": 0})"));
  EXPECT_EQ(made["verifiers"], json::parse(R"([{"name": "audit", "records": 110, "last_unix_s": 1800000058},
                                               {"name": "fleet", "records": 0, "last_unix_s": 0}])"));
  EXPECT_EQ(made["keeper"]["trim_after"], "verified");
  EXPECT_EQ(made["keeper"]["held_back"], "verifier fleet has proven nothing");
  EXPECT_EQ(made["keeper"]["held_back_records"], 30);
  EXPECT_EQ(made["keeper"]["lag"], 1);
  EXPECT_EQ(made["keeper"]["last_writers"]["writers"][0]["pid"], 7);
  EXPECT_EQ(made["keeper"]["holds"]["at_most"][1], json::parse(R"({"us": 250, "times": 1})"));
}

TEST(StatusJson, ReadsWhatItWrote) {
  const json whole = json_of(full_status());
  const auto read = status_of(whole);
  ASSERT_TRUE(read) << describe(read.error());
  EXPECT_EQ(json_of(*read), whole);

  const json least = json_of(Status{});
  const auto read_least = status_of(least);
  ASSERT_TRUE(read_least) << describe(read_least.error());
  EXPECT_EQ(json_of(*read_least), least);
  EXPECT_EQ(least["chain"], nullptr);
  EXPECT_EQ(least["pending"], nullptr);
  for (const char* part : {"trimmed", "proven", "verifiers", "list", "holders", "view", "keeper"}) {
    EXPECT_FALSE(least.contains(part)) << part;
  }
}

TEST(StatusJson, KeepsErrorsAndWhatIsNotPossible) {
  Status status = full_status();
  status.list->current_records.reset();
  status.list->error = "gone";
  status.list->method.clear();
  status.list->no_method = "no bank is common";
  status.view->error = "damaged";
  status.keeper->error = "busy";
  status.keeper->follows_only = "no PCRs";
  const json made = json_of(status);
  EXPECT_EQ(made["list"]["method"], nullptr);
  const auto read = status_of(made);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->list->error, "gone");
  EXPECT_EQ(read->list->no_method, "no bank is common");
  EXPECT_EQ(read->view->error, "damaged");
  EXPECT_EQ(read->keeper->error, "busy");
  EXPECT_EQ(read->keeper->follows_only, "no PCRs");
}

TEST(StatusJson, ALaterKeepersMembersAreIgnored) {
  json later = json_of(full_status());
  later["news"] = 1;
  later["keeper"]["news"] = json::array();
  EXPECT_TRUE(status_of(later));
}

TEST(StatusJson, WhatIsNoStatusIsMalformed) {
  const json whole = json_of(full_status());
  std::size_t tried = 0;
  const auto expect_refused = [&](const json& changed, const std::string& why) {
    const auto read = status_of(changed);
    ASSERT_FALSE(read) << why;
    EXPECT_EQ(read.error().code, ErrorCode::kMalformed) << why;
    ++tried;
  };
  for (const char* member : {"/archive", "/archive/records", "/pcrs/state", "/chain/broken/0/first", "/keeper/holds/us",
                             "/view/mounted", "/incidents", "/incident_counts", "/list/table"}) {
    const json::json_pointer at(member);
    json without = whole;
    without.at(at.parent_pointer()).erase(at.back());
    expect_refused(without, std::string("without ") + member);
    json other = whole;
    other[at] = json::array({"an array of text"});
    expect_refused(other, std::string("another type of ") + member);
  }
  expect_refused(json::object({{"text", "pong"}}), "an answer to something else");
  json state = whole;
  state["pcrs"]["state"] = "splendid";
  expect_refused(state, "an unknown state");
  EXPECT_EQ(tried, 20u);
}

TEST(Status, IsGoodUntilSomethingFailed) {
  Status status = full_status();
  EXPECT_FALSE(is_good(status));
  for (const PcrsState state :
       {PcrsState::kProven, PcrsState::kLagging, PcrsState::kIncomplete, PcrsState::kNotProven}) {
    status.pcrs.state = state;
    EXPECT_TRUE(is_good(status)) << word(state);
  }
  status.view->error = "damaged";
  EXPECT_FALSE(is_good(status));
  status.view->error.clear();
  status.keeper->error = "busy";
  EXPECT_FALSE(is_good(status));
  EXPECT_TRUE(is_good(Status{}));
}

}  // namespace status_json_test
}  // namespace imakeep::monitor
