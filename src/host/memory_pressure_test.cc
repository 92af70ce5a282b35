// SPDX-License-Identifier: Apache-2.0
#include "host/memory_pressure.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/scratch_directory.h"

namespace imakeep::host {
namespace memory_pressure_test {

TEST(MemoryPressure, AsksForAShareOfTwoSecondsAndEndsWithNul) {
  const imakeep::test::ScratchDirectory directory;
  const std::string file = directory.file("memory");
  std::ofstream(file).flush();
  ASSERT_TRUE(watch_memory_pressure(10, file));
  const Bytes written = read_file(file).value();
  EXPECT_EQ(as_text(written), std::string_view("some 200000 2000000\0", 20));
}

TEST(MemoryPressure, WhereThereIsNoneTheFileIsNamed) {
  const auto watched = watch_memory_pressure(10, "/none/memory");
  ASSERT_FALSE(watched);
  EXPECT_EQ(watched.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(watched.error().message, testing::HasSubstr("/none/memory"));
}

}  // namespace memory_pressure_test
}  // namespace imakeep::host
