#include "boot_options.h"

#include <fstream>

#include <gtest/gtest.h>

#include "support/scratch_directory.h"

namespace imakeep::app {
namespace {

TEST(BootOptions, FlushTheTableOnlyIfTheyNameTheOption) {
  EXPECT_TRUE(flushes_table("quiet ima_flush_htable ima_policy=tcb\n"));
  EXPECT_TRUE(flushes_table("ima_flush_htable=1\n"));
  EXPECT_FALSE(flushes_table("quiet ima_policy=tcb\n"));
  EXPECT_FALSE(flushes_table("noima_flush_htable ima_flush_htables\n"));
  EXPECT_FALSE(flushes_table("quiet -- ima_flush_htable\n"));
  EXPECT_FALSE(flushes_table(""));
}

TEST(BootOptions, TellWhatTheKernelDoesWithItsTable) {
  const imakeep::test::ScratchDirectory directory;
  const std::string file = directory.file("cmdline");
  EXPECT_EQ(table_of_this_kernel(file), keeper::TableMode::kUnknown);
  std::ofstream(file) << "quiet\n";
  EXPECT_EQ(table_of_this_kernel(file), keeper::TableMode::kKept);
  std::ofstream(file) << "ima_flush_htable\n";
  EXPECT_EQ(table_of_this_kernel(file), keeper::TableMode::kFlushed);
}

}  // namespace
}  // namespace imakeep::app
