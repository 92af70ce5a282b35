// SPDX-License-Identifier: Apache-2.0
#include "attester/state.h"

#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/programs.h"
#include "support/scratch_directory.h"

namespace imakeep::attester {
namespace state_test {

using testing::HasSubstr;

mode_t mode_of(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

AttesterState sample_state() {
  return {.server = "https://verifier.example:8890",
          .authorities = "/etc/imakeep/ca.pem",
          .pin = "sha256//abc=",
          .tenant = "blue",
          .host = "web-1",
          .key = {.parent = tpm::KeyParent::kRsaPrimary,
                  .public_area = Bytes(90, std::byte{0x11}),
                  .private_area = Bytes(126, std::byte{0x22})},
          .ek_certificate = Bytes(700, std::byte{0x33})};
}

TEST(AttesterState, IsReadAsItWasSavedAndIsForItsOwnerAlone) {
  const test::ScratchDirectory scratch;
  const std::string directory = scratch.file("state");
  for (const AttesterState& state :
       {AttesterState{.server = "https://a", .host = "b", .key = {.public_area = Bytes(1), .private_area = Bytes(1)}},
        sample_state()}) {
    ASSERT_TRUE(save_state(directory, state));
    const auto loaded = load_state(directory);
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(*loaded, state);
  }
  EXPECT_EQ(mode_of(directory), 0700u);
  EXPECT_EQ(mode_of(directory + "/attester.json"), 0600u);
}

TEST(AttesterState, BelongsToTheOwnerOfTheDirectoryIfRootSavesIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  constexpr uid_t kOther = 12345;
  const test::ScratchDirectory scratch;
  ASSERT_EQ(::chown(scratch.path().c_str(), kOther, kOther + 1), 0);
  for (const char* const name : {"state", "with-slash/"}) {
    const std::string directory = scratch.file(name);
    ASSERT_TRUE(save_state(directory, sample_state()));
    for (const std::string& path : {directory, directory + "/attester.json"}) {
      struct stat info {};
      ASSERT_EQ(::stat(path.c_str(), &info), 0) << path;
      EXPECT_EQ(info.st_uid, kOther) << path;
      EXPECT_EQ(info.st_gid, kOther + 1) << path;
    }
  }
}

TEST(AttesterState, FollowsNoLinkInPlaceOfItsDirectory) {
  const test::ScratchDirectory scratch;
  ASSERT_EQ(::symlink(scratch.file("missing").c_str(), scratch.file("state").c_str()), 0);
  EXPECT_FALSE(save_state(scratch.file("state"), sample_state()));
}

TEST(AttesterState, IsEmptyBeforeItIsSaved) {
  const test::ScratchDirectory scratch;
  const auto loaded = load_state(scratch.file("missing"));
  ASSERT_TRUE(loaded);
  EXPECT_FALSE(loaded->has_value());
}

TEST(AttesterState, RefusesADamagedFileAndNamesIt) {
  const test::ScratchDirectory scratch;
  ASSERT_TRUE(save_state(scratch.path(), sample_state()));
  const std::string path = scratch.file("attester.json");
  const std::string whole(as_text(test::bytes_of_file(path)));
  const std::pair<std::string, std::string> changes[] = {{"\"version\": 1", "\"version\": 2"},
                                                         {"\"ak_parent\": 3", "\"ak_parent\": 4"},
                                                         {"\"ak_parent\": 3", "\"ak_parent\": 0"},
                                                         {"ERER", "ER"},
                                                         {"\"host\"", "\"hose\""},
                                                         {"}", ""}};
  for (const auto& [from, to] : changes) {
    std::string text = whole;
    ASSERT_NE(text.find(from), std::string::npos) << from;
    text.replace(text.find(from), from.size(), to);
    test::write_file(path, as_bytes(text));
    const auto loaded = load_state(scratch.path());
    ASSERT_FALSE(loaded) << from;
    EXPECT_THAT(loaded.error().message, HasSubstr(path));
  }
}

}  // namespace state_test
}  // namespace imakeep::attester
