// SPDX-License-Identifier: Apache-2.0
#include "debian/release.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "support/scratch_directory.h"

namespace imakeep::debian {
namespace release_test {

using ::testing::HasSubstr;

const std::string kText =
    "Suite: stable\nCodename: bookworm\nAcquire-By-Hash: yes\nDate: Sat, 11 Jul 2026 10:16:37 UTC\n"
    "Valid-Until: Sat, 18 Jul 2026 10:16:37 UTC\nSHA256:\n " +
    std::string(64, 'a') + "  123 main/binary-amd64/Packages.xz\n";

TEST(ParseRelease, ReadsNamesTimeAndFiles) {
  const auto release = parse_release(kText);
  ASSERT_TRUE(release) << release.error().message;
  EXPECT_TRUE(release->by_hash);
  EXPECT_EQ(release->files.at("main/binary-amd64/Packages.xz").bytes, 123u);
  EXPECT_EQ(release->valid_until_unix_s, 1784369797);
  EXPECT_TRUE(check_release(*release, "bookworm", 1784369797));
  EXPECT_TRUE(check_release(*release, "stable", 0));
  EXPECT_EQ(check_release(*release, "trixie", 0).error().code, ErrorCode::kMismatch);
  EXPECT_THAT(check_release(*release, "stable", 1784369798).error().message, HasSubstr("replays an old state"));
}

TEST(ParseRelease, SaysWhichIndexesMayBeUsed) {
  EXPECT_TRUE(has_index(*parse_release(kText), "all"));
  const auto security = parse_release("Architectures: amd64 arm64\n" + kText);
  EXPECT_TRUE(has_index(*security, "arm64"));
  EXPECT_FALSE(has_index(*security, "all"));
  EXPECT_FALSE(has_index(
      *parse_release("Architectures: all amd64\nNo-Support-for-Architecture-all: Packages\n" + kText), "all"));
}

TEST(ParseRelease, RefusesWhatIsIncomplete) {
  EXPECT_FALSE(parse_release(""));
  EXPECT_THAT(parse_release("Suite: a\nMD5Sum:\n").error().message, HasSubstr("no SHA256"));
  EXPECT_FALSE(parse_release("Suite: a\nSHA256:\n abc 1 x\n"));
  EXPECT_FALSE(parse_release("Suite: a\nSHA256:\n " + std::string(64, 'a') + " x\n"));
  EXPECT_FALSE(parse_release("Suite: a\nValid-Until: tomorrow\nSHA256:\n"));
}

// Keys and signatures come from gpg, as a mirror's do.
class VerifyRelease : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::system("gpg --version >/dev/null 2>&1 && gpgv --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "no gpg";
    make_key("one");
    std::ofstream(scratch_.file("Release")) << kText;
  }
  void TearDown() override {
    // gpg leaves an agent behind.
    const std::string command = "gpgconf --homedir " + scratch_.path() + "/home --kill all >/dev/null 2>&1";
    if (std::system(command.c_str()) != 0) return;
  }
  void run(const std::string& command) {
    const std::string line = "cd " + scratch_.path() + " && mkdir -p -m 0700 home && GNUPGHOME=$PWD/home sh -c '" +
                             command + "' >/dev/null 2>log";
    ASSERT_EQ(std::system(line.c_str()), 0) << command << as_text(*read_file(scratch_.file("log")));
  }
  void make_key(const std::string& name) {
    run("gpg --batch --quiet --passphrase \"\" --quick-generate-key " + name + " ed25519 sign never && gpg --export " +
        name + " >" + name + ".gpg && gpg --armor --export " + name + " >" + name + ".asc");
  }
  void sign(const std::string& name) {
    run("rm -f InRelease && gpg --batch --local-user " + name + " --clear-sign --output InRelease Release");
  }
  Result<std::string> verify(const std::string& keyring) {
    return verify_release(*read_file(scratch_.file("InRelease")), scratch_.file(keyring));
  }

  const test::ScratchDirectory scratch_;
};

TEST_F(VerifyRelease, ReturnsTheSignedTextForBothFormsOfKeyrings) {
  sign("one");
  for (const char* keyring : {"one.gpg", "one.asc"}) {
    const auto text = verify(keyring);
    ASSERT_TRUE(text) << keyring << ": " << text.error().message;
    EXPECT_EQ(*text, kText);
  }
}

TEST_F(VerifyRelease, ReturnsNothingThatWasNotSigned) {
  sign("one");
  run("(echo Suite: other; echo; cat InRelease; echo Codename: other) >with && mv with InRelease");
  const auto text = verify("one.gpg");
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(*text, kText);
  run("cat InRelease InRelease >twice && mv twice InRelease");
  EXPECT_FALSE(verify("one.gpg"));
}

TEST_F(VerifyRelease, RefusesAlteredTextAndOtherKeys) {
  sign("one");
  make_key("two");
  EXPECT_THAT(verify("two.gpg").error().message, HasSubstr("no key of"));
  EXPECT_EQ(verify("two.gpg").error().code, ErrorCode::kMismatch);
  run("sed s/bookworm/trixie/ InRelease >altered && mv altered InRelease");
  EXPECT_THAT(verify("one.gpg").error().message, HasSubstr("a signature is bad"));
  run("cp Release InRelease");
  EXPECT_EQ(verify("one.gpg").error().code, ErrorCode::kMalformed);
  EXPECT_EQ(verify("missing.gpg").error().code, ErrorCode::kEnvironment);
}

TEST_F(VerifyRelease, AcceptsOneKnownKeyAmongSeveral) {
  make_key("two");
  run("rm -f InRelease && gpg --batch --local-user one --local-user two --clear-sign --output InRelease Release");
  EXPECT_TRUE(verify("one.gpg"));
  EXPECT_TRUE(verify("two.gpg"));
}

}  // namespace release_test
}  // namespace imakeep::debian
