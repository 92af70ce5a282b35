// SPDX-License-Identifier: Apache-2.0
#include "control/measure_file.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>

#include <gtest/gtest.h>

#include "base/file.h"
#include "control/list_check.h"
#include "imalog/ascii.h"
#include "imalog/test_support.h"

namespace imakeep::control {
namespace measure_file_test {

struct MeasureFileTest : testing::Test {
  MeasureFileTest() {
    char name[] = "/tmp/imakeep-measure-test-XXXXXX";
    directory = ::mkdtemp(name);
    path = directory + "/a file";
    EXPECT_TRUE(replace_file(path, as_bytes("content"), 0640));
  }
  ~MeasureFileTest() override { std::filesystem::remove_all(directory); }

  // The fields of the record's line, after PCR, digest and name.
  std::string measured(const std::string& template_name, const std::string& of) {
    Bytes list;
    const auto made = measure_file(list, of, {.template_name = template_name});
    EXPECT_TRUE(made) << describe(made.error());
    return fields_of(list, template_name);
  }
  static std::string fields_of(const Bytes& list, const std::string& template_name) {
    const auto contents = check_list(list, kMadeBank);
    EXPECT_TRUE(contents) << describe(contents.error());
    EXPECT_EQ(contents->size(), 1u);
    EXPECT_EQ(contents->front().template_name, template_name);
    EXPECT_EQ(contents->front().pcr, 10u);
    std::string line;
    EXPECT_TRUE(imalog::append_ascii(line, contents->front(), {}));
    const std::string head = "10  " + template_name;
    EXPECT_TRUE(line.starts_with(head) && line.ends_with("\n")) << line;
    return line.substr(head.size(), line.size() - head.size() - 1);
  }
  std::string sha256() const { return "sha256:" + to_hex(digest::hash(digest::Algorithm::kSha256, content()).view()); }
  std::string sha1() const { return to_hex(digest::hash(digest::Algorithm::kSha1, content()).view()); }
  static ByteView content() { return as_bytes("content"); }
  std::string shown_path() const { return directory + "/a_file"; }

  std::string directory;
  std::string path;
};

TEST_F(MeasureFileTest, GivesEveryBuiltInTemplateItsFields) {
  EXPECT_EQ(measured("ima", path), " " + sha1() + " " + shown_path());
  EXPECT_EQ(measured("ima-ng", path), " " + sha256() + " " + shown_path());
  EXPECT_EQ(measured("ima-ngv2", path), " ima:" + sha256() + " " + shown_path());
  EXPECT_EQ(measured("ima-sig", path), " " + sha256() + " " + shown_path() + " ");
  EXPECT_EQ(measured("ima-sigv2", path), " ima:" + sha256() + " " + shown_path() + " ");
  EXPECT_EQ(measured("ima-buf", path), " " + sha256() + " " + shown_path() + " ");
  EXPECT_EQ(measured("ima-modsig", path), " " + sha256() + " " + shown_path() + "   ");
}

TEST_F(MeasureFileTest, GivesFreeFormatsTheFilesOwnerAndMode) {
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  const std::string owner = std::to_string(status.st_uid) + " " + std::to_string(status.st_gid);
  EXPECT_EQ(measured("d-ng|n-ng|iuid|igid|imode", path),
            " " + sha256() + " " + shown_path() + " " + owner + " " + std::to_string(S_IFREG | 0640));
  EXPECT_EQ(measured("n|d", path), " " + shown_path() + " " + sha1());
  EXPECT_EQ(measured("n-ng", path), " " + shown_path());
  for (const std::string name :
       {"evm-sig", "d-ngv2|sig|d-modsig|modsig|buf|evmsig|xattrnames|xattrlengths|xattrvalues"}) {
    Bytes list;
    ASSERT_TRUE(measure_file(list, path, {.template_name = name})) << name;
    EXPECT_TRUE(check_list(list, kMadeBank)) << name;
  }
}

TEST_F(MeasureFileTest, TakesASignatureFromTheFilesAttributes) {
  const char signature[] = {3, 2, 4, 0x7f};
  const char bare_hash[] = {4, 4, 1, 2};
  if (::setxattr(path.c_str(), "security.ima", signature, sizeof signature, 0) != 0) {
    GTEST_SKIP() << "no security.ima on this file system";
  }
  EXPECT_EQ(measured("ima-sig", path), " " + sha256() + " " + shown_path() + " 0302047f");
  EXPECT_EQ(measured("n|xattrnames|xattrlengths|xattrvalues", path),
            " " + shown_path() + " security.ima 04000000 0302047f");
  ASSERT_EQ(::setxattr(path.c_str(), "security.ima", bare_hash, sizeof bare_hash, 0), 0);
  EXPECT_EQ(measured("ima-sig", path), " " + sha256() + " " + shown_path() + " ") << "a hash is no signature";
}

TEST_F(MeasureFileTest, TakesAPortableSignatureWhereTheFileHasNoOther) {
  const char ima[] = {3, 2, 4, 0x7f};
  const char portable[] = {5, 2, 4, 0x11};
  const char immutable[] = {2, 2, 4, 0x11};
  const std::string record = " " + sha256() + " " + shown_path() + " ";
  // Linux takes security.evm only in the form that the kernel understands, so perhaps none can be set.
  if (::setxattr(path.c_str(), "security.evm", portable, sizeof portable, 0) != 0) {
    GTEST_SKIP() << "no security.evm on this file system";
  }
  EXPECT_EQ(measured("ima-sig", path), record + "05020411");
  Bytes violation;
  ASSERT_TRUE(record_violation(violation, path, {.template_name = "ima-sig"}));
  EXPECT_TRUE(fields_of(violation, "ima-sig").ends_with(" 05020411"));
  ASSERT_EQ(::setxattr(path.c_str(), "security.ima", ima, sizeof ima, 0), 0);
  EXPECT_EQ(measured("ima-sig", path), record + "0302047f");
  EXPECT_EQ(measured("sig|evmsig", path), " 0302047f 05020411");
  ASSERT_EQ(::removexattr(path.c_str(), "security.ima"), 0);
  ASSERT_EQ(::setxattr(path.c_str(), "security.evm", immutable, sizeof immutable, 0), 0);
  EXPECT_EQ(measured("ima-sig", path), record) << "an HMAC is no portable signature";
}

TEST_F(MeasureFileTest, ShowsTheFileNameAloneWhereThePathIsLong) {
  std::string deep = directory;
  while (deep.size() <= 255) deep += "/" + std::string(60, 'd');
  std::filesystem::create_directories(deep);
  const std::string file = deep + "/the file";
  ASSERT_TRUE(replace_file(file, content(), 0640));
  EXPECT_EQ(measured("ima", file), " " + sha1() + " the_file");
  EXPECT_EQ(measured("n|n-ng", file), " the_file " + deep + "/the_file");
  Bytes violation;
  ASSERT_TRUE(record_violation(violation, file, {.template_name = "ima"}));
  EXPECT_EQ(fields_of(violation, "ima"), " " + std::string(40, '0') + " the_file");
}

TEST_F(MeasureFileTest, UnderImaHashMd5GivesTemplateImaTheFilesMd5AndRefusesAnyOther) {
  Bytes list;
  ASSERT_TRUE(measure_file(list, path, {.template_name = "ima", .md5 = true}));
  // printf content | md5sum
  EXPECT_EQ(fields_of(list, "ima"), " 9a0364b9e99bb480dd25e1f0284c8555 " + shown_path());
  Bytes violation;
  ASSERT_TRUE(record_violation(violation, path, {.template_name = "ima", .md5 = true}));
  EXPECT_EQ(fields_of(violation, "ima"), " " + std::string(40, '0') + " " + shown_path());
  EXPECT_EQ(measure_file(list, path, {.template_name = "ima-ng", .md5 = true}).error().code, ErrorCode::kUsage);
}

TEST_F(MeasureFileTest, GivesAViolationTheOwnerOfAFileThatIsThere) {
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  Bytes list;
  ASSERT_TRUE(record_violation(list, path, {.template_name = "n|iuid|imode"}));
  EXPECT_EQ(fields_of(list, "n|iuid|imode"),
            " " + shown_path() + " " + std::to_string(status.st_uid) + " " + std::to_string(S_IFREG | 0640));
}

TEST_F(MeasureFileTest, UsesImasHashAndPcr) {
  Bytes list;
  ASSERT_TRUE(measure_file(list, path, {.hash = digest::Algorithm::kSha512, .pcr = 12}));
  const auto contents = check_list(list, kMadeBank);
  ASSERT_TRUE(contents);
  EXPECT_EQ(contents->front().pcr, 12u);
  EXPECT_NE(as_text(contents->front().body).find("sha512:"), std::string_view::npos);
}

TEST_F(MeasureFileTest, ShowsTheCanonicalPath) {
  std::filesystem::create_symlink(path, directory + "/link");
  EXPECT_EQ(measured("n-ng", directory + "/link"), " " + shown_path());
  EXPECT_EQ(measured("n-ng", directory + "/../" + directory.substr(5) + "/./a file"), " " + shown_path());
}

TEST_F(MeasureFileTest, RefusesWhatIsNoFileAndLeavesTheListAlone) {
  ASSERT_EQ(::mkfifo((directory + "/fifo").c_str(), 0600), 0);
  Bytes list(3);
  for (const std::string& bad : {directory + "/none", directory, directory + "/fifo", std::string("/dev/null")}) {
    const auto made = measure_file(list, bad, {});
    ASSERT_FALSE(made) << bad;
    EXPECT_EQ(made.error().code, ErrorCode::kEnvironment) << bad;
    EXPECT_NE(made.error().message.find(bad), std::string::npos);
  }
  EXPECT_EQ(measure_file(list, path, {.template_name = "no-such"}).error().code, ErrorCode::kUsage);
  EXPECT_EQ(list, Bytes(3));
}

TEST_F(MeasureFileTest, RecordsAViolationOfAFileThatNeedNotBe) {
  Bytes list;
  ASSERT_TRUE(record_violation(list, directory + "/x/../gone", {}));
  const auto contents = check_list(list, kMadeBank);
  ASSERT_TRUE(contents);
  EXPECT_TRUE(contents->front().violation);
  EXPECT_EQ(fields_of(list, "ima-ng"), " sha256:" + std::string(64, '0') + " " + directory + "/gone");
}

}  // namespace measure_file_test
}  // namespace imakeep::control
