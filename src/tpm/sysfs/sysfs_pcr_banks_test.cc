// SPDX-License-Identifier: Apache-2.0
#include "tpm/sysfs/sysfs_pcr_banks.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace imakeep::tpm {
namespace sysfs_pcr_banks_test {

using testing::HasSubstr;

class SysfsPcrBanksTest : public testing::Test {
 protected:
  SysfsPcrBanksTest() {
    std::string folder = testing::TempDir() + "imakeep-sysfs-XXXXXX";
    folder_ = ::mkdtemp(folder.data());
  }
  ~SysfsPcrBanksTest() override { std::filesystem::remove_all(folder_); }

  void put(const std::string& bank, int pcr, const std::string& text) {
    std::filesystem::create_directory(folder_ + "/pcr-" + bank);
    std::ofstream(folder_ + "/pcr-" + bank + "/" + std::to_string(pcr)) << text;
  }

  std::string folder_;
};

TEST_F(SysfsPcrBanksTest, BanksAreTheFoldersWithAKnownNameInTheOrderOfAlgorithms) {
  for (const char* name : {"pcr-sm3", "pcr-sha512", "pcr-sha1", "pcr-md4", "pcr-", "power", "sha256"}) {
    std::filesystem::create_directory(folder_ + "/" + name);
  }
  const auto pcrs = SysfsPcrBanks::open(folder_);
  ASSERT_TRUE(pcrs);
  EXPECT_EQ(digest::bank_names((*pcrs)->banks()), "sha1,sha512,sm3");
}

TEST_F(SysfsPcrBanksTest, ReadsHexAsLinuxWritesIt) {
  put("sha1", 10, "00112233445566778899AABBCCDDEEFF01234567\n");
  const auto values = (*SysfsPcrBanks::open(folder_))->read(10);
  ASSERT_TRUE(values);
  EXPECT_EQ(to_hex(values->front().view()), "00112233445566778899aabbccddeeff01234567");
}

TEST_F(SysfsPcrBanksTest, AFileWithoutADigestOfItsBankIsATpmThatDidNotAnswer) {
  const std::string sha1_digest(40, 'A');
  for (const std::string& text : {std::string(), std::string("\n"), sha1_digest.substr(2) + "\n", sha1_digest + "00\n",
                                  sha1_digest + "\n\n", std::string(40, '\0'), "G" + sha1_digest.substr(1) + "\n"}) {
    put("sha1", 10, text);
    const auto values = (*SysfsPcrBanks::open(folder_))->read(10);
    ASSERT_FALSE(values) << text;
    EXPECT_EQ(values.error().code, ErrorCode::kIo);
    EXPECT_THAT(values.error().message, HasSubstr("pcr-sha1/10: no sha1 digest"));
  }
}

TEST_F(SysfsPcrBanksTest, AMissingFileIsNamed) {
  put("sha1", 10, std::string(40, '0') + "\n");
  const auto values = (*SysfsPcrBanks::open(folder_))->read(11);
  ASSERT_FALSE(values);
  EXPECT_EQ(values.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(values.error().message, HasSubstr("pcr-sha1/11"));
}

TEST_F(SysfsPcrBanksTest, AFolderWithoutBanksSaysWhatToUse) {
  std::filesystem::create_directory(folder_ + "/pcr-md4");
  const auto pcrs = SysfsPcrBanks::open(folder_);
  ASSERT_FALSE(pcrs);
  EXPECT_EQ(pcrs.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(pcrs.error().message, HasSubstr("device:/dev/tpmrm0"));
}

TEST_F(SysfsPcrBanksTest, AMissingFolderIsNamed) {
  const auto pcrs = SysfsPcrBanks::open(folder_ + "/none");
  ASSERT_FALSE(pcrs);
  EXPECT_EQ(pcrs.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(pcrs.error().message, HasSubstr(folder_ + "/none: No such file"));
}

}  // namespace sysfs_pcr_banks_test
}  // namespace imakeep::tpm
