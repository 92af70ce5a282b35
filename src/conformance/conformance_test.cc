// SPDX-License-Identifier: Apache-2.0
#include "conformance/conformance.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>

#include "base/file.h"
#include "imalog/ima_directory.h"

namespace imakeep::conformance {
namespace conformance_test {

namespace fs = std::filesystem;

const std::string kCapture = std::string(IMAKEEP_TESTDATA) + "/linux-7.3.4/staging/0-before";

// A capture laid out as an IMA directory without staging. It consists of plain files, which suffice for all checks that
// only read.
class ConformanceTest : public testing::Test {
 protected:
  ConformanceTest() : directory_(testing::TempDir() + "conformance_test_" + std::to_string(::getpid())) {
    fs::create_directories(directory_);
    for (const auto& entry : fs::directory_iterator(kCapture)) {
      const std::string name = entry.path().filename();
      if (name.find("_measurements_") != std::string::npos) put(name, read_file(entry.path()).value());
    }
    for (const char* form : {"ascii", "binary"}) {
      fs::create_symlink(std::string(form) + "_runtime_measurements_sha1",
                         directory_ + "/" + form + "_runtime_measurements");
    }
    const Bytes ascii = read_file(directory_ + "/ascii_runtime_measurements").value();
    put("runtime_measurements_count", std::to_string(std::ranges::count(as_text(ascii), '\n')) + "\n");
    put("violations", "0\n");
  }
  ~ConformanceTest() override { fs::remove_all(directory_); }

  void put(const std::string& name, ByteView bytes) { ASSERT_TRUE(replace_file(directory_ + "/" + name, bytes, 0660)); }
  void put(const std::string& name, const std::string& text) { put(name, as_bytes(text)); }

  // The IDs of failed checks, except those that fail because plain files have a size and an end.
  std::vector<std::string> failed() {
    const Report report = run({.ima_dir = directory_}, nullptr).value();
    std::vector<std::string> ids;
    for (const CheckResult& result : report.results) {
      const bool of_plain_files = result.id.starts_with("files.binary") || result.id.starts_with("files.ascii") ||
                                  result.id.starts_with("read.seek-end") || result.id == "files.count" ||
                                  result.id == "files.violations";
      if (result.status == CheckStatus::kFail && !of_plain_files) ids.push_back(result.id);
    }
    return ids;
  }
  std::string directory_;
};

TEST_F(ConformanceTest, ACapturedListPassesWhatCanBeRead) {
  EXPECT_EQ(failed(), std::vector<std::string>{});
}

TEST_F(ConformanceTest, NothingIsChangedWithoutDestructive) {
  const Report report = run({.ima_dir = directory_}, nullptr).value();
  EXPECT_GT(std::ranges::count(report.results, std::string("needs --destructive"), &CheckResult::reason), 60);
  EXPECT_EQ(read_file(directory_ + "/binary_runtime_measurements_sha256").value(),
            read_file(kCapture + "/binary_runtime_measurements_sha256").value());
}

TEST_F(ConformanceTest, EveryCheckHasItsOwnId) {
  const Report report = run({.ima_dir = directory_}, nullptr).value();
  std::vector<std::string> ids;
  for (const CheckResult& result : report.results) ids.push_back(result.id);
  std::ranges::sort(ids);
  EXPECT_EQ(std::ranges::adjacent_find(ids), ids.end());
  EXPECT_GE(ids.size(), 80u);
}

TEST_F(ConformanceTest, AWrongDigestFailsThatBankOnly) {
  Bytes list = read_file(directory_ + "/binary_runtime_measurements_sha256").value();
  list[4] ^= std::byte{1};
  put("binary_runtime_measurements_sha256", list);
  EXPECT_EQ(failed(), (std::vector<std::string>{"content.current-digests:sha256", "content.current-ascii:sha256"}));
}

TEST_F(ConformanceTest, AWrongAsciiByteFailsThatFileOnly) {
  Bytes list = read_file(directory_ + "/ascii_runtime_measurements_sha384").value();
  list.back() = std::byte{' '};
  put("ascii_runtime_measurements_sha384", list);
  EXPECT_EQ(failed(), std::vector<std::string>{"content.current-ascii:sha384"});
}

TEST_F(ConformanceTest, AWrongCountFailsTheCount) {
  put("runtime_measurements_count", "1\n");
  EXPECT_EQ(failed(), std::vector<std::string>{"content.count"});
}

TEST_F(ConformanceTest, AListOfAnUnknownBankIsNamed) {
  put("binary_runtime_measurements_md7", "");
  EXPECT_EQ(failed(), std::vector<std::string>{"files.names"});
}

TEST_F(ConformanceTest, ResultsComeAsTheyAreFound) {
  std::vector<std::string> seen;
  const Report report =
      run({.ima_dir = directory_, .on_result = [&](const CheckResult& r) { seen.push_back(r.id); }}, nullptr).value();
  EXPECT_EQ(seen.size(), report.results.size());
}

TEST(Conformance, ADirectoryThatIsNoneIsAnEnvironmentError) {
  EXPECT_EQ(run({.ima_dir = testing::TempDir()}, nullptr).error().code, ErrorCode::kEnvironment);
  EXPECT_EQ(run({.ima_dir = testing::TempDir() + "/none"}, nullptr).error().code, ErrorCode::kEnvironment);
}

TEST(ParseCounter, TakesANumberAndItsNewlineOnly) {
  EXPECT_EQ(imalog::parse_counter("17\n", "f").value(), 17u);
  for (const char* bad : {"", "\n", "17", "17\n\n", "-1\n", " 1\n", "1x\n"}) {
    EXPECT_EQ(imalog::parse_counter(bad, "f").error().code, ErrorCode::kMalformed) << bad;
  }
}

}  // namespace conformance_test
}  // namespace imakeep::conformance
