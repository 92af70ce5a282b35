// SPDX-License-Identifier: Apache-2.0
#include "monitor/last_writers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace imakeep::monitor {
namespace last_writers_test {

using keeper::Diagnosis;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

const host::Holder kReader{.pid = 5, .command = "agent", .file = "binary_runtime_measurements_sha1"};
const host::Holder kWriter{
    .pid = 7, .command = "trimmer", .file = "binary_runtime_measurements_sha1_staged", .may_write = true};

TEST(LastWriters, ADeletionNamesWhoWasSeenToWriteAndWhen) {
  LastWriters last;
  last.saw({.holders = {kReader, kWriter}}, 1'000'000'000);
  for (const Diagnosis found : {Diagnosis::kTrimmedByOther, Diagnosis::kGap, Diagnosis::kGapOrExtend}) {
    EXPECT_THAT(last.suspects(found), HasSubstr("2001-09-09 01:46:40 UTC"));
    EXPECT_THAT(last.suspects(found),
                EndsWith(": pid 7 (trimmer) has binary_runtime_measurements_sha1_staged open for writing"));
  }
}

TEST(LastWriters, WithoutADeletionNoWriterIsNamed) {
  LastWriters last;
  last.saw({.holders = {kWriter}}, 1'000'000'000);
  for (const Diagnosis found : {Diagnosis::kAlteredRecord, Diagnosis::kFailedExtend, Diagnosis::kKexecDropped}) {
    EXPECT_THAT(last.suspects(found), IsEmpty());
  }
}

TEST(LastWriters, AReaderDoesNotPushOutTheWriterBefore) {
  LastWriters last;
  last.saw({.holders = {kWriter}}, 1'000'000'000);
  last.saw({.holders = {kReader}}, 1'000'000'060);
  ASSERT_TRUE(last.seen());
  EXPECT_EQ(last.seen()->seen_unix_s, 1'000'000'000);
  EXPECT_EQ(last.seen()->writers.size(), 1u);
}

TEST(LastWriters, NobodySeenIsSaid) {
  EXPECT_THAT(LastWriters().suspects(Diagnosis::kGap), HasSubstr("no process was seen"));
}

}  // namespace last_writers_test
}  // namespace imakeep::monitor
