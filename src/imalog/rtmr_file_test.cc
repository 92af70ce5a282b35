// SPDX-License-Identifier: Apache-2.0
#include "imalog/rtmr_file.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "imalog/pcr_file.h"
#include "imalog/test_support.h"

namespace imakeep::imalog {
namespace rtmr_file_test {

class RtmrFolder : public testing::Test {
 protected:
  RtmrFolder() {
    std::string name = testing::TempDir() + "rtmr-XXXXXX";
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~RtmrFolder() override { std::filesystem::remove_all(path_); }

  void put(const std::string& name, std::size_t bytes, char fill) const {
    std::ofstream(path_ + "/" + name, std::ios::binary) << std::string(bytes, fill);
  }

  std::string path_;
};

TEST(RtmrOf, IsTheRegisterThatUefiGivesThePcr) {
  const std::vector<std::optional<std::uint32_t>> of{std::nullopt, 0, 1, 1, 1, 1, 1, 0, 2, 2, 2, 2, 2, 2, 2, 2};
  for (std::uint32_t pcr = 0; pcr < kPcrCount; ++pcr) {
    EXPECT_EQ(rtmr_of(pcr), pcr < of.size() ? of[pcr] : std::nullopt) << pcr;
  }
}

TEST_F(RtmrFolder, GivesEveryPcrTheValueOfItsRegister) {
  put("rtmr0:sha384", 48, 'a');
  put("rtmr2:sha384", 48, 'c');
  put("rtmr3:sha384", 48, 'd');
  put("mrtd:sha384", 48, 'm');
  const auto values = test::must(read_pcr_file(path_));
  ASSERT_EQ(values.size(), 10u);  // PCRs 1 and 7, and 8 to 15
  for (const PcrValue& value : values) {
    EXPECT_EQ(value.bank, test::bank("sha384"));
    EXPECT_EQ(value.value, digest::Digest::filled(48, static_cast<std::byte>(value.pcr < 8 ? 'a' : 'c'))) << value.pcr;
  }
}

TEST_F(RtmrFolder, OneFileIsOneRegister) {
  put("rtmr2:sha384", 48, 'c');
  EXPECT_EQ(test::must(read_pcr_file(path_ + "/rtmr2:sha384")).size(), 8u);
}

TEST_F(RtmrFolder, ARegisterOfAnotherSizeIsRefused) {
  put("rtmr2:sha384", 47, 'c');
  const auto values = read_pcr_file(path_);
  ASSERT_FALSE(values);
  EXPECT_EQ(values.error().code, ErrorCode::kMalformed);
  EXPECT_NE(values.error().message.find("rtmr2:sha384: an RTMR of 47 bytes"), std::string::npos);
}

TEST_F(RtmrFolder, ARegisterOfNoPcrIsRefused) {
  put("rtmr3:sha384", 48, 'd');
  EXPECT_EQ(read_pcr_file(path_ + "/rtmr3:sha384").error().code, ErrorCode::kMalformed);
}

TEST_F(RtmrFolder, AnotherFolderIsNotTakenForOne) {
  EXPECT_FALSE(names_rtmrs(path_));
  EXPECT_FALSE(read_pcr_file(path_));
}

}  // namespace rtmr_file_test
}  // namespace imakeep::imalog
