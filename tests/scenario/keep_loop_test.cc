// SPDX-License-Identifier: Apache-2.0
#include "daemon/keep_loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "archive/memory/memory_store.h"
#include "base/base64.h"
#include "control/message.h"
#include "keeper/memory/memory_ima_source.h"
#include "mlist/test_support.h"
#include "tpm/soft/soft_pcr_banks.h"

namespace imakeep::daemon {
namespace keep_loop_test {

using nlohmann::json;
using testing::HasSubstr;

constexpr std::int32_t kOtherTask = 2;

// A machine in memory with a list of `boot_aggregate` and five records, and a keeper's loop on it. The list belongs to
// the thread that runs the loop.
class KeepLoopTest : public testing::Test {
 protected:
  KeepLoopTest() {
    ima_.list = std::make_unique<mlist::MeasurementList>(mlist::ListOptions{
        .banks = banks_, .extend = [this](std::uint32_t pcr, std::span<const digest::Digest> digests) {
          return pcrs_.extend(pcr, digests);
        }});
    mlist::test::must(ima_.list->append(mlist::test::ima_ng("boot_aggregate").view()));
    mlist::test::append_numbered(*ima_.list, 0, 5);
    config_.archive = "archive.imk";
    // Nothing happens by time: only what a test asks for.
    config_.follow_every_ms = 3'600'000;
    config_.every_ms = 0;
    config_.pressure_percent = 0;
    config_.trim_at_exit = false;
  }

  KeepLoop& loop(tpm::PcrBanks* pcrs) {
    loop_ = std::make_unique<KeepLoop>(KeepParts{.source = source_,
                                                 .list_directory = {},
                                                 .archive = archive_,
                                                 .pcrs = pcrs,
                                                 .clock = clock_,
                                                 .log = log_,
                                                 .metrics = metrics_,
                                                 .activity = activity_,
                                                 .view = nullptr,
                                                 .first_look = first_look_},
                                       config_, keeper::TableMode::kKept);
    return *loop_;
  }

  // Runs the loop until `ask` has ended in a thread of its own.
  void run_while(KeepLoop& loop, const std::function<void(RequestQueue&)>& ask) {
    const auto requests = RequestQueue::make(activity_).value();
    const UniqueFd to_end(::eventfd(0, EFD_CLOEXEC));
    std::thread asker([&] {
      ask(*requests);
      const std::uint64_t one = 1;
      EXPECT_EQ(::write(to_end.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
    });
    loop.run({.to_trim = -1, .to_end = to_end.get(), .requests = *requests});
    asker.join();
  }

  std::uint64_t archived() { return archive_.chains().value().back().end; }

  const std::vector<digest::Bank> banks_ = mlist::test::banks("sha256");
  tpm::SoftPcrBanks pcrs_{digest::PcrState(banks_)};
  keeper::MemoryIma ima_;
  keeper::MemoryImaSource source_{ima_, 1, banks_.front()};
  archive::MemoryStore store_;
  archive::Archive archive_{store_};
  SystemClock clock_;
  monitor::KeepLog log_{false};
  monitor::MetricsPublisher metrics_{"", nullptr};
  Activity activity_;
  KeepConfig config_;
  std::function<void(std::uint64_t, std::uint64_t)> first_look_;
  std::unique_ptr<KeepLoop> loop_;
};

json ask(RequestQueue& requests, const char* operation) {
  return requests.ask({.head = {{"op", operation}}}).head;
}

TEST_F(KeepLoopTest, OnceArchivesAndTrims) {
  EXPECT_EQ(loop(&pcrs_).once().value_or(false), true);
  EXPECT_EQ(archived(), 6u);
  // By count, one record stays: the list is known by it.
  EXPECT_EQ(ima_.list->current_records(), 1u);
}

TEST_F(KeepLoopTest, OnceWithoutPcrsOnlyArchives) {
  EXPECT_EQ(loop(nullptr).once().value_or(false), true);
  EXPECT_EQ(archived(), 6u);
  EXPECT_EQ(ima_.list->current_records(), 6u);
}

TEST_F(KeepLoopTest, OnceFailsWhileAnotherTaskHoldsTheList) {
  ASSERT_TRUE(ima_.mediation.open_writer({.tid = kOtherTask, .start_time = 1}));
  const auto ended = loop(&pcrs_).once();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().os_errno, EBUSY);
  EXPECT_EQ(ima_.list->current_records(), 6u);
}

TEST_F(KeepLoopTest, CarriesOutWhatIsAskedAndTellsIt) {
  std::promise<std::vector<json>> answers;
  std::string metrics;
  run_while(loop(&pcrs_), [&](RequestQueue& requests) {
    std::vector<json> all;
    for (const char* operation : {"status", "follow", "trim", "trim", "status", "sing"}) {
      all.push_back(ask(requests, operation));
    }
    const control::Message text = requests.ask({.head = {{"op", "metrics"}}});
    metrics = as_text(text.payload);
    answers.set_value(std::move(all));
  });
  const std::vector<json> all = answers.get_future().get();
  ASSERT_EQ(all.size(), 6u);
  EXPECT_EQ(all[0]["ok"], true);
  EXPECT_EQ(all[0]["archive"]["records"], 6);
  EXPECT_EQ(all[0]["pcrs"]["state"], "proven");
  EXPECT_EQ(all[0]["list"]["current_records"], 6);
  EXPECT_EQ(all[0]["list"]["method"], "count");
  EXPECT_EQ(all[0]["holders"], json::array());
  EXPECT_EQ(all[1], (json{{"ok", true}, {"archived", 0}, {"list_records", 6}}));
  EXPECT_EQ(all[2]["records"], 5);
  EXPECT_EQ(all[2]["list_records"], 1);
  EXPECT_EQ(all[3]["records"], 0);
  EXPECT_TRUE(all[3].contains("why_not"));
  EXPECT_EQ(all[4]["trimmed"]["records"], 5);
  EXPECT_EQ(all[4]["keeper"]["holds"]["times"], 1);
  EXPECT_EQ(all[5]["ok"], false);
  EXPECT_THAT(all[5].dump(), HasSubstr("unknown operation 'sing'"));
  EXPECT_THAT(metrics, HasSubstr("\nimakeep_trimmed_records_total 5\n"));
}

TEST_F(KeepLoopTest, AKeeperWithoutPcrsRefusesToTrim) {
  json answer;
  run_while(loop(nullptr), [&](RequestQueue& requests) { answer = ask(requests, "trim"); });
  EXPECT_EQ(answer["ok"], false);
  EXPECT_THAT(answer.dump(), HasSubstr("no PCRs prove the records"));
  EXPECT_EQ(ima_.list->current_records(), 6u);
}

// A request on the control socket registers a verifier; the keeper then trims below what all of them have proven.
TEST_F(KeepLoopTest, TrimsWhatEveryVerifierHasProven) {
  config_.trim_after = keeper::TrimAfter::kVerified;
  std::promise<std::vector<json>> answers;
  run_while(loop(&pcrs_), [&](RequestQueue& requests) {
    std::vector<json> all;
    const auto tell = [&](const json& request) { all.push_back(requests.ask({.head = request}).head); };
    const auto verified = [&](const char* name, std::uint64_t n) {
      tell({{"op", "verified"}, {"verifier", name}, {"chain", 1}, {"n", n}});
    };
    tell({{"op", "trim"}});
    tell({{"op", "status"}});
    verified("fleet", 6);
    verified("fleet", 5);
    verified("audit", 3);
    tell({{"op", "trim"}});
    tell({{"op", "status"}});
    tell({{"op", "verifiers"}, {"remove", "audit"}});
    tell({{"op", "trim"}});
    tell({{"op", "verifiers"}});
    answers.set_value(std::move(all));
  });
  const std::vector<json> all = answers.get_future().get();
  ASSERT_EQ(all.size(), 10u);
  EXPECT_EQ(all[0]["records"], 0);
  EXPECT_EQ(all[0]["why_not"], keeper::kNoVerifier);
  EXPECT_EQ(all[1]["verifiers"], json::array());
  EXPECT_EQ(all[1]["keeper"]["held_back"], keeper::kNoVerifier);
  EXPECT_EQ(all[1]["keeper"]["held_back_records"], 6);
  EXPECT_EQ(all[2], (json{{"ok", true}, {"new", true}}));
  EXPECT_EQ(all[3]["ok"], false);
  EXPECT_THAT(all[3].dump(), HasSubstr("never decreases"));
  EXPECT_EQ(all[4]["new"], true);
  EXPECT_EQ(all[5]["records"], 2);
  EXPECT_EQ(all[6]["keeper"]["trim_after"], "verified");
  EXPECT_EQ(all[6]["verifiers"][0]["name"], "audit");
  EXPECT_EQ(all[6]["verifiers"][0]["records"], 3);
  EXPECT_EQ(all[6]["verifiers"][1]["records"], 6);
  EXPECT_THAT(all[6]["keeper"]["held_back"].dump(), HasSubstr("verifier audit has proven only the records before 3"));
  EXPECT_EQ(all[7]["ok"], true);
  EXPECT_EQ(all[8]["records"], 3);
  EXPECT_EQ(all[9]["chain"], 1);
  ASSERT_EQ(all[9]["verifiers"].size(), 1u);
  EXPECT_EQ(all[9]["verifiers"][0]["name"], "fleet");
  EXPECT_EQ(all[9]["verifiers"][0]["records"], 6);
}

// Bytes that a TPM could have written: a quote of PCR 10 in bank sha256, an ECDSA signature, and a key on P-256.
json quote_of_a_tpm() {
  const auto base64 = [](const std::string& hex) { return to_base64(*from_hex(hex)); };
  const std::string front = "ff544347801800000000";
  const std::string clock_and_firmware = "00000000000000010000000100000000010000000000000001";
  const std::string select_pcr_10 = "00000001000b030004000020";
  const std::string area = "0023000b00050072000000100018000b000300100020";
  return {{"statement", base64(front + clock_and_firmware + select_pcr_10 + std::string(64, '0'))},
          {"signature", base64("0018000b000101000101")},
          {"ak_public", base64(area + std::string(64, '1') + "0020" + std::string(64, '1'))},
          {"pcrs", {{"sha256", {{"0", std::string(64, 'a')}}}}}};
}

TEST_F(KeepLoopTest, KeepsTheQuoteOfAVerdict) {
  std::vector<json> answers;
  const auto tell = [&](RequestQueue& requests, const json& quote) {
    answers.push_back(
        requests.ask({.head = {{"op", "verified"}, {"verifier", "fleet"}, {"chain", 1}, {"n", 6}, {"quote", quote}}})
            .head);
  };
  run_while(loop(&pcrs_), [&](RequestQueue& requests) {
    const json good = quote_of_a_tpm();
    tell(requests, good);
    for (const char* const member : {"statement", "signature", "ak_public"}) {
      for (const json& bad : {json(nullptr), json(5), json("no base64!"), json(""), json("AAAA")}) {
        json altered = good;
        altered[member] = bad;
        tell(requests, altered);
      }
    }
    for (const json& bad :
         {json(5), json{{"sha256", 5}}, json{{"sha0", json{{"0", std::string(64, 'a')}}}},
          json{{"sha256", json{{"24", std::string(64, 'a')}}}}, json{{"sha256", json{{"00", std::string(64, 'a')}}}},
          json{{"sha256", json{{"0", std::string(62, 'a')}}}}, json{{"sha256", json{{"0", 7}}}}}) {
      json altered = good;
      altered["pcrs"] = bad;
      tell(requests, altered);
    }
    tell(requests, "text");
  });
  EXPECT_EQ(answers[0]["ok"], true) << answers[0];
  for (std::size_t i = 1; i < answers.size(); ++i) EXPECT_EQ(answers[i]["error"]["code"], "usage") << i << answers[i];
  const auto kept = mlist::test::must(archive_.quotes(archive::ChainId(1)));
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].records, 6u);
  ASSERT_EQ(kept[0].accepted.pcrs.size(), 1u);
  EXPECT_EQ(to_hex(kept[0].accepted.pcrs[0].value.view()), std::string(64, 'a'));
}

TEST_F(KeepLoopTest, RefusesRequestsOfVerifiersThatMakeNoSense) {
  std::vector<json> requests_made = {
      {{"op", "verified"}},
      {{"op", "verified"}, {"verifier", 5}, {"chain", 1}, {"n", 1}},
      {{"op", "verified"}, {"verifier", "fleet"}, {"chain", "1"}, {"n", 1}},
      {{"op", "verified"}, {"verifier", "fleet"}, {"chain", 1}, {"n", -1}},
      {{"op", "verified"}, {"verifier", "fleet"}, {"chain", 1}, {"n", 1.5}},
      {{"op", "verified"}, {"verifier", "fleet"}, {"chain", 1}, {"n", 7}},
      {{"op", "verified"}, {"verifier", "fleet"}, {"chain", 2}, {"n", 0}},
      {{"op", "verified"}, {"verifier", "two words"}, {"chain", 1}, {"n", 1}},
      {{"op", "verifiers"}, {"remove", "nobody"}},
      {{"op", "verifiers"}, {"remove", 1}},
  };
  std::vector<json> answers;
  json listed;
  run_while(loop(&pcrs_), [&](RequestQueue& requests) {
    for (const json& request : requests_made) answers.push_back(requests.ask({.head = request}).head);
    listed = ask(requests, "verifiers");
  });
  ASSERT_EQ(answers.size(), requests_made.size());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(answers[i]["ok"], false) << requests_made[i];
    EXPECT_EQ(answers[i]["error"]["code"], "usage") << answers[i];
  }
  EXPECT_EQ(listed["verifiers"], json::array());
}

TEST_F(KeepLoopTest, TheLastLookArchivesWhatCameAfterTheFirst) {
  bool added = false;
  first_look_ = [&](std::uint64_t read, std::uint64_t total) {
    if (read < total || std::exchange(added, true)) return;
    mlist::test::append_numbered(*ima_.list, 5, 3);
  };
  KeepLoop& keeping = loop(&pcrs_);
  run_while(keeping, [](RequestQueue&) {});
  EXPECT_FALSE(keeping.last_look_failed());
  EXPECT_EQ(archived(), 9u);
}

TEST_F(KeepLoopTest, TheLastLookFailsIfTheListStaysBusy) {
  first_look_ = [&](std::uint64_t read, std::uint64_t total) {
    if (read < total) return;
    EXPECT_TRUE(ima_.mediation.open_writer({.tid = kOtherTask, .start_time = 1}));
  };
  KeepLoop& keeping = loop(&pcrs_);
  run_while(keeping, [](RequestQueue&) {});
  EXPECT_TRUE(keeping.last_look_failed());
  EXPECT_EQ(archived(), 6u);
}

}  // namespace keep_loop_test
}  // namespace imakeep::daemon
