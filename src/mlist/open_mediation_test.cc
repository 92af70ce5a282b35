// SPDX-License-Identifier: Apache-2.0
#include "mlist/open_mediation.h"

#include <cerrno>

#include <gtest/gtest.h>

namespace imakeep::mlist {
namespace open_mediation_test {

constexpr TaskId kTask{.tid = 1, .start_time = 5};
constexpr TaskId kOther{.tid = 2, .start_time = 5};
constexpr TaskId kSameNumberLater{.tid = 1, .start_time = 6};

int errno_of(const Result<void>& result) {
  return result ? 0 : result.error().os_errno;
}

TEST(OpenMediation, LetsManyRead) {
  OpenMediation files;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(files.open_reader());
  EXPECT_EQ(files.readers(), 3u);
}

TEST(OpenMediation, RefusesAWriterWhileAnybodyReads) {
  OpenMediation files;
  ASSERT_TRUE(files.open_reader());
  ASSERT_TRUE(files.open_reader());
  EXPECT_EQ(errno_of(files.open_writer(kTask)), EBUSY);
  files.close_reader();
  EXPECT_EQ(errno_of(files.open_writer(kTask)), EBUSY);
  files.close_reader();
  EXPECT_EQ(errno_of(files.open_writer(kTask)), 0);
}

TEST(OpenMediation, RefusesReadersWhileATaskWritesEvenThatTask) {
  OpenMediation files;
  ASSERT_TRUE(files.open_writer(kTask));
  EXPECT_EQ(errno_of(files.open_reader()), EBUSY);
  files.close_writer();
  EXPECT_EQ(errno_of(files.open_reader()), 0);
}

TEST(OpenMediation, LetsTheWritingTaskOpenMoreAndNobodyElse) {
  OpenMediation files;
  ASSERT_TRUE(files.open_writer(kTask));
  EXPECT_EQ(errno_of(files.open_writer(kTask)), 0);
  EXPECT_EQ(errno_of(files.open_writer(kOther)), EBUSY);
  EXPECT_EQ(errno_of(files.open_writer(kSameNumberLater)), EBUSY);
  files.close_writer();
  EXPECT_EQ(errno_of(files.open_writer(kOther)), EBUSY) << "one of two is still open";
  EXPECT_EQ(errno_of(files.open_reader()), EBUSY);
  files.close_writer();
  EXPECT_EQ(errno_of(files.open_writer(kOther)), 0);
}

TEST(OpenMediation, CountsNothingForARefusedOpen) {
  OpenMediation files;
  ASSERT_TRUE(files.open_writer(kTask));
  EXPECT_FALSE(files.open_reader());
  EXPECT_FALSE(files.open_writer(kOther));
  files.close_writer();
  EXPECT_EQ(files.readers(), 0u);
  EXPECT_EQ(files.writers(), 0u);
  EXPECT_EQ(errno_of(files.open_writer(kOther)), 0);
  EXPECT_EQ(errno_of(files.open_writer(kTask)), EBUSY) << "the refused task has become the writer";
}

}  // namespace open_mediation_test
}  // namespace imakeep::mlist
