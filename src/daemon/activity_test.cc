// SPDX-License-Identifier: Apache-2.0
#include "daemon/activity.h"

#include <thread>

#include <gtest/gtest.h>

namespace imakeep::daemon {
namespace activity_test {

TEST(Activity, SaysWhatIsDoneAndForHowLong) {
  Activity activity;
  EXPECT_EQ(activity.text(), "");
  EXPECT_EQ(activity.without_progress().count(), 0);
  const ActivityScope reading(activity, "reading the list /x");
  EXPECT_EQ(activity.text(), "reading the list /x for 0 s");
  {
    const ActivityScope showing(activity, "showing the view /v");
    EXPECT_EQ(activity.text(), "showing the view /v for 0 s");
  }
  EXPECT_EQ(activity.text(), "reading the list /x for 0 s") << "it goes on";
}

TEST(Activity, ProgressResetsTheTimeWithoutProgress) {
  Activity activity;
  activity.begin("reading");
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  const auto quiet = activity.without_progress();
  EXPECT_GE(quiet.count(), 30);
  activity.progress();
  EXPECT_LT(activity.without_progress(), quiet);
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  { const ActivityScope other(activity, "showing"); }
  EXPECT_GE(activity.without_progress().count(), 30) << "another activity is no progress";
  activity.begin("");
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  EXPECT_EQ(activity.without_progress().count(), 0) << "nothing is begun";
}

}  // namespace activity_test
}  // namespace imakeep::daemon
