// SPDX-License-Identifier: Apache-2.0
#include "daemon/keep_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"

namespace imakeep::daemon {
namespace keep_config_test {

using testing::HasSubstr;
using testing::StartsWith;

KeepConfig parsed(std::string_view toml) {
  KeepConfig config;
  const auto done = parse_keep_config(config, toml, "imakeep.toml");
  EXPECT_TRUE(done) << describe(done.error());
  return config;
}

void expect_refused(std::string_view toml, const std::string& place, const std::string& what) {
  KeepConfig config;
  const auto done = parse_keep_config(config, toml, "imakeep.toml");
  ASSERT_FALSE(done) << toml;
  EXPECT_EQ(done.error().code, ErrorCode::kUsage);
  EXPECT_THAT(done.error().message, StartsWith("imakeep.toml:" + place + ": "));
  EXPECT_THAT(done.error().message, HasSubstr(what));
}

TEST(KeepConfig, TheExampleNamesEveryOptionWithItsDefault) {
  const std::string file = IMAKEEP_DOCS "/imakeep.toml";
  KeepConfig config;
  const auto read = read_keep_config(config, file);
  ASSERT_TRUE(read) << describe(read.error());
  EXPECT_FALSE(config.archive.empty());
  config.archive.clear();
  EXPECT_EQ(config, KeepConfig());
  const Bytes bytes = read_file(file).value();
  for (const KeepOption& option : keep_options()) {
    EXPECT_THAT("\n" + std::string(as_text(bytes)), HasSubstr("\n" + std::string(option.name) + " = "));
  }
}

TEST(KeepConfig, EveryOptionIsSet) {
  const KeepConfig config = parsed(R"(
ima_dir = "/ima"
archive = "/a"
pcrs = "memory:/sock"
method = "stage"
unproven = true
trim_after = "verified"
follow_every = "250ms"
every = 0
records = 1000
bytes = "64MB"
pressure = "off"
trim_at_exit = false
templates = "ima-cgpath=dep:text|cg-path:text|d-ng|n-ng"
control = "/run/s"
metrics = "/run/m"
metrics_file = "/run/m.prom"
)");
  EXPECT_EQ(config, (KeepConfig{.ima_dir = "/ima",
                                .archive = "/a",
                                .pcrs = "memory:/sock",
                                .method = keeper::Method::kStage,
                                .unproven = true,
                                .trim_after = keeper::TrimAfter::kVerified,
                                .follow_every_ms = 250,
                                .every_ms = 0,
                                .records = 1000,
                                .bytes = 64'000'000,
                                .pressure_percent = 0,
                                .trim_at_exit = false,
                                .control = "/run/s",
                                .templates = "ima-cgpath=dep:text|cg-path:text|d-ng|n-ng",
                                .metrics = "/run/m",
                                .metrics_file = "/run/m.prom"}));
}

TEST(KeepConfig, FlagsAreTheNamesWithDashes) {
  EXPECT_EQ(keep_options().front().flag(), "--ima-dir");
}

TEST(KeepConfig, AnUnknownKeyIsRefusedWithItsLine) {
  expect_refused("archive = \"/a\"\n  evry = \"60s\"\n", "2:3", "evry");
  expect_refused("[keep]\narchive = \"/a\"\n", "1:2", "keep");
}

TEST(KeepConfig, AValueOfAnotherTypeIsRefusedWithItsLine) {
  expect_refused("records = \"10\"\n", "1:11", "records takes an integer");
  expect_refused("archive = \"/a\"\nunproven = 1\n", "2:12", "unproven takes true or false");
  expect_refused("every = 60\n", "1:9", "every takes a string such as");
  expect_refused("method = true\n", "1:10", "method takes a string");
  expect_refused("pressure = \"10\"\n", "1:12", "pressure takes an integer");
  expect_refused("bytes = 1.5\n", "1:9", "bytes takes an integer");
  expect_refused("control = [\"/a\"]\n", "1:11", "control takes a string");
}

TEST(KeepConfig, AValueThatMakesNoSenseIsRefusedWithItsLine) {
  expect_refused("method = \"best\"\n", "1:10", "'best' is not a method");
  expect_refused("trim_after = \"later\"\n", "1:14", "'later' is not when records may be trimmed");
  expect_refused("every = \"soon\"\n", "1:9", "'soon' is not a duration");
  expect_refused("follow_every = 0\n", "1:16", "cannot be 0");
  expect_refused("records = -1\n", "1:11", "'-1' is not a count");
  expect_refused("bytes = \"lots\"\n", "1:9", "'lots' is not a size");
  expect_refused("bytes = -5\n", "1:9", "'-5' is not a size");
  expect_refused("pressure = 101\n", "1:12", "'101' is not a percentage");
  expect_refused("pressure = 0\n", "1:12", "write 1 to 100, or off");
  expect_refused("pcrs = \"tpm\"\n", "1:8", "'tpm' is not a source of PCRs");
  expect_refused("pcrs = \"memory:\"\n", "1:8", "memory:SOCK");
  expect_refused("metrics_file = \"/run/metrics.txt\"\n", "1:16", "does not end in .prom");
  expect_refused("archive = \"\"\n", "1:11", "empty");
  expect_refused("templates = \"ima-ns=d-ng|n-ng|ns\"\n", "1:13", "no field 'ns' in mainline Linux");
}

TEST(KeepConfig, TrimsAfterVerifiersNeedPcrs) {
  EXPECT_TRUE(check_trim_after(parsed("trim_after = \"verified\"\n")));
  EXPECT_TRUE(check_trim_after(parsed("unproven = true\npcrs = \"none\"\n")));
  for (const char* other : {"unproven = true\n", "pcrs = \"none\"\n"}) {
    const auto checked = check_trim_after(parsed("trim_after = \"verified\"\n" + std::string(other)));
    ASSERT_FALSE(checked) << other;
    EXPECT_EQ(checked.error().code, ErrorCode::kUsage);
    EXPECT_THAT(checked.error().message, HasSubstr("exclude each other"));
  }
}

TEST(KeepConfig, TextThatIsNoTomlIsRefusedWithItsLine) {
  expect_refused("archive = \n", "1:11", "expected value");
  expect_refused("records = 1\nrecords = 2\n", "2:11", "records");
}

TEST(KeepConfig, AFileThatIsNotThereIsNamed) {
  KeepConfig config;
  const auto read = read_keep_config(config, "/none/imakeep.toml");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(read.error().message, HasSubstr("/none/imakeep.toml"));
}

}  // namespace keep_config_test
}  // namespace imakeep::daemon
