// SPDX-License-Identifier: Apache-2.0
#include "reference/path_links.h"

#include <gtest/gtest.h>

namespace imakeep::reference {
namespace path_links_test {

TEST(AbsolutePath, LeavesNoPartThatLeadsNowhere) {
  EXPECT_EQ(absolute_path("./usr//bin/./ls"), "/usr/bin/ls");
  EXPECT_EQ(absolute_path("/a/../../b/"), "/b");
  EXPECT_EQ(absolute_path(""), "/");
}

TEST(PathLinks, FollowsDirectoriesAndNotTheLastPart) {
  PathLinks links;
  links.add("bin", "usr/bin");
  links.add("/usr/bin/awk", "gawk");
  links.add("/lib64", "/usr/lib64");
  links.add("/usr/share/doc/a", "../b");
  EXPECT_EQ(links.resolved("/bin/sh"), "/usr/bin/sh");
  EXPECT_EQ(links.resolved("bin/awk"), "/usr/bin/awk");
  EXPECT_EQ(links.resolved("/lib64/x/y"), "/usr/lib64/x/y");
  EXPECT_EQ(links.resolved("/usr/share/doc/a/copyright"), "/usr/share/b/copyright");
  EXPECT_EQ(links.resolved("/usr/bin/ls"), "/usr/bin/ls");
}

TEST(PathLinks, EndsWithLinksThatGoRound) {
  PathLinks links;
  links.add("/a", "b");
  links.add("/b", "a");
  links.add("/c", "c/c");
  EXPECT_FALSE(links.resolved("/a/x").empty());
  EXPECT_FALSE(links.resolved("/c/x").empty());
}

}  // namespace path_links_test
}  // namespace imakeep::reference
