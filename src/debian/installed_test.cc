// SPDX-License-Identifier: Apache-2.0
#include "debian/installed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "debian/package_index.h"

namespace imakeep::debian {
namespace installed_test {

using ::testing::ElementsAre;

TEST(ParseStatus, TakesPackagesThatHaveFiles) {
  const auto installed = parse_status(
      "Package: b\nStatus: install ok installed\nVersion: 1:2-3\nArchitecture: amd64\nConffiles:\n /etc/b 0123\n "
      "/etc/c "
      "4567 obsolete\n\n"
      "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: all\n\n"
      "Package: never\nStatus: unknown ok not-installed\n\n"
      "Package: a\nStatus: hold ok half-configured\nVersion: 1\nArchitecture: all\n");
  ASSERT_TRUE(installed) << installed.error().message;
  ASSERT_EQ(installed->packages.size(), 2u);
  EXPECT_EQ(text_of(installed->packages[0]), "a 1 all");
  EXPECT_EQ(text_of(installed->packages[1]), "b 1:2-3 amd64");
  EXPECT_THAT(installed->conffiles, ElementsAre("/etc/b", "/etc/c"));
}

TEST(ParseStatus, RefusesAnotherFile) {
  EXPECT_FALSE(parse_status("Package: a\nVersion: 1\n"));
  EXPECT_FALSE(parse_status("no status"));
  EXPECT_FALSE(parse_status("Package: a\nStatus: install ok installed\nArchitecture: all\n"));
  EXPECT_FALSE(parse_status("Package: a\xe9\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n"));
}

TEST(ParseDiversions, ReadsThreeLinesEach) {
  const auto diversions = parse_diversions("/bin/sh\n/bin/sh.distrib\ndash\n/a\n/b\n:\n");
  ASSERT_TRUE(diversions);
  EXPECT_EQ(diversions->at("/bin/sh").to, "/bin/sh.distrib");
  EXPECT_EQ(diversions->at("/bin/sh").package, "dash");
  EXPECT_EQ(diversions->at("/a").package, "");
  EXPECT_TRUE(parse_diversions("")->empty());
  EXPECT_FALSE(parse_diversions("/bin/sh\n/b\n"));
}

TEST(AddPackages, TakesTheWantedVersionOnly) {
  const std::string sha(64, 'a');
  const std::string text = "Package: a\nVersion: 1\nArchitecture: all\nFilename: pool/a1.deb\nSize: 5\nSHA256: " + sha +
                           "\n\nPackage: a\nVersion: 2\nArchitecture: all\n";
  PoolFiles found;
  const InstalledPackage one{.name = "a", .version = "1", .architecture = "all"};
  ASSERT_TRUE(add_packages(text, {one}, found));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found.at(one).path, "pool/a1.deb");
  EXPECT_EQ(found.at(one).bytes, 5u);
  // The other version lacks what a wanted one must have.
  EXPECT_FALSE(add_packages(text, {{.name = "a", .version = "2", .architecture = "all"}}, found));
}

}  // namespace installed_test
}  // namespace imakeep::debian
