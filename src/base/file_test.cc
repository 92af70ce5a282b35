#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include <gtest/gtest.h>

namespace imakeep {
namespace {

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

TEST_F(FileTest, OpenNamesThePathAndTheReason) {
  const auto fd = open_file(directory_ + "/none", O_RDONLY);
  EXPECT_EQ(fd.error().os_errno, ENOENT);
  EXPECT_NE(fd.error().message.find(directory_ + "/none"), std::string::npos);
}

TEST_F(FileTest, DescriptorsAreNotInherited) {
  const auto fd = open_file("/dev/null", O_RDONLY);
  EXPECT_NE(::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC, 0);
}

}  // namespace
}  // namespace imakeep
