// SPDX-License-Identifier: Apache-2.0
#include "host/holders.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "support/scratch_directory.h"

namespace imakeep::host {
namespace holders_test {

using testing::HasSubstr;

// Plain files serve: who has them open is found in the same way.
class HoldersTest : public testing::Test {
 protected:
  HoldersTest() {
    for (const char* name : {"binary_runtime_measurements_sha1", "ascii_runtime_measurements_sha1_staged",
                             "runtime_measurements_count", "violations"}) {
      std::ofstream(directory_.file(name)) << "x";
    }
    std::filesystem::create_symlink("binary_runtime_measurements_sha1", directory_.file("binary_runtime_measurements"));
  }
  UniqueFd open(const std::string& name, int flags) const { return open_file(directory_.file(name), flags).value(); }
  std::vector<Holder> found() const { return find_holders(directory_.path()).holders; }

  const imakeep::test::ScratchDirectory directory_;
};

TEST_F(HoldersTest, NobodyHoldsWhatIsNotOpen) {
  EXPECT_TRUE(found().empty());
}

TEST_F(HoldersTest, AReaderIsNamed) {
  const UniqueFd fd = open("binary_runtime_measurements", O_RDONLY);
  ASSERT_EQ(found().size(), 1u);
  EXPECT_EQ(found().front().pid, ::getpid());
  EXPECT_FALSE(found().front().may_write);
  EXPECT_EQ(describe(found().front()), "pid " + std::to_string(::getpid()) + " (" + program_invocation_short_name +
                                           ") has " + "binary_runtime_measurements_sha1 open for reading");
}

TEST_F(HoldersTest, AWriterIsToldFromAReader) {
  for (const int flags : {O_WRONLY, O_RDWR}) {
    const UniqueFd fd = open("ascii_runtime_measurements_sha1_staged", flags);
    ASSERT_EQ(found().size(), 1u);
    EXPECT_TRUE(found().front().may_write);
    EXPECT_THAT(describe(found().front()), HasSubstr("open for writing"));
  }
}

TEST_F(HoldersTest, AFileThatIsOpenTwiceIsSaidOnce) {
  const UniqueFd reader = open("binary_runtime_measurements", O_RDONLY);
  const UniqueFd writer = open("binary_runtime_measurements_sha1", O_RDWR);
  const UniqueFd other = open("ascii_runtime_measurements_sha1_staged", O_RDONLY);
  ASSERT_EQ(found().size(), 2u);
  EXPECT_EQ(found()[0].file, "ascii_runtime_measurements_sha1_staged");
  EXPECT_TRUE(found()[1].may_write);
}

TEST_F(HoldersTest, CountersHoldNothing) {
  const UniqueFd count = open("runtime_measurements_count", O_RDONLY);
  const UniqueFd violations = open("violations", O_RDONLY);
  EXPECT_TRUE(found().empty());
}

TEST_F(HoldersTest, AFileOfTheSameNameElsewhereIsAnother) {
  const imakeep::test::ScratchDirectory other;
  std::ofstream(other.file("binary_runtime_measurements_sha1")) << "x";
  const UniqueFd fd = open_file(other.file("binary_runtime_measurements_sha1"), O_RDONLY).value();
  EXPECT_TRUE(found().empty());
}

TEST_F(HoldersTest, NobodyFoundSaysWhatThatMayMean) {
  EXPECT_THAT(describe(Holders{}), HasSubstr("until the next reboot"));
  EXPECT_THAT(describe(Holders{.hidden = 3}), HasSubstr("3 processes"));
}

}  // namespace holders_test
}  // namespace imakeep::host
