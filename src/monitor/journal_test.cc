// SPDX-License-Identifier: Apache-2.0
#include "monitor/journal.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <syslog.h>

#include <fstream>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "monitor/keep_events.h"
#include "support/scratch_directory.h"

namespace imakeep::monitor {
namespace journal_test {

using nlohmann::json;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using testing::UnorderedElementsAre;

class LogTargetTest : public testing::Test {
 protected:
  LogTargetTest() {
    std::ofstream(directory_.file("stream")) << "";
    std::ofstream(directory_.file("socket")) << "";
    stream_ = open_file(directory_.file("stream"), O_WRONLY).value();
    struct stat status {};
    EXPECT_EQ(::fstat(stream_.get(), &status), 0);
    id_ = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
  }
  LogTarget of(const std::string& journal_stream, const std::string& socket = "socket") const {
    return log_target(stream_.get(), journal_stream.c_str(), directory_.file(socket));
  }

  const imakeep::test::ScratchDirectory directory_;
  UniqueFd stream_;
  std::string id_;
};

TEST_F(LogTargetTest, IsTheJournalOnlyIfTheDescriptorIsItsStream) {
  EXPECT_EQ(of(id_), LogTarget::kJournal);
  EXPECT_EQ(of(id_ + "1"), LogTarget::kPlain);
  EXPECT_EQ(of("1" + id_), LogTarget::kPlain);
  EXPECT_EQ(of(""), LogTarget::kPlain);
  EXPECT_EQ(log_target(stream_.get(), nullptr), LogTarget::kPlain);
  EXPECT_EQ(log_target(-1, id_.c_str()), LogTarget::kPlain);
}

TEST_F(LogTargetTest, AJournalThatCannotBeReachedGetsLinesWithTheirPriority) {
  EXPECT_EQ(of(id_, "none"), LogTarget::kPrefixed);
}

TEST(JournalFields, ATrimTellsAllOfIt) {
  const json members = {{"records", 132},
                        {"method", "count"},
                        {"hold_us", 210},
                        {"list_records", 3},
                        {"chain", 1},
                        {"first", 0},
                        {"bytes", 18'000},
                        {"proven_unix_s", 1'800'000'000},
                        {"no_table_memory", false}};
  EXPECT_THAT(journal_fields("trimmed", "trimmed 132 records", members),
              UnorderedElementsAre("MESSAGE=trimmed 132 records", "PRIORITY=6", "SYSLOG_IDENTIFIER=imakeep",
                                   "MESSAGE_ID=319b5d555be0462e8fc5da331c5a290b", "IMAKEEP_EVENT=trimmed",
                                   "IMAKEEP_RECORDS=132", "IMAKEEP_METHOD=count", "IMAKEEP_HOLD_USEC=210",
                                   "IMAKEEP_LIST_RECORDS=3", "IMAKEEP_CHAIN=1", "IMAKEEP_FIRST=0",
                                   "IMAKEEP_BYTES=18000", "IMAKEEP_PROVEN_UNIX_SEC=1800000000"));
}

TEST(JournalFields, EachHolderIsAField) {
  const auto fields = journal_fields("busy", "busy", {{"holders", {{{"pid", 5}}, {{"pid", 7}}}}});
  EXPECT_THAT(fields, Contains("IMAKEEP_HOLDER_PID=5"));
  EXPECT_THAT(fields, Contains("IMAKEEP_HOLDER_PID=7"));
}

TEST(JournalFields, AnUnknownValueIsNoField) {
  EXPECT_THAT(journal_fields("found", "a gap", {{"diagnosis", "gap"}, {"records", nullptr}}),
              Not(Contains(StartsWith("IMAKEEP_RECORDS="))));
}

TEST(JournalFields, AnEventThatIsNotListedHasNoMessageId) {
  EXPECT_THAT(journal_fields("other", "text", json::object()), Not(Contains(StartsWith("MESSAGE_ID="))));
}

TEST(KeepEvents, TrimsByOthersAreWarningsAndGapsErrors) {
  EXPECT_EQ(priority_of("found", {{"diagnosis", "gap"}}), LOG_ERR);
  EXPECT_EQ(priority_of("found", {{"diagnosis", "trimmed-by-other"}}), LOG_WARNING);
  EXPECT_EQ(priority_of("other", json::object()), LOG_INFO);
}

TEST(KeepEvents, EachHasAMessageIdOfItsOwnThatIsDocumented) {
  const Bytes bytes = read_file(IMAKEEP_DOCS "/logs.md").value();
  std::set<std::string_view> ids;
  for (const KeepEvent& event : keep_events()) {
    EXPECT_EQ(event.message_id.size(), 32u);
    EXPECT_EQ(event.message_id.find_first_not_of("0123456789abcdef"), std::string_view::npos);
    EXPECT_TRUE(ids.insert(event.message_id).second) << event.name;
    EXPECT_THAT(std::string(as_text(bytes)),
                HasSubstr("| `" + std::string(event.name) + "` | `" + std::string(event.message_id) + "` | "));
  }
}

}  // namespace journal_test
}  // namespace imakeep::monitor
