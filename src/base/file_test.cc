// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include <gtest/gtest.h>

namespace imakeep {
namespace file_test {

class FileTest : public testing::Test {
 protected:
  FileTest() : directory_(testing::TempDir() + "file_test_" + std::to_string(::getpid())) {
    std::filesystem::create_directories(directory_);
  }
  ~FileTest() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

TEST_F(FileTest, ReplaceFileWritesAllAndLeavesNoTemporary) {
  const std::string path = directory_ + "/image";
  ASSERT_TRUE(replace_file(path, as_bytes("old"), 0600));
  ASSERT_TRUE(replace_file(path, as_bytes("new content"), 0600));
  EXPECT_EQ(as_text(read_file(path).value()), "new content");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);
}

TEST_F(FileTest, ReplaceFileThatFailsKeepsTheOldContent) {
  const std::string path = directory_ + "/taken";
  std::filesystem::create_directory(path);
  EXPECT_EQ(replace_file(path, as_bytes("x"), 0600).error().os_errno, EISDIR);
  EXPECT_TRUE(std::filesystem::is_directory(path));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);
}

TEST_F(FileTest, ReplaceFileTakesContentPieceByPieceAndKeepsTheOldIfThatFails) {
  const std::string path = directory_ + "/pieces";
  const auto two = [](const WritePiece& write) -> Result<void> {
    IMAKEEP_CHECK(write(as_bytes("one ")));
    return write(as_bytes("two"));
  };
  ASSERT_TRUE(replace_file(path, two, 0600));
  EXPECT_EQ(as_text(read_file(path).value()), "one two");
  const auto failing = [](const WritePiece& write) -> Result<void> {
    IMAKEEP_CHECK(write(as_bytes("three")));
    return fail(ErrorCode::kMismatch, "no more");
  };
  EXPECT_EQ(replace_file(path, failing, 0600).error().message, "no more");
  EXPECT_EQ(as_text(read_file(path).value()), "one two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);
}

TEST_F(FileTest, ReadFileOfAnEndlessFileFailsAtTheLimit) {
  const Error error = read_file("/dev/zero", {.most_bytes = 100'000}).error();
  EXPECT_EQ(error.code, ErrorCode::kMalformed);
  EXPECT_EQ(error.offset, 100'000);
  EXPECT_NE(error.message.find("/dev/zero is larger than 100000 bytes"), std::string::npos) << error.message;
}

TEST_F(FileTest, ReadFileOfExactlyTheLimitSucceeds) {
  const std::string path = directory_ + "/whole";
  ASSERT_TRUE(replace_file(path, Bytes(8192), 0600));
  EXPECT_EQ(read_file(path, {.most_bytes = 8192}).value().size(), 8192);
  EXPECT_EQ(read_file(path, {.most_bytes = 8191}).error().offset, 8191);
}

TEST_F(FileTest, ReadFileEndsWhereItsFrontIsRefused) {
  std::size_t told = 0;
  const auto refuse_front = [&](ByteView front) -> Result<void> {
    told = front.size();
    return fail(ErrorCode::kMalformed, "no such front");
  };
  const Error error = read_file("/dev/zero", {.most_bytes = 1u << 30, .check_front = refuse_front}).error();
  EXPECT_EQ(error.message, "/dev/zero: no such front");
  EXPECT_GE(told, 64u << 10);
  EXPECT_LT(told, 1u << 20);
}

TEST_F(FileTest, OpenNamesThePathAndTheReason) {
  const auto fd = open_file(directory_ + "/none", O_RDONLY);
  EXPECT_EQ(fd.error().os_errno, ENOENT);
  EXPECT_NE(fd.error().message.find(directory_ + "/none"), std::string::npos);
}

TEST_F(FileTest, OnlyAFileOfTheSameKindIsReplaceable) {
  const std::string path = directory_ + "/maybe";
  const auto check = [&] { return check_replaceable(path, as_bytes("KIND"), "kind of file"); };
  EXPECT_TRUE(check()) << "nothing there";
  for (const char* const mine : {"", "KIND", "KIND and more"}) {
    ASSERT_TRUE(replace_file(path, as_bytes(mine), 0600));
    EXPECT_TRUE(check()) << mine;
  }
  for (const char* const other : {"K", "KING", "SQLite format 3"}) {
    ASSERT_TRUE(replace_file(path, as_bytes(other), 0600));
    const auto checked = check();
    ASSERT_FALSE(checked) << other;
    EXPECT_EQ(checked.error().code, ErrorCode::kUsage);
    EXPECT_EQ(checked.error().message,
              path + " exists and is no kind of file, so it is not replaced; name another file");
  }
}

TEST_F(FileTest, DescriptorsAreNotInherited) {
  const auto fd = open_file("/dev/null", O_RDONLY);
  EXPECT_NE(::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC, 0);
}

}  // namespace file_test
}  // namespace imakeep
