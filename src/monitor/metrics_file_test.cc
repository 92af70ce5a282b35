// SPDX-License-Identifier: Apache-2.0
#include "monitor/metrics_file.h"

#include <sys/stat.h>

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "support/scratch_directory.h"

namespace imakeep::monitor {
namespace metrics_file_test {

using testing::HasSubstr;

TEST(MetricsFile, OnlyWhatTheCollectorReadsIsAName) {
  EXPECT_TRUE(MetricsFile::check("/var/lib/prometheus/node-exporter/imakeep.prom"));
  for (const char* name : {"/run/imakeep.txt", "/run/imakeep", "/run/.prom", "/run/imakeep.prom.new", "/run/x.prom/"}) {
    const auto checked = MetricsFile::check(name);
    ASSERT_FALSE(checked) << name;
    EXPECT_EQ(checked.error().code, ErrorCode::kUsage);
    EXPECT_THAT(checked.error().message, HasSubstr(".prom"));
  }
}

TEST(MetricsFile, HoldsTheLastTextAndIsForAllToRead) {
  const imakeep::test::ScratchDirectory directory;
  const std::string path = directory.file("imakeep.prom");
  const MetricsFile file(path);
  const mode_t old_mask = ::umask(0077);
  ASSERT_TRUE(file.write("a 1\nb 2\n"));
  ASSERT_TRUE(file.write("a 2\n"));
  ::umask(old_mask);
  EXPECT_EQ(as_text(read_file(path).value()), "a 2\n");
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0644u);
}

TEST(MetricsFile, NothingElseIsLeftInTheDirectory) {
  const imakeep::test::ScratchDirectory directory;
  const MetricsFile file(directory.file("imakeep.prom"));
  ASSERT_TRUE(file.write("a 1\n"));
  file.remove();
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(MetricsFile, AnErrorNamesTheFile) {
  const imakeep::test::ScratchDirectory directory;
  const auto written = MetricsFile(directory.file("none/imakeep.prom")).write("a 1\n");
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, HasSubstr("none/imakeep.prom"));
}

}  // namespace metrics_file_test
}  // namespace imakeep::monitor
