// SPDX-License-Identifier: Apache-2.0
#include "listfs/list_file.h"

#include <fcntl.h>

#include <algorithm>

#include <gtest/gtest.h>

#include "mlist/test_support.h"

namespace imakeep::listfs {
namespace list_file_test {

using mlist::MeasurementList;
using mlist::test::append_numbered;
using mlist::test::errno_of;

// ---- the directory --------------------------------------------------------------------------------------------------

TEST(ListDirectory, HasExactlyLinuxsFiles) {
  const MeasurementList list({.banks = mlist::test::banks("sha1,sha256")});
  std::vector<std::string> files;
  std::vector<std::string> links;
  for (const Node& node : list_directory(list).nodes) {
    if (node.is_link()) {
      links.push_back(node.name + " -> " + node.link_target);
    } else {
      files.push_back(node.name);
      const bool number = node.name == "violations" || node.name == "runtime_measurements_count";
      EXPECT_EQ(node.permissions, number ? 0440u : 0660u) << node.name;
    }
  }
  std::sort(files.begin(), files.end());
  std::sort(links.begin(), links.end());
  EXPECT_EQ(files,
            (std::vector<std::string>{"ascii_runtime_measurements_sha1", "ascii_runtime_measurements_sha1_staged",
                                      "ascii_runtime_measurements_sha256", "ascii_runtime_measurements_sha256_staged",
                                      "binary_runtime_measurements_sha1", "binary_runtime_measurements_sha1_staged",
                                      "binary_runtime_measurements_sha256", "binary_runtime_measurements_sha256_staged",
                                      "runtime_measurements_count", "violations"}));
  EXPECT_EQ(links, (std::vector<std::string>{
                       "ascii_runtime_measurements -> ascii_runtime_measurements_sha1",
                       "ascii_runtime_measurements_staged -> ascii_runtime_measurements_sha1_staged",
                       "binary_runtime_measurements -> binary_runtime_measurements_sha1",
                       "binary_runtime_measurements_staged -> binary_runtime_measurements_sha1_staged"}));
}

TEST(ListDirectory, HasSha1FilesThoughNoBankIsSha1) {
  const MeasurementList list({.banks = mlist::test::banks("sha384,tpm_alg_27")});
  const auto directory = list_directory(list);
  for (const char* name : {"binary_runtime_measurements_sha1", "binary_runtime_measurements_sha384_staged",
                           "ascii_runtime_measurements_tpm_alg_27"}) {
    EXPECT_TRUE(std::any_of(directory.nodes.begin(), directory.nodes.end(), [&](const Node& node) {
      return node.name == name;
    })) << name;
  }
  EXPECT_EQ(directory.nodes.size(), 2u * 2 * (3 + 1) + 2);
}

// ---- opened files ---------------------------------------------------------------------------------------------------

constexpr Caller kRoot{.task = {.tid = 1, .start_time = 1}, .sys_admin = true};
constexpr Caller kOtherRoot{.task = {.tid = 2, .start_time = 1}, .sys_admin = true};
constexpr Caller kUser{.task = {.tid = 3, .start_time = 1}, .sys_admin = false};

struct ListFilesTest : testing::Test {
  ListFilesTest() { append_numbered(list, 0, 10); }

  Result<std::unique_ptr<OpenFile>> open(std::string_view name, int flags, const Caller& caller = kRoot) {
    const auto& nodes = files.nodes();
    const auto node = std::find_if(nodes.begin(), nodes.end(), [&](const Node& n) { return n.name == name; });
    return files.open(static_cast<std::size_t>(node - nodes.begin()), flags, caller);
  }
  std::unique_ptr<OpenFile> opened(std::string_view name, int flags, const Caller& caller = kRoot) {
    return mlist::test::must(open(name, flags, caller));
  }
  Bytes shown(mlist::ListKind kind) {
    return mlist::test::shown(list, kind, mlist::Form::kBinary, mlist::test::bank("sha1"));
  }
  std::string text(OpenFile& file) { return std::string(as_text(mlist::test::must(file.read(0, 100)))); }

  MeasurementList list{mlist::ListOptions{}};
  ListFiles files{list};
  static constexpr auto kCurrent = "binary_runtime_measurements_sha1";
  static constexpr auto kStaged = "binary_runtime_measurements_sha1_staged";
};

TEST_F(ListFilesTest, OpeningForWritingNeedsSysAdmin) {
  for (const int flags : {O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC | O_APPEND}) {
    EXPECT_EQ(errno_of(open(kCurrent, flags, kUser)), EPERM);
    EXPECT_EQ(errno_of(open(kStaged, flags, kUser)), EPERM);
  }
  EXPECT_EQ(errno_of(open(kCurrent, O_RDONLY, kUser)), 0);
  const auto reader = opened(kCurrent, O_RDONLY);
  EXPECT_EQ(errno_of(open(kCurrent, O_RDWR, kUser)), EPERM) << "looked at before who else has it open";
}

TEST_F(ListFilesTest, MediationIsOneForAllFilesOfTheList) {
  {
    const auto reader = opened("ascii_runtime_measurements_sha1_staged", O_RDONLY, kUser);
    EXPECT_EQ(errno_of(open(kCurrent, O_RDWR)), EBUSY);
    EXPECT_EQ(errno_of(open(kCurrent, O_RDONLY)), 0);
  }
  {
    const auto writer = opened(kStaged, O_RDWR);
    EXPECT_EQ(errno_of(open(kCurrent, O_RDONLY)), EBUSY) << "not even its own task";
    EXPECT_EQ(errno_of(open(kCurrent, O_WRONLY, kOtherRoot)), EBUSY);
    EXPECT_EQ(errno_of(open(kCurrent, O_WRONLY)), 0);
    EXPECT_EQ(errno_of(open("runtime_measurements_count", O_RDONLY, kUser)), 0) << "numbers are always free";
    EXPECT_EQ(errno_of(open("violations", O_RDONLY, kUser)), 0);
  }
  EXPECT_EQ(errno_of(open(kCurrent, O_WRONLY, kOtherRoot)), 0) << "after the close others may open the files";
}

TEST_F(ListFilesTest, ARefusedOpenHoldsNothing) {
  {
    const auto writer = opened(kStaged, O_RDWR);
    EXPECT_FALSE(open(kCurrent, O_RDONLY));
    EXPECT_FALSE(open(kCurrent, O_RDWR, kOtherRoot));
  }
  EXPECT_FALSE(open(kCurrent, O_RDWR, kUser));
  EXPECT_EQ(errno_of(open(kCurrent, O_RDONLY)), 0);
}

TEST_F(ListFilesTest, OneDescriptorStagesReadsAndDeletes) {
  const Bytes whole = shown(mlist::ListKind::kCurrent);
  const auto file = opened(kStaged, O_RDWR);
  ASSERT_TRUE(file->write(0, "A\n"));
  EXPECT_EQ(mlist::test::must(file->read(2, 1u << 20)), whole) << "from where Linux's position is, not FUSE's";
  EXPECT_EQ(errno_of(file->write(2 + whole.size(), "A\n")), EEXIST);
  ASSERT_TRUE(file->write(2 + whole.size(), "D\n"));
  EXPECT_TRUE(mlist::test::must(file->read(0, 100)).empty());
}

TEST_F(ListFilesTest, RequestsAnswerLinuxsErrno) {
  const auto current = opened(kCurrent, O_RDWR);
  const auto staged = opened(kStaged, O_WRONLY);
  EXPECT_EQ(errno_of(current->write(0, "A\n")), EINVAL);
  EXPECT_EQ(errno_of(current->write(0, "11\n")), ENOENT);
  EXPECT_EQ(errno_of(current->write(0, "18446744073709551616\n")), ERANGE);
  EXPECT_EQ(errno_of(staged->write(0, "1\n")), EINVAL);
  EXPECT_EQ(errno_of(staged->write(0, "D\n")), ENOENT);
  EXPECT_EQ(errno_of(staged->write(77, "A\n")), ESPIPE);
  EXPECT_EQ(list.current_records(), 10u);
  EXPECT_EQ(errno_of(current->write(0, "1\n")), 0);
  EXPECT_EQ(list.current_records(), 9u);
}

TEST_F(ListFilesTest, ARefusedRequestDoesNotMoveThePosition) {
  const auto file = opened(kCurrent, O_RDWR);
  const Bytes whole = shown(mlist::ListKind::kCurrent);
  ASSERT_EQ(mlist::test::must(file->read(0, 10)).size(), 10u);
  EXPECT_EQ(errno_of(file->write(10, "x\n")), EINVAL);
  const Bytes rest = mlist::test::must(file->read(10, 1u << 20));
  EXPECT_EQ(rest, Bytes(whole.begin() + 10, whole.end())) << "nor does the kernel's client move it then";
}

TEST_F(ListFilesTest, NumbersAreMadeAnewForEveryRead) {
  const auto count = opened("runtime_measurements_count", O_RDONLY);
  EXPECT_EQ(text(*count), "10\n");
  ASSERT_TRUE(list.stage());
  append_numbered(list, 10, 3);
  EXPECT_EQ(text(*count), "3\n") << "the current list only";
  const auto violations = opened("violations", O_RDONLY);
  EXPECT_EQ(text(*violations), "0\n");
  list.count_violation();
  EXPECT_EQ(text(*violations), "1\n");
  EXPECT_EQ(as_text(mlist::test::must(violations->read(1, 100))), "\n");
  EXPECT_TRUE(mlist::test::must(violations->read(2, 100)).empty());
  EXPECT_EQ(errno_of(violations->write(0, "0\n")), EINVAL);
}

}  // namespace list_file_test
}  // namespace imakeep::listfs
