// SPDX-License-Identifier: Apache-2.0
#include "host/boot_options.h"

#include <fstream>

#include <gtest/gtest.h>

#include "support/scratch_directory.h"

namespace imakeep::host {
namespace boot_options_test {

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
  EXPECT_EQ(table_of_this_kernel(file), imalog::TableMode::kUnknown);
  std::ofstream(file) << "quiet\n";
  EXPECT_EQ(table_of_this_kernel(file), imalog::TableMode::kKept);
  std::ofstream(file) << "ima_flush_htable\n";
  EXPECT_EQ(table_of_this_kernel(file), imalog::TableMode::kFlushed);
}

TEST(BootOptions, AKernelWithoutATableKeepsNone) {
  const imakeep::test::ScratchDirectory directory;
  const std::string file = directory.file("cmdline");
  const std::string config = directory.file("config");
  std::ofstream(file) << "quiet\n";
  std::ofstream(config) << "CONFIG_IMA=y\n# CONFIG_IMA_DISABLE_HTABLE is not set\n";
  EXPECT_EQ(table_of_this_kernel(file, {config}), imalog::TableMode::kKept);
  std::ofstream(config) << "CONFIG_IMA=y\nCONFIG_IMA_DISABLE_HTABLE=y\n";
  EXPECT_EQ(table_of_this_kernel(file, {directory.file("none"), config}), imalog::TableMode::kUnknown);
}

}  // namespace boot_options_test
}  // namespace imakeep::host
