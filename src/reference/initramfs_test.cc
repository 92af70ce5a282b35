// SPDX-License-Identifier: Apache-2.0
#include "reference/initramfs.h"

#include <gmock/gmock.h>

#include "base/file.h"
#include "digest/digest.h"
#include "reference/test_support.h"
#include "support/scratch_directory.h"

namespace imakeep::reference {
namespace initramfs_test {

using ::testing::HasSubstr;

const std::vector<digest::Algorithm> kSha256 = {digest::Algorithm::kSha256};

std::string sha256_of(std::string_view text) {
  return to_hex(digest::hash(digest::Algorithm::kSha256, as_bytes(text)).view());
}

// Images come from cpio and the compressors, as those of a distribution do.
class AddInitramfs : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::system("cpio --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "no cpio";
    run("mkdir -p early/kernel main/usr/bin && echo microcode >early/kernel/m.bin");
    run("cd main && ln -s usr/bin bin && echo init >init && printf kmod >usr/bin/kmod && ln usr/bin/kmod "
        "usr/bin/lsmod");
    run("cd early && find . | cpio -o -H newc >../early.cpio 2>/dev/null");
    run("cd main && find . | sort | cpio -o -H newc >../main.cpio 2>/dev/null");
  }
  void run(const std::string& command) {
    ASSERT_EQ(std::system(("cd " + scratch_.path() + " && " + command).c_str()), 0) << command;
  }
  Bytes file(const std::string& name) { return *read_file(scratch_.file(name)); }
  std::string error_of(const Bytes& image) {
    Document document;
    const auto added = add_initramfs(image, kSha256, document);
    return added ? "added" : describe(added.error());
  }

  const test::ScratchDirectory scratch_;
};

TEST_F(AddInitramfs, TakesPlainAndCompressedArchivesAfterEachOther) {
  for (const char* compress : {"cat", "gzip", "xz --check=crc32", "zstd -q", "bzip2"}) {
    if (std::system((std::string(compress) + " </dev/null >/dev/null 2>&1").c_str()) != 0) continue;
    run(std::string("cat early.cpio >image && ") + compress + " <main.cpio >>image");
    // Linux takes what follows an xz stream too; libarchive takes it for a damaged stream.
    if (!std::string_view(compress).starts_with("xz")) run("cat early.cpio >>image");
    Document document;
    const auto added = add_initramfs(file("image"), kSha256, document);
    ASSERT_TRUE(added) << compress << ": " << added.error().message;
    EXPECT_EQ(document.files().size(), 4u) << compress;
    EXPECT_EQ(document.files()["/init"], DigestSet{sha256_of("init\n")});
    EXPECT_EQ(document.files()["/kernel/m.bin"], DigestSet{sha256_of("microcode\n")});
  }
}

TEST_F(AddInitramfs, GivesEachNameOfAFileItsDigest) {
  Document document;
  ASSERT_TRUE(add_initramfs(file("main.cpio"), kSha256, document));
  EXPECT_EQ(document.files()["/usr/bin/kmod"], DigestSet{sha256_of("kmod")});
  EXPECT_EQ(document.files()["/usr/bin/lsmod"], DigestSet{sha256_of("kmod")});
}

TEST_F(AddInitramfs, NamesFilesAsTheKernelDoes) {
  run("rm main/bin && mkdir main/bin && echo x >'main/bin/a b' && cd main && echo './bin/a b' | cpio -o -H newc "
      ">../one.cpio 2>/dev/null && rm -r bin && ln -s usr/bin bin && echo bin | cpio -o -H newc >../two.cpio "
      "2>/dev/null");
  run("cat one.cpio two.cpio >image");
  Document document;
  ASSERT_TRUE(add_initramfs(file("image"), kSha256, document));
  EXPECT_EQ(document.files().begin()->first, "/usr/bin/a_b");
}

TEST_F(AddInitramfs, RefusesWhatIsCutOrFollowedByOtherBytes) {
  const Bytes whole = file("main.cpio");
  EXPECT_THAT(error_of({}), HasSubstr("no initramfs"));
  EXPECT_THAT(error_of(Bytes(512)), HasSubstr("no initramfs"));
  EXPECT_THAT(error_of(Bytes(whole.begin(), whole.begin() + 200)), HasSubstr("ends within the head of an entry"));
  run("cat main.cpio >image && echo other >>image");
  EXPECT_THAT(error_of(file("image")), HasSubstr("no compressed data"));
  run("gzip <main.cpio | head -c 100 >image");
  EXPECT_THAT(error_of(file("image")), HasSubstr("truncated gzip input"));
  run("echo text | gzip >image");
  EXPECT_THAT(error_of(file("image")), HasSubstr("compressed data that are no cpio archive"));
}

}  // namespace initramfs_test
}  // namespace imakeep::reference
