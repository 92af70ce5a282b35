// SPDX-License-Identifier: Apache-2.0
#include "reference/output_file.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "support/scratch_directory.h"

namespace imakeep::reference {
namespace output_file_test {

using ::testing::HasSubstr;

std::string content_of(const std::string& path) {
  return std::string(as_text(*read_file(path)));
}

TEST(WriteOutput, ReplacesAPolicyAndNothingElse) {
  const test::ScratchDirectory scratch;
  ASSERT_TRUE(write_output(scratch.file("policy"), {}, "{1}"));
  ASSERT_TRUE(write_output(scratch.file("policy"), {}, "{2}"));
  EXPECT_EQ(content_of(scratch.file("policy")), "{2}");
  std::ofstream(scratch.file("notes")) << "mine";
  EXPECT_EQ(write_output(scratch.file("notes"), {}, "{3}").error().code, ErrorCode::kUsage);
  EXPECT_EQ(content_of(scratch.file("notes")), "mine");
}

TEST(WriteOutput, NeverReplacesAnInput) {
  const test::ScratchDirectory scratch;
  const std::string input = scratch.file("input");
  std::ofstream(input) << "{1}";
  std::filesystem::create_symlink(input, scratch.file("other-name"));
  for (const std::string& output : {input, scratch.file("other-name")}) {
    const auto refused = write_output(output, {"/nonexistent", input}, "{2}");
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("is an input of this command"));
  }
  EXPECT_EQ(content_of(input), "{1}");
}

TEST(WriteOutput, LeavesTheOldPolicyWhenTheDiskIsFull) {
  // A file-size limit would end the process; a directory that takes no file shows the same path.
  const test::ScratchDirectory scratch;
  const auto refused = write_output(scratch.file("missing/policy"), {}, "{2}");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kEnvironment);
  EXPECT_EQ(write_output("/dev/null", {}, "{}").error().code, ErrorCode::kUsage);
}

}  // namespace output_file_test
}  // namespace imakeep::reference
