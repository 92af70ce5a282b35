// SPDX-License-Identifier: Apache-2.0
#include "rpm/rpm_packages.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "support/scratch_directory.h"

namespace imakeep::rpm {
namespace rpm_packages_test {

using ::testing::HasSubstr;

// Packages come from rpmbuild and rpmsign, keys from gpg.
class AddRpms : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::system("rpmbuild --version >/dev/null 2>&1 && rpmsign --version >/dev/null 2>&1 && gpg --version "
                    ">/dev/null 2>&1") != 0) {
      GTEST_SKIP() << "no rpmbuild, rpmsign or gpg";
    }
    std::ofstream(scratch_.file("tool.spec"))
        << "Name: tool\nVersion: 1\nRelease: 2\nEpoch: 3\nSummary: s\nLicense: l\n"
           "BuildArch: noarch\n%description\nd\n%install\n"
           "mkdir -p %{buildroot}/usr/bin %{buildroot}/etc\n"
           "printf tool >%{buildroot}/usr/bin/tool\n"
           "ln -s tool %{buildroot}/usr/bin/link\n"
           "printf conf >%{buildroot}/etc/tool.conf\n"
           "%files\n/usr/bin/*\n%config /etc/tool.conf\n%ghost /var/lib/tool\n";
    run("rpmbuild --quiet -bb --define \"_topdir $PWD\" --define \"_rpmdir $PWD\" --define \"_build_name_fmt "
        "tool.rpm\" "
        "tool.spec");
    key("one");
    key("two");
    run("rpmsign --define \"_gpg_name one\" --define \"__gpg $(command -v gpg)\" --addsign tool.rpm");
  }
  void TearDown() override {
    const std::string command = "gpgconf --homedir " + scratch_.path() + "/home --kill all >/dev/null 2>&1";
    if (std::system(command.c_str()) != 0) return;
  }
  void run(const std::string& command) {
    const std::string line = "cd " + scratch_.path() + " && mkdir -p -m 0700 home && export GNUPGHOME=$PWD/home && (" +
                             command + ") >/dev/null 2>log </dev/null";
    ASSERT_EQ(std::system(line.c_str()), 0) << command << as_text(*read_file(scratch_.file("log")));
  }
  void key(const std::string& name) {
    run("gpg --batch --passphrase '' --quick-generate-key " + name + " rsa2048 sign never && gpg --armor --export " +
        name + " >" + name + ".asc");
  }
  Result<RpmReport> add(const std::string& package, const std::string& keyring) {
    return add_rpms({.packages = {scratch_.file(package)}, .keyring = scratch_.file(keyring)}, document_);
  }

  const test::ScratchDirectory scratch_;
  reference::Document document_;
};

TEST_F(AddRpms, TakesTheDigestOfEachRegularFileFromTheHeader) {
  const auto report = add("tool.rpm", "one.asc");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->packages, 1u);
  EXPECT_EQ(report->files, 2u);
  const std::string tool = to_hex(digest::hash(digest::Algorithm::kSha256, as_bytes("tool")).view());
  EXPECT_EQ(document_.files()["/usr/bin/tool"], reference::DigestSet{tool});
  EXPECT_TRUE(document_.files().contains("/etc/tool.conf"));
  EXPECT_FALSE(document_.files().contains("/usr/bin/link"));
  ASSERT_EQ(document_.packages.size(), 1u);
  EXPECT_EQ(document_.packages.begin()->first.version, "3:1-2");
}

TEST_F(AddRpms, RefusesWhatNoKeySigned) {
  EXPECT_EQ(add("tool.rpm", "two.asc").error().code, ErrorCode::kMismatch);
  run("cp tool.rpm unsigned.rpm && rpmsign --delsign unsigned.rpm");
  EXPECT_EQ(add("unsigned.rpm", "one.asc").error().code, ErrorCode::kMismatch);
  Bytes altered = *read_file(scratch_.file("tool.rpm"));
  altered[altered.size() - 20] ^= std::byte{1};
  std::ofstream(scratch_.file("altered.rpm")) << as_text(altered);
  EXPECT_EQ(add("altered.rpm", "one.asc").error().code, ErrorCode::kMismatch);
  std::ofstream(scratch_.file("text.rpm")) << "no package";
  EXPECT_FALSE(add("text.rpm", "one.asc"));
  EXPECT_TRUE(document_.files().empty());
  EXPECT_EQ(add("tool.rpm", "tool.spec").error().code, ErrorCode::kMalformed);
  EXPECT_EQ(add("tool.rpm", "none.asc").error().code, ErrorCode::kEnvironment);
  EXPECT_EQ(add("home", "one.asc").error().code, ErrorCode::kUsage);
}

}  // namespace rpm_packages_test
}  // namespace imakeep::rpm
