// SPDX-License-Identifier: Apache-2.0
#include "control/list_service.h"

#include <gtest/gtest.h>

#include "control/message.h"
#include "mlist/test_support.h"

namespace imakeep::control {
namespace list_service_test {

using mlist::test::Content;
using mlist::test::numbered;
using mlist::test::numbered_paths;
using mlist::test::paths_of;

const digest::Bank kSha256{.algorithm = digest::Algorithm::kSha256};

// PCRs in memory.
class TestPcrs : public tpm::PcrBanks {
 public:
  explicit TestPcrs(const std::vector<digest::Bank>& banks) : state_(banks) {}

  const std::vector<digest::Bank>& banks() const override { return state_.banks(); }
  Result<void> extend(std::uint32_t pcr, std::span<const digest::Digest> digests) override {
    for (std::size_t bank = 0; bank < digests.size(); ++bank) state_.extend(bank, pcr, digests[bank]);
    return {};
  }
  Result<std::vector<digest::Digest>> read(std::uint32_t pcr) override {
    std::vector<digest::Digest> values;
    for (std::size_t bank = 0; bank < banks().size(); ++bank) values.push_back(state_.value(bank, pcr));
    return values;
  }

 private:
  digest::PcrState state_;
};

struct ListServiceTest : testing::Test {
  Message ask(nlohmann::json head, Bytes payload = {}) {
    return service.answer({.head = std::move(head), .payload = std::move(payload)});
  }
  nlohmann::json append(const std::vector<Content>& contents, bool deduplicate = false) {
    return ask({{"op", "append"}, {"bank", "sha256"}, {"deduplicate", deduplicate}},
               imalog::test::list_of(contents, kSha256, kHostOrder))
        .head;
  }
  static std::string error_code(const nlohmann::json& answer) {
    EXPECT_FALSE(answer.value("ok", true)) << answer;
    return answer.value("/error/code"_json_pointer, "");
  }

  std::vector<digest::Bank> banks = mlist::test::banks("sha1,sha256");
  TestPcrs pcrs{banks};
  PcrRecorder recorder{pcrs};
  mlist::MeasurementList list{mlist::ListOptions{
      .banks = banks, .extend = [this](std::uint32_t pcr, auto digests) { return recorder.extend(pcr, digests); }}};
  ListService service{list, recorder, ServiceOptions{.template_name = "ima-sig"}};
};

TEST_F(ListServiceTest, HelloSaysHowToMeasure) {
  const auto answer = ask({{"op", "hello"}}).head;
  EXPECT_EQ(answer, nlohmann::json({{"ok", true},
                                    {"banks", {"sha1", "sha256"}},
                                    {"hash", "sha256"},
                                    {"template", "ima-sig"},
                                    {"pcr", 10},
                                    {"byte_order", kHostOrder == ByteOrder::kBig ? "big" : "little"},
                                    {"table", "kept"}}));
}

TEST_F(ListServiceTest, AppendAddsEveryRecordAndCountsViolations) {
  Content violation = numbered(1);
  violation.violation = true;
  const auto answer = append({numbered(0), violation});
  EXPECT_EQ(answer, nlohmann::json({{"ok", true}, {"added", 2}, {"repeated", 0}, {"extends_failed", 0}}));
  EXPECT_EQ(paths_of(list), numbered_paths(0, 2));
  EXPECT_EQ(list.violations(), 1u);
}

TEST_F(ListServiceTest, AppendLeavesOutRepeatsOnlyIfAskedTo) {
  append({numbered(0)});
  EXPECT_EQ(append({numbered(0), numbered(1)}, true).value("repeated", 0), 1);
  EXPECT_EQ(list.current_records(), 2u);
  EXPECT_EQ(append({numbered(0)}, false).value("added", 0), 1);
  EXPECT_EQ(list.current_records(), 3u);
}

TEST_F(ListServiceTest, AppendOfADamagedListAddsNothingAndNamesTheRecord) {
  Bytes payload = imalog::test::list_of({numbered(0), numbered(1)}, kSha256, kHostOrder);
  const std::size_t second = payload.size() / 2;
  payload.back() ^= std::byte{1};
  const auto altered = ask({{"op", "append"}, {"bank", "sha256"}}, payload).head;
  EXPECT_EQ(error_code(altered), "mismatch");
  EXPECT_EQ(altered["error"]["record"], 1);
  EXPECT_EQ(altered["error"]["offset"], second);
  payload.pop_back();
  const auto cut = ask({{"op", "append"}, {"bank", "sha256"}}, payload).head;
  EXPECT_EQ(error_code(cut), "truncated");
  EXPECT_EQ(cut["error"]["record"], 1);
  const auto fields = append({numbered(0), Content{.template_name = "ima-ng", .body = Bytes(3)}});
  EXPECT_EQ(error_code(fields), "malformed");
  EXPECT_EQ(fields["error"]["record"], 1);
  EXPECT_EQ(list.current_records(), 0u);
}

TEST_F(ListServiceTest, AppendToASuspendedListSaysWhereItStopped) {
  append({numbered(0)});
  EXPECT_EQ(ask({{"op", "suspend"}}).head.value("ok", false), true);
  const auto answer = append({numbered(1)});
  EXPECT_EQ(answer["stopped"]["errno"], ENODEV);
  EXPECT_EQ(answer["stopped"]["record"], 0);
  EXPECT_EQ(answer["added"], 0);
}

TEST_F(ListServiceTest, AppendReportsExtendsThatFailed) {
  mlist::MeasurementList failing(mlist::ListOptions{.banks = banks, .extend = [](std::uint32_t, auto) -> Result<void> {
                                                      return fail(ErrorCode::kIo, "TPM is gone");
                                                    }});
  ListService over_failing(failing, recorder, {});
  const auto answer =
      over_failing.answer({.head = {{"op", "append"}, {"bank", "sha256"}},
                           .payload = imalog::test::list_of({numbered(0), numbered(1)}, kSha256, kHostOrder)});
  EXPECT_EQ(answer.head["added"], 2);
  EXPECT_EQ(answer.head["extends_failed"], 2);
  EXPECT_EQ(answer.head["extend_error"]["message"], "TPM is gone");
  EXPECT_EQ(failing.current_records(), 2u);
}

TEST_F(ListServiceTest, PcrsAreThoseThatWereExtended) {
  EXPECT_TRUE(ask({{"op", "pcrs"}}).head["pcrs"].empty());
  append({numbered(0), mlist::test::ima_ng("/eleven", 11)});
  const auto values = ask({{"op", "pcrs"}}).head["pcrs"];
  ASSERT_EQ(values.size(), 4u);
  for (const auto& value : values) {
    const std::size_t bank = value["bank"] == "sha1" ? 0 : 1;
    EXPECT_EQ(value["value"], to_hex((*pcrs.read(value["pcr"]))[bank].view()));
  }
}

TEST_F(ListServiceTest, StatsAreTheListsCounters) {
  append({numbered(0), numbered(1), numbered(2)});
  ASSERT_TRUE(list.stage());
  append({numbered(3)});
  const auto stats = ask({{"op", "stats"}}).head;
  const auto counters = list.counters();
  EXPECT_EQ(stats["current"]["records"], 1);
  EXPECT_EQ(stats["staged"]["records"], 3);
  EXPECT_EQ(stats["staged"]["bytes"], counters.staged.counted_bytes);
  EXPECT_EQ(stats["full"]["records"], 4);
  EXPECT_EQ(stats["table"]["entries"], 4);
  EXPECT_EQ(stats["table"]["memory_bytes"], counters.table_bytes);
  EXPECT_EQ(stats["record_memory_bytes"], counters.record_bytes);
  EXPECT_EQ(stats["suspended"], false);
}

TEST_F(ListServiceTest, SaveGivesAnImageThatRestores) {
  append({numbered(0), numbered(1)});
  EXPECT_GT(ask({{"op", "kexec-load"}}).head.value("segment_bytes", 0), 0);
  const Message answer = ask({{"op", "save"}});
  EXPECT_EQ(answer.head["records"], 4) << "with kexec_load and kexec_execute";
  EXPECT_EQ(answer.head["dropped"], 0);
  mlist::MeasurementList next(mlist::ListOptions{});
  EXPECT_EQ(mlist::restore_kexec_image(next, answer.payload)->records, 4u);
  EXPECT_EQ(ask({{"op", "save"}}).payload, answer.payload) << "suspended: nothing more can come";
}

TEST_F(ListServiceTest, AnswersWhatIsNoRequestWithAnError) {
  for (const char* head :
       {"{}", "[]", "null", "3", R"({"op": 7})", R"({"op": "frobnicate"})", R"({"op": "append"})",
        R"({"op": "append", "bank": 5})", R"({"op": "append", "bank": null})", R"({"op": "append", "bank": "md4"})",
        R"({"op": "append", "bank": "sha256", "deduplicate": "yes"})"}) {
    EXPECT_EQ(error_code(ask(nlohmann::json::parse(head)).head), "usage") << head;
  }
}

}  // namespace list_service_test
}  // namespace imakeep::control
