// SPDX-License-Identifier: Apache-2.0
#include "pcrs/pcr_source.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/pcr_values.h"
#include "support/scratch_directory.h"
#include "support/swtpm.h"

namespace imakeep::pcrs {
namespace pcr_source_test {

using testing::HasSubstr;

class PcrSource : public testing::Test {
 protected:
  void show_sha1_pcr() const {
    std::filesystem::create_directory(folder_ + "/pcr-sha1");
    std::ofstream(folder_ + "/pcr-sha1/10") << std::string(40, 'F') << '\n';
  }

  const imakeep::test::ScratchDirectory directory_;
  const std::string folder_ = directory_.path();
};

TEST_F(PcrSource, NothingNamedIsTheKernelsFilesWhereThereAreAny) {
  show_sha1_pcr();
  const auto pcrs = open_pcr_banks("", folder_);
  ASSERT_TRUE(pcrs);
  EXPECT_EQ(*(*pcrs)->read(10), std::vector{digest::Digest::filled(20, std::byte{0xff})});
}

TEST_F(PcrSource, NothingNamedIsTheResourceManagerWhereThereAreNone) {
  if (std::filesystem::exists("/dev/tpmrm0")) GTEST_SKIP() << "this machine has a TPM, which no test touches";
  const auto pcrs = open_pcr_banks("", folder_);
  ASSERT_FALSE(pcrs);
  EXPECT_EQ(pcrs.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(pcrs.error().message, HasSubstr("/dev/tpmrm0"));
}

TEST_F(PcrSource, ADirectoryIsTheKernelsFilesThere) {
  show_sha1_pcr();
  const auto pcrs = open_pcr_banks(folder_, "/none");
  ASSERT_TRUE(pcrs);
  EXPECT_EQ(digest::bank_names((*pcrs)->banks()), "sha1");
}

TEST_F(PcrSource, ADirectoryWithoutPcrsIsNotReplacedByAnother) {
  const auto pcrs = open_pcr_banks(folder_, "/none");
  ASSERT_FALSE(pcrs);
  EXPECT_THAT(pcrs.error().message, HasSubstr(folder_));
}

TEST_F(PcrSource, AnythingElseIsATcti) {
  if (!test::Swtpm::installed()) GTEST_SKIP() << test::Swtpm::kNotInstalled;
  const auto swtpm = test::Swtpm::start().value();
  show_sha1_pcr();
  const auto pcrs = open_pcr_banks(swtpm->tcti(), folder_);
  ASSERT_TRUE(pcrs);
  EXPECT_EQ(*(*pcrs)->read(10), test::values_after((*pcrs)->banks(), {}));
  EXPECT_THAT(open_pcr_banks("no-such:tcti").error().message, HasSubstr("'no-such:tcti'"));
}

}  // namespace pcr_source_test
}  // namespace imakeep::pcrs
