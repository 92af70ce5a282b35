// SPDX-License-Identifier: Apache-2.0
#include "monitor/status_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monitor/test_support.h"

namespace imakeep::monitor {
namespace status_text_test {

using test::full_status;
using testing::HasSubstr;
using testing::Not;

TEST(StatusText, ALineForEachSubject) {
  EXPECT_EQ(status_text(full_status()),
            "archive   /var/lib/imakeep/archive.imk: 135 records in 2 chains, 41.0 KB\n"
            "chain     2, from boot on, records 0 to before 135, banks sha1\n"
            "          records 10 to before 14 are not proven: gap, 1970-01-01 00:00:01 UTC\n"
            "anchors   1: at record 14, broken at record 10 (gap)\n"
            "trimmed   100 records in 4 trims, the last 2027-01-15 08:00:50 UTC; by others 5 records, 1 times\n"
            "proven    records before 130, 2027-01-15 08:01:00 UTC\n"
            "verifier  audit has proven the records before 110, 2027-01-15 08:00:58 UTC, 42 s ago\n"
            "verifier  fleet has proven the records before 0, never\n"
            "held back 30 records: verifier fleet has proven nothing\n"
            "PCRs      mismatch, gap: 4 records are lost\n"
            "list      /sys/kernel/security/ima: 30 records now, method count\n"
            "table     kept: much\n"
            "holder    an agent has f open\n"
            "holder    an agent has f open\n"
            "holder    an agent has f open\n"
            "keeper    pid 4711, found the list busy 1 times; last seen to hold the list, 2027-01-15 08:00:20 UTC: an "
            "agent has f open\n"
            "view      /run/imakeep/view: chain 2\n"
            "pending   7 records from 90 on, by method count, 2027-01-15 08:01:10 UTC\n"
            "incident  2027-01-15 08:00:40 UTC, chain 2, record 10: gap: records are lost\n");
}

TEST(StatusText, SaysWhatIsMissing) {
  Status status;
  status.archive.file = "a.imk";
  EXPECT_EQ(status_text(status),
            "archive   a.imk: 0 records in 0 chains, 0 B\n"
            "chain     none yet\n"
            "PCRs      not proven\n"
            "pending   none\n"
            "incidents none\n");
}

TEST(StatusText, ErrorsStandInThePlaceOfWhatFailed) {
  Status status = full_status();
  status.list->current_records.reset();
  status.list->error = "cannot read the count";
  status.list->method.clear();
  status.list->no_method = "the kernel deletes nothing";
  status.holders->clear();
  status.view->mounted = false;
  status.view->error = "a segment is damaged";
  status.keeper->error = "the TPM is gone";
  const std::string text = status_text(status);
  EXPECT_THAT(text, HasSubstr("ima: cannot read the count, the kernel deletes nothing\n"));
  EXPECT_THAT(text, HasSubstr("\nholder    none\n"));
  EXPECT_THAT(text, HasSubstr("view: not mounted; a segment is damaged\n"));
  EXPECT_THAT(text, HasSubstr("; last error: the TPM is gone\n"));
}

TEST(StatusText, TellsWhatThePcrsLackOnlyWhileTheyMatch) {
  Status status = full_status();
  status.pcrs = {.state = PcrsState::kLagging, .diagnosis = {}, .what = {}, .found_at = {}};
  EXPECT_THAT(status_text(status), HasSubstr("PCRs      lagging: 1 records are not extended into the PCRs yet\n"));
  status.pcrs.state = PcrsState::kIncomplete;
  EXPECT_THAT(status_text(status),
              HasSubstr("PCRs      not caught up: the list has records that are not archived yet\n"));
}

TEST(StatusText, EscapesWhatOthersWrote) {
  Status status = full_status();
  status.holders->front().text = "pid 5 (\x1b[2Jx) has f open";
  const std::string text = status_text(status);
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, HasSubstr("holder    pid 5 (\\x1b[2Jx) has f open\n"));
}

}  // namespace status_text_test
}  // namespace imakeep::monitor
