// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/terminal.h"

namespace imakeep::cli {
namespace options_test {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr int kRan = 42;  // what actions return here

struct Ended {
  int code = 0;
  std::string out;
  std::string err;
};

// A program with a command `do`, to which the tests add options.
class CommandLineTest : public testing::Test {
 protected:
  CommandLineTest() {
    line_.root().require_command();
    command_.set_action([this] {
      ++runs_;
      return kRan;
    });
  }

  Ended run(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "program");
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = line_.run(static_cast<int>(arguments.size()), arguments.data());
    return {.code = code, .out = testing::internal::GetCapturedStdout(), .err = testing::internal::GetCapturedStderr()};
  }

  // Of a command line that is refused: what it says.
  std::string refusal(const std::vector<const char*>& arguments) {
    const Ended ended = run(arguments);
    EXPECT_EQ(ended.code, kWrongUsage);
    EXPECT_EQ(ended.out, "");
    EXPECT_EQ(runs_, 0);
    return ended.err;
  }

  CommandLine line_{"program", "Does things.", "program 1.2"};
  Command command_ = line_.root().add_command("do", "do it");
  int runs_ = 0;
};

TEST_F(CommandLineTest, TheCommandsExitCodeIsReturned) {
  EXPECT_EQ(run({"do"}).code, kRan);
  EXPECT_EQ(runs_, 1);
}

TEST_F(CommandLineTest, ACommandAddedToAnotherRunsInsteadOfIt) {
  command_.add_command("part", "do a part").set_action([] { return 7; });
  EXPECT_EQ(run({"do", "part"}).code, 7);
  EXPECT_EQ(runs_, 0);
}

TEST_F(CommandLineTest, HelpAndVersionRunNothing) {
  const Ended help = run({"do", "--help"});
  EXPECT_EQ(help.code, kDone);
  EXPECT_THAT(help.out, StartsWith("do it\n"));
  const Ended version = run({"--version"});
  EXPECT_EQ(version.code, kDone);
  EXPECT_EQ(version.out, "program 1.2\n");
  EXPECT_EQ(runs_, 0);
}

TEST_F(CommandLineTest, UnknownAndMissingArgumentsAreRefused) {
  std::string file;
  command_.add_option("FILE", file, "the file").required();
  EXPECT_THAT(refusal({}), HasSubstr("subcommand is required"));
  EXPECT_THAT(refusal({"undo"}), HasSubstr("subcommand is required"));
  EXPECT_THAT(refusal({"do", "file", "--quickly"}), HasSubstr("--quickly"));
  EXPECT_THAT(refusal({"do"}), HasSubstr("FILE is required"));
}

TEST_F(CommandLineTest, AnExceptionOfTheCommandIsNotTakenForWrongUsage) {
  line_.root().add_command("fail", "throw").set_action([]() -> int { throw std::invalid_argument("no such thing"); });
  const Ended ended = run({"fail"});
  EXPECT_EQ(ended.code, kEnvironmentForbids);
  EXPECT_EQ(ended.err.find("no such thing"), std::string::npos) << "text of a library: " << ended.err;
  EXPECT_NE(ended.err.find("imakeep: "), std::string::npos);
}

TEST_F(CommandLineTest, TextsAndFlagsAreStored) {
  std::string given = "before";
  std::string absent = "before";
  std::optional<std::string> empty = "before";
  std::vector<std::string> files;
  bool json = false;
  command_.add_option("--given", given, "");
  command_.add_option("--absent", absent, "");
  command_.add_option("--empty", empty, "").value_may_be_empty();
  command_.add_option("FILE", files, "");
  command_.add_flag("--json", json, "");
  EXPECT_EQ(run({"do", "a", "--given", "-1 x", "--empty", "", "--json", "b"}).code, kRan);
  EXPECT_EQ(given, "-1 x");
  EXPECT_EQ(absent, "before");
  EXPECT_EQ(empty, "");
  EXPECT_THAT(files, ElementsAre("a", "b"));
  EXPECT_TRUE(json);
}

TEST_F(CommandLineTest, AnEmptyTextIsRefusedAndTheOptionNamed) {
  std::string text;
  std::optional<std::string> optional;
  std::vector<std::string> files;
  command_.add_option("--text", text, "");
  command_.add_option("--optional", optional, "");
  command_.add_option("--lone", optional, "").value_is_optional();
  command_.add_option(
      "--taken", [](const std::string&) {}, "");
  command_.add_option("FILE", files, "");
  for (const char* const name : {"--text", "--optional", "--taken"}) {
    EXPECT_THAT(refusal({"do", name, ""}), StartsWith(std::string(name) + ": the value is empty"));
    EXPECT_THAT(refusal({"do", name, "a", "file", ""}), StartsWith("FILE: the value is empty"));
  }
  EXPECT_EQ(run({"do", "--lone"}).code, kRan);
}

TEST_F(CommandLineTest, AFlagTakesNoOtherWordsThanTrueAndFalse) {
  bool json = true;
  command_.add_flag("--json", json, "");
  command_.add_switch(
      "--bind", [](bool) {}, "");
  EXPECT_THAT(refusal({"do", "--json=perhaps"}), HasSubstr("--json = perhaps"));
  for (const char* value : {"--bind=perhaps", "--bind=99999999999999999999"}) {
    EXPECT_THAT(refusal({"do", value}), HasSubstr("a flag takes true or false, or nothing"));
  }
  EXPECT_EQ(run({"do", "--json=false"}).code, kRan);
  EXPECT_FALSE(json);
}

TEST_F(CommandLineTest, QuantitiesAreStored) {
  std::optional<std::uint64_t> count;
  std::optional<std::uint64_t> absent;
  std::uint32_t pcr = 10;
  std::optional<std::int64_t> age_ms;
  std::optional<std::uint64_t> bytes;
  command_.add_count("--count", count, "");
  command_.add_count("--absent", absent, "");
  command_.add_count("--pcr", pcr, {.min = 0, .max = 23}, "");
  command_.add_duration("--age", age_ms, "");
  command_.add_size("--bytes", bytes, "");
  EXPECT_EQ(run({"do", "--count", "0", "--pcr=23", "--age", "90d", "--bytes", "500MB"}).code, kRan);
  EXPECT_EQ(count, 0u);
  EXPECT_EQ(absent, std::nullopt);
  EXPECT_EQ(pcr, 23u);
  EXPECT_EQ(age_ms, 90 * 86'400'000ll);
  EXPECT_EQ(bytes, 500'000'000u);
}

TEST_F(CommandLineTest, ARefusedQuantityIsNamedByItsOptionAndLeavesTheValue) {
  std::optional<std::uint64_t> count;
  std::uint32_t pcr = 10;
  std::optional<std::int64_t> age_ms;
  std::optional<std::uint64_t> bytes;
  command_.add_count("--count", count, "");
  command_.add_count("--pcr", pcr, {.min = 0, .max = 23}, "");
  command_.add_duration("--age", age_ms, "");
  command_.add_size("--bytes", bytes, "");
  EXPECT_THAT(refusal({"do", "--count", "-1"}), StartsWith("--count: '-1' is not a count; give a whole number from 0"));
  EXPECT_THAT(refusal({"do", "--count="}), StartsWith("--count: "));
  EXPECT_THAT(refusal({"do", "--pcr", "24"}),
              StartsWith("--pcr: '24' is too large; give a whole number from 0 to 23\n"));
  EXPECT_THAT(refusal({"do", "--age", "90"}), StartsWith("--age: '90' has no unit; give a number with ms, s, m, "));
  EXPECT_THAT(refusal({"do", "--bytes", "MB"}), StartsWith("--bytes: 'MB' has no number; give bytes, or "));
  EXPECT_EQ(count, std::nullopt);
  EXPECT_EQ(pcr, 10u);
  EXPECT_EQ(age_ms, std::nullopt);
  EXPECT_EQ(bytes, std::nullopt);
}

TEST_F(CommandLineTest, OfCallbacksTheLastOneGivenCounts) {
  std::vector<std::string> texts;
  std::vector<bool> switched;
  command_.add_option(
      "--text", [&texts](const std::string& text) { texts.push_back(text); }, "");
  command_.add_switch(
      "--bind", [&switched](bool on) { switched.push_back(on); }, "");
  EXPECT_EQ(run({"do", "--text", "a", "--bind", "--text", "b", "--no-bind"}).code, kRan);
  EXPECT_THAT(texts, ElementsAre("b"));
  EXPECT_THAT(switched, ElementsAre(false));
}

TEST_F(CommandLineTest, AnOptionOfSeveralTextsTakesOneEachTime) {
  std::vector<std::string> skipped;
  std::vector<std::string> files;
  command_.add_option("--skip", skipped, "");
  command_.add_option("FILE", files, "");
  EXPECT_EQ(run({"do", "--skip", "/a", "x", "--skip", "/b", "y", "z"}).code, kRan);
  EXPECT_THAT(skipped, ElementsAre("/a", "/b"));
  EXPECT_THAT(files, ElementsAre("x", "y", "z"));
}

TEST_F(CommandLineTest, OptionsThatNeedOrExcludeOthersAreRefused) {
  bool a = false;
  bool b = false;
  bool c = false;
  const Option first = command_.add_flag("--first", a, "");
  command_.add_flag("--with", b, "").needs(first);
  command_.add_flag("--without", c, "").excludes(first);
  EXPECT_THAT(refusal({"do", "--with"}), HasSubstr("--with requires --first"));
  EXPECT_THAT(refusal({"do", "--without", "--first"}), HasSubstr("excludes"));
  EXPECT_EQ(run({"do", "--with", "--first"}).code, kRan);
}

TEST_F(CommandLineTest, OneOfRefusesOtherWords) {
  std::string when = "off";
  command_.add_option("--when", when, "").one_of({"off", "empty"}).show_default();
  EXPECT_THAT(refusal({"do", "--when", "later"}), HasSubstr("later not in {off,empty}"));
  EXPECT_THAT(run({"do", "--help"}).out, HasSubstr("--when TEXT:{off,empty}=off"));
}

TEST_F(CommandLineTest, AnOptionalValueMayBeLeftOut) {
  std::string tcti;
  const Option tpm = command_.add_option("--tpm", tcti, "").value_name("[TCTI]").value_is_optional();
  EXPECT_EQ(run({"do"}).code, kRan);
  EXPECT_FALSE(tpm.given());
  EXPECT_EQ(run({"do", "--tpm"}).code, kRan);
  EXPECT_TRUE(tpm.given());
  EXPECT_EQ(tcti, "");
  EXPECT_EQ(run({"do", "--tpm", "device:/dev/tpm0"}).code, kRan);
  EXPECT_EQ(tcti, "device:/dev/tpm0");
}

}  // namespace options_test
}  // namespace imakeep::cli
