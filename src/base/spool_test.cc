// SPDX-License-Identifier: Apache-2.0
#include "base/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include <gtest/gtest.h>

namespace imakeep {
namespace spool_test {

// A pipe whose writer wrote that and closed it.
UniqueFd pipe_with(std::string_view text) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, 0), 0);
  const UniqueFd writer(ends[1]);
  EXPECT_TRUE(write_all(writer.get(), as_bytes(text), "the pipe"));
  return UniqueFd(ends[0]);
}

Result<std::string> read_from(Spool& spool, std::uint64_t offset, std::size_t most_bytes) {
  std::string text;
  Bytes room(most_bytes);
  for (;;) {
    IMAKEEP_TRY(const auto& got, spool.read_at(offset, room));
    if (got == 0) return text;
    text += as_text(ByteView(room).first(got));
    offset += got;
  }
}

TEST(Spool, GivesAPipeAsOftenAsItIsRead) {
  const std::string folder = ::testing::TempDir();
  for (const std::size_t most : {1u, 3u, 100u}) {
    Spool spool(pipe_with("hello, list"), "standard input", folder);
    for (int pass = 0; pass < 3; ++pass) EXPECT_EQ(read_from(spool, 0, most).value_or("failed"), "hello, list");
    EXPECT_EQ(read_from(spool, 7, most).value_or("failed"), "list");
  }
}

TEST(Spool, ReadsOnWhereAPassStoppedEarly) {
  Spool spool(pipe_with("hello, list"), "standard input", ::testing::TempDir());
  Bytes room(5);
  EXPECT_EQ(spool.read_at(0, room).value_or(0), 5u);
  EXPECT_EQ(read_from(spool, 0, 4).value_or("failed"), "hello, list");
}

TEST(Spool, LeavesNothingInItsFolder) {
  const std::string folder = ::testing::TempDir() + "spool_folder";
  std::filesystem::create_directory(folder);
  Spool spool(pipe_with("hello"), "standard input", folder);
  EXPECT_TRUE(read_from(spool, 0, 10));
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

TEST(Spool, ThatCannotKeepGivesOnePassAndRefusesTheNext) {
  Spool spool(pipe_with("hello"), "standard input", "/nowhere/at/all");
  EXPECT_EQ(read_from(spool, 0, 2).value_or("failed"), "hello");
  const auto again = read_from(spool, 0, 2);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kEnvironment);
  EXPECT_TRUE(
      again.error().message.starts_with("cannot read standard input again; give a file: cannot open /nowhere/at/all"))
      << again.error().message;
}

TEST(Spool, OfAnEmptyInputIsEmpty) {
  Spool spool(pipe_with(""), "standard input", ::testing::TempDir());
  EXPECT_EQ(read_from(spool, 0, 2).value_or("failed"), "");
  EXPECT_EQ(read_from(spool, 0, 2).value_or("failed"), "");
}

TEST(Spool, AnErrorOfReadingNamesTheInput) {
  Spool spool(UniqueFd(::open("/", O_RDONLY)), "the input", ::testing::TempDir());
  Bytes room(5);
  EXPECT_TRUE(spool.read_at(0, room).error().message.starts_with("cannot read the input: "));
}

}  // namespace spool_test
}  // namespace imakeep
