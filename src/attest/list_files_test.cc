// SPDX-License-Identifier: Apache-2.0
#include "attest/list_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include <gtest/gtest.h>

#include "attest/test_support.h"

// Standard input is read end to end in tests/e2e/inputs.sh.
namespace imakeep::attest {
namespace list_files_test {

using test::must;

class ListFilesTest : public ::testing::Test {
 protected:
  ListFilesTest() { std::filesystem::create_directories(folder_); }
  ~ListFilesTest() override { std::filesystem::remove_all(folder_); }

  std::string path(const char* name) const { return folder_ + "/" + name; }

  const std::string folder_ = ::testing::TempDir() + "list_files_" + std::to_string(::getpid());
  const Bytes list_ = imalog::test::captured_binary("templates", imalog::test::bank("sha256"));
};

std::size_t records_of(ListLog& log) {
  std::size_t records = 0;
  for (auto record = log.next(); record && *record; record = log.next()) ++records;
  return records;
}

TEST_F(ListFilesTest, ReadsAFileAnewInEveryPass) {
  must(replace_file(path("list"), list_, 0600));
  ListLog log({path("list"), path("list")}, open_files(folder_));
  EXPECT_EQ(records_of(log), 270u);
  ASSERT_TRUE(log.rewind());
  EXPECT_EQ(records_of(log), 270u);
  ASSERT_TRUE(log.rewind());
  must(log.next());
  EXPECT_EQ(log.place().source, path("list"));
}

TEST_F(ListFilesTest, ReadsAPipeInEveryPass) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  std::thread writer([&] {
    const auto fd = must(open_file(path("fifo"), O_WRONLY));
    EXPECT_TRUE(write_all(fd.get(), list_, "the pipe"));
  });
  ListLog log({path("fifo")}, open_files(folder_));
  EXPECT_EQ(records_of(log), 135u);
  writer.join();
  for (int pass = 0; pass < 2; ++pass) {
    ASSERT_TRUE(log.rewind());
    EXPECT_EQ(records_of(log), 135u);
  }
}

TEST_F(ListFilesTest, ErrorsOfOpeningAndReadingNameTheFileOnce) {
  ListLog missing({path("none")}, open_files(folder_));
  EXPECT_EQ(missing.next().error().message, "cannot open " + path("none") + ": No such file or directory");
  ListLog directory({folder_}, open_files(folder_));
  EXPECT_EQ(directory.next().error().message, "cannot read " + folder_ + ": Is a directory");
}

TEST_F(ListFilesTest, AreDistinctIfNoTwoAreTheSameInode) {
  must(replace_file(path("list"), list_, 0600));
  must(replace_file(path("copy"), list_, 0600));
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  std::filesystem::create_symlink("list", path("link"));
  std::filesystem::create_hard_link(path("fifo"), path("other fifo"));
  const auto said = [&](const std::vector<std::string>& names) {
    const auto checked = check_distinct(names);
    if (checked) return std::string();
    EXPECT_EQ(checked.error().code, ErrorCode::kUsage);
    return checked.error().message;
  };
  EXPECT_EQ(said({path("list"), path("copy"), path("fifo"), path("none"), path("none")}), "");
  EXPECT_EQ(said({path("list"), path("copy"), path("list")}), path("list") + " is named twice; name each list once");
  EXPECT_EQ(said({path("list"), path("link")}),
            path("list") + " and " + path("link") + " are the same file; name each list once");
  EXPECT_EQ(said({path("fifo"), path("fifo")}), path("fifo") + " is named twice; name each list once");
  EXPECT_EQ(said({path("fifo"), path("other fifo")}),
            path("fifo") + " and " + path("other fifo") + " are the same file; name each list once");
  EXPECT_EQ(said({"-", "/dev/stdin"}), "standard input and /dev/stdin are the same file; name each list once");
}

TEST(ShownName, OfADashIsStandardInput) {
  EXPECT_EQ(shown_name("-"), "standard input");
  EXPECT_EQ(shown_name("./-"), "./-");
}

}  // namespace list_files_test
}  // namespace imakeep::attest
