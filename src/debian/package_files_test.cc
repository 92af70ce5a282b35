// SPDX-License-Identifier: Apache-2.0
#include "debian/package_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace imakeep::debian {
namespace package_files_test {

using ::testing::ElementsAre;

DebContents deb(const std::string& name, std::vector<DebFile> files, std::vector<DebLink> links = {},
                std::vector<DebFile> control = {}) {
  return {.package = {.name = name, .version = "1", .architecture = "amd64"},
          .files = std::move(files),
          .links = std::move(links),
          .control = std::move(control)};
}

std::vector<std::string> names_of(const std::vector<DebContents>& debs, NameOptions options = {}) {
  PackageFiles files(std::move(options));
  for (const DebContents& one : debs) files.add(one);
  reference::Document document;
  EXPECT_TRUE(files.finish(document).empty());
  std::vector<std::string> names;
  for (const auto& [name, digests] : document.files()) names.push_back(name);
  return names;
}

const std::string kDigest(64, 'a');

TEST(PackageFiles, NamesFilesInMergedDirectoriesTwice) {
  const DebContents one = deb("a", {{"/bin/sh", {kDigest}}, {"/usr/bin/ls", {kDigest}}});
  EXPECT_THAT(names_of({one}), ElementsAre("/bin/sh", "/usr/bin/ls", "/usr/bin/sh"));
  EXPECT_THAT(names_of({one}, {.merged_usr = false}), ElementsAre("/bin/sh", "/usr/bin/ls"));
}

TEST(PackageFiles, FollowsLinksOfOtherPackages) {
  EXPECT_THAT(names_of({deb("a", {{"/usr/share/x/f", {kDigest}}}), deb("b", {}, {{"/usr/share/x", "y"}})}),
              ElementsAre("/usr/share/x/f", "/usr/share/y/f"));
}

TEST(PackageFiles, MovesDivertedFilesOfOtherPackages) {
  const Diversions diversions = {{"/bin/sh", {.to = "/bin/sh.distrib", .package = "dash"}},
                                 {"/usr/bin/ls", {.to = "/usr/bin/ls.real", .package = ""}}};
  const NameOptions options{.diversions = diversions};
  EXPECT_THAT(names_of({deb("bash", {{"/bin/sh", {kDigest}}})}, options),
              ElementsAre("/bin/sh.distrib", "/usr/bin/sh.distrib"));
  EXPECT_THAT(names_of({deb("dash", {{"/bin/sh", {kDigest}}})}, options), ElementsAre("/bin/sh", "/usr/bin/sh"));
  EXPECT_THAT(names_of({deb("coreutils", {{"/usr/bin/ls", {kDigest}}})}, options), ElementsAre("/usr/bin/ls.real"));
}

TEST(PackageFiles, NamesWhatDpkgRunsAndUnpacks) {
  DebContents same =
      deb("libc6", {{"/usr/lib/libc.so", {kDigest}}}, {}, {{"postinst", {kDigest}}, {"preinst", {kDigest}}});
  EXPECT_THAT(names_of({same}, {.dpkg_new = true}),
              ElementsAre("/usr/lib/libc.so", "/usr/lib/libc.so.dpkg-new", "/var/lib/dpkg/info/libc6.postinst",
                          "/var/lib/dpkg/info/libc6.postinst.dpkg-new", "/var/lib/dpkg/info/libc6.preinst",
                          "/var/lib/dpkg/info/libc6.preinst.dpkg-new", "/var/lib/dpkg/tmp.ci/preinst",
                          "/var/lib/dpkg/tmp.ci/preinst.dpkg-new"));
  same.one_for_each_architecture = true;
  EXPECT_THAT(names_of({same}), ElementsAre("/usr/lib/libc.so", "/var/lib/dpkg/info/libc6:amd64.postinst",
                                            "/var/lib/dpkg/info/libc6:amd64.preinst", "/var/lib/dpkg/tmp.ci/preinst"));
}

TEST(PackageFiles, RecordsPackageAndVersionOfEachDigest) {
  PackageFiles files({});
  files.add(deb("a", {{"/a b", {kDigest}}, {"/caf\xe9", {kDigest}}}));
  reference::Document document;
  EXPECT_THAT(files.finish(document), ElementsAre("/caf\\xe9"));
  EXPECT_TRUE(document.files().contains("/a_b"));
  ASSERT_EQ(document.packages.size(), 1u);
  EXPECT_EQ(document.packages.begin()->first.name, "a");
}

}  // namespace package_files_test
}  // namespace imakeep::debian
