// SPDX-License-Identifier: Apache-2.0
// tests/e2e/policy_packages.py runs the whole on a mirror of its own.
#include "debian/from_packages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/scratch_directory.h"
#include "support/test_clock.h"

namespace imakeep::debian {
namespace from_packages_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ParseSource, TakesALineOfSourcesList) {
  const auto source = parse_source("https://host/debian  bookworm main\tcontrib");
  ASSERT_TRUE(source);
  EXPECT_EQ(source->url, "https://host/debian");
  EXPECT_EQ(source->suite, "bookworm");
  EXPECT_THAT(source->components, ElementsAre("main", "contrib"));
  EXPECT_EQ(parse_source("https://host/debian bookworm").error().code, ErrorCode::kUsage);
  EXPECT_EQ(parse_source("https://host/debian ../x main").error().code, ErrorCode::kUsage);
  EXPECT_EQ(parse_source("").error().code, ErrorCode::kUsage);
}

TEST(AddFromPackages, NamesPackagesThatNoSourceHas) {
  const test::ScratchDirectory scratch;
  test::TestClock clock;
  const auto fetcher = Fetcher::open(scratch.file("cache"), clock);
  ASSERT_TRUE(fetcher);
  FromPackages options;
  options.installed.packages = {{.name = "a", .version = "1", .architecture = "all"}};
  reference::Document document;
  const auto report = add_from_packages(options, **fetcher, document);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->missing, options.installed.packages);
  EXPECT_TRUE(document.files().empty());
}

TEST(AddFromPackages, SaysWhichAddressFailed) {
  const test::ScratchDirectory scratch;
  test::TestClock clock;
  const auto fetcher = Fetcher::open(scratch.file("cache"), clock);
  FromPackages options;
  options.sources = {{.url = scratch.file("mirror"), .suite = "stable", .components = {"main"}}};
  options.installed.packages = {{.name = "a", .version = "1", .architecture = "all"}};
  reference::Document document;
  const auto report = add_from_packages(options, **fetcher, document);
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("/mirror/dists/stable/InRelease"));
}

}  // namespace from_packages_test
}  // namespace imakeep::debian
