// SPDX-License-Identifier: Apache-2.0
#include "conformance/command_record_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include <gtest/gtest.h>

namespace imakeep::conformance {
namespace command_record_source_test {

class CommandRecordSourceTest : public testing::Test {
 protected:
  CommandRecordSourceTest() : directory_(testing::TempDir() + "command_test_" + std::to_string(::getpid())) {
    std::filesystem::create_directories(directory_);
  }
  ~CommandRecordSourceTest() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<CommandRecordSource> start(const std::string& command) {
    return CommandRecordSource::start({.command = command, .first_serial = 41, .tpm_dir = directory_}).value();
  }
  std::string log() const { return std::string(as_text(read_file(directory_ + "/log").value_or(Bytes{}))); }
  std::string directory_;
};

TEST_F(CommandRecordSourceTest, RunsOnceARecordWithFreshSerials) {
  const auto source = start("echo $IMAKEEP_KIND $IMAKEEP_SERIAL >> " + directory_ + "/log");
  ASSERT_TRUE(source->add(2));
  ASSERT_TRUE(source->add_again());
  ASSERT_TRUE(source->add_violation());
  ASSERT_TRUE(source->add(1));
  EXPECT_EQ(log(), "record 41\nrecord 42\nrecord 42\nviolation 43\nrecord 44\n");
}

TEST_F(CommandRecordSourceTest, ItsOutputIsDropped) {
  const auto source = start("echo 1; echo 2");
  EXPECT_TRUE(source->add(3));
}

TEST_F(CommandRecordSourceTest, AFailingCommandIsNamedWithItsStatus) {
  const auto source = start("exit 3");
  const auto failed = source->add(1);
  EXPECT_EQ(failed.error().code, ErrorCode::kEnvironment);
  EXPECT_NE(failed.error().message.find("status 3"), std::string::npos);
  EXPECT_EQ(source->add(1).error().code, ErrorCode::kEnvironment) << "the shell must live on";
}

TEST_F(CommandRecordSourceTest, Status77IsAKindItCannotMake) {
  const auto source = start("[ $IMAKEEP_KIND = record ] || exit 77");
  EXPECT_TRUE(source->add(1));
  EXPECT_EQ(source->add_violation().error().code, ErrorCode::kUnsupported);
}

TEST_F(CommandRecordSourceTest, CommandsInheritNoDescriptor) {
  const auto source = start("ls /proc/self/fd | wc -l > " + directory_ + "/log");
  ASSERT_TRUE(source->add(1));
  const std::string before = log();
  const auto fd = open_file("/dev/null", O_RDONLY);
  ASSERT_TRUE(source->add(1));
  EXPECT_EQ(log(), before);
}

TEST_F(CommandRecordSourceTest, ReadsThePcrsOfEveryBank) {
  const auto source = start("true");
  EXPECT_EQ(source->pcrs().error().code, ErrorCode::kUnsupported);
  for (const auto& [bank, hex] : {std::pair{"sha1", std::string(40, 'A')}, std::pair{"sha256", std::string(64, '0')}}) {
    const std::string folder = directory_ + "/pcr-" + bank;
    std::filesystem::create_directory(folder);
    ASSERT_TRUE(replace_file(folder + "/10", as_bytes(hex + "\n"), 0600));
  }
  const auto values = source->pcrs().value();
  ASSERT_EQ(values.size(), 2u);
  for (const auto& value : values) EXPECT_EQ(value.value.size(), value.bank.digest_bytes());
}

}  // namespace command_record_source_test
}  // namespace imakeep::conformance
