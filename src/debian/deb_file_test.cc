// SPDX-License-Identifier: Apache-2.0
#include "debian/deb_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "digest/digest.h"
#include "support/scratch_directory.h"

namespace imakeep::debian {
namespace deb_file_test {

using ::testing::HasSubstr;

const std::vector<digest::Algorithm> kAlgorithms = {digest::Algorithm::kSha256};

// Packages come from dpkg-deb, as those of a distribution do.
class ReadDeb : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::system("dpkg-deb --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "no dpkg-deb";
    run("mkdir -p t/DEBIAN t/usr/bin && printf 'Package: tool\\nVersion: 1:2-3\\nArchitecture: amd64\\nMulti-Arch: "
        "same\\n"
        "Maintainer: M <m@example.org>\\nDescription: a tool\\n' >t/DEBIAN/control");
    run("printf '#!/bin/sh\\n' >t/DEBIAN/postinst && chmod 755 t/DEBIAN/postinst && printf tool >t/usr/bin/tool && "
        "ln t/usr/bin/tool t/usr/bin/same && ln -s tool t/usr/bin/link && touch t/usr/bin/empty");
  }
  void run(const std::string& command) {
    ASSERT_EQ(std::system(("cd " + scratch_.path() + " && " + command).c_str()), 0) << command;
  }
  Bytes build(const std::string& compression) {
    run("dpkg-deb --root-owner-group -Z" + compression + " --build t tool.deb >/dev/null");
    return *read_file(scratch_.file("tool.deb"));
  }
  std::string error_of(const Bytes& deb) {
    const auto read = read_deb(deb, kAlgorithms);
    return read ? "read" : read.error().message;
  }

  const test::ScratchDirectory scratch_;
};

reference::DigestSet sha256_of(std::string_view text) {
  return {to_hex(digest::hash(digest::Algorithm::kSha256, as_bytes(text)).view())};
}

TEST_F(ReadDeb, HashesEveryRegularFileOfEachCompression) {
  for (const char* compression : {"none", "gzip", "xz", "zstd"}) {
    const auto read = read_deb(build(compression), kAlgorithms);
    ASSERT_TRUE(read) << compression << ": " << read.error().message;
    EXPECT_EQ(text_of(read->package), "tool 1:2-3 amd64");
    EXPECT_TRUE(read->one_for_each_architecture);
    std::map<std::string, reference::DigestSet> files;
    for (const DebFile& file : read->files) files[file.path] = file.digests;
    EXPECT_EQ(files.size(), 3u) << compression;
    EXPECT_EQ(files["/usr/bin/tool"], sha256_of("tool"));
    EXPECT_EQ(files["/usr/bin/same"], sha256_of("tool"));
    EXPECT_EQ(files["/usr/bin/empty"], sha256_of(""));
    ASSERT_EQ(read->links.size(), 1u);
    EXPECT_EQ(read->links[0].path, "/usr/bin/link");
    EXPECT_EQ(read->links[0].target, "tool");
    ASSERT_EQ(read->control.size(), 1u);
    EXPECT_EQ(read->control[0].path, "postinst");
    EXPECT_EQ(read->control[0].digests, sha256_of("#!/bin/sh\n"));
  }
}

// What follows the last file in its archive need not be there.
TEST_F(ReadDeb, NoProperPrefixIsTakenForAnotherPackage) {
  const Bytes deb = build("xz");
  const auto whole = read_deb(deb, kAlgorithms);
  ASSERT_TRUE(whole);
  std::size_t refused = 0;
  for (std::size_t size = 0; size < deb.size(); size += 7) {
    const auto read = read_deb(ByteView(deb).first(size), kAlgorithms);
    if (!read) {
      ++refused;
      continue;
    }
    EXPECT_EQ(read->files.size(), whole->files.size()) << size;
    EXPECT_EQ(read->control.size(), whole->control.size()) << size;
  }
  EXPECT_GT(refused, deb.size() / 14);
}

TEST_F(ReadDeb, NamesTheMemberOfAFault) {
  build("gzip");
  run("ar p tool.deb control.tar.gz >control.tar.gz && ar p tool.deb data.tar.gz >data.tar.gz && "
      "ar p tool.deb debian-binary >debian-binary && rm -f a.deb && ar rc a.deb debian-binary control.tar.gz");
  EXPECT_THAT(error_of(*read_file(scratch_.file("a.deb"))), HasSubstr("data.tar is missing"));
  run("rm -f a.deb && ar rc a.deb debian-binary data.tar.gz control.tar.gz");
  EXPECT_THAT(error_of(*read_file(scratch_.file("a.deb"))), HasSubstr("in another order"));
  run("head -c 60 data.tar.gz >cut && mv cut data.tar.gz && rm -f a.deb && "
      "ar rc a.deb debian-binary control.tar.gz data.tar.gz");
  EXPECT_THAT(error_of(*read_file(scratch_.file("a.deb"))), HasSubstr("data.tar.gz: "));
  EXPECT_THAT(error_of(Bytes(100)), HasSubstr("no .deb: "));
  EXPECT_FALSE(read_deb_file(scratch_.file("missing.deb"), kAlgorithms));
}

}  // namespace deb_file_test
}  // namespace imakeep::debian
