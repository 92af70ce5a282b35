// SPDX-License-Identifier: Apache-2.0
#include "reference/root_walk.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "digest/digest.h"
#include "reference/file_hash.h"
#include "reference/test_support.h"
#include "support/scratch_directory.h"

namespace imakeep::reference {
namespace root_walk_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class AddRoot : public ::testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(scratch_.path() + path).parent_path());
    std::ofstream(scratch_.path() + path) << text;
  }
  std::vector<std::string> names(RootOptions options) {
    options.directory = scratch_.path();
    document_ = {};
    const auto added = add_root(options, document_);
    EXPECT_TRUE(added) << added.error().message;
    std::vector<std::string> found;
    for (const auto& [name, digests] : document_.files()) found.push_back(name);
    return found;
  }

  const test::ScratchDirectory scratch_;
  Document document_;
};

TEST_F(AddRoot, NamesEachRegularFileFromTheRoot) {
  write("/usr/bin/ls", "ls");
  write("/etc/my file", "x");
  EXPECT_THAT(names({}), ElementsAre("/etc/my_file", "/usr/bin/ls"));
  EXPECT_THAT(document_.files()["/usr/bin/ls"],
              ElementsAre(to_hex(digest::hash(digest::Algorithm::kSha256, as_bytes("ls")).view())));
}

TEST_F(AddRoot, FollowsNoLinkAndOpensNoPipe) {
  write("/usr/bin/ls", "ls");
  std::filesystem::create_directory_symlink(scratch_.path() + "/usr", scratch_.path() + "/link");
  std::filesystem::create_symlink("/etc/passwd", scratch_.path() + "/usr/bin/passwd");
  ASSERT_EQ(::mkfifo((scratch_.path() + "/usr/pipe").c_str(), 0600), 0);
  EXPECT_THAT(names({}), ElementsAre("/usr/bin/ls"));
}

TEST_F(AddRoot, LeavesOutDirectoriesOfTheMomentAndThoseNamed) {
  for (const char* path : {"/tmp/a", "/var/tmp/b", "/proc/c", "/var/lib/d", "/opt/e", "/usr/tmp/f"}) write(path, "x");
  EXPECT_THAT(names({.skipped = {"/opt"}}), ElementsAre("/usr/tmp/f", "/var/lib/d"));
}

TEST_F(AddRoot, PutsExcludesIntoThePolicyAndReadsNoFileThatTheyMatch) {
  write("/var/log/a.log", "x");
  write("/var/lib/b", "x");
  EXPECT_THAT(names({.excludes = {"/var/log/.*"}}), ElementsAre("/var/lib/b"));
  EXPECT_THAT(document_.excludes, ElementsAre("/var/log/.*"));
  RootOptions bad{.directory = scratch_.path(), .excludes = {"("}};
  EXPECT_EQ(add_root(bad, document_).error().code, ErrorCode::kUsage);
}

TEST_F(AddRoot, HashesByEachAlgorithm) {
  write("/a", "x");
  names({.algorithms = {digest::Algorithm::kSha1, digest::Algorithm::kSha512}});
  EXPECT_EQ(document_.files()["/a"].size(), 2u);
  EXPECT_TRUE(document_.rules.empty());
  if (!digest::available(digest::Algorithm::kSha3_256)) return;
  names({.algorithms = {digest::Algorithm::kSha3_256}});
  EXPECT_EQ(document_.rules["algorithms"], R"(["sha3-256"])");
}

TEST_F(AddRoot, ReportsNamesThatJsonCannotHold) {
  write("/usr/caf\xe9", "x");
  const auto report = add_root({.directory = scratch_.path()}, document_);
  ASSERT_TRUE(report);
  EXPECT_THAT(report->not_utf8, ElementsAre("/usr/caf\\xe9"));
  EXPECT_TRUE(document_.files().empty());
}

TEST_F(AddRoot, FailsIfAFileCannotBeRead) {
  write("/secret", "x");
  std::filesystem::permissions(scratch_.path() + "/secret", std::filesystem::perms::none);
  // Root reads every file, so somebody else has to try.
  constexpr uid_t kNobody = 65534;
  const bool root = ::geteuid() == 0;
  if (root) {
    ASSERT_EQ(::chmod(scratch_.path().c_str(), 0755), 0);
    ASSERT_EQ(::seteuid(kNobody), 0);
  }
  const auto report = add_root({.directory = scratch_.path()}, document_);
  if (root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("run as root"));
}

TEST(ParseAlgorithms, RefusesThoseThatAPolicyCannotTellApart) {
  EXPECT_TRUE(parse_algorithms({"sha1", "sha256"}));
  EXPECT_EQ(parse_algorithms({"sha7"}).error().code, ErrorCode::kUsage);
  EXPECT_EQ(parse_algorithms({"sha256", "sha3-256"}).error().code, ErrorCode::kUsage);
  EXPECT_EQ(parse_algorithms({}).error().code, ErrorCode::kUsage);
}

}  // namespace root_walk_test
}  // namespace imakeep::reference
