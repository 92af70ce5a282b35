// SPDX-License-Identifier: Apache-2.0
#include "debian/root_comparison.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "digest/digest.h"
#include "support/scratch_directory.h"

namespace imakeep::debian {
namespace root_comparison_test {

using ::testing::HasSubstr;

TEST(CompareRoot, GivesEachRefusedFileItsCause) {
  const test::ScratchDirectory scratch;
  const auto put = [&](const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(scratch.path() + path).parent_path());
    std::ofstream(scratch.path() + path) << text;
  };
  reference::Document document;
  const std::string good = to_hex(digest::hash(digest::Algorithm::kSha256, as_bytes("good")).view());
  for (const char* path : {"/usr/bin/a", "/usr/bin/b", "/usr/lib/c.conf"}) document.files()[path] = {good};
  put("/usr/bin/a", "good");
  put("/usr/bin/b", "changed");
  put("/usr/lib/c.conf", "changed");
  put("/usr/bin/d", "of a package that no source has");
  put("/usr/lib/python3/__pycache__/x.pyc", "code");
  put("/usr/local/bin/e", "local");
  put("/usr/bin/f", "foreign");
  put("/etc/g", "not compared");
  put("/var/lib/dpkg/info/dpack.list", "/.\n/bin/d\n");
  put("/var/lib/dpkg/info/bpack:amd64.list", "/usr/bin/b\n");
  const auto compared = compare_root({.root = scratch.path(),
                                      .conffiles = {"/lib/c.conf"},
                                      .missing = {{.name = "dpack", .version = "1", .architecture = "all"}}},
                                     document);
  ASSERT_TRUE(compared) << compared.error().message;
  EXPECT_EQ(compared->files, 7u);
  EXPECT_EQ(compared->accepted, 1u);
  std::map<std::string, Cause> causes;
  for (const Unexplained& file : compared->unexplained) causes[file.path] = file.cause;
  const std::map<std::string, Cause> expected = {
      {"/usr/bin/b", Cause::kAltered},        {"/usr/lib/c.conf", Cause::kConffile},
      {"/usr/bin/d", Cause::kMissingPackage}, {"/usr/lib/python3/__pycache__/x.pyc", Cause::kMade},
      {"/usr/local/bin/e", Cause::kLocal},    {"/usr/bin/f", Cause::kUnknown}};
  EXPECT_EQ(causes, expected);
  const std::string text = comparison_text(*compared);
  EXPECT_THAT(text, HasSubstr("other content than in its package: /usr/bin/b (bpack:amd64)\n"));
  EXPECT_THAT(text, HasSubstr("7 files, 1 accepted"));
  EXPECT_EQ(comparison_json(*compared)["refused"]["not explained"], 1);
}

TEST(CompareRoot, FindsTheOwnersOfDivertedFiles) {
  const test::ScratchDirectory scratch;
  const auto put = [&](const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(scratch.path() + path).parent_path());
    std::ofstream(scratch.path() + path) << text;
  };
  put("/usr/bin/config", "of the package that diverts");
  put("/usr/bin/config.gone", "of the package whose file was diverted");
  put("/usr/lib/gone.conf", "a conffile that nothing was compared with");
  put("/var/lib/dpkg/info/diverts.list", "/usr/bin/config\n");
  put("/var/lib/dpkg/info/gone:amd64.list", "/usr/bin/config\n/usr/lib/gone.conf\n");
  const auto compared = compare_root({.root = scratch.path(),
                                      .conffiles = {"/usr/lib/gone.conf"},
                                      .diversions = {{"/bin/config", {.to = "/bin/config.gone", .package = "diverts"}}},
                                      .missing = {{.name = "gone", .version = "1", .architecture = "amd64"},
                                                  {.name = "diverts", .version = "1", .architecture = "all"}}},
                                     {});
  ASSERT_TRUE(compared) << compared.error().message;
  std::map<std::string, std::string> owners;
  for (const Unexplained& file : compared->unexplained) {
    EXPECT_EQ(file.cause, Cause::kMissingPackage) << file.path;
    owners[file.path] = file.detail;
  }
  const std::map<std::string, std::string> expected = {
      {"/usr/bin/config", "diverts"}, {"/usr/bin/config.gone", "gone:amd64"}, {"/usr/lib/gone.conf", "gone:amd64"}};
  EXPECT_EQ(owners, expected);
}

TEST(MakerOf, KnowsCommonMakersAndNoOthers) {
  EXPECT_EQ(maker_of("/boot/initrd.img-6.1.0-1-amd64"), "update-initramfs");
  EXPECT_EQ(maker_of("/usr/lib/modules/6.1/modules.dep.bin"), "depmod");
  EXPECT_EQ(maker_of("/usr/bin/ls"), "");
}

}  // namespace root_comparison_test
}  // namespace imakeep::debian
