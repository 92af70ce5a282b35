// SPDX-License-Identifier: Apache-2.0
#include "listfs/position.h"

#include <gtest/gtest.h>

namespace imakeep::listfs {
namespace position_test {

TEST(Position, OfPlainReadsIsFusesOwn) {
  Position position;
  for (std::uint64_t at = 0; at < 300; at += 100) {
    EXPECT_EQ(position.of_read(at), at);
    position.did_read(at, 100);
  }
}

TEST(Position, IsNotMovedByARequest) {
  Position position;
  EXPECT_TRUE(position.plain_write(0));
  position.did_write(0, 2);  // "A\n"
  EXPECT_EQ(position.of_read(2), 0u) << "the first read after a request starts at 0";
  position.did_read(2, 100);
  EXPECT_EQ(position.of_read(102), 100u);
  position.did_read(102, 50);
  EXPECT_TRUE(position.plain_write(152));
  position.did_write(152, 2);
  EXPECT_EQ(position.of_read(154), 150u) << "and continues at the end of the last read";
}

TEST(Position, TakesAReadElsewhereByItsOffset) {
  Position position;
  position.did_write(0, 2);
  EXPECT_EQ(position.of_read(5000), 5000u);
  position.did_read(5000, 10);
  EXPECT_EQ(position.of_read(2), 0u) << "it was a pread()";
}

TEST(Position, RefusesAWriteAtAnOffset) {
  Position position;
  EXPECT_FALSE(position.plain_write(7));
  position.did_read(0, 100);
  EXPECT_TRUE(position.plain_write(100));
  EXPECT_FALSE(position.plain_write(99));
}

TEST(Position, TakesAWriteAfterAnLseek) {
  Position position;
  position.did_read(0, 100);
  EXPECT_TRUE(position.plain_write(0)) << "lseek(fd, 0, SEEK_SET)";
  position.did_write(0, 2);
  EXPECT_EQ(position.of_read(2), 0u);

  Position sought;
  sought.did_read(0, 100);
  sought.did_read(500, 20);  // after lseek(fd, 500)
  EXPECT_TRUE(sought.plain_write(520));
  sought.did_write(520, 2);
  EXPECT_EQ(sought.of_read(522), 520u);
}

}  // namespace position_test
}  // namespace imakeep::listfs
