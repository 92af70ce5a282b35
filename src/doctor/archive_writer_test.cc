// SPDX-License-Identifier: Apache-2.0
#include "doctor/archive_writer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "support/scratch_directory.h"

namespace imakeep::doctor {
namespace archive_writer_test {

using testing::Optional;

constexpr std::string_view kLocks =
    "1: POSIX  ADVISORY  WRITE 11 fe:00:77 0 EOF\n"
    "2: FLOCK  ADVISORY  WRITE 12 00:1f:77 0 EOF\n"
    "3: FLOCK  ADVISORY  WRITE 13 fe:00:77 0 EOF\n"
    "3: -> FLOCK  ADVISORY  WRITE 14 fe:00:77 0 EOF\n"
    "4: -> FLOCK  ADVISORY  WRITE 15 fe:00:78 0 EOF\n";

TEST(ArchiveWriter, IsTheHolderOfTheLockOfThatFileOnThatDevice) {
  EXPECT_THAT(flock_holder(kLocks, {.major = 0xfe, .minor = 0, .inode = 77}), Optional(std::string("13")));
  EXPECT_THAT(flock_holder(kLocks, {.major = 0, .minor = 0x1f, .inode = 77}), Optional(std::string("12")));
}

TEST(ArchiveWriter, TheSameInodeOnAnotherDeviceIsAnotherFile) {
  EXPECT_FALSE(flock_holder(kLocks, {.major = 0xfe, .minor = 1, .inode = 77}));
  EXPECT_FALSE(flock_holder(kLocks, {.major = 0xfe, .minor = 0, .inode = 7}));
}

TEST(ArchiveWriter, AProcessThatWaitsForTheLockDoesNotWrite) {
  EXPECT_FALSE(flock_holder(kLocks, {.major = 0xfe, .minor = 0, .inode = 78}));
}

TEST(ArchiveWriter, IsFoundOnThisMachine) {
  const imakeep::test::ScratchDirectory directory;
  std::ofstream(directory.file("archive")) << "x";
  EXPECT_FALSE(writer_of(directory.file("archive")));
  const UniqueFd lock = open_file(directory.file("archive.lock"), O_RDWR | O_CREAT, 0600).value();
  EXPECT_FALSE(writer_of(directory.file("archive")));
  ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);
  EXPECT_THAT(writer_of(directory.file("archive")), Optional(std::to_string(::getpid())));
}

}  // namespace archive_writer_test
}  // namespace imakeep::doctor
